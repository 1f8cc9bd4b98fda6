"""How far an answer can be trusted: what the data could have shown, how it depends on the analyst, what was changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import number, text
from biomarkers.figures import specification_figure
from biomarkers.report.blocks import Block, Heading, Numbering, Picture, Section, Table, Text
from biomarkers.report.drawings import Gallery
from biomarkers.report.view import View, is_pooled, lines_of, slug
from biomarkers.tables import HAZARD_RATIO, POOLED, Cell, Grid, GridRow, Line, cells, together

Row = dict[str, Any]
MOST_CURVES = 12


# -- what the data can say ------------------------------------------------------------------------------------------------


def power_section(view: View, count: Numbering) -> Section | None:
    """What the data could have shown: absence of evidence has a size."""
    lines = [x for x in view.main if math.isfinite(x.detectable) and not is_pooled(x)] or [
        x for x in view.main if math.isfinite(x.detectable)
    ]
    if view.crowded:
        lines = [x for x in view.main if math.isfinite(x.detectable) and is_pooled(x)]
    if not lines:
        return None
    simulated = {_key(r): r for r in lines_of(view.results.detectable) if text(r["estimand"]) == HAZARD_RATIO}
    rows: list[GridRow] = []
    for head, part in together(lines, lambda x: x.title if view.cohort is None and not view.crowded else x.group):
        rows.append(GridRow(head, kind="g"))
        rows += [_detectable(view, x, simulated.get(_key(x.row))) for x in part]
    heads = (
        "Question",
        "Events",
        "By formula, above or below",
        "By simulation (MC limits)",
        "Power at the formula’s",
        "Found (95% CI)",
    )
    grid = Grid(
        "The hazard ratio that the events seen detect with 80% power at a two-sided 5%, beside what was found.",
        heads if simulated else (*heads[:2], "Detectable, above or below", "Found"),
        tuple(row if simulated else GridRow(row.head, (*row.cells[:2], *row.cells[-1:]), row.kind) for row in rows),
        (False, True, True, True, True, True) if simulated else (False, True, True, True),
        "A hazard ratio between the two was not ruled out by a large P; the interval says which values are compatible."
        + (
            " The formula flatters where events are few, so the same test was simulated on these patients, their censoring and "
            "their covariates; its limits are two Monte-Carlo errors. No power is computed from the result itself."
            if simulated
            else ""
        ),
    )
    return Section("power", "What the data can say", "9", (Table(count.table(), grid, long=True),))


def _key(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(text(row.get(k)) for k in ("analysis", "cohort", "term", "contrast", "timing"))


def _detectable(view: View, line: Line, row: Row | None) -> GridRow:
    formula = number(row["formula"]) if row else line.detectable
    both = f"{numbers.ratio(formula)} or {numbers.ratio(1 / formula)}" if formula > 0 else numbers.NONE
    value, low, high, power = (number(row[k]) if row else math.nan for k in _SIMULATED)
    shown = f"{numbers.ratio(value)}{numbers.NBSP}({numbers.ratio(low)}{numbers.EN_DASH}{numbers.ratio(high)})"
    said = numbers.label(text(row["note"]), 80) if row else ""
    return GridRow(
        (line.title if view.crowded else line.label) if view.cohort or view.crowded else tables.cohort_label(line.cohort),
        cells(
            line.events,
            both,
            shown if math.isfinite(value) else said,
            numbers.percent(power, 1) if math.isfinite(power) else "",
            Cell(line.ratio, source=f"results:{line.key}") if line.ratio else "",
        ),
        "i",
        f"detectable:{int(row['line'])}" if row else "",
    )


_SIMULATED = ("simulated", "simulated_low", "simulated_high", "power_at_formula")


# -- specification curves -------------------------------------------------------------------------------------------------


def specification_pictures(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """The analyses that were asked again under every defensible alternative, one picture each."""
    rows = view.results.sensitivity
    if not len(rows):
        return []
    wanted = view.cohort if view.cohort is not None else POOLED
    rows = rows.assign(line=range(1, len(rows) + 1))
    blocks: list[Block] = [
        Heading("Under other choices", "specification"),
        Text.of(
            "Each analysis again with one choice changed at a time, as hazard ratios of one standard deviation of the marker "
            "as it entered, so that scales compare. None of these rows is a test of its own, and none replaces the plan."
        ),
    ]
    for analysis in tables.order(rows["analysis"]):
        part = rows[rows["analysis"].map(text) == analysis]
        here = part[part["cohort"].map(text) == wanted]
        if not here["primary"].any():
            continue
        figure = specification_figure(_worded(part), cohort=wanted)
        file = f"{name}-specification-{slug(analysis)}"
        if sum(isinstance(b, Picture) for b in blocks) >= MOST_CURVES:
            gallery.keep(file, figure)
            continue
        records = tables.records(
            part[(part["cohort"].map(text) == wanted) | part["note"].map(text).str.startswith("not asked")]
        )
        label = tables.marker_label(text(part["marker"].iloc[0]), view.design)
        caption = f"{label} [{numbers.label(analysis, 40)}], {tables.cohort_label(wanted)}: {_said(records)}"
        source = gallery.add(file, figure)
        blocks.append(Picture(count.figure(), source, caption, caption, _behind(records), 36.0, 150.0))
    return blocks if len(blocks) > 2 else []


def _worded(rows: pd.DataFrame) -> pd.DataFrame:
    """Specifications without underscores."""
    return rows.assign(specification=[numbers.label(text(s)).replace("_", " ") for s in rows["specification"]])


def _said(rows: list[Row]) -> str:
    """How many alternatives, over which hazard ratios, how many leave the prespecified interval, how many change sides."""
    first = next(r for r in rows if bool(r["primary"]))
    rest = [r for r in rows if not bool(r["primary"])]
    known = [r for r in rest if math.isfinite(number(r["per_sd"]))]
    low, high = number(first["per_sd_low"]), number(first["per_sd_high"])
    said = f"{numbers.plural(len(known), 'alternative')} beside the prespecified analysis"
    if not known:
        return f"{said}."
    values = [number(r["per_sd"]) for r in known]
    out = sum(not low <= v <= high for v in values) if math.isfinite(low) and math.isfinite(high) else 0
    sides = sum((v - 1) * (number(first["per_sd"]) - 1) < 0 for v in values)
    said += f", hazard ratios per standard deviation from {numbers.ratio(min(values))} to {numbers.ratio(max(values))}; "
    said += f"{numbers.in_words(out)} outside the prespecified interval, {numbers.in_words(sides)} on the other side of 1"
    silent = len(rest) - len(known)
    return said + (f"; {numbers.plural(silent, 'alternative')} could not be asked." if silent else ".")


def _behind(rows: list[Row]) -> Grid:
    body: list[GridRow] = []
    for dimension, part in together(rows, lambda r: text(r["dimension"])):
        body.append(GridRow(tables.capital(numbers.label(dimension)), kind="g"))
        for r in part:
            words = "prespecified" if bool(r["primary"]) else numbers.label(text(r["specification"])).replace("_", " ")
            known = math.isfinite(number(r["per_sd"]))
            ratio = numbers.interval(*(number(r[k]) for k in ("per_sd", "per_sd_low", "per_sd_high"))) if known else ""
            why = "" if known else numbers.label(text(r["note"]).removeprefix("not asked: "), 160)
            own = numbers.interval(*(number(r[k]) for k in ("estimate", "conf_low", "conf_high"))) if known else ""
            body.append(
                GridRow(
                    words,
                    (
                        *cells(numbers.count(number(r["n"])), numbers.count(number(r["n_events"])), ratio),
                        Cell(f"{own} {numbers.label(text(r['contrast']))}".strip() or why or numbers.NONE),
                    ),
                    "i",
                    f"sensitivity:{int(r['line'])}",
                )
            )
    return Grid(
        "Every specification; unadjusted, and labelled sensitivity in the results.",
        ("Specification", "n", "Events", "HR per SD (95% CI)", "On its own scale, or why not"),
        tuple(body),
        (False, True, True, True, False),
    )


# -- amendments -----------------------------------------------------------------------------------------------------------


def amendments_section(view: View, count: Numbering) -> Section | None:
    """What this version of the plan changed in the one that it amends."""
    rows = lines_of(view.results.amendments)
    if not rows:
        return None
    version = numbers.label(text(view.results.plan.get("version")))
    body = [
        GridRow(
            numbers.label(text(r["analysis"])) or "The plan",
            cells(*(numbers.label(text(r[k]), 160) for k in ("change", "key", "before", "after"))),
            "",
            f"amendments:{int(r['line'])}",
        )
        for r in rows
    ]
    grid = Grid(
        f"{numbers.plural(len(rows), 'difference')} from the plan that this one{version and f' (version {version})'} amends.",
        ("Analysis", "Change", "Key", "Before", "Now"),
        tuple(body),
        (False, False, False, False, False),
        "Rows of these analyses say so in their note. Whether the data had been seen by then, only the dates of the two plans "
        "can tell.",
    )
    return Section("amendments", "Changes of the plan", "1, 8", (Table(count.table(), grid, long=True),))
