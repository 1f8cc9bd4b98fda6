"""What a VCF header says: who is in the file, which build it is on, and whether it is a somatic caller's file.

The header is judged as bytes, once, with regular expressions that touch only the lines of interest: a header of
3,000 contigs costs no more than one of three.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from biomarkers.genotype.loci import Chromosome

_COLUMNS = [b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO"]
_TAGS = (
    ("GRCh38", re.compile(rb"grch38|hg38|(?<![a-z0-9])b38(?!\d)|hs38", re.I)),
    ("GRCh37", re.compile(rb"grch37|hg19|(?<![a-z0-9])b37(?!\d)|hs37|g1k_v37", re.I)),
    ("NCBI36", re.compile(rb"ncbi[._-]?36|hg18|(?<![a-z0-9])b36(?!\d)", re.I)),
    ("CHM13", re.compile(rb"chm13|(?<![a-z0-9])t2t(?![a-z0-9])|(?<![a-z0-9])hs1(?![a-z0-9])", re.I)),
)
_REFERENCE = re.compile(rb"^##(?:reference|assembly)=([^\r\n]*)", re.M)
# What somatic callers write about themselves. A tumour-normal file's 0/0 is "not somatic", no germline genotype.
_SOMATIC = re.compile(
    rb"^##(?:tumor_sample=|normal_sample=|source=(?:[^\r\n]*mutect|[^\r\n]*somatic|[^\r\n]*caveman)|mutectversion"
    rb"|gatkcommandline(?:\.mutect|=<id=mutect)|content=strelka somatic|cmdline=[^\r\n]*(?:somaticworkflow|mutect)"
    rb"|muse_version|pedigree=<(?:[^>\r\n]*,)?derived=|vcfprocesslog=[^\r\n]*caveman"
    rb"|info=<id=(?:ss|spv|ssc|somaticevs|qss_nt|tqss),|dragencommandline=<[^\r\n]*--tumor-)", re.M | re.I)
_GP_PHRED = re.compile(rb"^##FORMAT=<ID=GP,[^\r\n]*phred", re.M | re.I)


class HeaderProblem(Exception):
    """The header makes the file unusable.

    Parameters
    ----------
    reason : str
        `FILE_ERROR` or `NO_SAMPLES`.
    message : str
        What is wrong and where.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason, self.message = reason, message
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Header:
    """A header that can be used.

    Parameters
    ----------
    samples : tuple of str
        Names as written, in file order; never empty, never repeated.
    text : bytes
        All header lines.
    somatic : bool
        A somatic caller wrote the file.
    gp_is_phred : bool
        The file declares GP as phred-scaled (VCF 4.2 and earlier; DRAGEN).
    latin1 : bool
        The names were no UTF-8 and were read as Latin-1.
    """

    samples: tuple[str, ...]
    text: bytes
    somatic: bool
    gp_is_phred: bool
    latin1: bool


@dataclass(frozen=True, slots=True)
class Build:
    """The build of one chromosome in one file, or the reason why there is none."""

    name: str = ""
    reason: str = ""
    message: str = ""


