"""Every row of the decision table, in both builds, through both lanes and in every container, gets its answer."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import CALLS, SITE, Case, check, row, text_of, write

from biomarkers.domain.loci import LOCI, find_loci
from biomarkers.genotype.calls import COLUMNS, call_file
from biomarkers.genotype.decide import NOTES, REASONS
from biomarkers.genotype.options import Options
from biomarkers.genotype.record import parse_record, view_record

CONTAINERS = [("tbi", "index"), ("csi", "index"), ("tbi", "scan"), ("tbi", "auto"), ("bare", "auto"), ("gzip", "auto"),
              ("text", "auto")]


def rows_of(path: Path, case: Case, lane: str = "auto") -> list[dict]:
    options = {k: v for k, v in case.options.items() if k != "loci"}
    calls = call_file(str(path), find_loci(case.options.get("loci", ["FCGR3A-158"])), Options(**options), lane=lane)
    return [dict(zip(COLUMNS, r, strict=True)) for c in calls for r in c.rows()]


def agree(case: Case, rows: list[dict]) -> None:
    assert [r["sample"] for r in rows] == list(case.names())
    for r, answer in zip(rows, case.answers, strict=True):
        assert not check(answer, r), (r, answer)
        assert (r["call"] != "") == (r["reason"] == "OK")
        assert r["reason"] in REASONS
        assert r["locus"] == case.locus


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
@pytest.mark.parametrize("case", CALLS, ids=[c.id for c in CALLS])
def test_the_answer_is_the_same_in_every_container_and_lane(case: Case, build: str, tmp_path: Path) -> None:
    text = text_of(case, build)
    seen = []
    for mode, lane in CONTAINERS:
        name = "x.vcf" if mode == "text" else "x.vcf.gz"
        rows = rows_of(write(tmp_path / f"{mode}-{lane}" / name, text, mode), case, lane)
        agree(case, rows)
        for r in rows:
            r["note"] = ";".join(c for c in r["note"].split(";") if c not in ("NO_INDEX", "STALE_INDEX"))
            r["file"] = ""
        seen.append(rows)
    assert all(rows == seen[0] for rows in seen)


# htslib cannot write these as BCF, or changes what makes them wrong.
NOT_AS_BCF = {"GT not first", "letters as genotype", "too many fields", "numbers that are none", "columns missing at the site",
              "index beyond ALT", "ALT that is no allele", "FORMAT twice", "IUPAC letter", "no build",
              "accession of no known version", "no such contig", "letters in lower case", "no filter applied", "sample filter",
              "filter", "both filters", "filter on request", "a count that is not per allele", "quality",
              "sentinels whose cells are invalid", "a second record with an index beyond its ALT", "END before POS is no END",
              "copy number near two", "a copy-number record at the site itself",
              "AF of nought and one"}


BY_THE_HEADER = ("FILTER ", "INFO ", "ID ", "cells by", "likelihoods", "reads of each", "imputed ", "quality per",
                 "genotyped, with")
BCF = [c for c in CALLS if c.id not in NOT_AS_BCF and not c.id.startswith(BY_THE_HEADER)]


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


@pytest.mark.parametrize("name", ["<1", "chr:1", "chr,1", "chr*1", "chr[1", "chr 1", 'chr"1'])
def test_a_contig_name_that_is_none_never_yields_a_call(name: str) -> None:
    locus = LOCI["FCGR3A-158"]
    record = parse_record(f"{name}\t{SITE['GRCh38']}\t.\tA\tC\t.\t.\t.\tGT\t0/1".encode(), 1)
    (view,) = view_record(record, locus, SITE["GRCh38"], Options())
    assert view.refused == ("BAD_RECORD", f"{name}:{SITE['GRCh38']}: CHROM {name!r} is no contig name")


@pytest.mark.parametrize("mode", ["text", "bare", "tbi"])
def test_vcf_4_3_demands_the_last_line_end_and_other_versions_do_not(mode: str, tmp_path: Path) -> None:
    case = Case("", [row("0/1")], [""], background=False)
    for version, calls in (("4.2", ["V/F"]), ("4.3", [""]), ("4.4", ["V/F"])):
        path = write(tmp_path / version / "x.vcf.gz", text_of(replace(case, version=version), "GRCh38")[:-1], mode)
        for lane in ("auto", "index"):
            rows = rows_of(path, case, lane)
            assert [r["call"] for r in rows] == calls, (version, lane)
            assert calls != [""] or (rows[0]["reason"] == "FILE_ERROR" and "no line end" in rows[0]["note"])


def test_lines_out_of_order_or_apart_are_called_and_the_rows_say_so(tmp_path: Path) -> None:
    case = Case("", [row("0/1")], ["V/F"])
    lines = text_of(case, "GRCh38").splitlines(keepends=True)
    head, (a, site, b) = [x for x in lines if x.startswith("#")], [x for x in lines if not x.startswith("#")]
    other = site.replace("chr1", "chr2")
    for body, said in (((a, site, b), False), ((other, a, site, b, other), False), ((a, a, site), False), ((b, site, a), True),
                       ((a, other, site, b), True), ((a, site, other, b), True), ((site, a), True)):
        (found,) = rows_of(write(tmp_path / "x.vcf", "".join([*head, *body]), "text"), case)
        assert (found["call"], "UNSORTED" in found["note"].split(";")) == ("V/F", said), body


@pytest.mark.parametrize("build", ["GRCh37", "GRCh38"])
@pytest.mark.parametrize("n", [1, 40])
def test_reads_gone_astray_to_the_paralog_are_noted_where_its_site_is_asked_for(build: str, n: int, tmp_path: Path) -> None:
    """FCGR3B has C there: an A called in it is FCGR3A's."""
    cells = ["0/0", "0/1", "0/1", "1/1", "./."] * n
    there = LOCI["FCGR3B-158"].position[build]
    case = Case("", [row(*["0/1", "0/1", "0/0", "./.", "0/1"] * n),
                     row(*cells, ref="C", alt="A", pos=there)], [""] * 5 * n)
    path = write(tmp_path / "x.vcf.gz", text_of(case, build))
    alone = [r["note"] for r in rows_of(path, case)]
    assert not any("PARALOG_SITE" in note for note in alone)
    for loci in (["FCGR3A-158", "FCGR3B-158"], ["FCGR3B-158", "FCGR2A-131", "FCGR3A-158"]):
        both = rows_of(path, replace(case, options={"loci": loci}))
        of_3a = [r for r in both if r["locus"] == "FCGR3A-158"]
        assert [r["call"] for r in of_3a] == ["V/F", "V/F", "F/F", "", "V/F"] * n
        assert [r["note"] for r in of_3a] == ["", "PARALOG_SITE", "PARALOG_SITE", "", ""] * n
        assert [r["pos"] for r in of_3a] == [SITE[build]] * 5 * n
        assert [r["call"] for r in both if r["locus"] == "FCGR3B-158"] == ["V/V", "V/F", "V/F", "F/F", ""] * n


def test_the_paralog_site_lies_where_the_paralog_of_the_locus_says() -> None:
    here, there = LOCI["FCGR3A-158"], LOCI["FCGR3B-158"]
    for build, p in here.position.items():
        assert there.position[build] == p + here.paralog.offset
    assert (there.ref, there.gene, there.alt) == (here.paralog.base, here.paralog.gene, here.ref)


def test_a_file_without_samples_says_so(tmp_path: Path) -> None:
    lines = text_of(CALLS[0], "GRCh38").splitlines()
    sites = ["\t".join(x.split("\t")[:8]) if not x.startswith("##") else x for x in lines]
    rows = rows_of(write(tmp_path / "x.vcf.gz", "\n".join(sites) + "\n"), CALLS[0])
    assert [(r["sample"], r["reason"]) for r in rows] == [("", "NO_SAMPLES")]
