"""What one page looks at: the results, and the cohort of the page (None for the page of all cohorts)."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers, states
from biomarkers.domain.design import Design
from biomarkers.domain.states import number, text
from biomarkers.tables import HAZARD_RATIO, HETEROGENEITY, POOLED, RATIO_OF_RATIOS, Line

if TYPE_CHECKING:
    from biomarkers.plan.results import Results

CROWDED = 120
"""Rows of hazard ratios beyond which the page of all cohorts points to the cohorts' pages for their details."""


@dataclass(frozen=True)
class View:
    """A page's view of the results.

    Parameters
    ----------
    results : Results
    cohort : str or None
        The cohort of this page; None is the page of all cohorts.
    lines : tuple of Line
        Every row of the result table, made once for all pages.
    slugs : dict of cohort to str
        Folder names of the cohort pages.
    """

    results: Results
    cohort: str | None
    lines: tuple[Line, ...]
    slugs: dict[str, str]

    @property
    def design(self) -> Design:
        """The design of the study."""
        return self.results.design

    @cached_property
    def cohorts(self) -> list[str]:
        """Cohorts in the order of the design that have a row, a patient or a flow."""
        seen = {line.cohort for line in self.lines} | set(_column(self.results.patients, "cohort"))
        return [c for c in self.design.cohorts if c in seen]

    @cached_property
    def here(self) -> tuple[Line, ...]:
        """Rows of this page's cohort; of every cohort on the page of all."""
        return self.lines if self.cohort is None else tuple(x for x in self.lines if x.cohort == self.cohort)

    @cached_property
    def main(self) -> tuple[Line, ...]:
        """Hazard ratios, without the rows of subgroups."""
        return tuple(x for x in self.here if is_main(x))

    @cached_property
    def interactions(self) -> tuple[Line, ...]:
        """Subgroup rows and ratios of hazard ratios within a cohort."""
        return tuple(x for x in self.here if is_subgroup(x) or (x.estimand == RATIO_OF_RATIOS and x.term != HETEROGENEITY))

    @cached_property
    def others(self) -> tuple[Line, ...]:
        """Rows of every other estimand: tests of assumptions, differences in restricted mean survival."""
        apart = ("", HAZARD_RATIO, RATIO_OF_RATIOS)
        return tuple(x for x in self.here if x.estimand not in apart and x.analysis not in self.screens)

    @cached_property
    def screens(self) -> frozenset[str]:
        """Analyses that predict from many markers: a section of their own, and no check of a model."""
        end = ": screen"
        return frozenset(name.removesuffix(end) for name in self.results.more if name.endswith(end))

    @cached_property
    def endpoints(self) -> list[str]:
        """Endpoints that were analysed, in the order of the table."""
        return list(dict.fromkeys(x.endpoint for x in self.lines))

    @cached_property
    def adjust(self) -> str:
        """Name of the adjustment: "Holm"."""
        names = [n for n in _column(self.results.ledger, "adjust_method") if n not in ("", "none")]
        return {"holm": "Holm", "bh": "BH", "by": "BY"}.get(names[0].lower(), numbers.label(names[0])) if names else "adjusted"

    @cached_property
    def arms(self) -> list[str]:
        """Arms in the order of the design that have patients."""
        return tables.order((a for a in _column(self.results.patients, "arm") if a), self.design.arms)

    @cached_property
    def unit(self) -> str:
        """Weeks, or months where somebody was followed for long: one unit on every page of a run."""
        curves, ends = self.results.curves, self.results.endpoints
        longest = [float(curves["time"].max())] if len(curves) else []
        longest += [x for r in tables.records(ends) if math.isfinite(x := number(r["follow_up_median"]))]
        return tables.time_unit(max(longest, default=0.0))

    @cached_property
    def crowded(self) -> bool:
        """On the page of all cohorts: too many rows to repeat what stands, cohort by cohort, on their own pages."""
        return self.cohort is None and len(self.cohorts) > 1 and self.many

    @cached_property
    def many(self) -> bool:
        """A run of many questions in many cohorts: only what a reader may want to print becomes a file of its own."""
        return sum(is_main(x) for x in self.lines) > CROWDED

    def part(self, frame: pd.DataFrame | None) -> pd.DataFrame:
        """The rows of a frame that belong to this page; a study without arms has one, without a name."""
        if frame is None or not len(frame):
            return pd.DataFrame(columns=[] if frame is None else frame.columns)
        if "arm" not in frame:
            frame = frame.assign(arm="")
        if self.cohort is None or "cohort" not in frame:
            return frame
        return frame[frame["cohort"].map(text) == self.cohort]

    def short(self, endpoint: str) -> str:
        """ "PFS"."""
        return tables.endpoint_short(endpoint, self.design)

    @property
    def place(self) -> int:
        """Place of the page's cohort in the design."""
        return self.design.cohorts.index(self.cohort) if self.cohort in self.design.cohorts else 0

    @property
    def here_words(self) -> str:
        """ "in the ER+ cohort", "in all cohorts"."""
        if self.cohort is None:
            n = len(self.cohorts)
            return f"in {numbers.in_words(n)} cohorts" if n > 1 else ""
        name = tables.cohort_label(self.cohort)
        return f"in {name}" if "cohort" in name.lower() else f"in the {name} cohort"


def lines_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of a table with their `line` in its CSV, counted from 1 without the header."""
    return tables.records(frame.assign(line=range(1, len(frame) + 1))) if len(frame) else []


def is_subgroup(line: Line) -> bool:
    """A row of one arm, shown beside the interaction test."""
    return any(states.is_subgroup(note) for note in line.notes)


def is_main(line: Line) -> bool:
    """A hazard ratio of a cohort or pooled."""
    return line.estimand in ("", HAZARD_RATIO) and line.term != HETEROGENEITY and not is_subgroup(line)


def is_pooled(line: Line) -> bool:
    """The stratified row over cohorts."""
    return line.cohort == POOLED


def _column(frame: pd.DataFrame | None, name: str) -> list[str]:
    return [] if frame is None or name not in frame else [text(x) for x in frame[name]]


def slug(name: str) -> str:
    """A cohort's folder: + is plus, - at a word's end is minus; letters, digits and dashes, at most 40.

    Examples
    --------
    >>> slug("ER+"), slug("ER-"), slug("../../etc"), slug("Brain metastases")
    ('er-plus', 'er-minus', 'etc', 'brain-metastases')
    """
    words = re.sub(r"[-−–](?!\w)", " minus ", name.replace("+", " plus ")).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:40].strip("-") or "cohort"


def slugs(names: Sequence[str]) -> dict[str, str]:
    """A folder for each cohort; where two still collide, each gets a hash of its name.

    Examples
    --------
    >>> slugs(["ER+", "ER-"])
    {'ER+': 'er-plus', 'ER-': 'er-minus'}
    >>> len(set(slugs(["A b", "a B", "日本", "中国"]).values()))
    4
    """
    first = {name: slug(name) for name in names}
    taken = list(first.values())
    return {
        name: short
        if taken.count(short) == 1 and short != "cohort"
        else f"{short}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"
        for name, short in first.items()
    }
