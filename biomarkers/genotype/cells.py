"""A sample's cell becomes discrete facts, on which the decision rests, and numbers, which are only carried along.

Whether a depth is too low is a fact; the depth is a number. There are few distinct facts even where every cell differs,
so a decision is made once per distinct combination, and no object is made per sample.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from biomarkers.genotype.options import Options
from biomarkers.genotype.record import View

# Share of alt reads among ref + alt reads, in bands whose borders are the thresholds of the balance rules.
BAND_NONE, BAND_REF, BAND_FEW, BAND_LOW, BAND_HET, BAND_MOST, BAND_ALT = -1, 0, 1, 2, 3, 4, 5


class Facts(NamedTuple):
    """What one record's cell says about one sample, as far as a decision needs it.

    Parameters
    ----------
    gt : bytes or None
        The GT text; None where FORMAT has no GT.
    low_dp, low_gq, ft_failed : bool
        A value is given and lies below its threshold; FT names a failed filter.
    band : int
        Band of the share of alt reads, -1 where AD does not tell.
    cn : float or None
        FORMAT/CN.
    ds : int or None
        Which numbers of alt alleles lie within 0.5 of DS: bits 1, 2, 4; 8 marks a DS outside 0 to 2.
    gp : int or None
        Number of alt alleles of the most probable genotype; +8 where its probability is below `min_gp`; -1 where GP is no
        distribution; -2 where the best genotype has another allele.
    imputed : bool
        DS or GP is given.
    covered : bool
        False where the sample's own LEN ends a block before the site.
    bad : str
        Why the cell is invalid.
    """

    gt: bytes | None
    low_dp: bool = False
    low_gq: bool = False
    band: int = BAND_NONE
    cn: float | None = None
    ft_failed: bool = False
    ds: int | None = None
    gp: int | None = None
    imputed: bool = False
    covered: bool = True
    bad: str = ""


class Numbers(NamedTuple):
    """The numbers of one cell; None where not given."""

    dp: int | None = None
    gq: float | None = None
    ad_ref: int | None = None
    ad_alt: int | None = None
    dosage: float | None = None


NO_NUMBERS = Numbers()


@dataclass(slots=True)
class Column:
    """One record's cells of all samples.

    Parameters
    ----------
    codes : sequence of int, (n,)
        Index into `facts`.
    facts : list of Facts
    numbers : sequence of Numbers, (n,), or arrays, or None
        None where no cell holds a number; a `dict` of name to (n,) arrays where the record was read as arrays.
    """

    codes: Sequence[int] | np.ndarray
    facts: list[Facts]
    numbers: Sequence[Numbers] | dict[str, np.ndarray] | None


class CellReader:
    """Reads the cells of one record for one locus."""

    def __init__(self, view: View, p: int, options: Options, *, gp_is_phred: bool) -> None:
        record = view.record
        keys = {key: i for i, key in enumerate(record.keys)}
        self.n_keys = len(keys)
        self.view, self.options, self.gp_is_phred = view, options, gp_is_phred
        self.gt = keys.get("GT")
        self.dp = [keys[k] for k in ("MIN_DP", "DP") if k in keys]
        self.gq = [keys[k] for k in ("GQ", "RGQ") if k in keys]
        self.ad, self.cn, self.ft = keys.get("AD"), keys.get("CN"), keys.get("FT")
        # Of a copy number, a sentinel or a codon only the carriers are asked for: its alleles have no roles to count.
        self.ds, self.gp = (keys.get("DS"), keys.get("GP")) if view.roles else (None, None)
        self.len = keys.get("LEN") if view.kind == "block" else None
        self.needed = p - record.pos + 1
        self.n_alleles = len(record.alts) + 1
        roles = view.roles
        self.of_ref = [i for i, role in enumerate(roles) if role == 0]
        self.of_alt = [i for i, role in enumerate(roles) if role == 1]
        # ad_alt is the read count of the locus' other allele than REF, else of the first ALT.
        others = [i for i in (self.of_alt if 0 in self.of_ref else self.of_ref) if i]
        self.i_alt = others[0] if others else 1
        self.gt_only = self.n_keys == 1 and self.gt == 0
        self.shape = record.shape
        self.plain = not any(x is not None for x in (self.cn, self.ft, self.ds, self.gp, self.len))

    def read(self, cell: bytes) -> tuple[Facts, Numbers]:
        """Facts and numbers of one cell."""
        if self.gt_only:
            return Facts(cell) if b":" not in cell else Facts(cell, bad="more fields than FORMAT has keys"), NO_NUMBERS
        parts = cell.split(b":")
        if len(parts) > self.n_keys:
            return Facts(None, bad="more fields than FORMAT has keys"), NO_NUMBERS
        parts += [b"."] * (self.n_keys - len(parts))
        gt = None if self.gt is None else parts[self.gt]
        if self.shape is not None and (wrong := self.shape.wrong(cell)):
            return Facts(gt, bad=wrong), NO_NUMBERS
        try:
            ad = self._counts(parts[self.ad]) if self.ad is not None else None
            dp = self._first(parts, self.dp, _count)
            gq = self._first(parts, self.gq, _quality)
            if dp is None and ad is not None:
                dp = sum(ad)
            low_dp = dp is not None and dp < self.options.min_dp
            low_gq = gq is not None and gq < self.options.min_gq
            if self.plain:
                facts = Facts(gt, low_dp, low_gq, self._band(ad))
                dosage = None
            else:
                facts, dosage = self._more(parts, Facts(gt, low_dp, low_gq, self._band(ad)))
        except ValueError as error:
            return Facts(gt, bad=str(error)), NO_NUMBERS
        if ad is None:
            return facts, Numbers(dp, gq, None, None, dosage)
        return facts, Numbers(dp, gq, ad[0], ad[self.i_alt] if self.i_alt < len(ad) else None, dosage)

    def _more(self, parts: list[bytes], facts: Facts) -> tuple[Facts, float | None]:
        """The rarer keys: copy number, sample filter, block length, dosage and genotype probabilities."""
        cn = _number(parts[self.cn], "CN", below=1e6) if self.cn is not None else None
        failed = self.ft is not None and parts[self.ft] not in (b"PASS", b".")
        covered = True
        if self.len is not None and parts[self.len] != b".":
            covered = _count(parts[self.len], "LEN") >= self.needed
        ds, dosage = self._dosage(parts[self.ds]) if self.ds is not None else (None, None)
        gp, expected = self._probabilities(parts[self.gp]) if self.gp is not None else (None, None)
        if ds is None and expected is not None:
            dosage = expected
            if facts.gt is not None:  # a GT beside GP is compared with what GP expects
                ds = _near(expected)
        imputed = ds is not None or gp is not None
        return facts._replace(cn=cn, ft_failed=failed, covered=covered, ds=ds, gp=gp,
                              imputed=imputed and not (self.gp_is_phred and self.ds is None)), dosage

    def _first(self, parts: list[bytes], places: list[int], read: Any) -> Any:
        for i in places:
            if parts[i] != b".":
                return read(parts[i])
        return None

    def _counts(self, text: bytes) -> list[int] | None:
        """AD; None where it is missing, in part missing, or not one count per allele (some callers count ALT alone)."""
        if text == b".":
            return None
        values = text.split(b",")
        if len(values) != self.n_alleles or b"." in values:
            return None
        return [_count(v, "AD") for v in values]

    def _band(self, ad: list[int] | None) -> int:
        if ad is None or not self.of_ref or not self.of_alt:
            return BAND_NONE
        alt = sum(ad[i] for i in self.of_alt)
        return band(alt, alt + sum(ad[i] for i in self.of_ref))

    def _dosage(self, text: bytes) -> tuple[int | None, float | None]:
        """DS counts each ALT; where REF is the locus' alt base its copies are what is left of two."""
        if text == b".":
            return None, None
        values = text.split(b",")
        if len(values) != self.n_alleles - 1 or b"." in values:
            return None, None
        numbers = [_number(v, "DS") or 0.0 for v in values]
        if any(not -0.01 <= x <= 2.01 for x in numbers) or sum(numbers) > 2.01:
            return 8, None
        dosage = sum(numbers[i - 1] for i in self.of_alt if i)
        if 0 in self.of_alt:
            dosage += 2.0 - sum(numbers)
        return _near(dosage), dosage

    def _probabilities(self, text: bytes) -> tuple[int | None, float | None]:
        """GP in the order of VCF (00, 01, 11, 02, 12, 22, ...): the best genotype and the expected number of alt alleles."""
        if text == b".":
            return None, None
        values = text.split(b",")
        n = self.n_alleles
        if len(values) != n * (n + 1) // 2 or b"." in values:
            return (None, None) if all(v == b"." for v in values) else (-1, None)
        p = [_number(v, "GP") or 0.0 for v in values]
        if self.gp_is_phred:
            if min(p) < 0:
                return -1, None
            p = [10.0 ** (-x / 10.0) for x in p]
            total = sum(p)
            p = [x / total for x in p] if total > 0 and math.isfinite(total) else p
        if any(not -1e-9 <= x <= 1.01 for x in p) or abs(sum(p) - 1.0) > 0.021:
            return -1, None
        pairs = [(j, k) for k in range(n) for j in range(k + 1)]
        best = max(range(len(p)), key=p.__getitem__)
        roles = [self.view.roles[i] for i in pairs[best]]
        expected = sum(x * sum(self.view.roles[i] == 1 for i in pair) for x, pair in zip(p, pairs, strict=True))
        if not all(role in (0, 1) for role in roles):
            return -2, expected
        n_v = sum(int(role) for role in roles)
        return n_v + (0 if p[best] >= self.options.min_gp else 8), expected


