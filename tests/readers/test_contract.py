"""Every entry of the registry of formats keeps its promises: it never raises, names what is wrong, reads nothing undeclared."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from biomarkers.domain.errors import DataProblem
from biomarkers.domain.schema import TABLES
from biomarkers.domain.source import Source
from biomarkers.readers.sas7bdat import MAGIC as SAS
from biomarkers.readers.study_file import read_study_file
from biomarkers.readers.table import READERS, Reader, reader_of
from biomarkers.readers.tables import read_tables
from biomarkers.readers.xpt import MAGIC as XPT

CANARY = "Jane-Canary-1961"

TEXTS: dict[str, str] = {
    "csv": f"subject,cohort,name\na,A,{CANARY}\nb,B,{CANARY}\n",
    "tsv": f"subject\tcohort\tname\na\tA\t{CANARY}\nb\tB\t{CANARY}\n",
    "adam-adsl": f"USUBJID,ARM,NAME\na,A,{CANARY}\nb,B,{CANARY}\n",
    "adam-adtte": f"USUBJID,PARAMCD,AVAL,CNSR,STARTDT,ADT,NAME\na,PFS,2,0,2020-01-01,2020-01-02,{CANARY}\n"
    f"b,PFS,2,1,2020-01-01,2020-01-02,{CANARY}\n",
    "adam-adrs": f"USUBJID,PARAMCD,AVALC,ADY,NAME\na,OVR,PR,1,{CANARY}\nb,OVR,SD,1,{CANARY}\n",
    "sdtm-mi": f"USUBJID,MITESTCD,MITSTDTL,MISTRESC,NAME\na,cd8,,1,{CANARY}\nb,cd8,,2,{CANARY}\n",
    "sdtm-lb": f"USUBJID,LBTESTCD,LBSTRESC,NAME\na,ctc,1,{CANARY}\nb,ctc,2,{CANARY}\n",
    "sdtm-gf": f"USUBJID,GFPVRID,GFSTRESC,NAME\na,rs396991,V/F,{CANARY}\nb,rs396991,F/F,{CANARY}\n",
    "redcap": f"record_id,redcap_event_name,name,person_complete\na,e_arm_1,{CANARY},2\nb,e_arm_1,{CANARY},2\n",
    "cbioportal-patient": f"PATIENT_ID\tSEX\tNAME\na\tFemale\t{CANARY}\nb\tMale\t{CANARY}\n",
    "cbioportal-sample": f"PATIENT_ID\tSAMPLE_ID\tNAME\na\ta1\t{CANARY}\nb\tb1\t{CANARY}\n",
    "cbioportal-timeline": f"PATIENT_ID\tSTART_DATE\tNAME\na\t1\t{CANARY}\nb\t2\t{CANARY}\n",
    "vendor": f"Patient,Result (U),Name\na,1,{CANARY}\nb,2,{CANARY}\n",
    "calls": f"file\tsample\tlocus\tcall\tname\nf\ta\tFCGR3A-158\tV/F\t{CANARY}\nf\tb\tFCGR3A-158\tF/F\t{CANARY}\n",
}
"""A smallest file of each format that is text: two rows, and a column that nobody declared."""


def _dataset_json(path: Path) -> None:
    columns = [{"itemOID": name, "name": name, "label": name, "dataType": "string"} for name in ("subject", "name")]
    path.write_text(json.dumps({"columns": columns, "records": 2, "rows": [["a", CANARY], ["b", CANARY]]}))


def _workbook(path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl", reason="workbooks need the extra `excel`")
    book = openpyxl.Workbook()
    for row in (["subject", "name"], ["a", CANARY], ["b", CANARY]):
        book.active.append(row)
    book.save(path)


def _transport(path: Path) -> None:
    pyreadstat = pytest.importorskip("pyreadstat", reason="SAS files need the extra `sas`")
    import pandas as pd

    frame = pd.DataFrame({"SUBJECT": ["a", "b"], "NAME": [CANARY, CANARY], "DAY": [dt.date(2020, 1, 1)] * 2})
    pyreadstat.write_xport(frame, str(path), file_format_version=5, table_name="X")


BINARY: dict[str, tuple[str, Callable[[Path], None]]] = {
    "dataset-json": ("x.json", _dataset_json),
    "excel": ("x.xlsx", _workbook),
    "xpt": ("x.xpt", _transport),
}
ELSEWHERE = {"vcf": "tests/genotype", "sas7bdat": "tests/readers/test_sas.py"}
"""Formats whose smallest file cannot be written here, and where they are tested."""


def smallest(folder: Path, name: str) -> Path:
    """A smallest file of a format."""
    if name in BINARY:
        file, write = BINARY[name]
        write(folder / file)
        return folder / file
    path = folder / ("x.txt" if name.startswith("cbio") else "x.tsv" if name in ("tsv", "calls") else "x.csv")
    path.write_text(TEXTS[name])
    return path


def read(reader: Reader, path: Path, wanted: object = None):
    """One file through one reader."""
    return reader.read(path, name=path.name, source=Source(table=path.stem, format=reader.name), wanted=wanted)  # type: ignore[arg-type]


def test_every_format_has_a_smallest_file_here_or_its_tests_elsewhere():
    assert set(READERS) == set(TEXTS) | set(BINARY) | set(ELSEWHERE)


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
def test_an_entry_says_what_it_is(reader):
    assert reader.about
    assert callable(reader.read)
    assert reader.canonical in (None, "any", *TABLES)
    assert all(ending.startswith(".") or ending == "calls.tsv" for ending in reader.endings)


def test_an_ending_means_one_format():
    endings = [ending for reader in READERS.values() for ending in reader.endings]
    assert len(endings) == len(set(endings))
    assert reader_of(Path("a/ADTTE.XPT"), None).name == "xpt"
    assert reader_of(Path("x.json.gz"), None).name == "dataset-json"
    assert reader_of(Path("out/calls.tsv"), None).name == "calls"


@pytest.mark.parametrize("name", [*TEXTS, *BINARY])
def test_rows_are_text_with_their_place(tmp_path, name):
    table = read(READERS[name], smallest(tmp_path, name))
    assert len(table.rows) == 2
    assert table.rows["source_row"].tolist() == [2, 3]
    assert {str(table.rows[column].dtype) for column in table.rows if column != "source_row"} == {"string"}
    assert not [p for p in table.problems if p.severity == "error"]


@pytest.mark.parametrize("name", [*TEXTS, *BINARY])
def test_a_column_that_nobody_declared_never_enters_memory(tmp_path, name):
    table = read(READERS[name], smallest(tmp_path, name), wanted=lambda _: ())
    assert CANARY not in table.rows.to_csv()
    assert not any(CANARY in str(problem) for problem in table.problems)


DAMAGE = {
    "html": b"<!DOCTYPE html><html><body>Sign in</body></html>",
    "nothing but blanks": b"   \n\n \n",
    "nothing but zeros": bytes(2000),
    "noise": random.Random(1).randbytes(4000),
    "a picture": b"\x89PNG\r\n\x1a\n" + random.Random(2).randbytes(500),
    "a header alone": b"a,b,c\n",
    "half a transport file": XPT + b" " * 61,
    "half a SAS file": SAS + bytes(10),
    "half a workbook": b"PK\x03\x04" + bytes(40),
    "half a gzip": b"\x1f\x8b\x08\x00" + bytes(10),
    "an open brace": b"{",
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("damage", DAMAGE.values(), ids=list(DAMAGE))
@pytest.mark.parametrize("name", [name for name in READERS if name != "vcf"])
def test_damage_is_a_problem_and_never_a_traceback(tmp_path, name, damage):
    file = tmp_path / (BINARY[name][0] if name in BINARY else smallest(tmp_path, name).name if name in TEXTS else "x.sas7bdat")
    file.write_bytes(damage)
    table = read(READERS[name], file)
    assert [p for p in table.problems if p.severity == "error"]
    assert table.rows.empty
    assert all(p.file == file.name and p.problem for p in table.problems)


@pytest.mark.parametrize("name", list(TEXTS))
def test_random_edits_are_a_table_or_a_problem(tmp_path, name):
    """A small share of the fuzzing that docs/formats.md reports."""
    rng = random.Random(name)
    path = smallest(tmp_path, name)
    whole = path.read_bytes()
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 2, 5])):
            place = rng.randrange(len(data))
            edit = rng.random()
            if edit < 0.5:
                data[place] = rng.randrange(256)
            elif edit < 0.8:
                data[place:place] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 8)))
            else:
                del data[place : place + rng.randrange(1, 20)]
        path.write_bytes(bytes(data) or b"x")
        table = read(READERS[name], path)
        assert len(table.rows) or table.problems


# ---- what study.toml declares is heeded or refused -------------------------------------------------------------------


def declared(folder: Path, entry: str) -> Path:
    """A study.toml with one table of blood."""
    (folder / "subjects.csv").write_text("subject\na\nb\n")
    (folder / "blood.csv").write_text("subject,day,marker,value,kind\na,0,ctc,1,good\nb,0,ctc,2,bad\n")
    (folder / "study.toml").write_text(f'name = "T"\n[tables]\nsubjects = "subjects.csv"\nblood = {entry}\n')
    return folder / "study.toml"


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('{ path = "blood.csv", paramcd = "PFS" }', "paramcd means nothing to the format csv → it belongs to adam-adtte"),
        ('{ path = "blood.csv", format = "sdtm-lb", instrument = "labs" }', "instrument means nothing to the format sdtm-lb"),
        ('{ path = "blood.csv", events = ["a"] }', "events means nothing to the format csv"),
        ('{ path = "blood.csv", options = { absent = "hom_ref" } }', "the format csv has no options"),
        ('{ path = "blood.csv", format = "redcap", options = { dictonary = "d.csv" } }', "did you mean 'dictionary'?"),
    ],
)
def test_a_key_that_the_format_does_not_know_is_an_error(tmp_path, entry, said):
    with pytest.raises(DataProblem, match=re.escape(said)):
        read_study_file(declared(tmp_path, entry))


def test_where_restricts_a_plain_sheet_too(tmp_path):
    file = read_study_file(declared(tmp_path, '{ path = "blood.csv", where = { kind = "good" } }'))
    table = read_tables(file)["blood"]
    assert table.rows["subject"].tolist() == ["a"]
    assert any("1 of 2 rows are not kind = good" in str(problem) for problem in table.problems)


def test_a_value_of_where_that_no_row_has_is_an_error(tmp_path):
    file = read_study_file(declared(tmp_path, '{ path = "blood.csv", where = { kind = "goood" } }'))
    errors = [str(p) for p in read_tables(file)["blood"].problems if p.severity == "error"]
    assert any("no row has kind = 'goood'; it holds 'good' in 1, 'bad' in 1" in text for text in errors)
