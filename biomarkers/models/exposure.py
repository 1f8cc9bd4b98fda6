"""How a marker enters a model: its scale or a declared cut, the words of its contrast, and what had to be assumed.

A cut is declared with its source, never searched here. A departure from the registry (another scale, a cut at the median) is
allowed when it is declared, and stamps its rows as sensitivity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Cut, Marker
from biomarkers.domain.scales import SCALES

_ENTERED = {
    "left": "below the limit entered at the limit (sensitivity)",
    "right": "above the range entered at its end (sensitivity)",
    "interval": "given as a range entered at the midpoint (sensitivity)",
}
MEDIAN_CUTS = ("below median", "at or above median")


@dataclass(frozen=True, slots=True)
class Exposure:
    """One covariate with its words.

    Parameters
    ----------
    x : (n,) float
        As the model sees it; steps of the model scale, 0/1 for a class, the number of alleles for a genotype.
    term, contrast : str
        For the result table: "tk1_dul", "per doubling".
    groups : (n,) array of str or None
        Class labels, where there are classes; they carry the gates and the curves.
    order : tuple of str
        Order of the classes, the reference first.
    notes : tuple of str
        What was declared or assumed for all rows.
    censor : (n,) array of str
        "none", "left", "right" or "interval": how each value is known.
    """

    x: np.ndarray
    term: str
    contrast: str
    groups: np.ndarray | None = None
    order: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    censor: np.ndarray = field(default_factory=lambda: np.array([], dtype=str))

    @property
    def binary(self) -> bool:
        """Whether the covariate contrasts two classes."""
        return len(self.order) == 2

    def part(self, mask: np.ndarray) -> Exposure:
        """The rows where `mask` holds."""
        return replace(self, x=self.x[mask], groups=None if self.groups is None else self.groups[mask],
                       censor=self.censor[mask])

    @property
    def assumed(self) -> list[str]:
        """The notes, and how many values entered at a limit or a midpoint; a declared class needs no such assumption."""
        counted = [] if self.groups is not None else [
            f"{n} {'value' if n == 1 else 'values'} {words}"
            for kind, words in _ENTERED.items() if (n := int((self.censor == kind).sum()))
        ]
        return [*self.notes, *counted]


def departs(marker: Marker, *, scale: str | None, cut: object, zero: str | None) -> tuple[Marker, tuple[str, ...]]:
    """The marker on the scale asked for, and the notes that declared departures leave on their rows."""
    notes = []
    if scale is not None and scale != marker.scale:
        if scale not in SCALES:
            raise UseError(f"scale {scale!r} is not one of {', '.join(SCALES)}")
        notes.append(f"sensitivity: scale {scale} instead of {marker.scale}")
        marker = replace(marker, scale=scale, step=1.0)
    if zero is not None:
        if zero != "below_limit":
            raise UseError(f"zero = {zero!r}: the one declaration is 'below_limit' (a delivered 0 means not detected)")
        notes.append("sensitivity: a delivered 0 is below the limit")
    if isinstance(cut, str) and cut != "registry":
        notes.append(f"sensitivity: cut {cut}, from these data")
    return marker, tuple(notes)


def entering(values: pd.DataFrame, marker: Marker, *, cut: object = None) -> pd.DataFrame:
    """Values as they enter, with those that cannot enter moved to `not_evaluable`.

    A value below its limit enters at the limit; a value above its range at the range's end; a range at its midpoint. Each
    is counted in the notes of the row. Where no limit is known, a declared "below" enters as 0 under ``log2(x+1)`` and in
    the lowest class of a cut; no logarithm of it exists.
    """
    value = values["value"].astype(float)
    below_unknown = (values["censor"] == "left") & value.isna()
    if marker.scale == "log2(x+1)" or cut is not None:
        value = value.mask(below_unknown & (values["lost"] == ""), 0.0)
        below_unknown &= False
    if cut is not None:
        return values.assign(value=value)
    on_scale = SCALES[marker.scale].to_model(value, values["c"].fillna(0.0).astype(float))
    unusable = (values["lost"] == "") & ~np.isfinite(on_scale)
    detail = np.where(below_unknown, "below the limit, and no limit is known", f"{marker.scale} is not defined")
    return values.assign(
        value=value,
        lost=values["lost"].mask(unusable, "not_evaluable"),
        detail=values["detail"].mask(unusable, pd.Series(detail, values.index)),
    )


def exposure(rows: pd.DataFrame, marker: Marker, *, cut: float | str | Cut | None = None,
             notes: Sequence[str] = ()) -> Exposure:
    """The covariate of a marker for these rows.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns `value`, `c`, `censor`; one row per subject analysed.
    marker : Marker
    cut : float, "registry", "below median", "at or above median" or None
        None: continuous on the marker's scale, additive for a genotype, class against class for a call.
    """
    value = rows["value"].to_numpy(float)
    faced = _faced(value, rows["c"].fillna(0.0).to_numpy(float), marker, cut, tuple(notes))
    return replace(faced, censor=rows["censor"].to_numpy(str))


def _faced(value: np.ndarray, c: np.ndarray, marker: Marker, cut: float | str | Cut | None, notes: tuple[str, ...]) -> Exposure:
    if cut is not None:
        return _classes(value, marker, cut, notes)
    if marker.kind == "genotype":
        groups = np.array(marker.levels)[value.astype(int)]
        return Exposure(value, marker.name, marker.effect, groups, marker.levels, notes)
    if marker.levels:
        return _levels(value, marker, notes)
    return Exposure(marker.to_model_scale(value, c), marker.name, marker.effect, notes=notes)


def _levels(value: np.ndarray, marker: Marker, notes: tuple[str, ...]) -> Exposure:
    words = tuple(level.replace("_", " ") for level in marker.levels)
    if len(words) != 2:
        raise UseError(f"{marker.label} has {len(words)} levels; declare which contrast to analyse")
    return Exposure(value, f"{marker.name}[{marker.levels[1]}]", f"{words[1]} against {words[0]}",
                    np.array(words)[value.astype(int)], words, notes)


def _classes(value: np.ndarray, marker: Marker, cut: float | str | Cut, notes: Sequence[str]) -> Exposure:
    """A declared cut as a 0/1 covariate; the class named by the cut is 1."""
    unit = f" {marker.unit}" if marker.unit else ""
    if isinstance(cut, str) and cut in MEDIAN_CUTS:
        median = float(np.median(value))
        low, high = f"below the median ({median:.4g}{unit})", "at or above it"
        if cut == "below median":
            return _two(value < median, marker, low, high, notes)
        return _two(value >= median, marker, f"at or above the median ({median:.4g}{unit})", "below it", notes)
    if isinstance(cut, str) and cut != "registry":
        raise UseError(f"cut {cut!r} is not a number, 'registry', {' or '.join(map(repr, MEDIAN_CUTS))}")
    if cut == "registry":
        if marker.cut is None:
            cited = "; ".join(f"{c.value:g} ({c.citation})" for c in marker.cuts) or "none published"
            raise UseError(f"{marker.label} has no registry cut; declare one with its source. Known: {cited}")
        cut = marker.cut
    chosen = cut if isinstance(cut, Cut) else next(
        (c for c in (marker.cut, *marker.cuts) if c is not None and c.value == cut), Cut(float(cut), ""))
    source = f"cut {chosen.value:g} from {chosen.citation}" if chosen.citation else (
        f"sensitivity: cut {chosen.value:g} declared without a published source")
    if marker.kind == "genotype":
        return _genotypes(value, marker, chosen, (*notes, source))
    if chosen.side == "below":
        return _two(value < chosen.value, marker, f"< {chosen.value:g}{unit}", f"≥ {chosen.value:g}", (*notes, source))
    if chosen.side == "above":
        return _two(value > chosen.value, marker, f"> {chosen.value:g}{unit}", f"≤ {chosen.value:g}", (*notes, source))
    return _two(value >= chosen.value, marker, f"≥ {chosen.value:g}{unit}", f"< {chosen.value:g}", (*notes, source))


def _genotypes(value: np.ndarray, marker: Marker, cut: Cut, notes: Sequence[str]) -> Exposure:
    """A cut between genotypes, in their own names: "V/F or V/V against F/F"."""
    faces = {"below": np.less, "above": np.greater}.get(cut.side, np.greater_equal)
    inside = faces(np.arange(len(marker.levels)), cut.value)
    one, other = (" or ".join(np.array(marker.levels)[which]) for which in (inside, ~inside))
    if not (one and other):
        raise UseError(f"cut {cut.value:g} leaves all genotypes of {marker.label} on one side: {', '.join(marker.levels)}")
    return _two(inside[value.astype(int)], marker, one, other, notes)


def _two(one: np.ndarray, marker: Marker, named: str, other: str, notes: Sequence[str]) -> Exposure:
    groups = np.where(one, named, other)
    return Exposure(one.astype(float), f"{marker.name}[{named}]", f"{named} against {other}", groups, (other, named),
                    tuple(notes))