def band(alt: int, both: int) -> int:
    """Band of alt / both reads: at most 0.1, below 0.2, at most 0.35, at most 0.8, below 0.9, the rest.

    In whole numbers, so that 10 of 50 reads are 0.2 exactly.
    """
    if both <= 0:
        return BAND_NONE
    if 10 * alt <= both:
        return BAND_REF
    if 5 * alt < both:
        return BAND_FEW
    if 20 * alt <= 7 * both:
        return BAND_LOW
    if 5 * alt <= 4 * both:
        return BAND_HET
    return BAND_MOST if 10 * alt < 9 * both else BAND_ALT


def _near(dosage: float) -> int:
    return sum(1 << n for n in (0, 1, 2) if abs(dosage - n) <= 0.5)


def _count(text: bytes, key: str = "DP") -> int:
    if not text.isdigit() or len(text) > 10:
        raise ValueError(f"{key} {text[:20].decode('latin-1')!r} is no count")
    return int(text)


_REAL = re.compile(rb"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\Z")


def _number(text: bytes, key: str, *, below: float = math.inf) -> float | None:
    if text == b".":
        return None
    if not _REAL.match(text) or not abs(value := float(text)) < below:
        raise ValueError(f"{key} {text[:20].decode('latin-1')!r} is no number")
    return value


