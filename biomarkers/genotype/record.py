"""A record is one data line of a VCF; a view is what that line says about one locus.

Alleles are read by their letters: each allele of a record gets a *role* at the site, 0 (the locus' reference base),
1 (its alternate base) or the reason why it is neither. Nothing downstream looks at an allele's index again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from biomarkers.domain.loci import COMPLEMENT, Locus
from biomarkers.genotype.definitions import CellShape, cell_shape, definition, format_key_fits, wrong_info
from biomarkers.genotype.options import Options

LARGEST_POSITION = 2**31 - 1
_REF = re.compile(r"[ACGTUNRYSWKMBDHV]+\Z", re.I)
_ALT = re.compile(r"(?:[ACGTN]+|\*|<[^<>\s,]+>"
                  r"|[ACGTN.]*[\[\]][^\[\]\s]+[\[\]][ACGTN.]*|\.[ACGTN]+|[ACGTN]+\.)\Z", re.I)  # breakends last
_QUAL = re.compile(rb"(?:\.|-0(?:\.0*)?|\+?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|\+?inf(?:inity)?|nan)\Z", re.I)
_NO_CONTIG = re.compile(r"[\s<>:,*\"'`()\[\]{}\\]")
_END = re.compile(rb"(?:^|;)END=(\d{1,10})(?=;|$)")
_SVLEN = re.compile(rb"(?:^|;)SVLEN=([-\d,]+)(?=;|$)")
_COPY_NUMBER = re.compile(r"<(?:DEL|DUP|CNV|CN\d+)\b", re.I)
_REFERENCE_ONLY = frozenset({"<NON_REF>", "<*>", "<X>"})


@dataclass(slots=True)
class Record:
    """One data line.

    Parameters
    ----------
    pos, end : int
        First and last base covered, 1-based. Blocks and symbolic alleles reach to `END` or by `SVLEN`.
    ref : str
        In upper case, as are `alts`.
    alts : tuple of str
        Empty when ALT is `.`.
    cells : bytes
        The sample columns, separated by tabs.
    problem : str
        Why the line is invalid; empty when it is not.
    shape : CellShape or None
        What the header promises of its cells.
    imputed : bool
        INFO holds the flag `IMP` or `IMPUTED`.
    r2 : (str, float) or None
        Key and smallest value of the imputation quality in INFO.
    """

    contig: str
    pos: int
    id: str
    ref: str
    alts: tuple[str, ...]
    filter: str
    end: int
    keys: tuple[str, ...]
    cells: bytes
    ref_text: str = ""
    alt_text: str = ""
    problem: str = ""
    shape: CellShape | None = None
    imputed: bool = False
    r2: tuple[str, float] | None = None

    @property
    def is_block(self) -> bool:
        """True for a line that only says "nothing but the reference here", as a gVCF has them."""
        return bool(self.alts) and _REFERENCE_ONLY.issuperset(self.alts)

    @property
    def where(self) -> str:
        """`chr1:161544752`, for messages."""
        return f"{self.contig}:{self.pos}"


def position(text: bytes) -> int | None:
    """POS as an integer, or None where it is none or lies beyond any chromosome."""
    if not text.isdigit() or len(text) > 10:
        return None
    value = int(text)
    return value if value <= LARGEST_POSITION else None


def extent(pos: int, ref: bytes, alt: bytes, info: bytes) -> int:
    """Last base that a line covers, from its first eight columns (FORMAT/LEN is not looked at)."""
    end = pos + len(ref) - 1
    if b"<" in alt or alt == b".":
        if found := _END.search(info):
            end = max(end, int(found[1]))
        elif found := _SVLEN.search(info):
            sizes = [int(x) for x in found[1].split(b",") if x.lstrip(b"-").isdigit()]
            end = max([end, *(pos + abs(x) for x in sizes)])
    return end


def parse_record(line: bytes, n_samples: int, meta: bytes = b"") -> Record:
    """Read one data line; an invalid one comes back with its `problem`, and with as much as could be read.

    The position must have been found readable by `position` before. `meta` are the header's lines, whose definitions of
    INFO and FORMAT the line must keep.
    """
    fields = line.split(b"\t", 9)
    contig, pos = fields[0].decode("latin-1"), int(fields[1])
    if len(fields) < 10:
        n = len(fields)
        end = extent(pos, fields[3], fields[4], fields[7]) if n > 7 else pos
        return Record(contig, pos, "", "", (), "", end, (), b"", problem=f"{n} columns, the header has {9 + n_samples}")
    ref_text, alt_text = fields[3].decode("latin-1"), fields[4].decode("latin-1")
    ref, alts = ref_text.upper(), () if alt_text == "." else tuple(alt_text.upper().split(","))
    keys = tuple(fields[8].decode("latin-1").split(":"))
    record = Record(contig, pos, fields[2].decode("latin-1"), ref, alts, fields[6].decode("latin-1"),
                    extent(pos, fields[3], fields[4], fields[7]), keys, fields[9], ref_text, alt_text)
    record.problem = _problem(record, fields, n_samples, meta)
    if fields[7] != b".":
        record.imputed, record.r2 = _IMPUTED.search(fields[7]) is not None, _imputation_quality(fields[7])
    if keys != _GT_ALONE and not record.problem:
        record.shape = cell_shape(keys, tuple(definition(meta, "FORMAT", key) for key in keys), len(alts))
    if "LEN" in keys and not record.problem and record.is_block:
        record.end = max(record.end, *(pos + n - 1 for n in _lengths(record)))
    return record


_GT_ALONE = ("GT",)
_IMPUTED = re.compile(rb"(?:^|;)IMP(?:UTED)?(?=;|$)")
_R2 = re.compile(rb"(?:^|;)(DR2|R2|INFO)=([0-9.,eE+-]+)(?=;|$)")


def _imputation_quality(info: bytes) -> tuple[str, float] | None:
    """Minimac's R2, Beagle's DR2 or IMPUTE's INFO; the smallest where there is one per allele."""
    if (found := _R2.search(info)) is None:
        return None
    try:
        return found[1].decode(), min(float(v) for v in found[2].split(b",") if v != b".")
    except ValueError:
        return None


