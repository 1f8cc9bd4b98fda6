"""Figures of a page as data addresses, with their words: made once, written as files beside the page.

A figure goes into the page as an image, never as markup: two matplotlib drawings share their ids, and clip paths would be
taken from the wrong one.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from biomarkers import tables
from biomarkers.domain import fragments, numbers
from biomarkers.domain.fragments import Axis
from biomarkers.domain.states import number, text
from biomarkers.figures import both, distribution_figure, flow_figure, forest_figure, journal, kaplan_meier, themed
from biomarkers.figures.distributions import panels_in_row
from biomarkers.figures.ticks import ratio_ticks
from biomarkers.report.view import View, is_main
from biomarkers.tables import Grid, GridRow, Line, cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HALF_DIGIT, LETTER, TICKS = 3.0, 5.6, 30.0
"""Pixels of half a digit, of a letter and between two ticks under the axis of a forest table."""
_CLASSES = {"null": 'class="q"', "line": 'class="l"', "box": 'class="x"', "dots": 'class="t"', "head": 'class="h"'}


@dataclass
class Gallery:
    """Collects the figures of a run: the page's picture as an address, the journal's file by name; with `pdf`, both forms."""

    files: dict[str, bytes] = field(default_factory=dict)
    pdf: bool = False

    def add(self, name: str, figure: Figure, *, file: bool = True) -> str:
        """Keep the journal version under `name` (unless `file` is false), return the page's version as a data address."""
        if file:
            self.files[f"{name}.svg"], page = both(figure)
            self._pdf(name, figure)
        else:
            page = themed(figure)
        return "data:image/svg+xml;base64," + base64.b64encode(page).decode("ascii")

    def keep(self, name: str, figure: Figure) -> None:
        """Keep the journal version alone."""
        self.files[f"{name}.svg"] = journal(figure)
        self._pdf(name, figure)

    def _pdf(self, name: str, figure: Figure) -> None:
        if self.pdf:
            self.files[f"{name}.pdf"] = journal(figure, "pdf")


def small(axis: Axis, height: float, line: Line, *, side: float = 9.0) -> Markup:
    """The interval of one row as a tiny drawing, coloured by the page's own rules."""
    shown = line.modelled or line.state == "not_estimable"
    most = 0.55 + 0.45 * min(1.0, math.sqrt(max(line.n_events, 0.0) / 60)) if math.isfinite(line.n_events) else 0.6
    drawn = fragments.interval(
        axis,
        height,
        estimate=line.estimate if line.modelled else math.nan,
        low=line.low if shown else math.nan,
        high=line.high if shown else math.nan,
        pooled=line.cohort == tables.POOLED,
        side=round(side * most, 1),
        names=_CLASSES,
    )
    style = ' class="o"' if line.state == "exploratory" else ""
    return Markup(f'<svg viewBox="0 0 {axis.width:g} {height:g}" aria-hidden="true"{style}>{drawn}</svg>')  # noqa: S704 - numbers only


def axis_words(axis: Axis, height: float, words: tuple[str, str] = ("", "")) -> Markup:
    """The axis under a forest table: ticks at round ratios, direction words at its ends."""
    ticks = ratio_ticks(axis.low, axis.high, axis.width - 2 * axis.margin, apart=TICKS)
    parts = [f'<path class="q" d="M{axis.margin:g} .5H{axis.width - axis.margin:g}"/>']
    for t in ticks:
        name = f"{t:g}"
        # A number at the edge of the drawing would lose its first or last digit.
        half = HALF_DIGIT * len(name)
        edge = ' class="s"' if axis.x(t) < half else ' class="e"' if axis.x(t) > axis.width - half else ""
        parts.append(f'<path class="q" d="M{axis.x(t):g} .5v4"/><text x="{axis.x(t):g}" y="16"{edge}>{name}</text>')
    if words[0]:
        # A word that would begin before the drawing begins with it, and the other one makes room.
        least = LETTER * len(words[0])
        end = max(axis.x(1) - 8, least)
        parts.append(
            f'<text x="{end:g}" y="30" class="e">{Markup.escape(words[0])}</text>'
            f'<text x="{max(axis.x(1) + 8, end + 12):g}" y="30" class="s">{Markup.escape(words[1])}</text>'
        )
    return Markup(f'<svg viewBox="0 0 {axis.width:g} {height:g}" aria-hidden="true">{"".join(parts)}</svg>')  # noqa: S704 - escaped


def axis_of(lines: Sequence[Line], width: float, most: float = 18.0) -> Axis:
    """One scale for all rows of a table; wider than `most` only where an estimate itself would fall outside."""
    shown = [line for line in lines if line.state != "refused"]
    estimates = [x for line in shown if math.isfinite(x := line.estimate) and x > 0]
    widest = max([most, *(1.5 * max(x, 1 / x) for x in estimates)])
    return fragments.axis_for([x for line in shown for x in (line.low, line.high)], width, most=widest)


