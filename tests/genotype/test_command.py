"""The command: what it writes, what it says, and how it exits."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pysam
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import CALLS, Case, block, check, row, text_of, write

from biomarkers.domain.errors import UseError
from biomarkers.genotype import call_genotypes, read_calls
from biomarkers.genotype.__main__ import main
from biomarkers.genotype.calls import COLUMNS
from biomarkers.genotype.command import ARGUMENTS, run_genotype
from biomarkers.genotype.tsv import rows_of_tsv, tsv_lines

ODD = Case("odd", [row("0/1:12:30", "1|0:15:40", "./.:.:.", "1/1:3:50", keys="GT:DP:GQ")],
           ["V/F", "V/F", "-MISSING_GT", "-LOW_DP"], samples=["=1+1", "'quoted", "<b>x", "a\\b"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "in" / "odd.vcf", text_of(ODD, "GRCh38"), "text")


def quiet(files: object, out: Path, **options: object) -> int:
    return run_genotype(files, out, said=io.StringIO(), **options)


def test_every_format_holds_the_same_rows(file: Path, tmp_path: Path) -> None:
    frames = []
    for name in ("c.tsv", "c.jsonl", "c.parquet"):
        assert quiet([file], tmp_path / name) == 0
        frames.append(read_calls(tmp_path / name))
    direct = call_genotypes(file)
    for frame in frames:
        pd.testing.assert_frame_equal(frame, direct, check_categorical=False)
    assert direct["sample"].tolist() == list(ODD.samples)
    assert list(direct.columns) == list(COLUMNS)


def test_a_tsv_has_no_comment_breaks_no_line_and_is_no_formula(file: Path, tmp_path: Path) -> None:
    quiet([file], tmp_path / "c.tsv")
    lines = (tmp_path / "c.tsv").read_text().split("\n")
    assert lines[0] == "\t".join(COLUMNS)
    assert [line.split("\t")[1] for line in lines[1:5]] == ["'=1+1", "''quoted", r"\x3cb>x", r"a\\b"]


def test_the_annotated_vcf_is_a_vcf_with_the_calls(tmp_path: Path) -> None:
    a = write(tmp_path / "a.vcf", text_of(CALLS[0], "GRCh37"), "text")
    b = write(tmp_path / "b.vcf", text_of(Case("", [row("0/1:9", keys="GT:DP")], [""], samples=["S1"]), "GRCh38"), "text")
    for name in ("o.vcf", "o.vcf.gz"):
        quiet([a, b, tmp_path / "lost.vcf"], tmp_path / name, loci="FCGR3A-158,FCGR2A-131")
        with pysam.VariantFile(str(tmp_path / name)) as found:
            assert list(found.header.samples)[:2] == ["S1@a.vcf", "S2"]
            records = list(found)
        assert [r.id for r in records] == ["rs1801274", "rs396991"]
        site = records[1]
        assert (site.chrom, site.pos, site.ref, site.alts) == ("chr1", 161544752, "A", ("C",))
        assert site.info["SPDI"] == "NC_000001.11:161544751:A:C"
        assert site.samples["S2"]["GT"] == (0, 1)
        assert site.samples["S4"]["GT"] == (1, 0)
        assert site.samples["S4"].phased
        assert site.samples["S1@b.vcf"]["RS"] == "LOW_DP"
        assert site.samples["S1@a.vcf"]["BD"] == "GRCh37"
    assert "lost.vcf,Reason=FILE_ERROR" in (tmp_path / "o.vcf").read_text()


def test_the_sidecar_says_what_the_table_was_made_with(file: Path, tmp_path: Path) -> None:
    quiet([file], tmp_path / "c.tsv", min_dp=3, loci="FCGR3A-158")
    about = json.loads((tmp_path / "c.tsv.json").read_text())
    assert about["options"]["min_dp"] == 3
    assert set(about["versions"]) == {"biomarkers", "pysam", "htslib", "locus definitions"}
    assert about["loci"]["FCGR3A-158"]["spdi"]["GRCh37"] == "NC_000001.10:161514541:A:C"
    assert about["counts"]["reasons"] == {"MISSING_GT": 1, "OK": 3}
    assert about["inputs"][0]["size"] == file.stat().st_size
    text = (tmp_path / "c.tsv.json").read_text()
    assert os.uname().nodename not in text


@pytest.mark.parametrize(("answer", "code"), [("-FILE_ERROR", 1), ("-BAD_GT", 1), ("-REF_MISMATCH", 1), ("-BUILD_UNKNOWN", 1),
                                              ("-ABSENT", 0), ("-LOW_DP dp=9", 0), ("-SOMATIC_SUSPECT", 0), ("F/F MNP", 0)])
def test_exit_codes(answer: str, code: int, tmp_path: Path) -> None:
    if answer == "-FILE_ERROR":
        path = write(tmp_path / "x.vcf", "no vcf", "text")
    else:
        case = next(c for c in CALLS if answer in c.answers and not c.options)
        path = write(tmp_path / "x.vcf", text_of(case, "GRCh38"), "text")
    assert quiet([path], tmp_path / "c.tsv") == code
    rows = [dict(zip(COLUMNS, r, strict=True)) for r in rows_of_tsv((tmp_path / "c.tsv").read_text().split("\n", 1)[1])]
    assert any(not check(answer, r) for r in rows)


def test_strict_writes_nothing_when_a_file_is_wrong(file: Path, tmp_path: Path) -> None:
    assert quiet([file, tmp_path / "lost.vcf"], tmp_path / "c.tsv", strict=True) == 1
    assert not (tmp_path / "c.tsv").exists()


@pytest.mark.parametrize(("files", "options", "words"), [
    ([], {}, "no file named"),
    (["lost.vcf"], {}, "no such file"),
    (["*.vcf"], {}, "no file matches"),
    (["@lost.txt"], {}, "list of files cannot be read"),
    (["in/odd.vcf"], {"loci": "FCGR3A-185"}, "did you mean 'FCGR3A-158'"),
    (["in/odd.vcf"], {"loci": "FCGR2B-232"}, "not verified"),
    (["in/odd.vcf"], {"build": "hg38"}, "supported are GRCh37, GRCh38"),
    (["in/odd.vcf"], {"absent": "ref"}, "no_call, hom_ref"),
    (["in/odd.vcf"], {"min_gp": 1.2}, "from 0 to 1"),
    (["in/odd.vcf"], {"jobs": 0}, "whole number of processes"),
    (["in/odd.vcf"], {"format": "xlsx"}, "choose one of tsv"),
])
def test_wrong_use_names_the_remedy_and_writes_nothing(files: list, options: dict, words: str, file: Path, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UseError, match=words.replace("[", r"\[")):
        quiet(files, tmp_path / "c.tsv", **options)
    assert not (tmp_path / "c.tsv").exists()


def test_a_target_that_is_no_table_of_ours_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    precious = tmp_path / "notes.tsv"
    precious.write_text("mine\n")
    with pytest.raises(UseError, match=r"no table of `biomarkers genotype`"):
        quiet([file], precious)
    with pytest.raises(UseError, match="one of the inputs"):
        quiet([file], file)
    assert precious.read_text() == "mine\n"
    assert file.read_text() == text_of(ODD, "GRCh38")


def test_a_full_disk_is_an_error_of_use_and_the_old_table_stays(file: Path, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch) -> None:
    from biomarkers.genotype import outputs

    quiet([file], tmp_path / "c.tsv")
    old = (tmp_path / "c.tsv").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(outputs, "write_bytes", full)
    with pytest.raises(UseError, match="No space left on device"):
        quiet([file], tmp_path / "c.tsv", min_dp=1)
    assert (tmp_path / "c.tsv").read_bytes() == old


def test_folders_globs_and_lists_name_the_same_files(tmp_path: Path) -> None:
    for name in ("a/x.vcf", "a/b/y.vcf", "a/c.txt"):
        write(tmp_path / name, text_of(CALLS[0], "GRCh38"), "text")
    (tmp_path / "list.txt").write_text("# my files\na/x.vcf\n\na/b/y.vcf\n")
    wanted = {str(tmp_path / "a/x.vcf"), str(tmp_path / "a/b/y.vcf")}
    for named in ([tmp_path / "a"], [tmp_path / "a/**/*.vcf"], [f"@{tmp_path / 'list.txt'}"],
                  [tmp_path / "a/x.vcf", tmp_path / "a/b/y.vcf", tmp_path / "a/b/../x.vcf"]):
        assert set(call_genotypes(named)["file"]) == wanted


def test_standard_input_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    for mode in ("bare", "text", "bcf_bare"):
        data = write(tmp_path / "x", text_of(CALLS[0], "GRCh38"), mode).read_bytes()
        out = tmp_path / f"{mode}.tsv"
        done = subprocess.run([sys.executable, "-m", "biomarkers.genotype", "-", "--out", out], input=data, check=False,
                              stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr
        frame = read_calls(out)
        assert frame["call"].tolist() == ["F/F", "V/F", "V/V", "V/F", "V/F", "V/V"]
        assert set(frame["file"]) == {"-"}


def test_the_command_line_passes_every_option_on(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from biomarkers.genotype import __main__

    seen = {}
    monkeypatch.setattr(__main__, "run_genotype", lambda files, out, **options: seen.update(options, files=files, out=out) or 0)
    words = [w for a in ARGUMENTS for w in ([a.flag] if a.kind is bool else [a.flag, a.choices[-1] if a.choices else "1"])]
    assert main([str(file), "--out", "o.tsv", *words]) == 0
    assert set(seen) == {a.name for a in ARGUMENTS} | {"files", "out", "progress_callback"}
    assert all(seen[a.name] is True for a in ARGUMENTS if a.kind is bool)


def test_defaults_of_the_command_line_are_those_of_the_function() -> None:
    import inspect

    defaults = {k: v.default for k, v in inspect.signature(run_genotype).parameters.items()}
    for argument in ARGUMENTS:
        assert defaults[argument.name] == argument.default


def test_an_error_of_use_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert main([str(tmp_path / "lost.vcf"), "--out", str(tmp_path / "c.tsv")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_progress_counts_files(file: Path, tmp_path: Path) -> None:
    seen = []
    quiet([file, tmp_path / "lost.vcf"], tmp_path / "c.tsv", progress_callback=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 2)
    assert seen[-1] == (2, 2)


def test_a_locus_of_ones_own_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("""
[[locus]]
id = "MY-1"
chromosome = "1"
ref = "G"
alt = "T"
letters = ["x", "y"]
calls = ["x/x", "x/y", "y/y"]
position = { GRCh38 = 1000000 }
verified = true
""")
    text = text_of(Case("", [row("0/1", "1/1", ref="G", alt="T", pos=1_000_000)], ["", ""]), "GRCh38")
    frame = call_genotypes(write(tmp_path / "x.vcf", text, "text"), loci=[str(tmp_path / "mine.toml")])
    assert frame["call"].tolist() == ["x/y", "y/y"]
    old = text_of(Case("", [row("0/1", "1/1", ref="G", alt="T", pos=1_000_000)], ["", ""]), "GRCh37")
    frame = call_genotypes(write(tmp_path / "y.vcf", old, "text"), loci=[str(tmp_path / "mine.toml")])
    assert set(frame["reason"]) == {"BUILD_UNSUPPORTED"}


@pytest.mark.parametrize(("change", "words"), [
    ('ref = "G"', 'ref = "N"|two different bases'), ('alt = "T"', 'alt = "G"|two different bases'),
    ('letters = ["x", "y"]', 'leters = ["x", "y"]|did you mean'), ('chromosome = "1"', 'chromosome = "7"|not described'),
    ("GRCh38 = 1000000", "GRCh38 = 999999999|outside the chromosome"), ('"x/y", "y/y"]', '"x/x", "y/y"]|three different words'),
    ("[[locus]]", "[locus|no locus file"), ('id = "MY-1"', '# none|"?id"?.* is missing'),
])
def test_a_locus_file_that_cannot_be_is_refused_by_name(change: str, words: str, tmp_path: Path) -> None:
    good = """
