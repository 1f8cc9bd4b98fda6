"""The decision table: what the facts of a sample at a locus amount to, a call xor the reason why there is none.

Both reading lanes, every file format and every batch end here. With several faults the first in this order is reported:
records, copy number, genotype, alleles, filter, depth, quality, balance.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from biomarkers.domain.loci import Locus
from biomarkers.genotype import cells
from biomarkers.genotype.cells import Facts
from biomarkers.genotype.options import Options
from biomarkers.genotype.record import Record, View

# Codes that may stand beside a call, in the order in which they are written, and what each says.
NOTES = {
    "ASSUMED_REF": "no record: REF/REF by the user's assertion",
    "GVCF_GAP": "a gVCF, by its blocks or its header, whose blocks do not cover the site: a gap is no data",
    "REF_MISMATCH_RESOLVED": "REF and ALT are exchanged; read by their letters",
    "STRAND_FLIPPED": "the other strand's letters; read as such on request",
    "DUPLICATE_SAME": "the record stands in the file more than once",
    "HOMREF_BLOCK": "rests on a reference block, not on a record of the site",
    "MNP": "rests on a change of several bases",
    "IMPUTED": "imputed, not observed",
    "LOW_R2": "imputed with a quality (R2 or INFO) below 0.8",
    "FILTERED": "the caller's filter failed; called on request",
    "PARALOG_SIGNAL": "bases of the paralog are called around the site",
    "PARALOG_SITE": "the locus' reference base is called in the paralog: reads have gone astray",
    "PARALOG_V_LOSS": "few reads of the alternate base, as where the paralog takes them",
    "CODON_CHANGED": "another base of the codon is changed as well",
    "NO_INDEX": "the file has no index and was read whole",
    "STALE_INDEX": "the index does not fit the file, which was read whole",
    "UNSORTED": "the file's lines are out of order, and it was read whole",
}
LOW_R2 = 0.8

REASONS = {
    "OK": "called",
    "FILE_ERROR": "the file cannot be read, or not to its end",
    "NO_SAMPLES": "the file has no sample columns",
    "SOMATIC_SUSPECT": "a somatic caller wrote the file: its genotypes are not germline",
    "BUILD_UNKNOWN": "nothing names the genome build",
    "BUILD_CONFLICT": "the evidence for the build contradicts itself, or the site stands at the other build's position",
    "BUILD_UNSUPPORTED": "a build for which the locus has no position",
    "NO_CONTIG": "the file has no contig of the locus' chromosome",
    "ABSENT": "no record at the site and no reference block over it",
    "BAD_RECORD": "the line at the site is invalid",
    "REF_MISMATCH": "REF is not the locus' reference base",
    "STRAND_FLIPPED": "the letters are those of the other strand",
    "CN0": "no copy", "CN1": "one copy", "CN_GT2": "more than two copies",
    "CNV_OVERLAP": "a copy-number change covers the site",
    "NO_GT": "the record has no genotype",
    "MISSING_GT": "the genotype is missing",
    "HALF_CALL": "one of the alleles is missing",
    "BAD_GT": "the genotype cannot be read",
    "HAPLOID": "one allele, and nothing says that there is one copy",
    "OTHER_ALLELE": "an allele that is neither base of the locus",
    "SYMBOLIC_ONLY": "an allele without bases",
    "SPANNING_DEL": "a deletion from upstream removes the site",
    "OVERLAP_DEL": "a deletion removes the site",
    "OVERLAP_INDEL": "an insertion or deletion at the site",
    "DUPLICATE_CONFLICT": "two records of the site differ for this sample",
    "FILTERED": "FILTER or FT failed",
    "LOW_DP": "too few reads",
    "LOW_GQ": "genotype quality too low",
    "LOW_GP": "the best genotype is not probable enough",
    "BAD_GP": "GP is no probability distribution, or DS no dosage",
    "DOSAGE_ONLY": "a dosage without a genotype",
    "GT_DS_CONFLICT": "genotype and dosage contradict each other",
    "ALLELE_BALANCE": "the reads contradict the genotype",
    "PARALOG_SIGNAL": "bases of the paralog are called around the site",
    "SAMPLE_DUP_DISCORDANT": "the sample has different calls in two files",
}

# The file, not the sample, is wrong: `biomarkers genotype` then exits with 1.
FILE_REASONS = frozenset({"FILE_ERROR", "NO_SAMPLES", "BAD_RECORD", "BAD_GT", "REF_MISMATCH", "STRAND_FLIPPED",
                          "BUILD_UNKNOWN", "BUILD_CONFLICT", "BUILD_UNSUPPORTED"})


class Verdict(NamedTuple):
    """What is said about one sample at one locus, apart from its numbers.

    Parameters
    ----------
    call : str
        A genotype word, or empty.
    n_copies, n_v : int or None
        Copies of the gene, and how many of them carry the locus' alternate base.
    bases : str
        Forward bases: sorted and joined by `/`, or in file order joined by `|` when phased.
    reason : str
        `OK` when and only when there is a call.
    note : str
        Codes joined by `;`, then free text.
    used : int
        Index of the view the call rests on, -1 for none.
    """

    call: str
    n_copies: int | None
    n_v: int | None
    bases: str
    phased: bool
    reason: str
    note: str
    used: int


class Genotype(NamedTuple):
    """One record's genotype of one sample, by roles; `reason` is empty for two known copies."""

    reason: str = ""
    roles: tuple[int, ...] = ()
    bases: tuple[str, ...] = ()
    phased: bool = False
    ploidy: int = 0
    message: str = ""
    imputed: bool = False

    @property
    def n_v(self) -> int:
        """Copies of the alternate base."""
        return sum(self.roles)


