"""A unit written into the cell, `1.1 ppm`: taken out where the marker knows it, else left to be refused."""

from __future__ import annotations

import re

from biomarkers.domain.marker import Marker

_BEGINS = re.compile(r"[<>≤≥~+-]?\s*=?\s*[.,]?\d", re.ASCII)


def split_unit_inside(text: str, marker: Marker, unit: str | None) -> tuple[str, str | None]:
    """The cell without its unit, and that unit; None where it holds none.

    Parameters
    ----------
    text : str
        Trimmed.
    marker : Marker
    unit : str or None
        The unit of the row or the declaration. A cell that says another one is not touched: two units are refused.

    Examples
    --------
    >>> from biomarkers.domain.markers import MARKERS
    >>> split_unit_inside("<20 Du/L", MARKERS["tk1_dul"], None), split_unit_inside("20 DuA", MARKERS["tk1_dul"], None)
    (('<20', 'Du/L'), ('20 DuA', None))
    """
    if not marker.quantitative or not _BEGINS.match(text):
        return text, None
    for known in (marker.unit, *marker.convertible):
        if known and not known.startswith("%") and text.casefold().endswith(known.casefold()):
            rest = text[: -len(known)].rstrip()
            if rest and (rest[-1].isdigit() or rest[-1] == ".") and unit in (None, known):
                return rest, known
    return text, None