def _lengths(record: Record) -> list[int]:
    i = record.keys.index("LEN")
    cells = (cell.split(b":") for cell in record.cells.split(b"\t"))
    return [1, *(int(parts[i]) for parts in cells if len(parts) > i and parts[i].isdigit() and len(parts[i]) < 10)]


def _problem(record: Record, fields: list[bytes], n_samples: int, meta: bytes) -> str:
    n = fields[9].count(b"\t") + 1
    if n != n_samples:
        return f"{n} sample columns, the header names {n_samples}"
    if _NO_CONTIG.search(record.contig):
        return f"CHROM {record.contig[:20]!r} is no contig name"
    if not _REF.match(record.ref):
        return f"REF {record.ref_text[:20]!r} is no sequence of bases"
    for alt in record.alts:
        if not _ALT.match(alt):
            return f"ALT {alt[:20]!r} is no allele"
    if not _QUAL.match(fields[5]):
        return f"QUAL {fields[5][:20].decode('latin-1')!r} is no number"
    filters = record.filter.split(";")
    if not _names(filters) or "0" in filters or (len(filters) > 1 and {"PASS", "."} & set(filters)):
        return f"FILTER {record.filter[:20]!r} is no list of filters"
    if not _names(record.id.split(";")):
        return f"ID {record.id[:20]!r} is no list of names"
    if wrong := wrong_info(fields[7].decode("latin-1"), len(record.alts), meta):
        return wrong
    if len(set(record.keys)) != len(record.keys) or not all(format_key_fits(key, meta) for key in record.keys):
        return f"FORMAT {':'.join(record.keys)[:40]!r} repeats a key or holds an empty or illegal one"
    if "GT" in record.keys[1:]:
        return "GT is not the first key of FORMAT"
    return ""


def _names(items: list[str]) -> bool:
    """True for names without blanks, none empty, none twice."""
    return all(items) and len(set(items)) == len(items) and not any(" " in x or "," in x for x in items)


@dataclass(slots=True)
class View:
    """What one record says about one locus.

    Parameters
    ----------
    kind : str
        `site` (its alleles give the base at the site), `block` (a reference block over it), `indel` (only insertions or
        deletions there), `copies` (a copy-number allele over it), `sentinel`, `codon`.
    roles : list
        Per allele: 0, 1, or the reason why it is neither base of the locus.
    bases : list of str
        Per allele, the forward base at the site where there is one, else the allele's text.
    refused : (str, str)
        Reason and message where the record speaks against being this site at all.
    notes : tuple of str
        Codes that stand beside any call made from it.
    marked : frozenset of int
        Alleles that make a carrier: of a copy-number change, a paralog base, a changed codon.
    """

    record: Record
    kind: str
    roles: list[int | str] = field(default_factory=list)
    bases: list[str] = field(default_factory=list)
    refused: tuple[str, str] = ("", "")
    notes: tuple[str, ...] = ()
    marked: frozenset[int] = frozenset()


def view_record(record: Record, locus: Locus, p: int, options: Options) -> list[View]:
    """Every view of one record at one locus whose site is `p`; empty when it has no bearing on it."""
    views = []
    covers = record.pos <= p <= record.end
    if record.problem:
        if covers:
            views.append(View(record, "site", refused=("BAD_RECORD", f"{record.where}: {record.problem}")))
        return views
    if covers:
        view = _view_site(record, locus, p, options)
        if view is not None:
            views.append(view)
    if not covers or (views and views[0].kind != "block"):
        views += _view_neighbours(record, locus, p)
    return views