_GT = re.compile(rb"[/|]?(?:\.|0|[1-9]\d{0,4})(?:[/|](?:\.|0|[1-9]\d{0,4}))*\Z")


@lru_cache(maxsize=4096)
def parse_gt(text: bytes) -> tuple[tuple[int | None, ...], bool] | None:
    """Allele indices (None where missing) and whether they are phased; None when the text is no genotype.

    >>> parse_gt(b"0|1"), parse_gt(b"./1"), parse_gt(b"/0/1"), parse_gt(b"A/C")
    (((0, 1), True), ((None, 1), False), ((0, 1), False), None)
    """
    if not _GT.match(text) or len(text) > 400:
        return None
    inner = text[1:] if text[:1] in (b"/", b"|") else text
    alleles = tuple(None if a == b"." else int(a) for a in inner.replace(b"|", b"/").split(b"/"))
    return alleles, b"|" in inner and b"/" not in inner


class Decision:
    """Decides about the samples of one file at one locus.

    Parameters
    ----------
    locus : Locus
    views : list of View
        Every view of the file's records at this locus, none of them refused.
    options : Options
    may_assume : bool
        The file has records on the chromosome, so that absence could mean REF if the user asserts it.
    has_blocks : bool
        The file has reference blocks elsewhere, so that a site without any is a gap.
    notes : tuple of str
        Codes that hold for the whole file.
    """

    def __init__(self, locus: Locus, views: list[View], options: Options, *, may_assume: bool, has_blocks: bool = False,
                 notes: tuple[str, ...] = ()) -> None:
        self.locus, self.views, self.options, self.may_assume, self.file_notes = locus, views, options, may_assume, notes
        self.has_blocks = has_blocks
        of_kind = {kind: [i for i, v in enumerate(views) if v.kind == kind]
                   for kind in ("site", "block", "indel", "copies", "sentinel", "codon")}
        # The record that offers the alternate base speaks first; among equals, the first in the file.
        self.sites = sorted(of_kind["site"], key=lambda i: 1 not in views[i].roles)
        self.blocks, self.indels, self.copies = of_kind["block"], of_kind["indel"], of_kind["copies"]
        self.sentinels, self.codons = of_kind["sentinel"], of_kind["codon"]

    def verdict(self, facts: tuple[Facts, ...]) -> Verdict:
        """The verdict on one combination of facts, one per view."""
        used, genotype, notes = self._main(facts)
        reason, n_copies, message = self._copy_number(facts, used, genotype)
        if reason:
            return self._copies_verdict(reason, n_copies, message, used, genotype)
        reason, message = self._indel(facts)
        if not reason and used < 0:
            reason, message, genotype = self._absence(facts)
            notes = [] if reason else ["ASSUMED_REF", "GVCF_GAP"] if self.has_blocks else ["ASSUMED_REF"]
        elif not reason and genotype.reason:
            reason, message = genotype.reason, genotype.message
        elif not reason:
            reason, message = self._evidence(used, facts[used], genotype, notes)
        if reason in ("CN_GT2", "CN1"):
            known = len(genotype.roles) == genotype.ploidy
            return self._no_call(reason, message, used, n_copies=genotype.ploidy, n_v=genotype.n_v if known else None,
                                 bases=_spell(genotype) if known else "", phased=genotype.phased)
        if not reason and self._paralog_signal(facts):
            notes.append("PARALOG_SIGNAL")
            if self.options.paralog == "strict":
                paralog = self.locus.paralog
                reason, message = "PARALOG_SIGNAL", f"{paralog.gene if paralog else ''} bases around the site"
        if reason:
            return self._no_call(reason, message, used)
        if self._carries(facts, self.codons):
            notes.append("CODON_CHANGED")
        return Verdict(self.locus.calls[genotype.n_v], 2, genotype.n_v, _spell(genotype), genotype.phased, "OK",
                       self._note(notes, message), used)

    # ------------------------------------------------------------------ the records of the site
    def _main(self, facts: tuple[Facts, ...]) -> tuple[int, Genotype, list[str]]:
        """The record that speaks for the sample, its genotype, and notes; index -1 where no record speaks."""
        if self.sites:
            return self._split_and_doubled(facts)
        blocks = [i for i in self.blocks if facts[i].covered]
        if not blocks:
            return -1, Genotype(), []
        genotypes = [self._genotype(i, facts[i]) for i in blocks]
        first = genotypes[0]
        if any(_kernel(g) != _kernel(first) for g in genotypes):
            first = Genotype("DUPLICATE_CONFLICT", message="overlapping reference blocks differ")
        return blocks[0], first, list(self.views[blocks[0]].notes)

    def _split_and_doubled(self, facts: tuple[Facts, ...]) -> tuple[int, Genotype, list[str]]:
        """Several records at the site: those that offer the same alleles are doubles, the others a split multi-allelic."""
        used = self.sites[0]
        main, view = self._genotype(used, facts[used]), self.views[used]
        notes = list(view.notes)
        for i in self.sites[1:]:
            other, mate = self._genotype(i, facts[i]), self.views[i]
            if (1 in mate.roles) == (1 in view.roles) and (1 in view.roles or set(mate.bases) == set(view.bases)):
                if _kernel(other) != _kernel(main):
                    return used, Genotype("DUPLICATE_CONFLICT", message=f"{_text(facts[used])} and {_text(facts[i])}"), notes
                notes.append("DUPLICATE_SAME")
            elif (carried := self._other_allele(i, facts[i])) is not None:
                return used, Genotype("OTHER_ALLELE", message=f"{carried} in a second record"), notes
        return used, main, notes

    def _other_allele(self, i: int, facts: Facts) -> str | None:
        """The allele that is neither base of the locus and that the sample carries in record `i`; None where there is none."""
        parsed = parse_gt(facts.gt) if facts.gt is not None else None
        view = self.views[i]
        for a in parsed[0] if parsed else ():
            if a is not None and (a >= len(view.roles) or view.roles[a] not in (0, 1)):
                return view.bases[a] if a < len(view.bases) else f"GT {_text(facts)}"
        return None

    def _genotype(self, i: int, facts: Facts) -> Genotype:
        view = self.views[i]
        if facts.bad:
            return Genotype("BAD_RECORD", message=facts.bad)
        if facts.gt is None:
            return self._from_probabilities(view, facts)
        parsed = parse_gt(facts.gt)
        if parsed is None:
            return Genotype("BAD_GT", message=f"GT {_text(facts)!r} is no genotype")
        alleles, phased = parsed
        known = [a for a in alleles if a is not None]
        if known and max(known) >= len(view.roles):
            n = len(view.roles) - 1
            return Genotype("BAD_GT", message=f"GT {_text(facts)} names allele {max(known)}, the record has {n} ALT")
        if not known:
            return Genotype("MISSING_GT")
        if len(known) < len(alleles):
            n_v = sum(view.roles[a] == 1 for a in known)
            bound = f", at least {n_v} {self.locus.letters[1]}" if n_v else ""
            return Genotype("HALF_CALL", message=f"GT {_text(facts)}{bound}")
        bases = tuple(view.bases[a] for a in known)
        roles = [view.roles[a] for a in known]
        odd = [(role, base) for role, base in zip(roles, bases, strict=True) if isinstance(role, str)]
        whole = () if odd else tuple(int(role) for role in roles)
        if len(known) > 2:
            return Genotype("CN_GT2", whole, bases, phased, len(known), f"GT {_text(facts)}")
        if odd:
            role, base = odd[0]
            return Genotype(str(role), (), bases, phased, len(known), f"GT {_text(facts)} carries {base[:20]}")
        if len(known) == 1:
            return Genotype("HAPLOID", whole, bases, phased, 1, f"GT {_text(facts)}")
        return Genotype("", whole, bases, phased, 2)

    def _from_probabilities(self, view: View, facts: Facts) -> Genotype:
        if facts.gp is None and facts.ds is None:
            given = "GP" in view.record.keys or "DS" in view.record.keys
            return Genotype("MISSING_GT" if given else "NO_GT")
        if facts.gp is None:
            return Genotype("BAD_GP" if facts.ds == 8 else "DOSAGE_ONLY")
        if facts.gp < 0:
            return Genotype("BAD_GP" if facts.gp == -1 else "OTHER_ALLELE")
        if facts.gp >= 8:
            return Genotype("LOW_GP")
        roles = ((0, 0), (0, 1), (1, 1))[facts.gp]
        return Genotype("", roles, tuple((self.locus.ref, self.locus.alt)[r] for r in roles), ploidy=2, imputed=True)

    # ------------------------------------------------------------------ copy number
    def _copy_number(self, facts: tuple[Facts, ...], used: int, genotype: Genotype) -> tuple[str, int | None, str]:
        """Reason, copies where known, and message, from overlapping records and from FORMAT/CN."""
        for i in self.copies:
            carried, n_copies = self._copies_of(self.views[i], facts[i])
            if carried:
                record = self.views[i].record
                return "CNV_OVERLAP", n_copies, f"{record.alt_text} over {record.pos}-{record.end}"
        cn = facts[used].cn if used >= 0 else None
        if cn is None or abs(cn - 2) < 0.5:
            if cn is not None and genotype.ploidy > 2:
                return "CNV_OVERLAP", None, f"CN {cn:g} against {genotype.ploidy} alleles"
            return "", None, ""
        whole = int(cn) if cn == int(cn) and cn >= 0 else None
        if genotype.ploidy == 1 and whole == 1:
            return "CN1", 1, "CN 1"
        if genotype.ploidy > 2 and whole == genotype.ploidy:
            return "", None, ""
        return "CNV_OVERLAP", whole, f"CN {cn:g}"

    def _copies_of(self, view: View, facts: Facts) -> tuple[bool, int | None]:
        parsed = parse_gt(facts.gt) if facts.gt is not None else None
        alleles = parsed[0] if parsed else ()
        by_cn = facts.cn is not None and abs(facts.cn - 2) >= 0.5
        carried = by_cn or any(a in view.marked for a in alleles if a is not None)
        if facts.cn is not None:
            return carried, int(facts.cn) if facts.cn == int(facts.cn) and facts.cn >= 0 else None
        each = [_copies_of_allele(view, a) for a in alleles]
        known = [n for n in each if n is not None]
        return carried, sum(known) if len(known) == 2 == len(each) else None

    def _copies_verdict(self, reason: str, n_copies: int | None, message: str, used: int, genotype: Genotype) -> Verdict:
        certain = n_copies == 1 and genotype.roles and len(set(genotype.roles)) == 1
        n_v = genotype.roles[0] if certain else None
        bases = genotype.bases[0] if certain else ""
        return self._no_call(reason, message, used if used >= 0 else self.copies[0], n_copies=n_copies, n_v=n_v, bases=bases)

    # ------------------------------------------------------------------ what speaks against a genotype
    def _indel(self, facts: tuple[Facts, ...]) -> tuple[str, str]:
        for i in self.indels:
            parsed = parse_gt(facts[i].gt) if (facts[i].gt is not None and not facts[i].bad) else None
            for a in parsed[0] if parsed else ():
                if a and a < len(self.views[i].roles):
                    record = self.views[i].record
                    return str(self.views[i].roles[a]), f"{record.where} {record.ref_text[:12]}>{record.alts[a - 1][:12]}"
        return "", ""

    def _absence(self, facts: tuple[Facts, ...]) -> tuple[str, str, Genotype]:
        """No record speaks: a no-call, unless the user asserts that absence means the reference base."""
        empty = Genotype()
        for i in self.indels:
            genotype = self._genotype(i, facts[i])
            if genotype.reason in ("MISSING_GT", "HALF_CALL", "BAD_GT", "BAD_RECORD"):
                return genotype.reason, genotype.message, empty
        if self.options.absent == "hom_ref" and self.may_assume:
            ref = self.locus.ref
            return "", "", Genotype("", (0, 0), (ref, ref), ploidy=2)
        return "ABSENT", "no record at the site" if self.may_assume else "no record on the chromosome", empty

    def _evidence(self, used: int, facts: Facts, genotype: Genotype, notes: list[str]) -> tuple[str, str]:
        """Filter, depth, quality, balance; adds the notes of what was overlooked on request, and says what a call rests on."""
        record, options, n_v = self.views[used].record, self.options, genotype.n_v
        said = _block_words(record) if "HOMREF_BLOCK" in notes else ""
        if genotype.imputed or facts.imputed or record.imputed:
            notes.append("IMPUTED")
            if record.r2 is not None and record.r2[1] < LOW_R2:
                notes.append("LOW_R2")
                said = f"{record.r2[0]} {record.r2[1]:g}"
        if record.filter not in ("PASS", ".") or facts.ft_failed:
            if not options.ignore_filter:
                return "FILTERED", "FT" if record.filter in ("PASS", ".") else record.filter
            notes.append("FILTERED")
        if facts.low_dp:
            return "LOW_DP", ""
        if facts.low_gq:
            return "LOW_GQ", ""
        if facts.gp == -1 or facts.ds == 8:
            return "BAD_GP", ""
        if facts.gp is not None and facts.gp >= 8:
            return "LOW_GP", ""
        if facts.gp == -2 or (facts.ds is not None and not facts.ds & 1 << n_v):
            return "GT_DS_CONFLICT", ""
        if facts.band not in _BANDS[n_v]:
            return "ALLELE_BALANCE", ""
        paralog = self.locus.paralog
        if n_v == 1 and facts.band == cells.BAND_LOW and paralog is not None and paralog.base == self.locus.alt:
            notes.append("PARALOG_V_LOSS")
        return "", said

    def _paralog_signal(self, facts: tuple[Facts, ...]) -> bool:
        places = {self.views[i].notes for i in self.sentinels if self._carries(facts, [i])}
        return len(places) >= 2

    def _carries(self, facts: tuple[Facts, ...], views: list[int]) -> bool:
        for i in views:
            gt = facts[i].gt
            parsed = parse_gt(gt) if gt is not None and not facts[i].bad else None
            if parsed and any(a in self.views[i].marked for a in parsed[0] if a is not None):
                return True
        return False

    # ------------------------------------------------------------------ verdicts
    def _note(self, codes: list[str], message: str) -> str:
        return note_of({*codes, *self.file_notes}, message)

    def _no_call(self, reason: str, message: str, used: int, *, n_copies: int | None = None, n_v: int | None = None,
                 bases: str = "", phased: bool = False) -> Verdict:
        return Verdict("", n_copies, n_v, bases, phased, reason, self._note([], message), used)