def parse_header(text: bytes) -> Header:
    """Judge header bytes, `##fileformat` to the end of the `#CHROM` line.

    Raises
    ------
    HeaderProblem
        No VCF 4 header, no `#CHROM` line of tab-separated names, no samples, or a sample named twice.
    """
    check_beginning(text)
    start = text.rfind(b"\n#CHROM")
    if start < 0:
        raise HeaderProblem("FILE_ERROR", "no #CHROM line (header cut off, or not a VCF)")
    last = text[start + 1:].rstrip(b"\r\n")
    columns = last.split(b"\t")
    if columns[:8] != _COLUMNS:
        raise HeaderProblem("FILE_ERROR", "the #CHROM line does not name the eight VCF columns, separated by tabs"
                            + (" (it has spaces in place of tabs)" if b"\t" not in last else ""))
    if len(columns) < 10:
        raise HeaderProblem("NO_SAMPLES", "the file has no sample columns (sites only)")
    if columns[8] != b"FORMAT":
        raise HeaderProblem("FILE_ERROR", "the ninth column of the #CHROM line is not FORMAT")
    names = last.split(b"\t", 9)[9]
    latin1 = False
    try:
        samples = tuple(names.decode().split("\t"))
    except UnicodeDecodeError:
        samples, latin1 = tuple(names.decode("latin-1").split("\t")), True
    if "" in samples:
        raise HeaderProblem("FILE_ERROR", f"sample column {samples.index('') + 1} has no name")
    if len(set(samples)) != len(samples):
        seen: set[str] = set()
        twice = sorted({name for name in samples if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
        raise HeaderProblem("FILE_ERROR", f"sample named twice in the header: {', '.join(twice[:5])}")
    meta = text[:start + 1]
    return Header(samples, text, _SOMATIC.search(meta) is not None, _GP_PHRED.search(meta) is not None, latin1)


def check_beginning(text: bytes) -> None:
    """Refuse what is no VCF by its first bytes, before a byte more is read."""
    if text.startswith(b"\xef\xbb\xbf"):
        raise HeaderProblem("FILE_ERROR", "a byte-order mark (BOM) stands before ##fileformat")
    if not text.startswith(b"##fileformat=VCFv4."):
        raise HeaderProblem("FILE_ERROR", "not a VCF 4 file: the first line is not ##fileformat=VCFv4.x" if text.strip()
                            else "the file is empty: no ##fileformat line")


@lru_cache(maxsize=64)
def _contig_pattern(chromosome_names: frozenset[str], accession_stems: frozenset[str]) -> re.Pattern[bytes]:
    names = [re.escape(n.encode()) for n in sorted(chromosome_names)]
    stems = [re.escape(s.encode()) + rb"\.\d+" for s in sorted(accession_stems)]
    return re.compile(rb"^##contig=<((?:[^>\r\n]*,)?ID=(" + b"|".join(names + stems) + rb")(?:,[^\r\n]*)?)>", re.M)


def declared_contigs(text: bytes, chromosome: Chromosome) -> list[tuple[str, bytes]]:
    """Header lines of this chromosome: (name, the line's fields)."""
    stems = frozenset(n.split(".")[0] for n in chromosome.names if "." in n)
    pattern = _contig_pattern(chromosome.names, stems)
    return [(m[2].decode(), m[1]) for m in pattern.finditer(text)]


def has_contig_lines(text: bytes) -> bool:
    """True when the header declares any contig."""
    return text.find(b"\n##contig=<") >= 0


_LENGTH = re.compile(rb"(?:^|,)length=(\d+)(?=[,>]|$)")
_ASSEMBLY = re.compile(rb"(?:^|,)assembly=([^,>]*)")


def find_build(text: bytes, chromosome: Chromosome, given: str | None) -> Build:
    """The build by the evidence of the header, in order: length and accession version; `given`; tags and `##reference`.

    Hard against hard, hard against `given`, or hard against text without `given` is a conflict; `given` wins over text.
    """
    return _find_build(tuple(declared_contigs(text, chromosome)), tuple(_REFERENCE.findall(text)), chromosome, given)


@lru_cache(maxsize=1024)
def _find_build(contigs: tuple[tuple[str, bytes], ...], references: tuple[bytes, ...], chromosome: Chromosome,
                given: str | None) -> Build:
    lengths = {a.length: build for build, a in chromosome.assemblies.items()}
    strange = {length: build for build, length in chromosome.unsupported.items()}
    versions = {n: build for build, a in chromosome.assemblies.items() for n in a.names if "." in n}
    hard: dict[str, str] = {}
    soft: dict[str, str] = {}
    for name, fields in contigs:
        if length := _LENGTH.search(fields):
            n = int(length[1][:12])
            if n not in lengths:
                other = strange.get(n, "no assembly known here")
                return Build("", "BUILD_UNSUPPORTED", f"contig {name} of {n} bases: {other}")
            hard.setdefault(lengths[n], f"contig {name} of {n} bases")
        if name in versions:
            hard.setdefault(versions[name], f"accession {name}")
        elif "." in name:
            return Build("", "BUILD_UNSUPPORTED", f"contig {name}: accession version not supported")
        if assembly := _ASSEMBLY.search(fields):
            _text_evidence(assembly[1], "assembly tag", soft)
    for reference in references:
        _text_evidence(reference, "##reference", soft)
    return _weigh(hard, soft, given)


def _text_evidence(text: bytes, what: str, soft: dict[str, str]) -> None:
    for build, pattern in _TAGS:
        if pattern.search(text):
            soft.setdefault(build, f"{what} {text.decode('utf-8', 'replace').strip()[:80]!r}")


def _weigh(hard: dict[str, str], soft: dict[str, str], given: str | None) -> Build:
    if len(hard) > 1:
        return Build("", "BUILD_CONFLICT", " against ".join(f"{why} ({b})" for b, why in hard.items()))
    if hard:
        (build, why), = hard.items()
        if given and given != build:
            return Build("", "BUILD_CONFLICT", f"{why} ({build}) against build={given}")
        against = [f"{w} ({b})" for b, w in soft.items() if b != build]
        if against and build not in soft and not given:
            return Build("", "BUILD_CONFLICT", f"{why} ({build}) against {against[0]}")
        return Build(build)
    if given:
        return Build(given)
    if len(soft) > 1:
        return Build("", "BUILD_CONFLICT", " against ".join(f"{why} ({b})" for b, why in soft.items()))
    if soft:
        (build, why), = soft.items()
        if build not in ("GRCh37", "GRCh38"):
            return Build("", "BUILD_UNSUPPORTED", f"{why}: {build}")
        return Build(build)
    return Build("", "BUILD_UNKNOWN", "no contig length, accession or reference names the build; give build=")