def _quality(text: bytes) -> float:
    if text.isdigit() and len(text) < 10:
        return int(text)
    value = _number(text, "GQ")
    if value is None or value < 0:
        raise ValueError(f"GQ {text[:20].decode('latin-1')!r} is no quality")
    return value


def read_column(reader: CellReader, n_samples: int) -> Column:
    """All cells of a record: as arrays where they are alike, else one decision per distinct cell."""
    cells = reader.view.record.cells
    if n_samples >= 64:
        column = _equal_width(reader, cells, n_samples) if reader.gt_only else _integers(reader, cells, n_samples)
        if column is not None:
            return column
    return _one_by_one(reader, cells, n_samples)


def _one_by_one(reader: CellReader, cells: bytes, n_samples: int) -> Column:
    index: dict[Facts, int] = {}
    seen: dict[bytes, tuple[int, Numbers]] = {}
    codes: list[int] = []
    numbers: list[Numbers] = []
    for cell in cells.split(b"\t"):
        known = seen.get(cell)
        if known is None:
            facts, values = reader.read(cell)
            known = seen[cell] = index.setdefault(facts, len(index)), values
        codes.append(known[0])
        numbers.append(known[1])
    assert len(codes) == n_samples
    return Column(codes, list(index), None if reader.gt_only else numbers)


