"""The words beside a reason: what was seen, where, and by how much; a reader must be able to find it in the file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import SITE, Case, Row, block, row, sv, text_of, write

from biomarkers.domain.loci import LOCI
from biomarkers.genotype.calls import COLUMNS, call_file
from biomarkers.genotype.decide import NOTES, REASONS, Decision, note_of, with_code
from biomarkers.genotype.options import Options

P = SITE["GRCh38"]


def notes(
    tmp_path: Path,
    *rows: Row,
    meta: tuple[str, ...] = (),
    contigs: list[str] | None = None,
    background: bool = True,
    **options: object,
) -> list[str]:
    n = len(rows[0].cells) if rows else 1
    case = Case("", list(rows), [""] * n, meta=meta, contigs=contigs, background=background)
    path = write(tmp_path / "x.vcf.gz", text_of(case, "GRCh38"))
    found = call_file(str(path), [LOCI["FCGR3A-158"]], Options(**options))
    seen = [dict(zip(COLUMNS, r, strict=True)) for c in found for r in c.rows()]
    return [f"{r['reason']}: {r['note']}" for r in seen]


def ref_block(gt: str, **about: object) -> Row:
    return block(f"{gt}:35:90:31", **about)


TABLE = [
    (
        "index beyond ALT",
        [row("0/3", "2/0")],
        ["BAD_GT: GT 0/3 names allele 3, the record has 1 ALT", "BAD_GT: GT 2/0 names allele 2, the record has 1 ALT"],
    ),
    ("letters", [row("A/C")], ["BAD_GT: GT 'A/C' is no genotype"]),
    (
        "half a call",
        [row("./1", "0/.", "./1/1")],
        ["HALF_CALL: GT ./1, at least 1 V", "HALF_CALL: GT 0/.", "HALF_CALL: GT ./1/1, at least 2 V"],
    ),
    ("three copies", [row("0/1/1", "0/0/2")], ["CN_GT2: GT 0/1/1", "BAD_GT: GT 0/0/2 names allele 2, the record has 1 ALT"]),
    ("one allele", [row("1")], ["HAPLOID: GT 1"]),
    ("another allele", [row("0/1", alt="T")], ["OTHER_ALLELE: GT 0/1 carries T"]),
    ("a long allele", [row("0/1", alt="A" + "G" * 40)], [f"OVERLAP_INDEL: chr1:{P} A>A{'G' * 11}"]),
    ("a deletion beside", [row("0/1", ref="CA", alt="C", at=-1), row("0/0")], [f"OVERLAP_DEL: chr1:{P - 1} CA>C"]),
    ("a star", [row("0/1", alt="*")], ["SPANNING_DEL: GT 0/1 carries *"]),
    ("two records", [row("0/1"), row("1/1")], ["DUPLICATE_CONFLICT: 0/1 and 1/1"]),
    (
        "two blocks",
        [ref_block("0/0"), ref_block("./.", start=-200)],
        ["DUPLICATE_CONFLICT: overlapping reference blocks differ"],
    ),
    ("a split record", [row("0/1"), row("0/1", alt="T")], ["OTHER_ALLELE: T in a second record"]),
    ("a split record's index", [row("0/1"), row("0/4", alt="T")], ["OTHER_ALLELE: GT 0/4 in a second record"]),
    ("a deletion over it", [sv("DEL", "0/1"), row("0/0")], [f"CNV_OVERLAP: <DEL> over {P - 30000}-{P + 30000}"]),
    (
        "copies",
        [row("0/1:3", "0/1:1.4", "1:1", "0/1/1:2", keys="GT:CN")],
        ["CNV_OVERLAP: CN 3", "CNV_OVERLAP: CN 1.4", "CN1: CN 1", "CNV_OVERLAP: CN 2 against 3 alleles"],
    ),
    ("filters", [row("0/1:x", "0/0:PASS", keys="GT:FT")], ["FILTERED: FT", "OK: "]),
    ("a filter", [row("0/1", filter="q10")], ["FILTERED: q10"]),
    ("low numbers", [row("0/1:3:50", "0/1:30:3", keys="GT:DP:GQ")], ["LOW_DP: ", "LOW_GQ: "]),
    ("no genotype", [row("10", keys="DP")], ["NO_GT: "]),
    ("missing", [row("./.", ".")], ["MISSING_GT: ", "MISSING_GT: "]),
    ("a missing genotype at an indel", [row("./.", alt="AG")], ["MISSING_GT: "]),
    ("a bad cell", [row("0/1:x", keys="GT:DP")], ["BAD_RECORD: DP 'x' is no count"]),
    ("absent", [], ["ABSENT: no record at the site"]),
    (
        "the site of the other build",
        [row("0/1", pos=-1, id="rs396991")],
        [f"BUILD_CONFLICT: rs396991 stands at its GRCh37 position {SITE['GRCh37']}, the file says GRCh38"],
    ),
    ("codes", [row("0/0", "0/1", ref="C", alt="A")], ["OK: REF_MISMATCH_RESOLVED", "OK: REF_MISMATCH_RESOLVED"]),
    ("codes in order", [row("1/1", "1/1", ref="AA", alt="GC", at=-1, filter="q")] * 2, ["FILTERED: q"] * 2),
]


@pytest.mark.parametrize(("rows", "wanted"), [t[1:] for t in TABLE], ids=[t[0] for t in TABLE])
def test_the_words_beside_a_reason(rows: list[Row], wanted: list[str], tmp_path: Path) -> None:
    assert notes(tmp_path, *rows) == wanted


def test_words_about_the_file(tmp_path: Path) -> None:
    assert notes(tmp_path, row("0/1"), meta=("##tumor_sample=T",)) == ["SOMATIC_SUSPECT: written by a somatic caller"]
    unknown = "no contig length, accession or reference names the build; give build="
    assert notes(tmp_path, row("0/1"), contigs=[]) == [f"BUILD_UNKNOWN: {unknown}"]
    nothing = notes(tmp_path, row("0/1", chrom="2"), contigs=["2:242193529"], background=False)
    names = "1, CM000663.1, CM000663.2, NC_000001.10, NC_000001.11, chr1"
    assert nothing == [f"NO_CONTIG: no contig of chromosome 1 under any of its names ({names})"]
    assert notes(tmp_path, background=False, absent="hom_ref") == ["ABSENT: no record on the chromosome"]
    assert notes(tmp_path, absent="hom_ref", meta=("##nothing=x",)) == ["OK: ASSUMED_REF;GVCF_GAP"]


def test_codes_stand_before_words_and_in_their_order(tmp_path: Path) -> None:
    double = row("1/1", "0/0", ref="AA", alt="GC", at=-1, filter="q")
    assert notes(tmp_path, double, double, ignore_filter=True) == [
        "OK: DUPLICATE_SAME;MNP;FILTERED;CODON_CHANGED",
        "OK: DUPLICATE_SAME;MNP;FILTERED",
    ]
    assert notes(tmp_path, ref_block("0/0")) == [f"OK: HOMREF_BLOCK;block chr1:{P - 400}-{P + 300} with its least depth"]
    assert notes(tmp_path, row("0/1:1", keys="GT:DS", info="DR2=0.25")) == ["OK: IMPUTED;LOW_R2;DR2 0.25"]
    assert note_of(NOTES, "").split(";") == list(NOTES)
    assert with_code("ASSUMED_REF;a block", "MNP") == "ASSUMED_REF;MNP;a block"


def test_every_reason_and_note_is_in_the_how_to() -> None:
    """The how-to is what a user reads; the code is what the rows say: one text."""
    text = (Path(__file__).resolve().parent.parent.parent / "docs" / "genotyping.md").read_text(encoding="utf-8")
    lines = set(text.splitlines())
    for code in note_of(NOTES, "").split(";"):
        assert f"| `{code}` | {NOTES[code]} |" in lines
    assert Decision(LOCI["FCGR3A-158"], [], Options(), may_assume=True).verdict(()).reason in REASONS
    for code, words in REASONS.items():
        assert f"| `{code}` | {words} |" in lines, code
