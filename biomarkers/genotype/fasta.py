"""Does the user's own reference hold, at each locus, what the locus' definition says?

A position is a claim about a sequence. Given the FASTA that the reads were aligned to, the claim is checked: the length of
the chromosome names the build; the base at the site and the bases beside it are compared; where a paralog can imitate the
locus, the paralog's base and the sentinels of both genes are read as well, so that the two cannot have been exchanged. A
locus whose facts nobody verified may be called once this check has confirmed them, and in that build only.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import Chromosome, Locus

_CHUNK = 1 << 22
FLANK_NEEDED = 20        # bases beside the site that pin an unverified locus
_NEAR = 1_000_000        # how far the same motif is looked for


@dataclass(frozen=True)
class Checked:
    """Loci that a reference confirmed.

    Parameters
    ----------
    loci : tuple of Locus
        As given; those that were unverified now are, and have a position in the reference's build only.
    about : dict
        For provenance: the file, its build, the MD5 of each chromosome read (as in SAM's M5), and what was seen per locus.
    """

    loci: tuple[Locus, ...]
    about: dict[str, Any] = field(default_factory=dict)


def check_loci(loci: Sequence[Locus], fasta: str | os.PathLike[str]) -> Checked:
    """Compare every locus with a reference in FASTA, plain or compressed; a chromosome at a time is held in memory.

    Raises
    ------
    UseError
        The file cannot be read, has not the chromosome or not in a known length, contradicts a locus, or cannot pin an
        unverified one (too few flanking bases given, or the same bases stand elsewhere within a million); all at once.
    """
    where = Path(fasta)
    confirmed: dict[str, Locus] = {}
    said: dict[str, str] = {}
    sums: dict[str, dict[str, str]] = {}
    wrong: list[str] = []
    for chromosome in dict.fromkeys(x.chromosome for x in loci):
        name, sequence = _read_chromosome(where, chromosome)
        build = next((b for b, a in chromosome.assemblies.items() if a.length == len(sequence)), None)
        if build is None:
            known = ", ".join(f"{a.length:,} in {b}" for b, a in chromosome.assemblies.items())
            raise UseError(f"{where}: {name} has {len(sequence):,} bases; {known}")
        sums[name] = {"build": build, "md5": hashlib.md5(sequence, usedforsecurity=False).hexdigest()}
        for locus in loci:
            if locus.chromosome == chromosome:
                problems, words = _compare(locus, build, sequence)
                wrong += [f"{locus.id}: {problem}" for problem in problems]
                if not problems:
                    said[locus.id] = words
                    confirmed[locus.id] = locus if locus.verified else _verified(locus, build)
    if wrong:
        raise UseError(f"{where}: the reference contradicts the loci; nothing was called\n  " + "\n  ".join(wrong))
    about = {"file": where.name, "size": where.stat().st_size, "chromosomes": sums, "loci": said}
    return Checked(tuple(confirmed[x.id] for x in loci), about)


def _verified(locus: Locus, build: str) -> Locus:
    position = {build: locus.position[build]}
    definition = {**locus.definition, "position": position, "verified": True, "source": "the reference given by --fasta"}
    return replace(locus, position=position, verified=True, source=definition["source"], definition=definition)


def _compare(locus: Locus, build: str, sequence: bytes) -> tuple[list[str], str]:
    """What contradicts the locus, and what was seen."""
    p = locus.position.get(build)
    if p is None:
        return [f"has no position in {build}, the build of this reference"], ""
    left, right = locus.flank_left.upper().encode(), locus.flank_right.upper().encode()
    base = _at(sequence, p)
    problems, seen = [], [f"{locus.ref} at {p:,}"]
    if base != locus.ref:
        problems.append(f"has REF {locus.ref}, the reference has {base} at {p:,}")
    around = sequence[max(0, p - 1 - len(left)):p - 1], sequence[p:p + len(right)]
    if around != (left, right):
        shown = f"{around[0].decode('latin-1')}[{base}]{around[1].decode('latin-1')}"
        motif = f"{locus.flank_left}[{locus.ref}/{locus.alt}]{locus.flank_right}"
        problems.append(f"stands in {motif}, the reference reads {shown}")
    elif left or right:
        seen.append(f"its {len(left) + len(right)} flanking bases")
    if not locus.verified:
        problems += _not_pinned(locus, sequence, p, left, right)
    if locus.paralog is not None:
        differences = list(_paralog_differences(locus, sequence, p))
        problems += differences
        if not differences:
            gene, there = locus.paralog.gene, p + locus.paralog.offset
            seen.append(f"{gene} with {locus.paralog.base} at {there:,}, told apart by {len(locus.paralog.sentinels)} bases")
    return problems, "; ".join(seen)


def _not_pinned(locus: Locus, sequence: bytes, p: int, left: bytes, right: bytes) -> list[str]:
    if len(left) + len(right) < FLANK_NEEDED:
        return [f"is not verified, and {len(left) + len(right)} flanking bases cannot pin it: give flank_left and flank_right "
                f"of {FLANK_NEEDED} bases or more in a TOML file of yours, from a source you trust"]
    start = max(0, p - 1 - _NEAR)
    window = sequence[start:p + _NEAR]
    places = {start + m.start() + len(left) + 1 for m in re.finditer(b"(?=%s[ACGT]%s)" % (left, right), window)}
    known = {p, p + locus.paralog.offset} if locus.paralog else {p}
    if elsewhere := sorted(places - known):
        return [f"is not verified, and its flanking bases stand at {elsewhere[0]:,} as well: lengthen them until they are "
                "its own"]
    return []


def _paralog_differences(locus: Locus, sequence: bytes, p: int) -> Iterator[str]:
    paralog = locus.paralog
    if paralog is None:
        return
    there = p + paralog.offset
    if (base := _at(sequence, there)) != paralog.base:
        yield f"{paralog.gene} should have {paralog.base} at {there:,}, the reference has {base}"
    for sentinel in paralog.sentinels:
        for gene, start, wanted in ((locus.gene or locus.id, p, sentinel.here), (paralog.gene, there, sentinel.paralog)):
            if (base := _at(sequence, start + sentinel.offset)) != wanted:
                yield f"{gene} should have {wanted} at {start + sentinel.offset:,}, the reference has {base}"


def _at(sequence: bytes, p: int) -> str:
    return sequence[p - 1:p].decode("latin-1") if 0 < p <= len(sequence) else "nothing"


# ---------------------------------------------------------------------- the file
def _read_chromosome(where: Path, chromosome: Chromosome) -> tuple[str, bytes]:
    """Name in the file, and bases in upper case, of the first sequence that has one of the chromosome's names."""
    try:
        with _opened(where) as file:
            found = _sequence(file, {name.encode() for name in chromosome.names})
    except (OSError, EOFError) as error:
        raise UseError(f"{where}: the reference cannot be read: {getattr(error, 'strerror', None) or error}") from error
    except ValueError as error:
        raise UseError(f"{where}: {error}") from error
    if found is None:
        raise UseError(f"{where}: no sequence named {' or '.join(sorted(chromosome.names))}")
    return found[0].decode("latin-1"), found[1]


@contextmanager
def _opened(where: Path) -> Iterator[BinaryIO]:
    if not where.is_file():
        raise UseError(f"{where}: {'not a regular file' if where.exists() else 'no such file'}")
    with where.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if packed:
            with gzip.open(file) as inner:
                yield inner  # type: ignore[misc]
        else:
            yield file


def _sequence(file: BinaryIO, names: set[bytes]) -> tuple[bytes, bytes] | None:
    """The first wanted sequence; the file is read in pieces, and no further than its end."""
    if file.read(1) != b">":
        raise ValueError("not a FASTA file: it does not begin with >")
    found, taken, data = b"", bytearray(), b"\n>"
    while piece := file.read(_CHUNK):
        data, at = data + piece, 0
        while True:
            begin = data.find(b"\n>", at)
            if found:
                taken += _bases(data[at:begin] if begin >= 0 else data[at:-1])
                if begin >= 0:
                    return found, bytes(taken)
            line_end = data.find(b"\n", begin + 2) if begin >= 0 else -1
            if line_end < 0:  # a heading that goes on in the next piece, or a line end that may be followed by one
                data = data[begin:] if begin >= 0 else data[-1:]
                break
            name = (data[begin + 2:line_end].split() or [b""])[0]
            found, at = name if name in names else b"", line_end
    return (found, bytes(taken + _bases(data))) if found else None


def _bases(lines: bytes) -> bytes:
    return lines.translate(None, b"\r\n \t").upper()
