"""Patients over time as pictures: trajectories, lanes of calls, who is lost before a landmark, outcome by genotype; and the
models that a check casts doubt on.

A picture stands on the page of its cohort, where patients of two arms can be compared; one mark is one patient or one draw, and
none carries an identifier.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.loci import LOCI
from biomarkers.domain.states import number, text
from biomarkers.figures import (
    allele_balance_figure,
    genotype_outcome_figure,
    losses_figure,
    schoenfeld_figure,
    spider_figure,
    spline_figure,
    swimmer_figure,
    trajectory_figure,
)
from biomarkers.report.blocks import Block, Heading, Numbering, Picture, Pictures, Section, Table, Text
from biomarkers.report.drawings import Gallery
from biomarkers.report.residual_disease import states_pictures
from biomarkers.report.view import View, lines_of, slug
from biomarkers.tables import Cell, Grid, GridRow, Line, cells, together

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST = 4
"""Pictures of one kind on a page; the others are files."""
MOST_WIDE, MOST_SPIDERS = 3, 2
"""Trajectories, which fill half a sheet each, and changes, of which there are as many as markers."""


def _alone(view: View) -> bool:
    """The page on which patients are shown: that of a cohort, or the only page there is."""
    return view.cohort is not None or not view.cohorts


def over_time_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Trajectories of the quantities, lanes of the calls."""
    if not _alone(view):
        return None
    over = view.results.over_time
    blocks: list[Block] = []
    arms = list(view.arms) if len(view.arms) > 1 else []
    own = view.cohort if not arms else None  # the panel of a cohort without arms has the cohort's name and colour
    places, titles = ({own: view.place}, {own: tables.cohort_label(own)}) if own else (None, None)
    for marker, whole in over.trajectories.items():
        table = view.part(whole)
        if table["day"].notna().sum() < 2:
            continue
        label = tables.marker_label(marker, view.design)
        figure = trajectory_figure(
            table,
            marker=view.design.markers.get(marker),
            by="arm" if arms else "cohort",
            groups=arms or [view.cohort or "all"],
            titles=titles,
            origin=view.design.time_zero,
            places=places,
        )
        drawn = table[table["day"].notna()]
        people = drawn["subject"].nunique()
        alt = (
            f"{label} over time: {numbers.plural(len(drawn), 'draw')} of {numbers.plural(people, 'patient')}, "
            f"{numbers.count(int((drawn['role'] == 'progression').sum()))} of them because of progression."
        )
        caption = (
            f"{label} from {numbers.label(view.design.time_zero)}, one line per patient, on the analysed scale. Draws "
            "because of progression stand apart: they cannot predict it."
        )
        _put(blocks, count, gallery, f"{name}-trajectories-{slug(marker)}", figure, alt, caption, most=MOST_WIDE)
    more = len(over.trajectories) - sum(isinstance(b, Picture) for b in blocks)
    lanes: list[Block] = []
    for marker, whole in over.lanes.items():
        table = view.part(whole)
        if not len(table):
            continue
        label = tables.marker_label(marker, view.design)
        figure = swimmer_figure(
            table,
            by="arm" if arms else "cohort",
            groups=arms or [view.cohort or "all"],
            titles=titles,
            origin=view.design.time_zero,
            places=places,
        )
        marks = table["mark"].value_counts()
        detected = int(table.loc[(table["mark"] == "detected") & ~table["late"].astype(bool), "subject"].nunique())
        alt = (
            f"{label} by patient: {numbers.plural(int(marks.get('followed', 0)), 'patient')}, {numbers.count(detected)} with a "
            f"detected draw before the end, {numbers.count(int(marks.get('progression', 0)))} with progression."
        )
        caption = (
            f"{label}, one bar per patient from {numbers.label(view.design.time_zero)} to the end of follow-up, longest "
            "first. Draws at or after progression are grey: they are no evidence before it."
        )
        _put(lanes, count, gallery, f"{name}-swimmer-{slug(marker)}", figure, alt, caption)
    spiders, hidden = _changes(view, count, gallery, name)
    blocks += [*lanes, *spiders]
    states = states_pictures(view, count, gallery, name)
    blocks += _paired(states) if all(p.width_mm < 150 for p in states) else states
    if blocks and more + hidden > 0:
        blocks.append(Text.of(f"{numbers.plural(more + hidden, 'further figure')} of this kind in the folder figures.", "fn"))
    return Section("overtime", "Markers over time", "10, 15", tuple(blocks)) if blocks else None


