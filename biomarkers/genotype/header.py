"""What a VCF header says: who is in the file, which build it is on, and whether it is a somatic caller's file.

The header is judged as bytes, with regular expressions that touch only the lines of interest. Contig lines, of which
GRCh38 with its decoys has 3,366, are set apart first and judged once for all files that have the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from biomarkers.domain.loci import Chromosome

_COLUMNS = [b"#CHROM", b"POS", b"ID", b"REF", b"ALT", b"QUAL", b"FILTER", b"INFO"]
_TAGS = (
    ("GRCh38", re.compile(rb"grch38|hg38|(?<![a-z0-9])b38(?!\d)|hs38", re.I)),
    ("GRCh37", re.compile(rb"grch37|hg19|(?<![a-z0-9])b37(?!\d)|hs37|g1k_v37", re.I)),
    ("NCBI36", re.compile(rb"ncbi[._-]?36|hg18|(?<![a-z0-9])b36(?!\d)", re.I)),
    ("CHM13", re.compile(rb"chm13|(?<![a-z0-9])t2t(?![a-z0-9])|(?<![a-z0-9])hs1(?![a-z0-9])", re.I)),
)
# A header begins with ##fileformat, so every other line of it follows a line end; a literal beginning keeps searches fast.
_REFERENCE = re.compile(rb"\n##(?:reference|assembly)=([^\r\n]*)")
# What somatic callers write about themselves. A tumour-normal file's 0/0 is "not somatic", no germline genotype.
_SOMATIC = re.compile(
    rb"\n##(?:tumor_sample=|normal_sample=|source=(?:[^\r\n]*mutect|[^\r\n]*somatic|[^\r\n]*caveman)|mutectversion"
    rb"|gatkcommandline(?:\.mutect|=<id=mutect)|content=strelka somatic|cmdline=[^\r\n]*(?:somaticworkflow|mutect)"
    rb"|muse_version|pedigree=<(?:[^>\r\n]*,)?derived=|vcfprocesslog=[^\r\n]*caveman"
    rb"|info=<id=(?:ss|spv|ssc|somaticevs|qss_nt|tqss),|dragencommandline=<[^\r\n]*--tumor-)", re.I)
_GP_PHRED = re.compile(rb"\n##FORMAT=<ID=GP,[^\r\n]*phred", re.I)


# A line that is not ##key=value, or a structured one without its brackets or its ID. The brackets are looked at first, so
# that no line, however long and odd, is gone through more than a few times.
_NO_META = re.compile(rb"\n##(?!(?:INFO|FORMAT|FILTER|ALT|contig)=)(?![^=\n]+=)|"
                      rb"\n##(?:INFO|FORMAT|FILTER|ALT|contig)=(?!(?=<[^\n]*>\r?\n)<(?:[^\n]*,)?ID=[^,>\n])")


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
    samples : Samples
        Names as written (read as Latin-1 where they are no UTF-8), in file order; never empty, never repeated.
    meta : bytes
        The header lines before #CHROM, but for its contigs.
    contigs : bytes
        The `##contig` lines, behind a line end.
    somatic : bool
        A somatic caller wrote the file.
    gp_is_phred : bool
        The file declares GP as phred-scaled (VCF 4.2 and earlier; DRAGEN).
    """

    samples: Samples
    meta: bytes
    contigs: bytes
    somatic: bool
    gp_is_phred: bool


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
    columns = last.split(b"\t", 9)
    if columns[:8] != _COLUMNS:
        raise HeaderProblem("FILE_ERROR", "the #CHROM line does not name the eight VCF columns, separated by tabs"
                            + (" (it has spaces in place of tabs)" if b"\t" not in last else ""))
    if len(columns) < 10:
        raise HeaderProblem("NO_SAMPLES", "the file has no sample columns (sites only)")
    if columns[8] != b"FORMAT":
        raise HeaderProblem("FILE_ERROR", "the ninth column of the #CHROM line is not FORMAT")
    meta, contigs = split_contigs(text[:start + 1])
    if wrong := _wrong_line(meta) or _wrong_contig(contigs):
        raise HeaderProblem("FILE_ERROR", f"a header line that is not valid: {wrong!r}")
    return Header(_samples(columns[9]), meta, contigs, _SOMATIC.search(meta) is not None,
                  _GP_PHRED.search(meta) is not None)


def split_contigs(meta: bytes) -> tuple[bytes, bytes]:
    """Header lines without their contigs, and the `##contig` lines behind a line end.

    >>> split_contigs(b"##fileformat=VCFv4.2\\n##contig=<ID=1>\\n##contig=<ID=2>\\n##source=x\\n")
    (b'##fileformat=VCFv4.2\\n##source=x\\n', b'\\n##contig=<ID=1>\\n##contig=<ID=2>\\n')
    """
    parts = _CONTIGS.split(meta)
    return b"".join(parts[::2]), b"".join([*parts[1::2], b"\n"])


_CONTIGS = re.compile(rb"(\n##contig=[^\n]*(?:\n##contig=[^\n]*)*+)")