def _view_site(record: Record, locus: Locus, p: int, options: Options) -> View | None:
    alts, behind = record.alts, record.pos < p
    symbolic = bool(alts) and all(a.startswith("<") for a in alts)
    copies = frozenset(i + 1 for i, alt in enumerate(alts) if _COPY_NUMBER.match(alt))
    if copies and symbolic:
        # POS is the base before the event: at POS itself the base is kept. <CNV> is written both ways.
        return View(record, "copies", marked=copies) if behind or any(a.startswith("<CN") for a in alts) else None
    if all(a in _REFERENCE_ONLY for a in alts) and (behind or alts or record.end > record.pos):
        if behind:  # a block's REF is the base at its start, so it says nothing about the site
            return View(record, "block", [0] + ["SYMBOLIC_ONLY"] * len(alts), [locus.ref, *alts], notes=("HOMREF_BLOCK",))
        view = _by_letters(record, locus, p, options)
        view.kind, view.notes = "block", (*view.notes, "HOMREF_BLOCK")
        return view
    if record.pos + len(record.ref) - 1 < p:
        return None  # an inversion, an insertion, a breakend from upstream: no copy number, no base at the site
    of_bases = [a for a in alts if _REF.match(a)]
    if alts and not of_bases and "*" not in alts and "<*:DEL>" not in alts:
        return None  # the same, beginning at the site
    if alts and not any(len(a) == len(record.ref) for a in of_bases) and (behind or of_bases):
        return _view_indel(record, locus, p)
    return _by_letters(record, locus, p, options)


def _view_indel(record: Record, locus: Locus, p: int) -> View:
    """A record of insertions and deletions only: it makes carriers uncallable and says nothing about the others."""
    roles: list[int | str] = [0, *(_role_of_other(record, alt, p) for alt in record.alts)]
    base = record.ref[p - record.pos]
    refused = ("", "")
    if base not in (locus.ref, locus.alt):
        refused = ("REF_MISMATCH", f"{record.where}: REF has {base} at the site, {locus.id} has {locus.ref} or {locus.alt}")
    return View(record, "indel", roles, [base, *record.alts], refused)


def _role_of_other(record: Record, alt: str, p: int) -> str:
    if alt in ("*", "<*:DEL>"):
        return "SPANNING_DEL"
    if alt.startswith("<"):
        return "SYMBOLIC_ONLY"
    if not _REF.match(alt):
        return "OTHER_ALLELE"
    if record.pos < p and p - record.pos >= len(alt):
        return "OVERLAP_DEL"
    return "OVERLAP_INDEL"


def _by_letters(record: Record, locus: Locus, p: int, options: Options) -> View:
    i = p - record.pos
    bases, roles = [record.ref[i]], []
    for alt in record.alts:
        bases.append(alt[i] if len(alt) == len(record.ref) and _REF.match(alt) else alt)
    notes = ["MNP"] if len(record.ref) > 1 and any(len(a) == len(record.ref) for a in record.alts) else []
    letters = {b for b in bases if b in COMPLEMENT}
    flipped = (not locus.palindromic and len(record.ref) == 1 and len(letters) == 2
               and letters == {COMPLEMENT[locus.ref], COMPLEMENT[locus.alt]})
    if flipped:
        if not options.allow_flip:
            why = (f"{record.where}: REF {record.ref_text} ALT {record.alt_text} are the other strand's letters; "
                   "allow_flip reads them as such")
            return View(record, "site", refused=("STRAND_FLIPPED", why))
        bases = [COMPLEMENT.get(b, b) for b in bases]
        notes.append("STRAND_FLIPPED")
    if bases[0] == locus.alt and locus.ref in bases and options.ref_mismatch == "resolve":
        notes.append("REF_MISMATCH_RESOLVED")
    elif bases[0] != locus.ref:
        why = f"{record.where}: REF is {record.ref_text[:20]} (base {bases[0]} at the site), {locus.id} has {locus.ref}"
        return View(record, "site", refused=("REF_MISMATCH", why))
    for k, base in enumerate(bases):
        if base in (locus.ref, locus.alt) and (k == 0 or len(record.alts[k - 1]) == len(record.ref)):
            roles.append(int(base == locus.alt))
        elif k and (len(record.alts[k - 1]) != len(record.ref) or not _REF.match(record.alts[k - 1])):
            roles.append(_role_of_other(record, record.alts[k - 1], p))
        else:
            roles.append("OTHER_ALLELE")
    return View(record, "site", roles, bases, notes=tuple(notes))


def _view_neighbours(record: Record, locus: Locus, p: int) -> list[View]:
    """The record as evidence about the site's surroundings: paralog bases, other bases of the codon."""
    views = []
    n = len(record.ref)
    for sentinel in locus.paralog.sentinels if locus.paralog else ():
        i = p + sentinel.offset - record.pos
        if 0 <= i < n and record.ref[i] == sentinel.here:
            alleles = frozenset(k + 1 for k, a in enumerate(record.alts) if len(a) == n and a[i] == sentinel.paralog)
            if alleles:
                views.append(View(record, "sentinel", marked=alleles, notes=(str(sentinel.offset),)))
    for offset in locus.codon_offsets:
        i = p + offset - record.pos
        if 0 <= i < n:
            alleles = frozenset(k + 1 for k, a in enumerate(record.alts)
                                if len(a) == n and a[i] in COMPLEMENT and a[i] != record.ref[i])
            if alleles:
                views.append(View(record, "codon", marked=alleles))
    return views