@dataclass(frozen=True, slots=True)
class Curve:
    """A Kaplan-Meier figure before it is set: what it is called and what it says."""

    analysis: str
    label: str
    endpoint: str
    figure: Figure
    alt: str
    numbers: Grid
    single: bool
    cut: str
    since: str


def curves(view: View) -> list[Curve]:
    """Kaplan-Meier figures of the page, one per analysis with declared classes."""
    every = view.part(view.results.curves)
    if not len(every):
        return []
    out = []
    medians_of = tables.split(view.results.medians, "analysis")
    for analysis, steps in tables.split(every, "analysis").items():
        cohorts = tables.order(steps["cohort"], view.design.cohorts)
        lines = [x for x in view.lines if x.analysis == analysis and is_main(x)]
        lines = [x for x in lines if x.timing == lines[0].timing]    # a curve belongs to the first of several times
        if not lines:
            continue
        arms = set(map(text, steps["group"])) <= set(view.design.arms)
        medians = medians_of.get(analysis, view.results.medians.iloc[:0])
        unit = view.unit
        notes = {c: _notes(medians, c, [x for x in lines if x.cohort == c], unit) for c in cohorts}
        figure = kaplan_meier(
            steps,
            cohorts=cohorts,
            kind="arm" if arms else "class",
            notes=notes,
            unit=unit,
            titles={c: tables.cohort_label(c) for c in cohorts},
            ylabel=tables.endpoint_label(lines[0].endpoint, view.design),
            origin=view.design.time_zero,
            places={c: view.design.cohorts.index(c) if c in view.design.cohorts else -1 for c in cohorts},
        )
        label = tables.marker_label(lines[0].marker, view.design)
        out.append(
            Curve(
                analysis,
                label,
                lines[0].endpoint,
                figure,
                _alt(view, label, lines, medians, cohorts, unit),
                behind_curves(steps, cohorts, unit),
                len(cohorts) == 1,
                _cut_words(lines),
                _since(lines[0].timing),
            )
        )
    return out


def _notes(medians: pd.DataFrame, cohort: str, lines: Sequence[Line], unit: str) -> list[str]:
    rows = [r for r in tables.records(medians) if text(r["cohort"]) == cohort]
    rows.sort(key=lambda r: r["group_order"])
    if not rows:
        return []
    level = numbers.level(number(rows[0].get("conf_level")))
    names = tables.short_names([text(r["group"]) for r in rows])
    out = [f"Median, {unit} ({level} CI)"]
    out += [f"{name}  {_median(r, unit)}" for name, r in zip(names, rows, strict=True)]
    for line in lines:
        if line.modelled:
            out += [f"HR {line.ratio}", line.contrast] if line.contrast.startswith("per ") else [f"HR {line.ratio}"]
        elif line.limit:
            out.append(f"HR not estimable, {line.limit}")
        elif line.state == "descriptive":
            out.append(f"no HR: {line.message}")
    return out


def _since(timing: str) -> str:
    """ " from landmark day 49", where a curve begins there."""
    return f" from {numbers.label(timing.split(',')[0])}" if timing.startswith("landmark") else ""


def _cut_words(lines: Sequence[Line]) -> str:
    """Where the classes come from, as the rows say it."""
    said = [note for x in lines for note in x.notes if "cut " in note]
    if any("from these data" in note for note in said):
        return "at a cut taken from these data (sensitivity)"
    return said[0].removeprefix("sensitivity: ") if said else "by declared class"


def _median(row: dict[str, object], unit: str) -> str:
    return numbers.median(number(row["median"]), number(row["conf_low"]), number(row["conf_high"]), unit)


def _alt(view: View, label: str, lines: Sequence[Line], medians: pd.DataFrame, cohorts: Sequence[str], unit: str) -> str:
    parts = []
    for cohort in cohorts:
        rows = [r for r in tables.records(medians) if text(r["cohort"]) == cohort]
        said = "; ".join(f"{numbers.label(r['group'], 60)} {_median(r, unit)}" for r in rows)
        ratio = next((f"; hazard ratio {x.ratio} {x.contrast}" for x in lines if x.cohort == cohort and x.modelled), "")
        parts.append(f"{tables.cohort_label(cohort)}: median in {unit} {said}{ratio}")
    return f"{view.short(lines[0].endpoint)} by {label}. " + ". ".join(parts) + "."


