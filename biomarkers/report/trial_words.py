"""Words of the trial's tables: days as protocols say them, shares, medians and ratios, each from one row."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.numbers import EN_DASH, NBSP
from biomarkers.domain.states import number, text
from biomarkers.report.view import View, lines_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]
NAMED_DAYS = {365: "one year", 366: "one year", 730: "two years", 731: "two years", 1095: "three years", 1096: "three years"}


def rows_of(view: View, key: str) -> list[Row]:
    """Rows of one table of the account that belong to this page, each with its `line` in the CSV."""
    rows = lines_of(getattr(view.results.trial, key))
    return [r for r in rows if view.cohort is None or text(r.get("cohort")) in ("", view.cohort)]


def frame_of(view: View, key: str) -> pd.DataFrame:
    """The same as a frame, for figures."""
    frame: pd.DataFrame = getattr(view.results.trial, key)
    if not len(frame) or view.cohort is None or "cohort" not in frame:
        return frame
    return frame[frame["cohort"].map(text) == view.cohort]


def cohorts_of(view: View, rows: Sequence[Row]) -> list[str]:
    return tables.order((text(r["cohort"]) for r in rows), view.design.cohorts)


def places_of(view: View, cohorts: Sequence[str]) -> dict[str, int]:
    return {c: view.design.cohorts.index(c) if c in view.design.cohorts else -1 for c in cohorts}


def titles_of(cohorts: Sequence[str]) -> dict[str, str]:
    return {c: tables.cohort_label(c) for c in cohorts}


def source_of(key: str, row: Row) -> str:
    return f"trial_{key}:{int(row['line'])}"


def day_words(day: float) -> str:
    """ "24 weeks", "one year": a day as a protocol says it.

    Examples
    --------
    >>> day_words(168), day_words(365), day_words(100)
    ('24 weeks', 'one year', 'day 100')
    """
    whole = round(day)
    if whole in NAMED_DAYS:
        return NAMED_DAYS[whole]
    return f"{whole // 7} weeks" if whole and whole % 7 == 0 else f"day {whole}"


def share(estimate: float, low: float, high: float) -> str:
    """A share with its interval in per cent, in one unbreakable cell.

    Examples
    --------
    >>> share(0.5, 0.3189, 0.6567), share(1.0, 0.88, 1.0), share(float("nan"), 0.1, 0.2)
    ('50%\\xa0(32–66)', '100%\\xa0(88–100)', '–')
    """
    if not math.isfinite(estimate):
        return numbers.NONE
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{100 * estimate:.0f}%"
    return f"{100 * estimate:.0f}%{NBSP}({100 * low:.0f}{EN_DASH}{100 * high:.0f})"


def points(estimate: float, low: float, high: float) -> str:
    """A difference of shares in percentage points.

    Examples
    --------
    >>> points(0.0512, -0.12, 0.2)
    '5\\xa0(−12 to 20)'
    """
    if not math.isfinite(estimate):
        return numbers.NONE
    shown = [numbers.decimal(100 * x, 0) for x in (estimate, low, high)]
    return f"{shown[0]}{NBSP}({numbers.span(shown[1], shown[2])})"


def level_of(row: Row) -> str:
    return numbers.level(number(row["conf_level"]))


def day_of(row: Row) -> float:
    found = [w for w in text(row["timing"]).split() if w.replace(".", "").isdigit()]
    return float(found[0]) if found else math.nan


def ratio_of(row: Row) -> str:
    return numbers.interval(number(row["estimate"]), number(row["conf_low"]), number(row["conf_high"]))


def share_of(row: Row) -> str:
    return share(number(row["estimate"]), number(row["conf_low"]), number(row["conf_high"]))


def median_of(row: Row, unit: str) -> str:
    value = number(row["median"] if "median" in row else row["estimate"])
    return numbers.median(value, number(row["conf_low"]), number(row["conf_high"]), unit)


def unit_of(view: View, endpoint: str) -> str:
    """The unit of an endpoint's times, the same in its figure, its table and on every page."""
    curves = view.results.trial.curves
    mine = curves[curves["analysis"].map(text) == endpoint] if len(curves) else curves
    return tables.time_unit(float(mine["time"].max()) if len(mine) else 0.0)


def width_of(figure: Figure) -> float:
    """Its width in millimetres, at which the page shows it."""
    return float(round(figure.get_size_inches()[0] * 25.4, 1))


def room_of(figure: Figure) -> float:
    """The least width on a narrow screen, in rem: a figure is never shrunk until nobody can read it."""
    return 30.0 if width_of(figure) < 150 else 44.0


def intervals_of(rows: Sequence[Row]) -> str:
    levels = [number(r["conf_level"]) for r in rows if text(r["estimand"]) == "median"]
    return f"{numbers.level(levels[0] if levels else math.nan)} intervals"


def alone_row(row: Row, unit: str) -> tuple[str, str]:
    estimand, method, timing = text(row["estimand"]), text(row["method"]), text(row["timing"])
    estimate = number(row["estimate"])
    if estimand in ("median", "median follow-up"):
        return f"{tables.capital(estimand)}, {unit}", median_of(row, unit)
    if estimand in ("survival", "event-free share", "cumulative incidence"):
        day = day_of(row)
        when = f" at {day_words(day)}" if math.isfinite(day) else ""
        what = (
            f"Cumulative incidence of {numbers.label(row['contrast'])}" if estimand == "cumulative incidence" else "Event-free"
        )
        how = method.replace("Kaplan-Meier", "Kaplan–Meier").replace("Aalen-Johansen", "Aalen–Johansen")
        how = how.replace("Clopper-Pearson", "Clopper–Pearson")
        return f"{what}{when}, {how}" if how else f"{what}{when}", share_of(row) if math.isfinite(estimate) else "not known"
    if estimand == "one-sample log-rank z":
        return f"One-sample log-rank, {method.replace(' - ', f' {numbers.MINUS} ')}", f"z = {numbers.decimal(estimate)}"
    if estimand == "standardised event ratio":
        return f"Observed / expected events, {method}", ratio_of(row)
    return tables.capital(f"{estimand}{', ' + timing if timing else ''}"), numbers.decimal(estimate)
