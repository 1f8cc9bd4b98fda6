"""Minimal residual disease: what was drawn and called, what changed, what came first, and what a status goes with.

Counts stand before any ratio, the relapses that were never detected beside the lead time of those that were, and a landmark at
which too few were positive says so in words. Cohorts stand beside each other and are not compared.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import number, text
from biomarkers.figures import simon_makuch_figure, state_occupation_figure
from biomarkers.report.blocks import Block, Heading, Numbering, Picture, Pictures, Section, Table, Text
from biomarkers.report.drawings import Gallery
from biomarkers.report.trial_words import day_words, places_of, room_of, share, width_of
from biomarkers.report.view import View, is_main, lines_of, slug
from biomarkers.tables import POOLED, Cell, Grid, GridRow, Line, cells, together

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]
WHOSE = "No patient lives along one of these curves: they describe hazards by current status, and are nobody’s survival."
_CALLS = (
    ("n_subjects", "Patients with a call"),
    ("n_draws", "Draws before the end of follow-up"),
    ("n_evaluable", "evaluable"),
    ("n_positive_draws", "positive"),
    ("n_subjects_ever_drawn_positive", "Patients with a positive draw"),
    ("median_gap_days", "Median days between evaluable draws"),
    ("n_draws_outside_every_window", "Draws outside every window"),
    ("n_draws_after_the_end", "Draws on the event day, or after follow-up"),
)
_LEAD = (
    ("n_relapses", "Progressions"),
    ("n_detected_before", "detected before"),
    ("n_never_detected", "never detected"),
    ("n_no_evaluable_draw", "no evaluable draw"),
)
_ROLES = {
    "state": "Scheduled, before the end of follow-up",
    "after the end": "On the event day, or after follow-up",
    "progression": "Because of progression",
}


def mrd_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """For every question about MRD: counts, calls by visit, status at each landmark, states over time."""
    rows = _rows(view, "calls")
    if not rows:
        return None
    blocks: list[Block] = [
        Text.of(
            "A call that could not be evaluated is missing with its reason, never negative. A draw taken because of "
            "progression, on the event day or after follow-up is no status before the event and is counted apart. Between two "
            "draws the status is unknown, so a change has an interval and no day. Being ever positive is not analysed from "
            "time zero."
        )
    ]
    asked = together(rows, lambda r: (text(r["analysis"]), text(r["marker"])))
    for (analysis, marker), mine in asked:
        if len(asked) > 1:
            head = f"{tables.marker_label(marker, view.design)} [{numbers.label(analysis, 40)}]"
            blocks.append(Heading(head, f"mrd-{slug(analysis)}"))
        blocks.append(Table(count.table(), _counted(view, analysis, mine), long=True))
        grids = (_visits(view, analysis), _status(view, analysis, marker))
        blocks += [Table(count.table(), grid, long=True) for grid in grids if grid.rows]
        blocks += _pictures(view, count, gallery, name, analysis, marker)
    return Section("mrd", "Minimal residual disease", "8, 11, 12, 15", tuple(blocks))


def _rows(view: View, key: str, analysis: str = "") -> list[Row]:
    """Rows of a table of the run that belong to this page and analysis, each with its line."""
    rows = lines_of(getattr(view.results.mrd, key))
    here = [r for r in rows if view.cohort is None or text(r["cohort"]) == view.cohort]
    return [r for r in here if not analysis or text(r["analysis"]) == analysis]


def _counted(view: View, analysis: str, calls: Sequence[Row]) -> Grid:
    """Measures down, cohorts across: calls, changes, and which came first."""
    cohorts = tables.order((text(r["cohort"]) for r in calls), view.design.cohorts)
    by = {text(r["cohort"]): r for r in calls}
    lead = {text(r["cohort"]): r for r in _rows(view, "lead", analysis)}
    rates = {(text(r["move"]), text(r["cohort"])): r for r in _rows(view, "rates", analysis)}
    body = [GridRow("Draws and calls", kind="g")]
    body += [_measured(words, key, "calls", [by.get(c) for c in cohorts]) for key, words in _CALLS]
    body.append(GridRow("Changes from one evaluable draw to the next", kind="g"))
    for move, words in (("conversion", "Conversions, negative to positive"), ("reversion", "Reversions, positive to negative")):
        body.append(GridRow(words, tuple(_rate(rates.get((move, c))) for c in cohorts), "i"))
    clearances = "Sustained clearances, two negatives after a positive"
    body.append(_measured(clearances, "n_sustained_clearances", "calls", [by.get(c) for c in cohorts]))
    body.append(GridRow("Which came first", kind="g"))
    body += [_measured(words, key, "lead", [lead.get(c) for c in cohorts]) for key, words in _LEAD]
    body.append(GridRow("Share detected before (exact 95% CI)", tuple(_detected(lead.get(c)) for c in cohorts), "i"))
    body.append(GridRow("Median lead of the detected, days (range)", tuple(_lead(lead.get(c)) for c in cohorts), "i"))
    return Grid(
        "Calls, changes and lead time.",
        ("", *(tables.cohort_label(c) for c in cohorts)),
        tuple(body),
        (False, *[len(cohorts) > 1] * len(cohorts)),
        "Changes: number in the months at risk of it, then per 100 patient-months with exact Poisson limits. The lead runs "
        "from the first positive draw to the scan that showed progression; its median is over the detected alone, so it is "
        "read with the never detected above it.",
    )


def _measured(words: str, key: str, table: str, rows: Sequence[Row | None]) -> GridRow:
    inner = words[:1].islower()
    return GridRow(f"of them {words}" if inner else words, tuple(_number(r, key, table) for r in rows), "i")


def _number(row: Row | None, key: str, table: str) -> Cell:
    if row is None or not math.isfinite(number(row[key])):
        return Cell(numbers.NONE, "em")
    x = number(row[key])
    return Cell(numbers.count(x) if key.startswith("n_") else numbers.value(x), source=f"mrd_{table}:{int(row['line'])}")


def _rate(row: Row | None) -> Cell:
    if row is None:
        return Cell(numbers.NONE, "em")
    months, per = number(row["subject_months"]), number(row["per_100_months"])
    said = f"{numbers.count(number(row['n']))} in {numbers.whole(months)} months"
    if math.isfinite(per):
        limits = (numbers.value(number(row[k])) for k in ("conf_low", "conf_high"))
        said += f"; {numbers.value(per)}{numbers.NBSP}({numbers.span(*limits)})"
    return Cell(said, source=f"mrd_rates:{int(row['line'])}")


def _detected(row: Row | None) -> Cell:
    if row is None or not math.isfinite(number(row["share"])):
        return Cell(numbers.NONE, "em")
    return Cell(share(*(number(row[k]) for k in ("share", "conf_low", "conf_high"))), source=f"mrd_lead:{int(row['line'])}")


def _lead(row: Row | None) -> Cell:
    if row is None or not math.isfinite(number(row["median_lead_days"])):
        return Cell(numbers.NONE, "em")
    middle, low, high = (numbers.value(number(row[f"{k}_lead_days"])) for k in ("median", "shortest", "longest"))
    return Cell(f"{middle}{numbers.NBSP}({numbers.span(low, high)})", source=f"mrd_lead:{int(row['line'])}")


def _visits(view: View, analysis: str) -> Grid:
    """Calls by visit, on the page of a cohort."""
    rows = _rows(view, "visits", analysis) if view.cohort is not None or len(view.cohorts) < 2 else []
    body: list[GridRow] = []
    for role, part in together(rows, lambda r: text(r["role"])):
        body.append(GridRow(_ROLES.get(role, numbers.label(role)), kind="g"))
        for r in part:
            counts = (numbers.count(number(r[k])) for k in ("n_draws", "n_negative", "n_positive", "n_not_evaluable"))
            body.append(
                GridRow(
                    tables.capital(numbers.label(r["visit"])),
                    cells(*counts, numbers.label(text(r["detail"]), 200)),
                    "i",
                    f"mrd_visits:{int(r['line'])}",
                )
            )
    return Grid(
        "Calls by visit.",
        ("Visit", "Draws", "Negative", "Positive", "Not evaluable", "Why not"),
        tuple(body),
        (False, True, True, True, True, False),
    )


# -- status and outcome ---------------------------------------------------------------------------------------------------


def _status(view: View, analysis: str, marker: str) -> Grid:
    """By landmark: who was event-free for how long by status, then the hazard ratio or why there is none."""
    lines = [x for x in view.here if x.marker == marker and is_main(x) and _on_treatment(x)]
    known = _rows(view, "status", analysis)
    body: list[GridRow] = []
    for timing in sorted({*(text(r["timing"]) for r in known), *(x.timing for x in lines)}, key=_when):
        body.append(GridRow(tables.capital(numbers.label(timing)), kind="g"))
        body += [_free(view, r) for r in known if text(r["timing"]) == timing]
        body += _ratios(view, [x for x in lines if x.timing == timing])
    horizons = {number(r["horizon"]) for r in known}
    when = day_words(horizons.pop()) if len(horizons) == 1 else "the horizon"
    short = " and ".join(dict.fromkeys(view.short(x.endpoint) for x in view.lines if x.analysis == analysis))
    return Grid(
        f"Status and outcome, by landmark; event-free by status: {short}.",
        (
            "Status or question",
            "n",
            "Events",
            f"Event-free {when} later (95% CI)",
            "HR, detected (95% CI)",
            f"P, {view.adjust}",
        ),
        tuple(body),
        (False, True, True, True, True, True),
        "A landmark speaks of those who were event-free on its day and had an evaluable draw by then. Where too few were "
        "positive there is no ratio, and the row says why. Current value: a Cox model with the last known status.",
    )


def _on_treatment(line: Line) -> bool:
    return line.timing.startswith(("landmark", "current"))


def _when(timing: str) -> tuple[bool, list[float], str]:
    """Landmarks by their day, then the current value by its lag."""
    return not timing.startswith("landmark"), [float(d) for d in re.findall(r"\d+(?:\.\d+)?", timing)], timing


def _free(view: View, row: Row) -> GridRow:
    head = tables.capital(numbers.label(row["status"]))
    head = head if view.cohort is not None else f"{head}, {tables.cohort_label(text(row['cohort']))}"
    free = share(*(number(row[k]) for k in ("survival", "conf_low", "conf_high")))
    counts = (numbers.count(number(row["n"])), numbers.count(number(row["n_events"])))
    return GridRow(head, (*cells(*counts, free), Cell(""), Cell("")), "i d", f"mrd_status:{int(row['line'])}")


def _ratios(view: View, lines: Sequence[Line]) -> list[GridRow]:
    """One row per model; the same model asked by two analyses of the plan says which."""
    asked: dict[tuple[str, str], int] = {}
    for x in lines:
        asked[x.endpoint, x.cohort] = asked.get((x.endpoint, x.cohort), 0) + 1
    out = []
    for x in lines:
        where = "" if view.cohort is not None else f", {'pooled' if x.cohort == POOLED else tables.cohort_label(x.cohort)}"
        which = f" [{numbers.label(x.analysis, 40)}]" if asked[x.endpoint, x.cohort] > 1 else ""
        said = Cell(x.ratio) if x.modelled else Cell(f"no HR: {x.message}" if x.message else numbers.NONE, "em")
        out.append(
            GridRow(
                f"{view.short(x.endpoint)}{where}{which}",
                (*cells(x.n, x.events), Cell(""), said, Cell(x.p_adjusted if x.modelled else "")),
                "i",
                f"results:{x.key}",
            )
        )
    return out


# -- pictures -------------------------------------------------------------------------------------------------------------


def _pictures(view: View, count: Numbering, gallery: Gallery, name: str, analysis: str, marker: str) -> list[Block]:
    """Where everybody is, week by week, beside the curves by current status."""
    blocks: list[Block] = []
    label = tables.marker_label(marker, view.design)
    table = pd.DataFrame(_rows(view, "occupation", analysis))
    if len(table):
        cohorts = tables.order(table["cohort"], view.design.cohorts)
        figure = state_occupation_figure(
            table,
            groups=cohorts,
            titles={c: tables.cohort_label(c) for c in cohorts},
            origin=view.design.time_zero,
            unit=_unit(view, analysis, table),
            width_mm=120.0 if len(cohorts) == 1 else 180.0,
            places=places_of(view, cohorts),
        )
        caption = (
            f"{label}: the share of patients in each state, by Aalen and Johansen, from the first visit on treatment; "
            f"going back to negative is allowed. {_shares(table, cohorts)}"
        )
        blocks.append(_picture(count, gallery, f"{name}-states-{slug(analysis)}", figure, caption))
    blocks += states_pictures(view, count, gallery, name, [analysis])
    return _abreast(blocks)


def _unit(view: View, analysis: str, table: pd.DataFrame) -> str:
    """One unit for the states of an analysis and its curves, on every page."""
    longest = [float(table["time"].max())]
    for whole in (view.results.mrd.occupation, view.results.pictures.states):
        longest += [float(t) for t in whole.loc[whole["analysis"].map(text) == analysis, "time"]] if len(whole) else []
    return tables.time_unit(max(longest))


def _shares(table: pd.DataFrame, cohorts: Sequence[str]) -> str:
    """ "At day 700 in ER+: negative 50%, positive 4%, progressed or dead 46%." """
    said = []
    for cohort in cohorts:
        own = table[table["cohort"].map(text) == cohort]
        last = own[own["time"] == own["time"].max()]
        shares = ", ".join(
            f"{numbers.label(s)} {100 * float(p):.0f}%" for s, p in zip(last["state"], last["probability"], strict=True)
        )
        said.append(f"At day {float(last['time'].iloc[0]):.0f} in {tables.cohort_label(cohort)}: {shares}.")
    return " ".join(said)


def states_pictures(
    view: View, count: Numbering, gallery: Gallery, name: str, analyses: Sequence[str] | None = None
) -> list[Picture]:
    """Simon and Makuch's curves by current state; of all analyses but those about MRD where none is named."""
    every = view.part(view.results.pictures.states)
    every = every[every["cohort"].map(text) != POOLED] if len(every) and view.cohorts else every
    about_mrd = {text(a) for a in view.results.mrd.calls.get("analysis", ())}
    out = []
    for analysis, steps in tables.split(every, "analysis").items() if len(every) else ():
        if analysis not in analyses if analyses is not None else analysis in about_mrd:
            continue
        line = next((x for x in view.lines if x.analysis == analysis), None)
        if line is None:
            continue
        cohorts = tables.order(steps["cohort"], view.design.cohorts)
        figure = simon_makuch_figure(
            steps,
            cohorts=cohorts,
            titles={c: tables.cohort_label(c) for c in cohorts},
            ylabel=f"{view.short(line.endpoint)}, by current status",
            origin=view.design.time_zero,
            unit=_unit(view, analysis, steps),
            places=places_of(view, cohorts),
        )
        label = tables.marker_label(line.marker, view.design)
        day = float(steps["landmark"].iloc[0])
        caption = (
            f"{view.short(line.endpoint)} by current {label}, Simon and Makuch, from day {day:.0f}. A patient counts in the "
            f"curve of the status known on the day, so numbers at risk rise as well as fall. {WHOSE}"
        )
        out.append(_picture(count, gallery, f"{name}-simon-makuch-{slug(analysis)}", figure, caption))
    return out


def _picture(count: Numbering, gallery: Gallery, file: str, figure: Figure, caption: str) -> Picture:
    return Picture(count.figure(), gallery.add(file, figure), caption, caption, None, room_of(figure), width_of(figure))


def _abreast(blocks: Sequence[Block]) -> list[Block]:
    """Two narrow figures beside each other; wide ones below each other."""
    pictures = [b for b in blocks if isinstance(b, Picture)]
    if len(pictures) < 2 or any(p.width_mm > 150 for p in pictures):
        return list(blocks)
    return [Pictures(tuple(pictures[i : i + 2])) for i in range(0, len(pictures), 2)]