def _changes(view: View, count: Numbering, gallery: Gallery, name: str) -> tuple[list[Block], int]:
    """Each patient's change from baseline, of the markers whose change is analysed; and how many are files alone."""
    asked = tables.order(x.marker for x in view.lines if x.term.endswith("[change]"))
    blocks: list[Block] = []
    drawn = 0
    for marker in asked:
        table = view.part(view.results.over_time.trajectories.get(marker))
        known = table[table["change"].notna() & table["day"].notna()] if len(table) else table
        if not len(known) or known["subject"].value_counts().lt(2).all():
            continue
        figure = spider_figure(
            table,
            marker=view.design.markers.get(marker),
            panels=[view.cohort] if view.cohort else tables.order(table["cohort"], view.design.cohorts),
            titles={view.cohort: tables.cohort_label(view.cohort)} if view.cohort else None,
            groups=view.arms,
            origin=view.design.time_zero,
            width_mm=85.0,
            places={view.cohort: view.place} if view.cohort else None,
        )
        later = numbers.count(int((known["role"] == "progression").sum()))
        caption = (
            f"{tables.marker_label(marker, view.design)}, change from each patient’s own baseline: "
            f"{numbers.plural(known['subject'].nunique(), 'patient')}, {later} draws at progression as crosses."
        )
        drawn += 1
        _put(blocks, count, gallery, f"{name}-spider-{slug(marker)}", figure, caption, caption, mm=85.0, most=MOST_SPIDERS)
    return _paired(blocks), drawn - len(blocks)


def _put(
    blocks: list[Block],
    count: Numbering,
    gallery: Gallery,
    file: str,
    figure: Figure,
    alt: str,
    caption: str,
    *,
    mm: float = 180.0,
    most: int = MOST,
) -> None:
    """A picture on the page, or only as a file where the page has enough of its kind."""
    if sum(isinstance(b, Picture) for b in blocks) >= most:
        gallery.keep(file, figure)
        return
    source = gallery.add(file, figure)
    blocks.append(Picture(count.figure(), source, alt, caption, None, 44.0 if mm > 120 else 30.0, mm))


def _paired(blocks: Sequence[Block]) -> list[Block]:
    """Narrow pictures two beside each other."""
    pictures = [b for b in blocks if isinstance(b, Picture)]
    return [Pictures(tuple(pictures[i : i + 2])) for i in range(0, len(pictures), 2)]


# -- losses before a landmark ---------------------------------------------------------------------------------------------