[[locus]]
id = "MY-1"
chromosome = "1"
ref = "G"
alt = "T"
letters = ["x", "y"]
calls = ["x/x", "x/y", "y/y"]
position = { GRCh38 = 1000000 }
verified = true
"""
    new, message = words.split("|")
    (tmp_path / "mine.toml").write_text(good.replace(change, new))
    with pytest.raises(UseError, match=message.replace('"?id"?', "'id'")):
        call_genotypes(tmp_path / "x.vcf", loci=[str(tmp_path / "mine.toml")])


def test_cells_survive_the_table_whatever_they_hold() -> None:
    from biomarkers.domain.loci import find_loci
    from biomarkers.genotype.calls import refuse_file

    for name in ("tab\there", "line\nend", "cr\rhere", "back\\slash", "'", "''", "=", "-", "-x", "+x", "@x", "nul\0", "é", "😀",
                 "\x85", "<script>", "\\x3c", "\\\\x3c", " lead", "trail ", '"q"'):
        text = tsv_lines(refuse_file(name, find_loci(["FCGR3A-158"]), "FILE_ERROR", name, [name]))
        assert text.count("\n") == 1
        (found,) = rows_of_tsv(text)
        assert (found[0], found[1], found[-1]) == (name, name, name)


def test_a_block_file_and_its_blocks_keep_their_position(tmp_path: Path) -> None:
    frame = call_genotypes(write(tmp_path / "g.vcf", text_of(Case("", [block("0/0:35:90:31")], [""]), "GRCh38"), "text"))
    assert frame.loc[0, ["pos", "ref", "alt", "filter", "dp"]].tolist() == [161544352, "T", "<NON_REF>", ".", 31]


def test_loci_are_importable_without_pysam_and_pandas() -> None:
    code = ("import sys; from biomarkers.domain.loci import LOCI, find_loci; "
            "assert 'FCGR3A-158' in LOCI; assert not {'pysam', 'pandas', 'joblib'} & set(sys.modules), sys.modules")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_command_loads_neither_pandas_nor_joblib_for_one_process(file: Path, tmp_path: Path) -> None:
    code = ("import sys; from biomarkers.genotype.command import run_genotype; "
            f"run_genotype([{str(file)!r}], {str(tmp_path / 'o.tsv')!r}); "
            "assert not {'pandas', 'joblib', 'matplotlib', 'seaborn', 'sklearn'} & set(sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE).returncode == 0
