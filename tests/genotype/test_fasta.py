"""A user's reference confirms a locus or refuses it, and is what an unverified locus may be called by."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import Case, row, text_of, write

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import LOCI, Assembly, Chromosome, Locus, find_loci
from biomarkers.genotype import call_genotypes, fasta, read_calls
from biomarkers.genotype.command import run_genotype, run_genotype_qc
from biomarkers.genotype.fasta import check_loci

# A chromosome of 400,000 bases stands for chromosome 1: the loci move with it, by one shift, and keep all their facts.
SHIFT, LENGTH = 161_450_000, 400_000
NAMES = ("1", "chr1")
TINY = Chromosome("1", {"GRCh37": Assembly(NAMES, LENGTH - 1, "NC_000001.10"),
                        "GRCh38": Assembly(NAMES, LENGTH, "NC_000001.11")}, {})


def moved(name: str) -> Locus:
    locus = LOCI[name]
    return replace(locus, chromosome=TINY, position={b: p - SHIFT for b, p in locus.position.items()})


def sequence(*changes: tuple[int, str]) -> bytearray:
    """GRCh38 as far as the definition of FCGR3A-158 knows it, in a background that holds no motif."""
    bases = bytearray((b"TGAC" * LENGTH)[:LENGTH])
    locus = moved("FCGR3A-158")
    p = locus.position["GRCh38"]
    there = p + locus.paralog.offset
    here = locus.flank_left + locus.ref + locus.flank_right
    put = [(p - len(locus.flank_left), here), (there - len(locus.flank_left), here), (there, locus.paralog.base)]
    for s in locus.paralog.sentinels:
        put += [(p + s.offset, s.here), (there + s.offset, s.paralog)]
    put.append((moved("FCGR2A-131").position["GRCh38"], "A"))
    for at, text in [*put, *changes]:
        bases[at - 1:at - 1 + len(text)] = text.encode()
    return bases


def written(path: Path, bases: bytes, name: str = "chr1", width: int = 60) -> Path:
    lines = [bases[i:i + width] for i in range(0, len(bases), width)]
    data = b">chr0 a > b\nACGT\n>" + name.encode() + b" the first\n" + b"\n".join(lines) + b"\n>chr2\nACGT\n"
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_a_reference_that_agrees_confirms_gene_and_paralog(tmp_path: Path) -> None:
    loci = [moved("FCGR3A-158"), moved("FCGR2A-131")]
    for path in (written(tmp_path / "r.fa", bytes(sequence())), written(tmp_path / "r.fa.gz", bytes(sequence()).lower())):
        found = check_loci(loci, path)
        assert found.loci == tuple(loci)
        assert found.about["loci"] == {
            "FCGR3A-158": "A at 94,752; its 25 flanking bases; FCGR3B with C at 176,196, told apart by 4 bases",
            "FCGR2A-131": "A at 59,955"}
        assert found.about["chromosomes"]["chr1"]["build"] == "GRCh38"
        assert found.about["chromosomes"]["chr1"]["md5"] == hashlib.md5(bytes(sequence())).hexdigest()
        assert (found.about["file"], found.about["size"]) == (path.name, path.stat().st_size)


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 61, 1000])
def test_a_sequence_is_read_alike_in_pieces_of_any_size(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fasta, "_CHUNK", chunk)
    for text, wanted in ((b">a x>y\nAC\nGT\n>b\nTT\r\nTT\r\n>c\nGG", {b"a": b"ACGT", b"b": b"TTTT", b"c": b"GG"}),
                         (b">a\n>b\nac gt\n\n", {b"a": b"", b"b": b"ACGT"}), (b">\nAA\n>b\nC\n>b\nG\n", {b"b": b"C"})):
        for name, bases in wanted.items():
            assert fasta._sequence(io.BytesIO(text), {name}) == (name, bases)
        assert fasta._sequence(io.BytesIO(text), {b"z"}) is None


P = 94_752


@pytest.mark.parametrize(("change", "words"), [
    ((P, "G"), "has REF A, the reference has G at 94,752"), ((P - 3, "G"), r"stands in CACATTTTTACTCCCAA\[A/C\]AAGCCCCC"),
    ((P + 8, "T"), r"\[A\]AAGCCCCT"), ((P + 81_444, "A"), "FCGR3B should have C at 176,196, the reference has A"),
    ((P + 28, "A"), "FCGR3A should have G at 94,780, the reference has A"),
    ((P + 81_444 - 106, "T"), "FCGR3B should have G at 176,090, the reference has T"),
])
def test_one_base_that_differs_refuses_the_reference_by_name(change: tuple[int, str], words: str, tmp_path: Path) -> None:
    path = written(tmp_path / "r.fa", bytes(sequence(change)))
    with pytest.raises(UseError, match=words):
        check_loci([moved("FCGR3A-158")], path)


def test_gene_and_paralog_exchanged_are_refused(tmp_path: Path) -> None:
    """The motif alone cannot tell them apart but for the base at the site: the sentinels do."""
    bases = sequence()
    one, two = slice(P - 201, P + 200), slice(P - 201 + 81_444, P + 200 + 81_444)
    bases[one], bases[two] = bases[two], bases[one]
    with pytest.raises(UseError, match="contradicts the loci") as error:
        check_loci([moved("FCGR3A-158")], written(tmp_path / "r.fa", bytes(bases)))
    assert str(error.value).count("should have") == 9


@pytest.mark.parametrize(("name", "data", "words"), [
    ("none.fa", None, "no such file"), (".", None, "not a regular file"), ("a.fa", b"ACGT", "does not begin with >"),
    ("b.fa", b">chr2\nACGT\n", "no sequence named 1 or chr1"),
    ("c.fa", b">chr1\nACGT\n", "has 4 bases; 399,999 in GRCh37, 400,000 in"),
    ("d.fa.gz", gzip.compress(b">chr1\n" + b"A" * 999, mtime=0)[:-9], "cannot be read"), ("e.fa", b"", "does not begin with >"),
])
def test_a_file_that_is_no_reference_is_refused(name: str, data: bytes | None, words: str, tmp_path: Path) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UseError, match=words):
        check_loci([moved("FCGR3A-158")], tmp_path / name)


# ---------------------------------------------------------------------- an unverified locus
OWN = """
[chromosome.1]
GRCh37 = { names = ["1", "chr1"], length = 399999, accession = "NC_000001.10" }
GRCh38 = { names = ["1", "chr1"], length = 400000, accession = "NC_000001.11" }
[[locus]]
id = "FCGR2B-232"
chromosome = "1"
rsid = "rs1050501"
gene = "FCGR2B"
ref = "T"
alt = "C"
letters = ["I", "T"]
calls = ["I/I", "I/T", "T/T"]
flank_left = "GGGTTTCCCAAAGGG"
flank_right = "AATTCCGG"
position = { GRCh37 = 200001, GRCh38 = 200002 }
"""
MOTIF = (200_002 - 15, "GGGTTTCCCAAAGGGTAATTCCGG")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text(OWN)
    return tmp_path / "mine.toml"


def vcf(path: Path, build: str = "GRCh38") -> Path:
    text = text_of(Case("", [row("0/1", "1/1", "0/0", ref="T", alt="C", pos=200_002)], [""] * 3, background=False), build)
    return write(path, text.replace("248956422", "400000").replace("249250621", "399999"), "text")


def test_an_unverified_locus_is_refused_until_a_reference_confirms_it(own: Path, tmp_path: Path) -> None:
    file = vcf(tmp_path / "x.vcf")
    with pytest.raises(UseError, match="not verified"):
        call_genotypes(file, loci=[str(own)])
    with pytest.raises(UseError, match="not verified"):
        find_loci([str(own)])
    good = written(tmp_path / "good.fa", bytes(sequence(MOTIF)))
    assert call_genotypes(file, loci=[str(own)], fasta=good)["call"].tolist() == ["I/T", "T/T", "I/I"]
    # confirmed in the build of the reference only
    old = call_genotypes(vcf(tmp_path / "old.vcf", "GRCh37"), loci=[str(own)], fasta=good)
    assert set(old["reason"]) == {"BUILD_UNSUPPORTED"}
    other = written(tmp_path / "other.fa", bytes(sequence()))
    with pytest.raises(UseError, match="FCGR2B-232: has REF T, the reference has"):
        call_genotypes(file, loci=[str(own)], fasta=other)


def test_flanks_that_stand_twice_pin_nothing(own: Path, tmp_path: Path) -> None:
    twice = written(tmp_path / "twice.fa", bytes(sequence(MOTIF, (300_001, MOTIF[1].replace("GTA", "GCA")))))
    with pytest.raises(UseError, match="its flanking bases stand at 300,016 as well"):
        call_genotypes(vcf(tmp_path / "x.vcf"), loci=[str(own)], fasta=twice)


def test_a_second_place_counts_only_within_reach(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    twice = written(tmp_path / "twice.fa", bytes(sequence(MOTIF, (300_001, MOTIF[1]))))
    before = written(tmp_path / "before.fa", bytes(sequence(MOTIF, (100_001, MOTIF[1]))))
    file = vcf(tmp_path / "x.vcf")
    monkeypatch.setattr(fasta, "_NEAR", 99_900)
    for reference in (twice, before):
        assert call_genotypes(file, loci=[str(own)], fasta=reference)["call"].tolist() == ["I/T", "T/T", "I/I"]
    monkeypatch.setattr(fasta, "_NEAR", 100_100)
    for reference, place in ((twice, "300,016"), (before, "100,016")):
        with pytest.raises(UseError, match=f"stand at {place} as well"):
            call_genotypes(file, loci=[str(own)], fasta=reference)


def test_a_locus_without_a_position_in_the_build_of_the_reference_is_refused(own: Path, tmp_path: Path) -> None:
    own.write_text(OWN.replace("GRCh37 = 200001, GRCh38 = 200002", "GRCh37 = 200001"))
    reference = written(tmp_path / "r.fa", bytes(sequence(MOTIF)))
    with pytest.raises(UseError, match="FCGR2B-232: has no position in GRCh38, the build of this reference"):
        call_genotypes(vcf(tmp_path / "x.vcf"), loci=[str(own)], fasta=reference)


def test_too_few_flanking_bases_pin_nothing(own: Path, tmp_path: Path) -> None:
    own.write_text(OWN.replace("GGGTTTCCCAAAGGG", "CCCAAAGGG"))
    with pytest.raises(UseError, match="17 flanking bases cannot pin it"):
        call_genotypes(vcf(tmp_path / "x.vcf"), loci=[str(own)], fasta=written(tmp_path / "r.fa", bytes(sequence(MOTIF))))


def test_the_shipped_unverified_locus_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(UseError, match="0 flanking bases cannot pin it: give flank_left and flank_right"):
        check_loci([moved("FCGR2B-232")], written(tmp_path / "r.fa", bytes(sequence())))


def test_a_file_of_ones_own_that_says_verified_is_believed(own: Path, tmp_path: Path) -> None:
    own.write_text(OWN + "verified = true\n")
    assert call_genotypes(vcf(tmp_path / "x.vcf"), loci=[str(own)])["call"].tolist() == ["I/T", "T/T", "I/I"]


def test_the_command_writes_what_the_reference_said_and_the_quality_page_knows_the_locus(own: Path, tmp_path: Path) -> None:
    good = written(tmp_path / "good.fa", bytes(sequence(MOTIF)))
    out = tmp_path / "calls.tsv"
    assert run_genotype([vcf(tmp_path / "x.vcf")], out, loci=str(own), fasta=good, said=io.StringIO()) == 0
    assert read_calls(out)["call"].tolist() == ["I/T", "T/T", "I/I"]
    about = json.loads(Path(f"{out}.json").read_text())
    assert about["reference"]["loci"]["FCGR2B-232"] == "T at 200,002; its 23 flanking bases"
    assert about["loci"]["FCGR2B-232"]["spdi"] == {"GRCh38": "NC_000001.11:200001:T:C"}
    assert run_genotype_qc(out, tmp_path / "qc", said=io.StringIO()) == 0
    page = (tmp_path / "qc" / "genotype-qc.html").read_text()
    assert "FCGR2B-232" in page
    assert "I/T" in page


def test_the_quality_of_an_unknown_locus_asks_for_its_definition(own: Path, tmp_path: Path) -> None:
    own.write_text(OWN.replace("FCGR2B-232", "MINE-1") + "verified = true\n")
    out = tmp_path / "calls.tsv"
    run_genotype([vcf(tmp_path / "x.vcf")], out, loci=str(own), said=io.StringIO())
    Path(f"{out}.json").unlink()
    with pytest.raises(UseError, match="MINE-1"):
        run_genotype_qc(out, tmp_path / "qc", said=io.StringIO())