def _wrong_line(lines: bytes) -> str:
    """The beginning of the first line that is no header line; empty where all are."""
    wrong = _NO_META.search(lines)
    return lines[wrong.start() + 1:].split(b"\n", 1)[0][:60].decode("latin-1") if wrong else ""


_wrong_contig = lru_cache(maxsize=32)(_wrong_line)


class Samples(Sequence[str]):
    """Sample names as written, in file order; half a million of them stay bytes until someone looks.

    Parameters
    ----------
    raw : bytes
        The names in UTF-8, joined by tabs.

    Attributes
    ----------
    table : ndarray of uint8, (n, width), or None
        The bytes of many names that are all of one width.
    """

    __slots__ = ("_names", "n", "raw", "table")

    def __init__(self, raw: bytes) -> None:
        self.raw, self.n = raw, raw.count(b"\t") + 1
        self.table = _equally_wide(raw, self.n) if self.n >= 1000 else None
        self._names: list[str] | None = None

    @property
    def names(self) -> list[str]:
        """The names as a list."""
        if self._names is None:
            self._names = self.raw.decode().split("\t")
        return self._names

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, i: Any) -> Any:
        return self.names[i]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)


def _equally_wide(raw: bytes, n: int) -> np.ndarray | None:
    width = (len(raw) + 1) // n
    if width < 2 or width * n != len(raw) + 1:
        return None
    table = np.frombuffer(raw + b"\t", dtype=np.uint8).reshape(n, width)
    return table[:, :-1] if (table[:, -1] == 9).all() else None


def _samples(raw: bytes) -> Samples:
    if not raw.isascii():
        try:
            raw.decode()
        except UnicodeDecodeError:
            raw = raw.decode("latin-1").encode()
    samples = Samples(raw)
    if samples.table is None and (not raw or b"\t\t" in raw or raw.startswith(b"\t") or raw.endswith(b"\t")):
        raise HeaderProblem("FILE_ERROR", f"sample column {samples.names.index('') + 1} has no name")
    if not _all_different(samples):
        seen: set[str] = set()
        twice = sorted({name for name in samples if name in seen or seen.add(name)})  # type: ignore[func-returns-value]
        raise HeaderProblem("FILE_ERROR", f"sample named twice in the header: {', '.join(twice[:5])}")
    return samples


def _all_different(samples: Samples) -> bool:
    """True when no name occurs twice. Names of one width are compared as numbers: a set of 200,000 strings is slow."""
    n, table = samples.n, samples.table
    if table is not None:
        wide = np.zeros((n, -(-table.shape[1] // 8) * 8), dtype=np.uint8)
        wide[:, :table.shape[1]] = table
        words = wide.view(">u8").astype(np.uint64)
        rising, level = np.zeros(n - 1, dtype=bool), np.ones(n - 1, dtype=bool)
        for word in words.T:
            rising |= level & (word[1:] > word[:-1])
            level &= word[1:] == word[:-1]
        if rising.all():
            return True
        key = np.zeros(n, dtype=np.uint64)
        for word in words.T:  # different keys are different names; equal ones may be chance
            key = key * np.uint64(0x9E3779B97F4A7C15) + word
        key.sort()
        if (key[1:] != key[:-1]).all():
            return True
    return len(set(samples.names)) == n


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
    return re.compile(rb"\n##contig=<((?:[^>\r\n]*,)?ID=(" + b"|".join(names + stems) + rb")(?:,[^\r\n]*)?)>")


def declared_contigs(contigs: bytes, chromosome: Chromosome) -> tuple[tuple[str, bytes], ...]:
    """Contig lines of this chromosome: (name, the line's fields)."""
    stems = frozenset(n.split(".")[0] for n in chromosome.names if "." in n)
    return _declared(contigs, _contig_pattern(chromosome.names, stems))


@lru_cache(maxsize=64)
def _declared(contigs: bytes, pattern: re.Pattern[bytes]) -> tuple[tuple[str, bytes], ...]:
    return tuple((m[2].decode(), m[1]) for m in pattern.finditer(contigs))


def has_contig_lines(contigs: bytes) -> bool:
    """True when the header declares any contig."""
    return b"\n##contig=<" in contigs


def declares_blocks(meta: bytes) -> bool:
    """True when the header speaks of reference blocks, as that of a gVCF; it may survive joint genotyping."""
    return any(line in meta for line in (b"\n##GVCFBlock", b"\n##ALT=<ID=NON_REF,", b"\n##FORMAT=<ID=MIN_DP,"))


_LENGTH = re.compile(rb"(?:^|,)length=(\d+)(?=[,>]|$)")
_ASSEMBLY = re.compile(rb"(?:^|,)assembly=([^,>]*)")


def find_build(meta: bytes, contigs: bytes, chromosome: Chromosome, given: str | None) -> Build:
    """The build by the evidence of the header, in order: length and accession version; `given`; tags and `##reference`.

    Hard against hard, hard against `given`, or hard against text without `given` is a conflict; `given` wins over text.
    """
    return _find_build(declared_contigs(contigs, chromosome), tuple(_REFERENCE.findall(meta)), chromosome, given)


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
