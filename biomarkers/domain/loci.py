"""A locus is data: where it lies in each build, which letters its bases spell, and which paralog can imitate it.

The shipped loci are in `loci.toml` beside this file; a user adds one with a file of the same shape. A locus whose facts
were not verified is refused until the user supplies it as a file with `verified = true`.

Examples
--------
>>> site = LOCI["FCGR3A-158"]
>>> site.position["GRCh38"], site.ref, site.alt, site.calls
(161544752, 'A', 'C', ('F/F', 'V/F', 'V/V'))
>>> site.spdi("GRCh38")
'NC_000001.11:161544751:A:C'
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from biomarkers.domain.errors import UseError
from biomarkers.domain.nearest import did_you_mean

BUILDS = ("GRCh37", "GRCh38")
COMPLEMENT = {"A": "T", "C": "G", "G": "C", "T": "A"}


@dataclass(frozen=True)
class Assembly:
    """One chromosome in one build: the names files use for it, its length in bases, its RefSeq accession."""

    names: tuple[str, ...]
    length: int
    accession: str


@dataclass(frozen=True)
class Chromosome:
    """One chromosome in every build: the supported assemblies, and lengths that betray an unsupported one."""

    name: str
    assemblies: Mapping[str, Assembly]
    unsupported: Mapping[str, int]

    def __hash__(self) -> int:
        return hash((self.name, *(a.length for a in self.assemblies.values())))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name a file may use for this chromosome, of any build."""
        return frozenset(name for assembly in self.assemblies.values() for name in assembly.names)


@dataclass(frozen=True)
class Sentinel:
    """A base near the site at which gene and paralog differ."""

    offset: int
    here: str
    paralog: str


@dataclass(frozen=True)
class Paralog:
    """A second gene whose reads imitate an allele of the locus."""

    gene: str
    base: str
    offset: int
    sentinels: tuple[Sentinel, ...]