def _equal_width(reader: CellReader, cells: bytes, n_samples: int) -> Column | None:
    """GT alone, every cell as wide as the next: the cells are integers, and there are few of them."""
    width = cells.find(b"\t") + 1
    if not 1 < width <= 8 or (len(cells) + 1) != n_samples * width:
        return None
    table = np.frombuffer(cells + b"\t", dtype=np.uint8).reshape(n_samples, width)
    if not (table[:, -1] == 9).all():
        return None
    if width == 4:
        words = table.view(np.uint32)[:, 0]
    elif width == 8:
        words = table.view(np.uint64)[:, 0]
    else:
        wide = np.zeros((n_samples, 8), dtype=np.uint8)
        wide[:, :width] = table
        words = wide.view(np.uint64)[:, 0]
    codes = np.zeros(n_samples, dtype=np.uint8)
    facts: list[Facts] = []
    left = np.ones(n_samples, dtype=bool)
    while True:
        i = int(left.argmax())
        if not left[i]:
            return Column(codes.astype(np.intp), facts, None)
        if len(facts) == 40:
            return None
        same = words == words[i]
        codes += same.view(np.uint8) * np.uint8(len(facts))
        facts.append(reader.read(table[i, :-1].tobytes())[0])
        left &= ~same


_INTEGER_KEYS = frozenset({"GT", "AD", "DP", "GQ", "MIN_DP", "RGQ", "PL", "PS", "SB", "MQ0", "NR", "NV", "AO", "RO"})


def _integers(reader: CellReader, cells: bytes, n_samples: int) -> Column | None:
    """GT and whole numbers, the same count of them in every cell: one array for the whole record."""
    keys = reader.view.record.keys
    if not reader.plain or reader.gt != 0 or not _INTEGER_KEYS.issuperset(keys):
        return None
    slashed = cells.replace(b"|", b"/")
    first = slashed.split(b"\t", 1)[0]
    pattern = first.translate(None, b"0123456789") + b"\t"
    marks = slashed.translate(None, b"0123456789") + b"\t"
    if b"." in pattern or pattern.count(b"/") != 1 or not pattern.startswith(b"/") or marks != pattern * n_samples:
        return None
    if reader.shape is not None and reader.shape.wrong(first):
        return None  # the one-by-one reading will say what is wrong
    k = len(pattern)
    values = np.fromstring(slashed.translate(_TO_SPACE), dtype=np.int64, sep=" ")
    if values.size != n_samples * k:
        return None  # an empty field somewhere: the one-by-one reading will say what is wrong with it
    table = values.reshape(n_samples, k)
    return _from_table(reader, table, first.split(b":"), cells)


_TO_SPACE = bytes.maketrans(b"/:,\t", b"    ")