def note_of(codes: Collection[str], message: str) -> str:
    """The cell `note`: codes in their order, then words."""
    return ";".join([code for code in NOTES if code in codes] + ([message] if message else []))


def with_code(note: str, code: str) -> str:
    """A note with one code more, in its place.

    >>> with_code("MNP;NO_INDEX;some words", "IMPUTED"), with_code("", "MNP")
    ('MNP;IMPUTED;NO_INDEX;some words', 'MNP')
    """
    parts = note.split(";")
    n = next((i for i, part in enumerate(parts) if part not in NOTES), len(parts))
    return note_of({*parts[:n], code}, ";".join(parts[n:]))


def _block_words(record: Record) -> str:
    """What a reference block says about the site, and by which of its numbers."""
    depth = next((key for key in ("MIN_DP", "DP") if key in record.keys), "")
    words = {"MIN_DP": "its least depth", "DP": "its own depth, which may hide a thinner place", "": "no depth"}[depth]
    return f"block {record.where}-{record.end} with {words}"


_BANDS = (
    frozenset({cells.BAND_NONE, cells.BAND_REF}),
    frozenset({cells.BAND_NONE, cells.BAND_LOW, cells.BAND_HET}),
    frozenset({cells.BAND_NONE, cells.BAND_ALT}),
)


def _copies_of_allele(view: View, a: int | None) -> int | None:
    """Copies that one allele leaves on its chromosome; None where its name does not tell."""
    if a is None or a > len(view.record.alts):
        return None
    if a == 0:
        return 1
    alt = view.record.alts[a - 1]
    if alt.startswith("<DEL"):
        return 0
    return int(alt[3:-1]) if re.fullmatch(r"<CN\d{1,2}>", alt) else None


def _kernel(genotype: Genotype) -> tuple[str, tuple[str, ...]]:
    """What two records of one site must agree in: the unordered bases, or the lack of a genotype."""
    return genotype.reason, tuple(sorted(genotype.bases))


def _spell(genotype: Genotype) -> str:
    return "|".join(genotype.bases) if genotype.phased and len(genotype.bases) > 1 else "/".join(sorted(genotype.bases))


def _text(facts: Facts) -> str:
    return (facts.gt or b"no GT")[:20].decode("latin-1")
