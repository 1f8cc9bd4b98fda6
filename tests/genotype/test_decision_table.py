"""Every row of the decision table, in both builds, through both lanes and in every container, gets its answer."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import CALLS, Case, check, text_of, write

from biomarkers.domain.loci import find_loci
from biomarkers.genotype.calls import COLUMNS, call_file
from biomarkers.genotype.decide import NOTES, REASONS
from biomarkers.genotype.options import Options

CONTAINERS = [("tbi", "index"), ("csi", "index"), ("tbi", "scan"), ("tbi", "auto"), ("bare", "auto"), ("gzip", "auto"),
              ("text", "auto")]


def rows_of(path: Path, case: Case, lane: str = "auto") -> list[dict]:
    options = {k: v for k, v in case.options.items() if k != "loci"}
    calls = call_file(str(path), find_loci(case.options.get("loci", ["FCGR3A-158"])), Options(**options), lane=lane)
    return [dict(zip(COLUMNS, row, strict=True)) for c in calls for row in c.rows()]


def agree(case: Case, rows: list[dict]) -> None:
    assert [row["sample"] for row in rows] == list(case.names())
    for row, answer in zip(rows, case.answers, strict=True):
        assert not check(answer, row), (row, answer)
        assert (row["call"] != "") == (row["reason"] == "OK")
        assert row["reason"] in REASONS
        assert row["locus"] == case.locus


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
@pytest.mark.parametrize("case", CALLS, ids=[c.id for c in CALLS])
def test_the_answer_is_the_same_in_every_container_and_lane(case: Case, build: str, tmp_path: Path) -> None:
    text = text_of(case, build)
    seen = []
    for mode, lane in CONTAINERS:
        name = "x.vcf" if mode == "text" else "x.vcf.gz"
        rows = rows_of(write(tmp_path / f"{mode}-{lane}" / name, text, mode), case, lane)
        agree(case, rows)
        for row in rows:
            row["note"] = ";".join(c for c in row["note"].split(";") if c not in ("NO_INDEX", "STALE_INDEX"))
            row["file"] = ""
        seen.append(rows)
    assert all(rows == seen[0] for rows in seen)


# htslib cannot write these as BCF, or changes what makes them wrong.
NOT_AS_BCF = {"GT not first", "letters as genotype", "too many fields", "numbers that are none", "columns missing at the site",
              "index beyond ALT", "ALT that is no allele", "FORMAT twice", "IUPAC letter", "no build",
              "accession of no known version", "no such contig", "letters in lower case", "no filter applied", "sample filter",
              "filter", "filter on request", "a count that is not per allele", "quality",
              "sentinels whose cells are invalid", "a second record with an index beyond its ALT", "END before POS is no END",
              "copy number near two", "a copy-number record at the site itself",
              "AF of nought and one"}


BCF = [c for c in CALLS if c.id not in NOT_AS_BCF and not c.id.startswith(("FILTER ", "INFO ", "ID "))]


@pytest.mark.parametrize("case", BCF, ids=lambda c: c.id)
def test_bcf_gives_the_same_answers_with_and_without_its_index(case: Case, tmp_path: Path) -> None:
    text = text_of(case, "GRCh38")
    for mode in ("bcf", "bcf_bare"):
        agree(case, rows_of(write(tmp_path / f"{mode}.bcf", text, mode), case))


def test_note_codes_and_reasons_do_not_overlap_except_where_a_refusal_has_its_name() -> None:
    assert set(NOTES) & set(REASONS) == {"STRAND_FLIPPED", "PARALOG_SIGNAL", "FILTERED"}


@pytest.mark.parametrize("line", ["##nothing", "##INFO=<Number=1>", "##FORMAT=ID=XX", "no header line", "",
                                  "##contig=<ID=chr1"])
def test_an_invalid_header_line_never_yields_a_call(line: str, tmp_path: Path) -> None:
    case = Case("", CALLS[0].rows, CALLS[0].answers, meta=[line])
    rows = rows_of(write(tmp_path / "x.vcf", text_of(case, "GRCh38"), "text"), case)
    assert [(r["call"], r["reason"]) for r in rows] == [("", "FILE_ERROR")]


@pytest.mark.parametrize("change", [
    ("##fileformat=VCFv4.2\n", ""), ("##fileformat=VCFv4.2", "##fileformat=VCFv3.3"), ("#CHROM\tPOS", "#CHROM POS"),
    ("\tFORMAT\t", "\tFORMATS\t"), ("\tFORMAT\tS1", "\tFORMAT\tS2"), ("\tS1\t", "\t\t"), ("#CHROM", "CHROM"),
    ("##file", "\ufeff##file"),
])
def test_a_header_that_is_none_never_yields_a_call(change: tuple[str, str], tmp_path: Path) -> None:
    text = text_of(CALLS[0], "GRCh38")
    assert change[0] in text
    rows = rows_of(write(tmp_path / "x.vcf", text.replace(*change, 1), "text"), CALLS[0])
    assert [(r["call"], r["reason"]) for r in rows] == [("", "FILE_ERROR")]


def test_a_file_without_samples_says_so(tmp_path: Path) -> None:
    lines = text_of(CALLS[0], "GRCh38").splitlines()
    sites = ["\t".join(x.split("\t")[:8]) if not x.startswith("##") else x for x in lines]
    rows = rows_of(write(tmp_path / "x.vcf.gz", "\n".join(sites) + "\n"), CALLS[0])
    assert [(r["sample"], r["reason"]) for r in rows] == [("", "NO_SAMPLES")]