@dataclass(frozen=True)
class Locus:
    """A biallelic site with names for its genotypes.

    Parameters
    ----------
    id : str
        `GENE-residue`, as in `FCGR3A-158`.
    chromosome : Chromosome
        Names and lengths per build.
    position : mapping of build to int
        1-based position on the forward strand.
    ref, alt : str
        Forward bases. `n_v` counts `alt`.
    letters : (str, str)
        Residue of `ref`, residue of `alt`.
    calls : (str, str, str)
        Genotype words for 0, 1 and 2 copies of `alt`.
    rsid, gene, hgnc : str
        Its names elsewhere; for the reader, never for finding it.
    hgvs, legacy : tuple of str
        Spellings found in reports.
    gene_strand : {"+", "-"}
    flank_left, flank_right : str
        Forward bases beside the site, which a reference must confirm.
    codon_offsets : tuple of int
        The other two bases of its codon, counted from the site.
    paralog : Paralog or None
        A neighbour with nearly the same sequence, and the bases that tell them apart.
    source : str
        Where these facts are from.
    definition : mapping
        The entry as it was read, for provenance.
    verified : bool
        False: the facts were not pinned by flanking sequence, and calling is refused.
    """

    id: str
    chromosome: Chromosome
    position: Mapping[str, int]
    ref: str
    alt: str
    letters: tuple[str, str]
    calls: tuple[str, str, str]
    rsid: str = ""
    gene: str = ""
    hgnc: str = ""
    hgvs: tuple[str, ...] = ()
    legacy: tuple[str, ...] = ()
    gene_strand: str = "+"
    flank_left: str = ""
    flank_right: str = ""
    codon_offsets: tuple[int, ...] = ()
    paralog: Paralog | None = None
    verified: bool = False
    source: str = ""
    definition: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def spdi(self, build: str) -> str:
        """The site key: sequence, 0-based position, deleted base, inserted base."""
        return f"{self.chromosome.assemblies[build].accession}:{self.position[build] - 1}:{self.ref}:{self.alt}"

    @property
    def palindromic(self) -> bool:
        """True for A/T and C/G sites, whose strand cannot be told from their letters."""
        return COMPLEMENT[self.ref] == self.alt

    def window(self, build: str) -> tuple[int, int]:
        """First and last position (1-based, both included) that can bear on the call: site, codon and sentinels."""
        sentinels = self.paralog.sentinels if self.paralog else ()
        offsets = [0, *self.codon_offsets, *(sentinel.offset for sentinel in sentinels)]
        return self.position[build] + min(offsets), self.position[build] + max(offsets)

    @property
    def sha256(self) -> str:
        """Hash of the whole definition; part of the key under which a result may be reused."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()


def read_loci(path: str | Path) -> dict[str, Locus]:
    """Read loci from a TOML file of the shape of `loci.toml`; chromosomes of the shipped file need not be repeated.

    Raises
    ------
    UseError
        The file is missing, is no TOML, or a locus lacks a field or has bases, words or a paralog that cannot be.
    """
    where = Path(path)
    try:
        data = tomllib.loads(where.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UseError(f"{where}: no locus file: {error}") from error
    return _loci(data, str(where))


def find_loci(names: Iterable[str | Locus], *, unverified: str = "refuse") -> tuple[Locus, ...]:
    """The loci behind ids, TOML files and `Locus` objects, each once, in the order given.

    Parameters
    ----------
    names : sequence of str or Locus
    unverified : str
        `refuse`, or `keep` where the caller will verify them.

    Raises
    ------
    UseError
        An unknown id (the nearest known one is named), an unverified locus, or none at all.
    """
    if isinstance(names, str | Locus):
        names = [names]
    found: dict[str, Locus] = {}
    for name in names:
        if isinstance(name, Locus):
            found.setdefault(name.id, name)
        elif name in LOCI:
            found.setdefault(name, LOCI[name])
        elif name.endswith(".toml"):
            found |= {k: v for k, v in read_loci(name).items() if k not in found}
        else:
            raise UseError(f"unknown locus {name!r}; {did_you_mean(name, LOCI, '', cutoff=0.4)} "
                           f"known: {', '.join(LOCI)}; or give a TOML file of the shape of loci.toml")
    if not found:
        raise UseError("no locus named; the default is FCGR3A-158")
    for locus in found.values():
        if not locus.verified and unverified == "refuse":
            raise UseError(f"{locus.id}: position and alleles are not verified{f' ({locus.source})' if locus.source else ''}; "
                           "copy its entry to a TOML file with flank_left and flank_right, give that file in place of the id, "
                           "and your reference (fasta=, --fasta), which must confirm it; or check it yourself and set "
                           "verified = true in that file")
    return tuple(found.values())


def locus_of_definition(definition: Mapping[str, Any], where: str) -> Locus:
    """The locus behind a `Locus.definition`, as a provenance file keeps it.

    Raises
    ------
    UseError
        It is no definition.

    >>> locus_of_definition(LOCI["FCGR3A-158"].definition, "calls.tsv.json") == LOCI["FCGR3A-158"]
    True
    """
    about = definition.get("chromosome")
    if not isinstance(about, Mapping) or "name" not in about:
        raise UseError(f"{where}: a locus without its chromosome")
    name = str(about["name"])
    return _locus({**definition, "chromosome": name}, {name: _chromosome(name, about, where)}, where)


def _loci(data: Mapping[str, Any], where: str) -> dict[str, Locus]:
    chromosomes = dict(_SHIPPED_CHROMOSOMES)
    for name, entry in data.get("chromosome", {}).items():
        chromosomes[name] = _chromosome(name, entry, where)
    entries = data.get("locus", [])
    if not isinstance(entries, list) or not entries:
        raise UseError(f"{where}: no [[locus]] in it")
    found = [_locus(entry, chromosomes, where) for entry in entries]
    twice = {locus.id for locus in found if sum(other.id == locus.id for other in found) > 1}
    if twice:
        raise UseError(f"{where}: locus named twice: {', '.join(sorted(twice))}")
    return {locus.id: locus for locus in found}


def _chromosome(name: str, entry: Mapping[str, Any], where: str) -> Chromosome:
    try:
        assemblies = {build: Assembly(tuple(map(str, entry[build]["names"])), int(entry[build]["length"]),
                                      str(entry[build]["accession"])) for build in BUILDS if build in entry}
        unsupported = {str(k): int(v) for k, v in entry.get("unsupported", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UseError(f"{where}: chromosome {name}: needs names, length and accession per build ({error!r})") from error
    if not assemblies:
        raise UseError(f"{where}: chromosome {name}: no build of {', '.join(BUILDS)}")
    return Chromosome(name, assemblies, unsupported)


_TEXTS = ("rsid", "gene", "hgnc", "gene_strand", "flank_left", "flank_right", "source")
_FIELDS = frozenset({*_TEXTS, "id", "chromosome", "hgvs", "legacy", "ref", "alt", "letters", "calls", "codon_offsets",
                     "verified", "position", "paralog"})


def _locus(entry: Mapping[str, Any], chromosomes: Mapping[str, Chromosome], where: str) -> Locus:
    name = entry.get("id", "(no id)")

    def refuse(what: str) -> UseError:
        return UseError(f"{where}: locus {name}: {what}")

    for key in entry:
        if key not in _FIELDS:
            raise refuse(f"unknown key {key!r}; {did_you_mean(key, sorted(_FIELDS))}")
    for key in ("id", "chromosome", "position", "ref", "alt", "letters", "calls"):
        if key not in entry:
            raise refuse(f"{key!r} is missing")
    chromosome = chromosomes.get(str(entry["chromosome"]))
    if chromosome is None:
        raise refuse(f"chromosome {entry['chromosome']!r} is not described; add [chromosome.{entry['chromosome']}] "
                     "with names, length and accession per build")
    bases = (entry["ref"], entry["alt"])
    if any(base not in COMPLEMENT for base in bases) or bases[0] == bases[1]:
        raise refuse(f"ref and alt must be two different bases of A, C, G, T; got {bases}")
    calls, letters = tuple(map(str, entry["calls"])), tuple(map(str, entry["letters"]))
    if len(calls) != 3 or len(set(calls)) != 3 or not all(calls) or len(letters) != 2:
        raise refuse("calls must be three different words (0, 1, 2 copies of alt) and letters two")
    position = {build: int(p) for build, p in entry["position"].items()}
    for build, p in position.items():
        if build not in chromosome.assemblies:
            raise refuse(f"build {build!r} of position is not described for its chromosome; known: "
                         f"{', '.join(chromosome.assemblies)}")
        if not 1 <= p <= chromosome.assemblies[build].length:
            raise refuse(f"position {p} lies outside the chromosome in {build}")
    texts = {key: str(entry[key]) for key in _TEXTS if key in entry}
    return Locus(str(entry["id"]), chromosome, position, *bases, (letters[0], letters[1]),
                 (calls[0], calls[1], calls[2]), hgvs=tuple(entry.get("hgvs", ())), legacy=tuple(entry.get("legacy", ())),
                 codon_offsets=tuple(entry.get("codon_offsets", ())), paralog=_paralog(entry.get("paralog")),
                 verified=entry.get("verified") is True, definition=_definition(entry, chromosome), **texts)


def _definition(entry: Mapping[str, Any], chromosome: Chromosome) -> dict[str, Any]:
    return {**entry, "chromosome": {"name": chromosome.name, "unsupported": dict(chromosome.unsupported),
                                    **{build: asdict(a) for build, a in chromosome.assemblies.items()}}}


def _paralog(entry: Mapping[str, Any] | None) -> Paralog | None:
    if entry is None:
        return None
    sentinels = tuple(Sentinel(int(s["offset"]), str(s["here"]), str(s["paralog"])) for s in entry.get("sentinels", ()))
    return Paralog(str(entry["gene"]), str(entry["base"]), int(entry["offset"]), sentinels)


_SHIPPED_CHROMOSOMES: dict[str, Chromosome] = {}
_shipped = tomllib.loads(Path(__file__).with_name("loci.toml").read_text(encoding="utf-8"))
_SHIPPED_CHROMOSOMES.update({name: _chromosome(name, entry, "loci.toml") for name, entry in _shipped["chromosome"].items()})
DEFINITION_VERSION: str = _shipped["version"]
LOCI: Mapping[str, Locus] = MappingProxyType(_loci(_shipped, "loci.toml"))
