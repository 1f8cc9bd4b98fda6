"""Prediction from many markers: how well each model tells patients apart where it was not trained, beside the known variables.

A screen is exploratory even in a plan: it names no marker that works, and its only P asks whether all of them together do.
"""

from __future__ import annotations

import math

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import STATES, number, text
from biomarkers.report.blocks import Block, Numbering, Section, Table, Text
from biomarkers.report.view import View
from biomarkers.tables import Cell, Grid, GridRow, Line, cells, together

MOST_CHOSEN = 12


def prediction_section(view: View, count: Numbering) -> Section | None:
    """Measures of each model with their intervals, then the markers that models chose most often."""
    lines = [x for x in view.here if x.analysis in view.screens]
    if not lines:
        return None
    blocks: list[Block] = [
        Text.of(
            "Every number comes from patients that the model had not seen (nested cross-validation), beside the model of the "
            "standard variables alone. Exploratory: a screen predicts and confirms no marker."
        )
    ]
    for analysis, part in together(lines, lambda x: x.analysis):
        blocks.append(Table(count.table(), _measures(view, analysis, part)))
        chosen = _chosen(view, analysis)
        if chosen:
            blocks.append(Table(count.table(), chosen))
    return Section("prediction", "Prediction from many markers", "10, 18", tuple(blocks))


def _measures(view: View, analysis: str, lines: list[Line]) -> Grid:
    body: list[GridRow] = []
    for estimand, part in together(lines, lambda x: x.estimand):
        body.append(GridRow(tables.capital(numbers.label(estimand)), kind="g"))
        for x in part:
            row = x.row
            estimate, low, high = (number(row[k]) for k in ("estimate", "conf_low", "conf_high"))
            limits = f"{numbers.NBSP}({numbers.span(numbers.decimal(low), numbers.decimal(high))})" if low <= high else ""
            why = numbers.label(text(row["note"]).removeprefix("exploratory: a screen predicts; "), 160)
            said = f"{numbers.decimal(estimate)}{limits}" if math.isfinite(estimate) else why or numbers.NONE
            body.append(
                GridRow(
                    tables.capital(numbers.label(x.term)),
                    cells(
                        numbers.label(text(row["contrast"])),
                        numbers.count(number(row["n"])),
                        numbers.count(number(row["n_events"])),
                        Cell(said, "" if math.isfinite(estimate) else "em"),
                        numbers.p(number(row["p_permutation"])) if math.isfinite(number(row["p_permutation"])) else "",
                    ),
                    "i e",
                    f"results:{x.key}",
                )
            )
    level = next((numbers.level(x.level) for x in lines if math.isfinite(x.level)), "95%")
    method = next((numbers.label(text(x.row["method"]), 200) for x in lines if text(x.row["method"])), "")
    stamp = f"{STATES['exploratory'].glyph}{numbers.NBSP}{STATES['exploratory'].word}"
    return Grid(
        f"{stamp}: {view.short(lines[0].endpoint)} predicted [{numbers.label(analysis, 40)}].",
        ("Model", "Of", "n", "Events", f"Measure ({level} CI)", "P, permutation"),
        tuple(body),
        (False, False, True, True, True, True),
        f"0.5: no better than chance. {tables.capital(method)}. The P asks of all markers together whether they add anything.",
    )


def _chosen(view: View, analysis: str) -> Grid | None:
    """How often a marker was kept by the penalty: a description of the models, no ranking of evidence."""
    rows = tables.records(view.results.more.get(f"{analysis}: chosen"))
    rows = sorted((r for r in rows if number(r["share"]) > 0), key=lambda r: -number(r["share"]))
    if not rows:
        return None
    body = [
        GridRow(tables.marker_label(text(r["marker"]), view.design), cells(f"{100 * number(r['share']):.0f}%"), "e")
        for r in rows[:MOST_CHOSEN]
    ]
    more = f" {len(rows) - MOST_CHOSEN} further markers were kept at least once." if len(rows) > MOST_CHOSEN else ""
    return Grid(
        "How often the penalised model kept a marker, of all its fits.",
        ("Marker", "Kept"),
        tuple(body),
        (False, True),
        f"Correlated markers stand in for one another, so a low share is no evidence against a marker.{more}",
    )