def _from_table(reader: CellReader, table: np.ndarray, first: list[bytes], cells: bytes) -> Column | None:
    n = len(table)
    start, places = 2, {}
    if len(first) > reader.n_keys or table.max(initial=0) > 10**9:
        return None
    for i, part in enumerate(first[1:], start=1):
        places[i] = (start, part.count(b",") + 1)
        start += places[i][1]
    if any(places.get(i, (0, 1))[1] != 1 for i in (*reader.dp, *reader.gq)) or table[:, :2].max() > 9:
        return None
    ad = None
    if reader.ad in places and places[reader.ad][1] == reader.n_alleles:
        ad = table[:, places[reader.ad][0]:places[reader.ad][0] + reader.n_alleles]
    column = next((table[:, places[i][0]] for i in reader.dp if i in places), None)
    dp = column if column is not None else (ad.sum(axis=1) if ad is not None else None)
    gq = next((table[:, places[i][0]] for i in reader.gq if i in places), None)
    bands = np.full(n, BAND_NONE)
    if ad is not None and reader.of_ref and reader.of_alt:
        alt = ad[:, reader.of_alt].sum(axis=1)
        both = alt + ad[:, reader.of_ref].sum(axis=1)
        bands = np.select([both <= 0, 10 * alt <= both, 5 * alt < both, 20 * alt <= 7 * both, 5 * alt <= 4 * both,
                           10 * alt < 9 * both], [BAND_NONE, BAND_REF, BAND_FEW, BAND_LOW, BAND_HET, BAND_MOST], BAND_ALT)
    marks = np.frombuffer(cells.translate(None, b"0123456789:,\t"), dtype=np.uint8)
    low_dp = dp < reader.options.min_dp if dp is not None else np.zeros(n, dtype=bool)
    low_gq = gq < reader.options.min_gq if gq is not None else np.zeros(n, dtype=bool)
    key = ((((table[:, 0] * 10 + table[:, 1]) * 2 + (marks == 124)) * 2 + low_dp) * 2 + low_gq) * 8 + bands + 1
    codes, distinct = _compact(key, 10 * 10 * 2 * 2 * 2 * 8)
    facts = []
    for word in distinct.tolist():
        word, b = divmod(word, 8)
        word, q = divmod(word, 2)
        word, d = divmod(word, 2)
        word, phased = divmod(word, 2)
        gt = b"%d%s%d" % (word // 10, b"|" if phased else b"/", word % 10)
        facts.append(Facts(gt, bool(d), bool(q), b - 1))
    arrays = {"dp": dp, "gq": gq}
    if ad is not None:
        arrays |= {"ad_ref": ad[:, 0], "ad_alt": ad[:, reader.i_alt] if reader.i_alt < reader.n_alleles else None}
    return Column(codes, facts, {k: v for k, v in arrays.items() if v is not None})


def _compact(key: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes 0, 1, ... for the distinct values of an integer array below `size`."""
    present = np.bincount(key, minlength=size) > 0
    distinct = np.flatnonzero(present)
    rank = np.zeros(size, dtype=np.intp)
    rank[distinct] = np.arange(len(distinct))
    return rank[key], distinct


def combine(columns: list[Column], n_samples: int) -> tuple[Sequence[int] | np.ndarray, list[tuple[Facts, ...]]]:
    """Codes for the distinct combinations of several records' facts, and the combinations."""
    if len(columns) == 1:
        return columns[0].codes, [(f,) for f in columns[0].facts]
    if n_samples < 64:
        index: dict[tuple[int, ...], int] = {}
        codes = [index.setdefault(key, len(index)) for key in zip(*(c.codes for c in columns), strict=True)]
        return codes, [tuple(c.facts[i] for c, i in zip(columns, key, strict=True)) for key in index]
    joint = np.asarray(columns[0].codes)
    combinations = [(f,) for f in columns[0].facts]
    for column in columns[1:]:
        width = len(column.facts)
        key = joint.astype(np.int64) * width + np.asarray(column.codes)
        if len(combinations) * width <= 4_000_000:
            joint, distinct = _compact(key, len(combinations) * width)
        else:
            distinct, joint = np.unique(key, return_inverse=True)
        combinations = [(*combinations[i // width], column.facts[i % width]) for i in distinct.tolist()]
    return joint, combinations