def behind_curves(steps: pd.DataFrame, cohorts: Sequence[str], unit: str) -> Grid:
    """The numbers behind a curve at a few times."""
    from biomarkers.domain.times import DAYS_PER

    scale, longest = DAYS_PER[unit], float(steps["time"].max())
    step = next((s for s in (6, 12, 24, 48, 96) if longest / scale / s <= 5), 192)
    rows: list[GridRow] = []
    for cohort in cohorts:
        part = steps[steps["cohort"].map(text) == cohort].sort_values("group_order", kind="stable")
        for group in tables.order(part["group"]):
            one = part[part["group"].map(text) == group].sort_values("time", kind="stable")
            times, at_risk, died = one["time"].to_numpy(float), one["n_risk"].to_numpy(float), one["n_event"].to_numpy(float)
            share, lows, highs = (one[name].to_numpy(float) for name in ("survival", "conf_low", "conf_high"))
            head = numbers.label(group) if len(cohorts) == 1 else f"{tables.cohort_label(cohort)}, {numbers.label(group)}"
            rows.append(GridRow(head, kind="g"))
            for week in range(0, int(longest / scale) + 1, step):
                day = week * scale
                past = int(np.searchsorted(times, day + 1e-9, side="right"))     # steps up to here
                later = int(np.searchsorted(times, day - 1e-9, side="left"))     # the first step from here on
                if later == len(times):
                    break
                if not past:               # curves from a landmark begin there
                    continue
                low, high = lows[past - 1], highs[past - 1]
                limits = f" ({low:.2f}–{high:.2f})" if math.isfinite(low) and math.isfinite(high) and low < high else ""
                rows.append(
                    GridRow(
                        str(week),
                        cells(
                            numbers.count(int(at_risk[later])),
                            numbers.count(int(died[:past].sum())),
                            f"{share[past - 1]:.2f}{limits}",
                        ),
                        "i",
                    )
                )
    return Grid(
        f"{unit.capitalize()} from time zero; events up to and including the day, at risk just before it.",
        (unit.capitalize(), "At risk", "Events", "Event-free (95% CI)"),
        tuple(rows),
        (False, True, True, True),
    )


def distribution_figures(view: View) -> list[tuple[list[str], Figure, str]]:
    """Strips of the quantitative markers, some rows of them to a figure: names, figure, alt text."""
    values = view.part(view.results.values)
    names = (
        [m for m in tables.order(values["marker"]) if m in view.design.markers and view.design.markers[m].quantitative]
        if len(values)
        else []
    )
    by = "arm" if view.cohort is not None and len(view.arms) > 1 else "cohort"
    groups = view.arms if by == "arm" else list(view.design.cohorts)
    out = []
    parts_of = dict(list(values.groupby("marker", sort=False, observed=True))) if len(values) else {}
    in_row = panels_in_row(values, by, groups) if len(values) else 1
    for some in _sheets_of(names, in_row):
        figure = distribution_figure(values, [view.design.markers[m] for m in some], by=by, groups=groups)
        said = []
        for name in some:
            rows = parts_of[name]
            parts = []
            for group, one in _ordered(rows, by, groups):
                s = tables.summarise(one)
                parts.append(
                    f"{s.shown(s.median)} in {numbers.label(group, 60)} (n {s.known}"
                    + (f", {s.below} below the limit" if s.below else f", {s.zero} zero" if s.zero else "")
                    + ")"
                )
            said.append(f"{tables.marker_label(name, view.design)}: median {', '.join(parts)}")
        out.append((some, figure, "; ".join(said) + "."))
    return out


def _sheets_of(names: Sequence[str], in_row: int) -> list[list[str]]:
    """Two rows to a figure, so that it finds a place on paper; a last row alone joins the figure before it.

    Examples
    --------
    >>> [len(some) for some in _sheets_of("abcdefghijklm", 3)]
    [6, 7]
    """
    sheets = [list(names[i : i + 2 * in_row]) for i in range(0, len(names), 2 * in_row)]
    if len(sheets) > 1 and len(sheets[-1]) <= in_row:
        sheets[-2:] = [sheets[-2] + sheets[-1]]
    return sheets


def _ordered(rows: pd.DataFrame, by: str, groups: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Rows by group, in the order of the design."""
    parts = {text(key): part for key, part in rows.groupby(by, sort=False, observed=True, dropna=False)}
    return [(name, parts[name]) for name in tables.order(parts, groups)]


def flow_picture(view: View, flow: pd.DataFrame, start: str) -> Figure:
    """The flow of one analysis as a figure for a journal."""
    return flow_figure(flow, start=start, arms=view.design.arms)


def forest_picture(view: View, by: str) -> Figure:
    """The forest for a journal: by family for one cohort, by question for all."""
    table = view.results.table
    keep = [line.key - 1 for line in view.lines if is_main(line) or line.term == tables.HETEROGENEITY]
    table = table.iloc[[k for k in keep if view.cohort is None or view.lines[k].cohort == view.cohort]]
    return forest_figure(table, design=view.design, by="marker" if by == "marker" else "family", adjust=view.adjust)
