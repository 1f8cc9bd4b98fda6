"""Small VCFs for every row of the decision table, written by the project itself, with the answer each sample must get.

An answer is a call with the note codes that must stand beside it (`"V/F MNP"`), or the reason of a no-call (`"-LOW_DP"`,
several separated by `|` where more than one is right). Extra demands follow as `key=value`.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pysam

LENGTH = {"GRCh37": 249250621, "GRCh38": 248956422}
SITE = {"GRCh37": 161514542, "GRCh38": 161544752}
SITE_2A = {"GRCh37": 161479745, "GRCh38": 161509955}
CONTIG = {"GRCh37": "1", "GRCh38": "chr1"}


@dataclass(frozen=True)
class Row:
    """One data line at the site plus `at`."""

    cells: Sequence[str]
    ref: str = "A"
    alt: str = "C"
    at: int = 0
    keys: str = "GT"
    filter: str = "PASS"
    info: str = "."
    id: str = "."
    chrom: str | None = None
    pos: int | None = None

    def line(self, build: str, contig: str) -> str:
        pos = SITE[build] + self.at if self.pos is None else self.pos
        return "\t".join([self.chrom or contig, str(pos), self.id, self.ref, self.alt, "50", self.filter, self.info, self.keys,
                          *self.cells])


@dataclass(frozen=True)
class Case:
    """One file and what it must give."""

    id: str
    rows: Sequence[Row]
    answers: Sequence[str]
    options: dict = field(default_factory=dict)
    samples: Sequence[str] | None = None
    meta: Sequence[str] = ()
    contigs: Sequence[str] | None = None
    background: bool = True
    locus: str = "FCGR3A-158"
    version: str = "4.2"
    keys: Sequence[str] = ("GT", "DP", "GQ", "RGQ", "MIN_DP", "AD", "DS", "GP", "CN", "FT", "LEN")

    def names(self) -> Sequence[str]:
        return self.samples or [f"S{i + 1}" for i in range(len(self.answers))]


def row(*cells: str, **about) -> Row:
    return Row(cells, **about)


def sv(kind: str, *cells: str, start: int = -30000, end: int = 30000, **about) -> Row:
    about.setdefault("info", f"SVTYPE={kind};END={{P{end:+d}}}")
    return Row(cells, ref="G", alt=f"<{kind}>", at=start, **about)


def block(*cells: str, start: int = -400, end: int = 300, alt: str = "<NON_REF>", **about) -> Row:
    about.setdefault("keys", "GT:DP:GQ:MIN_DP")
    about.setdefault("filter", ".")
    about.setdefault("ref", "T" if start else "A")
    return Row(cells, alt=alt, at=start, info=f"END={{P{end:+d}}}", **about)


CALLS = [
    Case("the three genotypes", [row("0/0", "0/1", "1/1", "1|0", "0|1", "1|1")],
         ["F/F bases=A/A dosage=0 -MNP -IMPUTED pos=P ref=A alt=C filter=PASS", "V/F bases=A/C n_v=1 -MNP dosage=1",
          "V/V bases=C/C n_copies=2", "V/F bases=C|A phased=True",
          "V/F bases=A|C", "V/V phased=True"]),
    Case("leading phase of VCF 4.4", [row("/0/1", "|1|1", "/0|1")], ["V/F", "V/V", "V/F"], version="4.4"),
    Case("letters in lower case", [row("0/1", "1/1", ref="a", alt="c")], ["V/F", "V/V"]),
    Case("any ID", [row("1/1", id="rs1801274")], ["V/V"]),
    Case("C is the second ALT", [row("0/2", "1/2", "2/2", "0/0", "0/1", alt="T,C")],
         ["V/F", "-OTHER_ALLELE", "V/V", "F/F", "-OTHER_ALLELE"]),
    Case("keys in any order", [row("0/1:55:31:17,14", "0/0:21:12", "1/1:.:.:.", "0/1", keys="GT:GQ:DP:AD")],
         ["V/F dp=31 gq=55 ad_ref=17 ad_alt=14", "F/F dp=12", "V/V", "V/F"]),
    Case("exchanged, with reads", [row("0/0:30,0", "0/1:15,15", "1/1:0,30", "0/0:0,30", ref="C", alt="A", keys="GT:AD")],
         ["V/V REF_MISMATCH_RESOLVED ad_ref=30 ad_alt=0", "V/F", "F/F", "-ALLELE_BALANCE"]),
    Case("exchanged without AD", [row("0/0", "0/1", "1/1", ref="C", alt="A")],
         ["V/V REF_MISMATCH_RESOLVED", "V/F REF_MISMATCH_RESOLVED", "F/F REF_MISMATCH_RESOLVED"]),
    Case("exchanged, strict", [row("0/0", "./.", ref="C", alt="A")], ["-REF_MISMATCH"] * 2, {"ref_mismatch": "strict"}),
    Case("the other strand", [row("0/0", "0/1", ref="T", alt="G")], ["-STRAND_FLIPPED"] * 2),
    Case("the other strand on request", [row("0/0", "0/1", "1/1", "./.", ref="T", alt="G")],
         ["F/F STRAND_FLIPPED", "V/F STRAND_FLIPPED", "V/V STRAND_FLIPPED", "-MISSING_GT"], {"allow_flip": True}),
    Case("other strand and exchanged", [row("0/0", "1/1", ref="G", alt="T")], ["V/V STRAND_FLIPPED", "F/F STRAND_FLIPPED"],
         {"allow_flip": True}),
    Case("REF T and ALT C is no flip", [row("0/1", ref="T", alt="C")], ["-REF_MISMATCH"], {"allow_flip": True}),
    Case("REF of another base", [row("0/0", ref="G", alt="A")], ["-REF_MISMATCH"]),
    Case("REF C alone", [row("0/0", ref="C", alt=".")], ["-REF_MISMATCH"]),
    Case("REF N", [row("0/1", ref="N")], ["-REF_MISMATCH"]),
    Case("third allele", [row("0/1", "0/0", alt="T")], ["-OTHER_ALLELE", "F/F"]),
    Case("AF of nought and one", [row("0/1", info="AF=0"), row("0/1", info="AF=1.0")], ["V/F DUPLICATE_SAME"]),
    Case("a long empty deletion anchor", [row("0/1", "0/0", ref="CA", alt="CAA", at=-1), row("0/1", "0/1")],
         ["-OVERLAP_INDEL", "V/F"]),
    Case("IUPAC letter", [row("0/1", "0/0", alt="M")], ["-BAD_RECORD", "-BAD_RECORD"]),
    Case("MNP from upstream", [row("0/1", "1/1", "0/0", ref="AAA", alt="AAC", at=-2)], ["V/F MNP", "V/V MNP", "F/F MNP"]),
    Case("MNP that changes the codon", [row("0/1", "0/0", ref="AA", alt="GC", at=-1)],
         ["V/F MNP CODON_CHANGED", "F/F MNP -CODON_CHANGED"]),
    Case("codon changed by its own record", [row("0/1", "0/0", alt="G", at=-1), row("0/1", "0/1")],
         ["V/F CODON_CHANGED", "V/F -CODON_CHANGED"]),
    Case("SNV and deletion in one record", [row("0/1", "0/2", "1/2", ref="AAG", alt="CAG,A")],
         ["V/F", "-OVERLAP_INDEL", "-OVERLAP_INDEL"]),
    Case("insertion alone", [row("0/1", "0/0", "./.", alt="AG")], ["-OVERLAP_INDEL", "-ABSENT", "-ABSENT|MISSING_GT"]),
    Case("insertion beside the SNV", [row("0/0", "0/1", alt="AG"), row("0/1", "0/0")], ["V/F", "-OVERLAP_INDEL"]),
    Case("symbolic rest allele", [row("0/1:9,8,0:17", "0/2:9,0,8:17", alt="C,<NON_REF>", keys="GT:AD:DP")],
         ["V/F ad_ref=9 ad_alt=8", "-SYMBOLIC_ONLY"]),
    Case("star", [row("0/1", "1/2", "0/2", "0/0", alt="C,*")], ["V/F", "-SPANNING_DEL", "-SPANNING_DEL", "F/F"]),
    Case("star alone", [row("0/1", "0/0", alt="*")], ["-SPANNING_DEL", "F/F"]),
    Case("deletion over the site", [row("0/1", "0/0", ref="CAAA", alt="C", at=-3)], ["-OVERLAP_DEL", "-ABSENT"]),
    Case("deletion over the site, hom_ref", [row("0/1", "0/0", "./.", ref="CAAA", alt="C", at=-3)],
         ["-OVERLAP_DEL", "F/F ASSUMED_REF", "-MISSING_GT"], {"absent": "hom_ref"}),
    Case("deletion that ends before", [row("1/1", ref="CA", alt="C", at=-3), row("0/1")], ["V/F"]),
    Case("missing", [row("./.", ".", ".|.", "./././.")], ["-MISSING_GT"] * 4),
    Case("missing stays missing", [row("./.", "0/0")], ["-MISSING_GT", "F/F -ASSUMED_REF"], {"absent": "hom_ref"}),
    Case("half calls", [row("./1", "0|.", "1/.")],
         ["-HALF_CALL says=at+least+1+V", "-HALF_CALL says=GT+0|.", "-HALF_CALL says=GT+1/.,+at+least+1+V n_v=None"]),
    Case("no genotype key", [row("20", "30", keys="DP")], ["-NO_GT"] * 2),
    Case("GT not first", [row("20:0/1", keys="DP:GT")], ["-BAD_RECORD"]),
    Case("index beyond ALT", [row("0/2", "0/1")], ["-BAD_GT says=GT+0/2+names+allele+2 pos=P", "V/F"]),
    Case("letters as genotype", [row("A/C", "0/0")], ["-BAD_GT", "F/F"]),
    Case("too many fields", [row("0/1:3:4", "0/1", keys="GT:DP")], ["-BAD_RECORD", "V/F"]),
    Case("numbers that are none", [row("0/1:many", "0/1:-5", "0/1:1e3", keys="GT:DP")], ["-BAD_RECORD"] * 3),
    Case("nothing there", [], ["-ABSENT", "-ABSENT"]),
    Case("nothing there, asserted", [], ["F/F ASSUMED_REF n_v=0"], {"absent": "hom_ref"}),
    Case("nothing in the whole file, asserted", [], ["-ABSENT"], {"absent": "hom_ref"}, background=False),
    Case("haploid", [row("0", "1")], ["-HAPLOID", "-HAPLOID"]),
    Case("haploid with one copy", [row("0:1", "1:1", "1:2", keys="GT:CN")],
         ["-CN1 n_copies=1 n_v=0", "-CN1 n_copies=1 n_v=1", "-HAPLOID"]),
    Case("three copies", [row("0/0/1", "0/1/1", "0/1/.", "0/1/2", alt="C,T")],
         ["-CN_GT2 n_copies=3 n_v=1", "-CN_GT2 n_copies=3 n_v=2", "-HALF_CALL", "-CN_GT2 n_copies=3"]),
    Case("copy number against the genotype", [row("0/1:3", "1/1:1", "0/1:1", "0/1:2", "0/1:.", keys="GT:CN")],
         ["-CNV_OVERLAP n_copies=3 n_v=None", "-CNV_OVERLAP n_copies=1 n_v=1", "-CNV_OVERLAP n_copies=1 n_v=None", "V/F",
          "V/F"]),
    Case("deletion allele", [sv("DEL", "0/1", "0/0", "1/1", "./."), row("1/1", "0/1", "./.", "0/1")],
         ["-CNV_OVERLAP n_copies=1 n_v=1", "V/F", "-CNV_OVERLAP n_copies=0", "V/F"]),
    Case("copy-number alleles of the 1000 Genomes",
         [Row(["0/1", "0/2", "0/0"], ref="G", alt="<CN0>,<CN2>", at=-900, info="END={P+900}"), row("0/0", "0/1", "0/1")],
         ["-CNV_OVERLAP n_copies=1", "-CNV_OVERLAP n_copies=3", "V/F"]),
    Case("no copy-number change there", [sv("DEL", "1/1", end=-10), sv("INV", "0/1"), sv("DEL", "0/1", start=0), row("0/1")],
         ["V/F"]),
    Case("SVLEN in place of END", [sv("DEL", "0/1", info="SVTYPE=DEL;SVLEN=-60000"), row("0/0")], ["-CNV_OVERLAP n_copies=1"]),
    Case("reference block", [block("0/0:35:90:31")], ["F/F HOMREF_BLOCK"]),
    Case("block at the site", [block("0/0:35:90:31", start=0)], ["F/F HOMREF_BLOCK"]),
    Case("block of another base at the site", [block("0/0:35:90:31", start=0, ref="G")], ["-REF_MISMATCH"]),
    Case("block too thin", [block("0/0:40:90:9")], ["-LOW_DP dp=9"]),
    Case("block without data", [block("0/0:30:0:30")], ["-LOW_GQ"]),
    Case("what a block rests on", [block("0/0:35:90", keys="GT:DP:GQ")], ["F/F HOMREF_BLOCK says=may+hide+a+thinner+place"]),
    Case("a block without numbers", [block("0/0", keys="GT")], ["F/F HOMREF_BLOCK says=with+no+depth"]),
    Case("a block by its least depth", [block("0/0:35:90:31"), block("0/0:35:90:31")],
         ["F/F HOMREF_BLOCK says=with+its+least+depth"]),
    Case("a gap taken for the reference", [block("0/0:35:90:31", end=-1)], ["F/F ASSUMED_REF GVCF_GAP -HOMREF_BLOCK"],
         {"absent": "hom_ref"}),
    Case("a gap of two samples", [block("0/0:35:90:31", "0/0:35:90:31", end=-90)], ["F/F ASSUMED_REF GVCF_GAP"] * 2,
         {"absent": "hom_ref"}),
    Case("absence in one sample of a gVCF by its header", [], ["F/F ASSUMED_REF GVCF_GAP"], {"absent": "hom_ref"}),
    Case("absence in two samples of any file", [], ["F/F ASSUMED_REF -GVCF_GAP"] * 2, {"absent": "hom_ref"}),
    Case("absence in one sample", [], ["F/F ASSUMED_REF -GVCF_GAP"], {"absent": "hom_ref"}, keys=("GT",)),
    Case("gap between blocks", [block("0/0:35:90:31", end=-1), block("0/0:35:90:31", start=1, ref="A")], ["-ABSENT"]),
    Case("block with another allele", [block("0/1:35:90:31")], ["-SYMBOLIC_ONLY"]),
    Case("block without genotype", [block("./.:0:0:0")], ["-MISSING_GT"]),
    Case("a block that ends per sample", [block("0/0:401", "0/0:400", alt="<*>", keys="GT:LEN", end=-390)],
         ["F/F HOMREF_BLOCK", "-ABSENT"]),
    Case("record beats block", [block("0/0:35:90:31"), row("0/1:30:60", keys="GT:DP:GQ")], ["V/F"]),
    Case("blocks that differ", [block("0/0:35:90:31"), block("./.:35:90:31", start=-200)], ["-DUPLICATE_CONFLICT"]),
    Case("every site", [row("0/0:25:30", "0/0:25:19", "./.", alt=".", keys="GT:DP:RGQ")], ["F/F", "-LOW_GQ", "-MISSING_GT"]),
    Case("imputed", [row("0.03:0.97,0.03,0", "0.9:0.2,0.7,0.1", "1.99:0,0.01,0.99", ".:.", keys="DS:GP")],
         ["F/F IMPUTED dosage=0.03", "-LOW_GP dosage=0.9", "V/V IMPUTED", "-MISSING_GT"]),
    *[Case(f"imputed with {info}", [row("0/1:1", keys="GT:DS", info=info)], [answer]) for info, answer in (
        ("R2=0.41", "V/F IMPUTED LOW_R2 says=R2+0.41"), ("DR2=0.79", "V/F LOW_R2 says=DR2+0.79"),
        ("INFO=0.8", "V/F IMPUTED -LOW_R2"), ("DR2=.", "V/F -LOW_R2"), ("R2=e", "V/F -LOW_R2"), ("XR2=0.1", "V/F -LOW_R2"),
        ("AF=0.3;R2=0.3;IMPUTED", "V/F LOW_R2"))],
    Case("imputed by its flag", [row("0/1", info="IMP;DR2=0.5")], ["V/F IMPUTED LOW_R2"]),
    Case("quality per allele", [row("0/1", alt="C,T", info="IMPUTED;DR2=0.9,0.7")], ["V/F IMPUTED LOW_R2 says=DR2+0.7"]),
    Case("genotyped, with a quality", [row("0/1", info="R2=0.1;TYPED")], ["V/F -IMPUTED -LOW_R2"]),
    Case("imputed, lower demand", [row("0.9:0.2,0.7,0.1", keys="DS:GP")], ["V/F IMPUTED"], {"min_gp": 0.6}),
    Case("dosage from probabilities", [row("0.02,0.02,0.96", keys="GP")], ["V/V IMPUTED dosage=1.94"]),
    Case("dosage where REF is the V base", [row("0:0.1", "1:1.0", keys="GT:DS", ref="C", alt="A")],
         ["-HAPLOID dosage=1.9", "-HAPLOID dosage=1"]),
    Case("dosage alone", [row("1.2", keys="DS")], ["-DOSAGE_ONLY dosage=1.2"]),
    Case("dosage against genotype", [row("0/1:1.51", "0/1:1.5", "0/1:7", keys="GT:DS")], ["-GT_DS_CONFLICT", "V/F", "-BAD_GP"]),
    Case("probabilities against genotype", [row("0/1:0.98,0.02,0", "0/1:0.3,0.6,0.1", keys="GT:GP")],
         ["-GT_DS_CONFLICT", "-LOW_GP"]),
    Case("phred probabilities undeclared", [row("20,0,40", keys="GP")], ["-BAD_GP"]),
    Case("phred probabilities declared", [row("0/1:35,0.002,48", "0/1:1,6.9,40", keys="GT:GP")], ["V/F -IMPUTED", "-LOW_GP"],
         meta=['##FORMAT=<ID=GP,Number=G,Type=Float,Description="Phred-scaled posterior probabilities">']),
    Case("filter", [row("0/1", "./.", filter="q10;s50")], ["-FILTERED says=q10;s50 filter=q10;s50", "-MISSING_GT"]),
    Case("filter on request", [row("0/1", filter="q10")], ["V/F FILTERED"], {"ignore_filter": True}),
    Case("no filter applied", [row("0/1", filter=".")], ["V/F"]),
    Case("sample filter", [row("0/1:low", "0/1:PASS", "0/1:.", keys="GT:FT")], ["-FILTERED says=FT", "V/F", "V/F"]),
    Case("both filters", [row("0/1:low", filter="q10", keys="GT:FT")], ["-FILTERED says=q10"]),
    Case("depth", [row("0/1:10", "0/1:9", "0/1:.", keys="GT:DP")], ["V/F", "-LOW_DP", "V/F"]),
    Case("depth from AD", [row("0/1:5,5", "0/1:5,4", keys="GT:AD")], ["V/F dp=10", "-LOW_DP dp=9"]),
    Case("quality", [row("0/1:20", "0/1:19.9", keys="GT:GQ")], ["V/F", "-LOW_GQ"]),
    Case("thresholds of one's own", [row("0/1:3:5", keys="GT:DP:GQ")], ["V/F"], {"min_dp": 3, "min_gq": 5}),
    Case("balance", [row("0/1:40,10", "0/1:41,9", "0/1:10,40", "0/1:9,41", "0/0:45,5", "0/0:44,6", "1/1:5,45", "1/1:6,44",
                         keys="GT:AD")],
         ["V/F PARALOG_V_LOSS", "-ALLELE_BALANCE", "V/F -PARALOG_V_LOSS", "-ALLELE_BALANCE", "F/F", "-ALLELE_BALANCE", "V/V",
          "-ALLELE_BALANCE"]),
    Case("paralog takes V reads", [row("0/1:26,14", "0/1:25,15", keys="GT:AD")], ["V/F PARALOG_V_LOSS", "V/F -PARALOG_V_LOSS"]),
    Case("a count that is not per allele", [row("0/1:14", keys="GT:AD")], ["V/F"]),
    Case("split records", [row("0/1", "0/0", "1/.", "0/1"), row("0/0", "0/1", "./1", "0/0", alt="G")],
         ["V/F", "-OTHER_ALLELE", "-OTHER_ALLELE", "V/F"]),
    Case("split records, other order", [row("0/0", "0/1", alt="T"), row("1/1", "0/1")], ["V/V", "-OTHER_ALLELE"]),
    Case("the record twice", [row("0/1", "0/0"), row("0/1", "0/1")], ["V/F DUPLICATE_SAME", "-DUPLICATE_CONFLICT"]),
    Case("one record on each contig name",
         [row("0/1"), row("0/1", chrom="1"), row("0/1", chrom="chr1")], ["V/F DUPLICATE_SAME"], contigs=["1:{L}", "chr1:{L}"]),
    Case("somatic caller", [row("0/0", "0/1")], ["-SOMATIC_SUSPECT"] * 2, meta=["##normal_sample=S1"]),
    Case("paralog signal",
         [row("0/1", "0/0", ref="G", alt="A", at=28), row("0/1", "0/1", ref="A", alt="G", at=54), row("0/1", "0/1")],
         ["V/F PARALOG_SIGNAL", "V/F -PARALOG_SIGNAL"]),
    Case("paralog signal, strict", [row("0/1", ref="G", alt="A", at=28), row("0/1", ref="A", alt="G", at=54), row("0/1")],
         ["-PARALOG_SIGNAL"], {"paralog": "strict"}),
    Case("neighbours", [row("1/1", at=-1), row("1/1", at=1)], ["-ABSENT"]),
    Case("the site at the other build's position", [row("0/1", pos=-1, id="rs396991")], ["-BUILD_CONFLICT"]),
    Case("the other build's position by its letters alone", [row("0/1", pos=-1, id="rs1")], ["-BUILD_CONFLICT"]),
    Case("the other build's position by its name alone", [row("0/1", pos=-1, id="x;rs396991", alt="G")], ["-BUILD_CONFLICT"]),
    Case("an ordinary variant at the other build's position", [row("0/1", pos=-1, ref="G", alt="A")], ["-ABSENT"]),
    Case("the site, and a variant at the other build's position", [row("0/1"), row("1/1", pos=-1)], ["V/F"]),
    Case("a second record with an index beyond its ALT", [row("0/1"), row("0/4", alt="T")], ["-OTHER_ALLELE"]),
    Case("a second record of another allele, not carried", [row("1/1"), row("0/0", alt="T")], ["V/V"]),
    Case("sentinels whose cells are invalid",
         [row("0/1:1:1", ref="G", alt="A", at=28), row("0/1:1:1", ref="A", alt="G", at=54), row("0/1")],
         ["V/F -PARALOG_SIGNAL"]),
    Case("sentinels that are imputed",
         [row("0/1:0,1,0", "0/0:1,0,0", ref="G", alt="A", at=28, keys="GT:GP"),
          row("0/1:0,1,0", "0/1:0,1,0", ref="A", alt="G", at=54, keys="GT:GP"), row("0/1:0,1,0", "0/1:0,1,0", keys="GT:GP")],
         ["V/F PARALOG_SIGNAL", "V/F -PARALOG_SIGNAL"]),
    Case("a deletion that is imputed",
         [sv("DEL", "0/1:1:0,1,0", "0/0:0:1,0,0", keys="GT:DS:GP"), row("0/1:1:0,1,0", "0/1:1:0,1,0", keys="GT:DS:GP")],
         ["-CNV_OVERLAP", "V/F IMPUTED"]),
    Case("sentinels with another base",
         [row("0/1", ref="G", alt="T", at=28), row("0/1", ref="A", alt="T", at=54), row("0/1")], ["V/F -PARALOG_SIGNAL"]),
    Case("one sentinel twice is one", [row("0/1", ref="G", alt="A", at=28), row("0/1", ref="GC", alt="AC", at=28), row("0/1")],
         ["V/F -PARALOG_SIGNAL"]),
    Case("a copy-number record at the site itself",
         [Row(["0/1:4", "0/0:2", "./.:2.7"], alt="<CNV>", keys="GT:CN", info="SVTYPE=CNV;END={P+900}"),
          row("0/0", "0/1", "0/1")],
         ["-CNV_OVERLAP n_copies=4 n_v=None", "V/F", "-CNV_OVERLAP n_copies=None"]),
    Case("the older star alone", [row("0/1", "0/0", alt="<*:DEL>")], ["-SPANNING_DEL", "F/F"]),
    Case("an empty call keeps nothing", [row("0/1:3", "0/1:11", keys="GT:DP")],
         ["-LOW_DP n_v=None n_copies=None dosage=None dp=3 pos=P", "V/F dosage=1 pos=P"]),
    Case("copy number near two", [row("0/1:2.4", "0/1:2.6", "0/1:1.5", keys="GT:CN")], ["V/F", "-CNV_OVERLAP", "-CNV_OVERLAP"]),
    Case("three alleles and three copies", [row("0/1/1:3", "0/1/1:2", "0/1/1:4", keys="GT:CN")],
         ["-CN_GT2 n_copies=3 n_v=2", "-CNV_OVERLAP", "-CNV_OVERLAP n_copies=4"]),
    Case("phase of three", [row("0|1|1", "0|1/1")], ["-CN_GT2 phased=True", "-CN_GT2 phased=False"]),
    Case("no copies", [row("./.:0", keys="GT:CN")], ["-CNV_OVERLAP n_copies=0"]),
    Case("END before POS is no END", [block("0/0:35:90:31", start=-50, end=-60)], ["-ABSENT"]),
    Case("END of an ordinary record is not believed", [row("0/1", at=-40, info="END={P+40}")], ["-ABSENT"]),
    Case("companion", [row("0/0", "0/1", "1/1", alt="G", pos=-2)], ["H/H", "H/R", "R/R"], {"loci": ["FCGR2A-131"]},
         locus="FCGR2A-131"),
    Case("no build", [row("0/1")], ["-BUILD_UNKNOWN"], contigs=[]),
    Case("build by its text", [row("0/1")], ["V/F"], contigs=["{C}"], meta=["##reference=file:/ref/{B}.fa"]),
    Case("build by text against length", [row("0/1")], ["-BUILD_CONFLICT"], meta=["##reference=/ref/{O}.fa"]),
    Case("both lengths", [row("0/1")], ["-BUILD_CONFLICT"], contigs=["1:249250621", "chr1:248956422"]),
    Case("unknown assembly", [row("0/1")], ["-BUILD_UNSUPPORTED"], contigs=["{C}:248387328"]),
    Case("accession of no known version", [row("0/1")], ["-BUILD_UNSUPPORTED"], contigs=["NC_000001.9"]),
    Case("no such contig", [row("0/1", chrom="2")], ["-NO_CONTIG"], contigs=["2:242193529"], background=False),
    Case("names as written", [row("0/1", "1/1", "0/0", "0/1")], ["V/F", "V/V", "F/F", "V/F"],
         samples=["NA", "007", "1E5", "=1+1"]),
    Case("columns missing at the site", [Row(["0/1"])], ["-BAD_RECORD", "-BAD_RECORD"]),
    Case("ALT that is no allele", [row("0/1", alt="C,")], ["-BAD_RECORD"]),
    *[Case(f"FILTER {x}", [row("0/1", filter=x)], ["-BAD_RECORD"]) for x in ("q 10", "PASS;q10", "q10;q10", "0", "q10;", ";")],
    *[Case(f"INFO {x}", [row("0/1", info=x)], ["-BAD_RECORD"]) for x in
      ("DP=x", "AC=-1", "AF=1.5", "DB=1", "DP=1;DP=2", "A B=1", "DP=1;", "=2", "AA=C,T", "CIGAR=5MYCIGAR", "CIGAR=0.05",
       "CIGAR=1X,1X", "AC=1,2", "END=1,2", "NS=-3", "MQ=high")],
    *[Case(f"INFO {x} is valid", [row("0/1", info=x)], ["V/F"]) for x in
      ("DB;AF=.;AN=4", "X=a b;Y.z_1=%3B", "1000G;DP=.", "CIGAR=1X;AA=.|||", "CIGAR=10M2I3D;MQ=inf;BQ=-1.5e2", "AN;NS=.")],
    *[Case(f"INFO by its header: {x} where {d}", [row("0/1", info=x)], [answer],
           meta=[f'##INFO=<ID=MY,{d},Description="x=<,>">'])
      for x, d, answer in (
          ("MY=9", "Number=0,Type=Flag", "-BAD_RECORD"), ("MY", "Number=0,Type=Flag", "V/F"),
          ("MY=1,2", "Number=A,Type=Integer", "-BAD_RECORD"), ("MY=1", "Number=A,Type=Integer", "V/F"),
          ("MY=1,3,2", "Number=R,Type=Integer", "-BAD_RECORD"), ("MY=1,.", "Number=R,Type=Integer", "V/F"),
          ("MY=1,2", "Number=2,Type=Float", "V/F"), ("MY=1", "Number=2,Type=Float", "-BAD_RECORD"),
          ("MY", "Number=2,Type=Float", "V/F"),
          ("MY=1.5", "Number=1,Type=Integer", "-BAD_RECORD"), ("MY=1.5,x", "Number=.,Type=Float", "-BAD_RECORD"),
          ("MY=12,3|4,5", "Number=1,Type=String", "V/F"), ("MY=a,b", "Number=.,Type=String", "V/F"),
          ("MY=1,2,3", "Number=G,Type=Float", "V/F"),
          ("MY=.", "Number=R,Type=Float", "V/F"),
          ("YOURS=1,2,x", "Number=1,Type=Integer", "V/F"))],
    *[Case(f"cells by their header: {cell} where {d}", [row(cell, keys="GT:MY")], [answer],
           meta=[f'##FORMAT=<ID=MY,{d},Description="Number=9,Type=Flag">'])
      for cell, d, answer in (
          ("0/1:1,2", "Number=A,Type=Integer", "-BAD_RECORD"), ("0/1:1", "Number=A,Type=Integer", "V/F"),
          ("0/1:1", "Number=R,Type=Integer", "-BAD_RECORD"), ("0/1:1,.", "Number=R,Type=Integer", "V/F"),
          ("0/1:1,2", "Number=G,Type=Float", "-BAD_RECORD"), ("0/1:1,2e-3,nan", "Number=G,Type=Float", "V/F"),
          ("0/1:.", "Number=G,Type=Float", "V/F"), ("0/1", "Number=G,Type=Float", "V/F"),
          ("0/1:x", "Number=1,Type=Float", "-BAD_RECORD"), ("0/1:..", "Number=2,Type=Character", "V/F"),
          ("0/1:x", "Number=1,Type=Character", "V/F"), ("0/1:anything,at,all", "Number=.,Type=String", "V/F"),
          ("0/1:1,2,3,4", "Number=.,Type=Integer", "V/F"), ("0/1:1,y", "Number=.,Type=Integer", "-BAD_RECORD"),
          ("0/1:", "Number=LA,Type=Integer", "V/F"))],
    Case("likelihoods by ploidy", [row("0/1:1,0,2", "0/1:1,0", "1:3,0", ".:3,0", "0/1/1:1,2,3,4", "0/1/1:1,2,3", ".:1,2,3,4",
                                       keys="GT:PL")],
         ["V/F", "-BAD_RECORD", "-HAPLOID", "-MISSING_GT", "-CN_GT2", "-BAD_RECORD", "-BAD_RECORD"]),
    Case("likelihoods without a genotype", [row("1,0,2", "1", "-1.5,0", keys="GL")], ["-NO_GT", "-BAD_RECORD", "-NO_GT"]),
    Case("reads of each allele, as the header promises", [row("0/1:5,6", "0/1:14", keys="GT:AD")],
         ["V/F", "-BAD_RECORD says=is+not"],
         meta=['##FORMAT=<ID=AD,Number=R,Type=Integer,Description="reads">']),
    *[Case(f"ID {x}", [row("0/1", id=x)], ["-BAD_RECORD"]) for x in ("a b", ";a", "a;a", "a;")],
    Case("FORMAT twice", [row("0/1:3:4", keys="GT:DP:DP")], ["-BAD_RECORD"]),
]


def text_of(case: Case, build: str) -> str:
    """The file as text."""
    other = {"GRCh37": "GRCh38", "GRCh38": "GRCh37"}[build]
    contig = CONTIG[build]

    def fill(text: str) -> str:
        return text.replace("{B}", build).replace("{O}", other).replace("{L}", str(LENGTH[build])).replace("{C}", contig)

    lines = [f"##fileformat=VCFv{case.version}", '##FILTER=<ID=PASS,Description="All filters passed">']
    keys = {"GT": "String", "FT": "String", "DS": "Float", "GP": "Float", "CN": "Integer"}
    declared = {m.split("ID=")[1].split(",")[0] for m in case.meta if m.startswith("##FORMAT")}
    lines += [f'##FORMAT=<ID={k},Number=.,Type={keys.get(k, "Integer")},Description="{k}">'
              for k in case.keys if k not in declared]
    lines += [f'##INFO=<ID={k},Number=1,Type={t},Description="{k}">' for k, t in
              (("END", "Integer"), ("SVTYPE", "String"), ("SVLEN", "Integer"))]
    for entry in map(fill, case.contigs if case.contigs is not None else ["{C}:{L}"]):
        name, _, length = entry.partition(":")
        lines.append(f"##contig=<ID={name}" + (f",length={length}>" if length else ">"))
    lines += map(fill, case.meta)
    names = list(case.names())
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]))
    rows = list(case.rows)
    if case.background:
        here = case.rows[0].chrom if case.rows and case.rows[0].chrom else None
        rows += [Row(["0/1"] * len(names), ref="G", alt="A", at=d, chrom=here) for d in (-60000, 60000)]
    made = []
    for r in rows:
        pos = {-1: SITE[other], -2: SITE_2A[build]}.get(r.pos, r.pos) if r.pos is not None else None
        r = Row(r.cells, r.ref, r.alt, r.at, r.keys, r.filter, r.info, r.id, r.chrom, pos)
        line = r.line(build, contig)
        if "END={P" in line:
            shift = int(line.split("{P")[1].split("}")[0])
            line = line.replace(f"{{P{shift:+d}}}", str(SITE[build] + shift))
        made.append(line)
    made.sort(key=lambda x: (x.split("\t")[0], int(x.split("\t")[1])))
    return "\n".join(lines + made) + "\n"


def write(path: Path, text: str | bytes, mode: str = "tbi") -> Path:
    """Write a VCF as bgzip with an index (`tbi`, `csi`), bgzip alone, gzip, text, or BCF (`bcf`, `bcf_bare`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode() if isinstance(text, str) else text
    if mode == "text":
        path.write_bytes(data)
    elif mode == "gzip":
        path.write_bytes(gzip.compress(data, mtime=0))
    elif mode.startswith("bcf"):
        plain = path.with_name(path.name + ".vcf")
        plain.write_bytes(data)
        with pysam.VariantFile(str(plain)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as sink:
            for record in source:
                sink.write(record)
        plain.unlink()
        if mode == "bcf":
            pysam.tabix_index(str(path), preset="bcf", force=True)
    else:
        with pysam.BGZFile(str(path), "w") as file:
            file.write(data)
        if mode in ("tbi", "csi"):
            pysam.tabix_index(str(path), preset="vcf", force=True, csi=mode == "csi")
    return path


def write_cases(folder: Path, builds: Iterable[str] = ("GRCh37", "GRCh38")) -> None:
    """Every case in every build as a bgzipped, indexed file, and some of them as BCF."""
    for build in builds:
        for k, case in enumerate(CALLS):
            write(folder / build / f"{k:03d}.vcf.gz", text_of(case, build))
            if case.id in ("the three genotypes", "balance", "imputed", "deletion allele", "reference block", "star"):
                write(folder / build / f"{k:03d}.bcf", text_of(case, build), "bcf")


def check(answer: str, found: dict) -> list[str]:
    """What of an answer a row does not meet."""
    first, *rest = answer.split(" ")
    wrong = []
    if first.startswith("-"):
        if found["call"] or found["reason"] not in first[1:].split("|"):
            wrong.append(f"{found['call']!r} {found['reason']}, expected {first}")
    elif found["call"] != first or found["reason"] != "OK":
        wrong.append(f"{found['call']!r} {found['reason']} ({found['note']}), expected {first}")
    codes = found["note"].split(";")
    for demand in rest:
        if "=" in demand:
            key, value = demand.split("=")
            if key == "says":
                if value.replace("+", " ") not in found["note"]:
                    wrong.append(f"{value!r} is not said in {found['note']!r}")
                continue
            have = found[key]
            number = have is not None and not isinstance(have, str | bool)
            if value == "P":
                same = have in SITE.values()
            else:
                same = str(have) == value or (number and abs(have - float(value)) < 1e-6)
            if not same:
                wrong.append(f"{key} is {have!r}, expected {value}")
        elif demand.startswith("-"):
            if demand[1:] in codes:
                wrong.append(f"{demand[1:]} in {codes}")
        elif demand not in codes:
            wrong.append(f"{demand} not in {codes}")
    return wrong
