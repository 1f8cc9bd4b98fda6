"""Calls under pseudonyms: nobody is named in any format, note, message or record, and no call changes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import Case, row, text_of, write

from biomarkers.domain.errors import UseError
from biomarkers.domain.privacy import pseudonym
from biomarkers.genotype import read_calls
from biomarkers.genotype.command import run_genotype

KEY = "a secret of more than sixteen bytes"
NAMES = ("MRN-104", "=MRN-105", "MRN 106")
LEAKS = (*NAMES, "MRN", "St-Elsewhere", "Miller", KEY)


def vcf(path: Path, *cells: str, samples: tuple[str, ...]) -> Path:
    case = Case("", [row(*cells, keys="GT:DP:GQ")], ["" for _ in cells], samples=list(samples))
    return write(path, text_of(case, "GRCh38"), "text")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY, encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A patient's own file, a file of three, one that calls the first patient differently, and a broken one."""
    where = tmp_path / "St-Elsewhere"
    vcf(where / "Miller.vcf", "0/1:30:90", samples=NAMES[:1])
    vcf(where / "three.vcf", "0/1:30:90", "1/1:30:90", "0/0:2:90", samples=NAMES)
    vcf(where / "MRN-104.again.vcf", "1/1:30:90", samples=NAMES[:1])
    (where / "broken MRN 106.vcf").write_text("no VCF\n", encoding="utf-8")
    return where


def call(files: object, out: Path, **options: object) -> str:
    said = io.StringIO()
    run_genotype(files, out, said=said, **options)
    return said.getvalue()


@pytest.mark.parametrize("name", ["c.tsv", "c.jsonl", "c.vcf"])
def test_no_name_of_a_sample_a_file_or_a_folder_and_no_key_is_written_or_told(folder, key, tmp_path, name) -> None:
    out = tmp_path / "out" / name
    told = call([folder], out, pseudonyms=key)
    assert sorted(p.name for p in out.parent.iterdir()) == [name, f"{name}.json"]
    for text in (told, out.read_text(encoding="utf-8"), out.with_name(f"{name}.json").read_text(encoding="utf-8")):
        assert [leak for leak in LEAKS if leak in text] == []
    assert pseudonym(NAMES[1], KEY.encode()) in out.read_text(encoding="utf-8")
    record = json.loads(out.with_name(f"{name}.json").read_text(encoding="utf-8"))
    assert all(set(entry) == {"file"} and entry["file"].endswith(".vcf") for entry in record["inputs"])
    assert len({entry["file"] for entry in record["inputs"]}) == 4
    again = tmp_path / "again" / name
    call([folder], again, pseudonyms=key)
    assert again.read_bytes() == out.read_bytes()


def test_pseudonyms_change_no_call_and_are_those_of_a_run(folder, key, tmp_path) -> None:
    call([folder], tmp_path / "plain.tsv")
    call([folder], tmp_path / "hidden.tsv", pseudonyms=key)
    plain, hidden = (read_calls(tmp_path / name) for name in ("plain.tsv", "hidden.tsv"))
    assert set(plain["reason"]) == {"OK", "LOW_DP", "SAMPLE_DUP_DISCORDANT", "FILE_ERROR"}
    same = [c for c in plain.columns if c not in ("file", "sample", "note")]
    pd.testing.assert_frame_equal(plain[same], hidden[same], check_categorical=False)
    assert hidden["sample"].tolist() == [pseudonym(s, KEY.encode()) if s else "" for s in plain["sample"]]
    struck = hidden[hidden["reason"] == "SAMPLE_DUP_DISCORDANT"]
    assert struck["note"].astype(str).str.startswith("was V/").all()
    assert all(any(file in note for file in set(hidden["file"])) for note in struck["note"].astype(str))


def test_what_would_keep_or_cannot_hide_a_name_is_refused(folder, key, tmp_path) -> None:
    with pytest.raises(UseError, match="a journal has the names"):
        call([folder], tmp_path / "c.tsv", pseudonyms=key, resume=True)
    call([folder / "three.vcf"], tmp_path / "part.tsv")
    with pytest.raises(UseError, match="merged under the names that they have"):
        call([tmp_path / "part.tsv"], tmp_path / "c.tsv", pseudonyms=key)
    (tmp_path / "short").write_text("short", encoding="utf-8")
    with pytest.raises(UseError, match="too few"):
        call([folder], tmp_path / "c.tsv", pseudonyms=tmp_path / "short")
    assert not (tmp_path / "c.tsv").exists()