def losses_pictures(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """One picture per landmark day, of the analysis that loses most: every registered patient by what became of him."""
    if not _alone(view):
        return []
    flow = view.part(view.results.flow)
    flow = flow[flow["timing"].map(text).str.startswith("landmark")] if len(flow) else flow
    blocks: list[Block] = []
    for timing in tables.order(flow["timing"]) if len(flow) else []:
        part = flow[flow["timing"].map(text) == timing]
        left = part[part["reason"] == "included"].groupby("analysis", sort=False, observed=True)["n_left"].sum()
        worst = part[part["analysis"] == left.idxmin()]
        day = _day(timing)
        by = "arm" if len(view.arms) > 1 else None
        figure = losses_figure(worst, by=by, groups=view.arms if by else (), landmark=day)
        total = int(worst.loc[worst["reason"] == "included", "total"].sum())
        marker = tables.marker_label(text(worst["marker"].iloc[0]), view.design)
        said = f"{numbers.n_of(int(left.min()), total)} patients are analysed"
        caption = f"Who is lost before and at the landmark, {marker}, {numbers.label(timing)}: {said}."
        _put(blocks, count, gallery, f"{name}-losses-{slug(timing)[:24]}", figure, caption, caption, mm=85.0)
    return _paired(blocks)


def _day(timing: str) -> float | None:
    """The day in "landmark day 49, draw of week6"."""
    words = timing.replace(",", " ").split()
    return float(words[2]) if words[:2] == ["landmark", "day"] and words[2].isdigit() else None


# -- models in doubt ------------------------------------------------------------------------------------------------------


def doubt_pictures(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """Splines and residuals of the page's models whose check has a P below 0.05; all others are numbers in the table."""
    if not _alone(view):
        return []
    found: list[Block] = []
    kinds = (
        ("linearity test", view.results.pictures.splines, "spline"),
        ("proportional hazards test", view.results.pictures.residuals, "schoenfeld"),
    )
    for estimand, whole, kind in kinds:
        some: list[Block] = []
        for line in view.others:
            table = _of(whole, line) if line.estimand == estimand and line.p_value < 0.05 else whole[:0]
            if len(table):
                _doubt(view, some, count, gallery, f"{name}-{kind}-{slug(line.analysis)}", table, line)
        found += some
    blocks = _paired(found)
    if not blocks:
        return []
    words = (
        "Drawn where the check has a P below 0.05, which one model in twenty has by chance: the shape of the association "
        "beside the straight line that was fitted, and the hazard ratio as it may have changed over time."
    )
    return [Heading("Models in doubt", "doubt"), Text.of(words), *blocks]


def _of(table: pd.DataFrame, line: Line) -> pd.DataFrame:
    if not len(table):
        return table
    return table[(table["analysis"].map(text) == line.analysis) & (table["cohort"].map(text) == line.cohort)]


def _doubt(
    view: View, blocks: list[Block], count: Numbering, gallery: Gallery, file: str, table: pd.DataFrame, line: Line
) -> None:
    cohort = line.cohort
    titles, places = {cohort: tables.cohort_label(cohort)}, {cohort: view.place}
    label = tables.marker_label(line.marker, view.design)
    if line.estimand == "linearity test":
        marker = view.design.markers.get(line.marker) if table["value"].notna().any() else None
        named = "" if marker else label
        figure = spline_figure(table, marker=marker, cohorts=[cohort], titles=titles, places=places, xlabel=named)
        said = f"Shape of the association of {line.label}: P of the bend {numbers.p(line.p_value)}, {line.events} events."
    else:
        figure = schoenfeld_figure(table, cohorts=[cohort], titles=titles, places=places)
        said = f"Hazard ratio of {line.label} over time: P {numbers.p(line.p_value)}, {line.events} events."
    _put(blocks, count, gallery, file, figure, said, said, mm=85.0)


# -- genotypes ------------------------------------------------------------------------------------------------------------


def genotype_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Counts by genotype with the test of Hardy-Weinberg proportions; curves that also show who has no genotype."""
    rows = [r for r in lines_of(view.results.beside.genotypes) if view.cohort is None or text(r["cohort"]) == view.cohort]
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(count.table(), _genotype_grid(view, rows)))
    for (marker, endpoint), whole in view.results.over_time.genotypes.items() if _alone(view) else ():
        curves = view.part(whole)
        if not len(curves) or curves["called"].all():  # without the uncalled it is the figure of the curves above
            continue
        cohorts = tables.order(curves["cohort"], view.design.cohorts)
        figure = genotype_outcome_figure(
            curves,
            cohorts=cohorts,
            titles={c: tables.cohort_label(c) for c in cohorts},
            places=dict.fromkeys(cohorts, view.place),
            ylabel=tables.endpoint_label(endpoint, view.design),
            origin=view.design.time_zero,
        )
        start = curves[curves["time"] == 0]
        said = ", ".join(
            f"{numbers.label(text(g))} {numbers.count(number(n))}" for g, n in zip(start["group"], start["n_risk"], strict=True)
        )
        label = tables.marker_label(marker, view.design)
        caption = f"{view.short(endpoint)} by {label}, with those who have no genotype as groups of their own: {said}."
        _put(blocks, count, gallery, f"{name}-genotypes-{slug(marker)}-{slug(endpoint)}", figure, caption, caption, mm=120.0)
    blocks += _balances(view, count, gallery, name)
    return Section("genotypes", "Genotypes", "11, 13", tuple(blocks)) if blocks else None


def _balances(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """Reads of both alleles against depth, where the calls tell them; of every sample together on the page of all cohorts."""
    blocks: list[Block] = []
    for marker, whole in view.results.over_time.balance.items():
        table = view.part(whole)
        drawn = table["v_fraction"].notna() if len(table) else pd.Series(dtype=bool)
        if not drawn.any():
            continue
        locus = LOCI.get(text(table["locus"].iloc[0]))
        figure = allele_balance_figure(table, locus=locus)
        lost = int((table.loc[drawn, "call"].map(text) == "").sum())
        caption = (
            f"{tables.marker_label(marker, view.design)}, the reads behind the calls: "
            f"{numbers.plural(int(drawn.sum()), 'sample')}, {numbers.count(lost)} of them without a call. Plates: where a call "
            "stands. Below a half: a heterozygote that lost reads to a paralog."
        )
        _put(blocks, count, gallery, f"{name}-allele-balance-{slug(marker)}", figure, caption, caption, mm=85.0)
    return _paired(blocks)


def _genotype_grid(view: View, rows: list[dict[str, Any]]) -> Grid:
    body: list[GridRow] = []
    for marker, part in together(rows, lambda r: text(r["marker"])):
        body.append(GridRow(tables.marker_label(marker, view.design), kind="g"))
        for cohort, levels in together(part, lambda r: text(r["cohort"])):
            first, known = levels[0], number(levels[0]["n_known"])
            counts = ", ".join(f"{numbers.label(r['level'])} {numbers.n_percent(number(r['n']), known)}" for r in levels)
            f, low, high = (number(first[k]) for k in ("inbreeding", "conf_low", "conf_high"))
            shown = f"{numbers.decimal(f)}{numbers.NBSP}({numbers.span(numbers.decimal(low), numbers.decimal(high))})"
            body.append(
                GridRow(
                    tables.cohort_label(cohort),
                    (
                        *cells(numbers.count(known), counts, numbers.decimal(number(first["allele_frequency"]))),
                        Cell(numbers.p(number(first["p_exact"])), flag=number(first["p_exact"]) < 0.05),
                        *cells(shown if math.isfinite(f) else ""),
                    ),
                    "i",
                    f"genotypes:{int(first['line'])}",
                )
            )
    level = numbers.level(number(rows[0]["conf_level"]))
    return Grid(
        "Genotypes against Hardy–Weinberg proportions.",
        ("Cohort", "Known", "Counts", "Allele frequency", "P, exact", f"Inbreeding F ({level} CI)"),
        tuple(body),
        (False, True, True, True, True, True),
        "▲: P below 0.05; it is a check of the calls, not of the outcome. F above 0: fewer heterozygotes than expected, as "
        "when they are called as homozygotes; below 0: more.",
    )
