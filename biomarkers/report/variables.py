"""The markers beside everything else that is known: each against the declared variables, against one another, and with them.

REMARK 14 asks for the first two, 16 and 17 for the last: one model per marker with all the standard variables, every term shown
whatever its P, and what the marker adds to them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import number, text
from biomarkers.figures import calibration_figure
from biomarkers.report.blocks import Block, Numbering, Picture, Pictures, Section, Table, Text
from biomarkers.report.drawings import Gallery
from biomarkers.report.view import View, lines_of, slug
from biomarkers.tables import HAZARD_RATIO, POOLED, Cell, Grid, GridRow, cells, together

Row = dict[str, Any]
WIDEST, MOST_MARKERS, STRONGEST = 5, 14, 12
"""Columns of terms that a table holds, markers of a whole correlation table, pairs listed where there are more markers."""
ADDED_TEST = "added value test"


def _here(view: View, rows: Sequence[Row]) -> list[Row]:
    """Rows of the page's cohort; of all patients on the page of all cohorts."""
    wanted = view.cohort if view.cohort is not None else POOLED
    return [r for r in rows if text(r["cohort"]) == wanted]


def by_variable_section(view: View, count: Numbering) -> Section | None:
    """Each marker against each declared variable, then the markers against one another."""
    beside = view.results.beside
    blocks: list[Block] = []
    rows = _here(view, lines_of(beside.by_variable))
    if rows:
        blocks += [Table(count.table(), grid, long=True) for grid in _by_variable(view, rows)]
    pairs = [r for r in _here(view, lines_of(beside.correlation)) if math.isfinite(number(r["estimate"]))]
    if pairs:
        markers = tables.order(m for r in pairs for m in (r["marker_1"], r["marker_2"]))
        grid = _correlation(view, pairs, markers) if len(markers) <= MOST_MARKERS else _strongest(view, pairs)
        blocks.append(Table(count.table(), grid, long=True))
    return Section("byvariable", "Markers and other variables", "14", tuple(blocks)) if blocks else None


def _column(row: Row) -> str:
    name = tables.variable_label(text(row["variable"]))
    return f"{name}\n{numbers.label(row['level'])} against {numbers.label(row['reference'])}" if text(row["level"]) else name


def _by_variable(view: View, rows: Sequence[Row]) -> list[Grid]:
    """Markers down, variables across; several tables where there are many variables."""
    columns = list(dict.fromkeys(_column(r) for r in rows))
    grids = []
    for start in range(0, len(columns), WIDEST):
        some = columns[start : start + WIDEST]
        body = []
        for marker, part in together(rows, lambda r: text(r["marker"])):
            found = {_column(r): r for r in part}
            shown = [_effect(found.get(c), "by_variable") for c in some]
            n = max(int(r["n"]) for r in part)
            body.append(GridRow(tables.marker_label(marker, view.design), (*cells(numbers.count(n)), *shown)))
        level = numbers.level(number(rows[0]["conf_level"]))
        grids.append(
            Grid(
                f"Markers at baseline and the declared variables ({level} CI).",
                ("Marker", "Known", *some),
                tuple(body),
                (False, *[True] * (len(some) + 1)),
                "From −1 to 1. A number: Spearman’s rho. A factor: Cliff’s delta, how much oftener a patient of the first "
                "level has the higher value than the lower one against a patient of the second; for a marker that is yes or "
                "no, the difference of the two shares. By ranks, so a value below its limit counts as the lowest. No P: these "
                "are descriptions.",
            )
        )
    return grids


def _effect(row: Row | None, table: str) -> Cell:
    """A correlation with its interval, bold where the interval leaves out 0."""
    if row is None or not math.isfinite(number(row["estimate"])):
        return Cell(numbers.NONE, "em")
    estimate, low, high = (number(row[k]) for k in ("estimate", "conf_low", "conf_high"))
    limits = f"{numbers.NBSP}({numbers.span(numbers.decimal(low), numbers.decimal(high))})" if math.isfinite(low) else ""
    return Cell(f"{numbers.decimal(estimate)}{limits}", source=f"{table}:{int(row['line'])}")


def _correlation(view: View, pairs: Sequence[Row], markers: Sequence[str]) -> Grid:
    """The lower triangle: rho without its interval, which stands in correlation.csv."""
    found = {(text(r["marker_1"]), text(r["marker_2"])): r for r in pairs}
    rows = []
    for i, down in enumerate(markers[1:], start=1):
        shown = []
        for across in markers[:i]:
            r = found.get((across, down)) or found.get((down, across))
            value = number(r["estimate"]) if r else math.nan
            strong = r is not None and number(r["conf_low"]) * number(r["conf_high"]) > 0
            source = f"correlation:{int(r['line'])}" if r else ""
            shown.append(Cell(numbers.decimal(value), "hi" if strong else "", source=source) if r else Cell(numbers.NONE, "em"))
        rows.append(
            GridRow(f"{i + 1} {tables.marker_label(down, view.design)}", (*shown, *[Cell("")] * (len(markers) - 1 - i)))
        )
    first = tables.marker_label(markers[0], view.design)
    return Grid(
        f"Markers and one another: Spearman’s rho of the patients who have both. 1 is {first}.",
        ("Marker", *(str(i) for i in range(1, len(markers)))),
        tuple(rows),
        (False, *[True] * (len(markers) - 1)),
        "Bold: the 95% interval leaves out 0, for each pair by itself. Intervals and n stand in correlation.csv.",
    )


def _strongest(view: View, pairs: Sequence[Row]) -> Grid:
    """Where a triangle would fill pages: the pairs that go together most closely."""
    ranked = sorted(pairs, key=lambda r: (-abs(number(r["estimate"])), int(r["line"])))[:STRONGEST]
    rows = [
        GridRow(
            " and ".join(tables.marker_label(text(r[k]), view.design) for k in ("marker_1", "marker_2")),
            (*cells(numbers.count(number(r["n"]))), _effect(r, "correlation")),
        )
        for r in ranked
    ]
    return Grid(
        f"The {len(ranked)} closest of {numbers.whole(len(pairs))} pairs of markers.",
        ("Pair", "n", "Spearman’s rho (95% CI)"),
        tuple(rows),
        (False, True, True),
        "Every pair stands in correlation.csv. The closest of many pairs look closer than they are.",
    )


# -- with the standard variables ------------------------------------------------------------------------------------------


def multivariable_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """One model per marker with every standard variable, what the marker adds, and whether predictions come true."""
    beside = view.results.beside
    rows = _here(view, lines_of(beside.multivariable))
    if not rows:
        alone = _calibration(view, count, gallery, name)
        return Section("multivariable", "With the standard variables", "16, 17", tuple(alone)) if alone else None
    if view.crowded:
        words = "Models of each marker with the standard variables stand in the reports of the cohorts."
        return Section("multivariable", "With the standard variables", "16, 17", (Text.of(words),))
    added = {
        (text(r["marker"]), text(r["endpoint"])): r
        for r in _here(view, lines_of(beside.added))
        if text(r["measure"]) == "concordance"
    }
    blocks: list[Block] = [
        Text.of(
            "Each marker in one model with all the standard variables, every term shown whatever its P. What the marker adds: "
            "the likelihood-ratio test, and the change in concordance, which is small even for a strong marker."
        )
    ]
    silent: dict[str, list[str]] = {}
    several = len({text(r["endpoint"]) for r in rows}) > 1
    for endpoint, part in together(rows, lambda r: text(r["endpoint"])):
        models = together(part, lambda r: text(r["marker"]))
        fitted = [(marker, found) for marker, found in models if any(text(r["estimand"]) == HAZARD_RATIO for r in found)]
        for marker, found in models:
            if not any(text(r["estimand"]) == HAZARD_RATIO for r in found):
                why = text(found[0]["note"]).removeprefix("descriptive only: ")
                whose = f" for {view.short(endpoint)}" if several else ""
                silent.setdefault(numbers.label(why, 300), []).append(tables.marker_label(marker, view.design) + whose)
        if fitted:
            grid = _models(view, endpoint, fitted, added)
            blocks.append(Table(count.table(), grid, long=True))
    blocks += [
        Text.of(
            f"No such model of {', '.join(markers[:8])}{f' and {len(markers) - 8} more' if len(markers) > 8 else ''}: {why}."
        )
        for why, markers in silent.items()
    ]
    blocks += _calibration(view, count, gallery, name)
    return Section("multivariable", "With the standard variables", "16, 17", tuple(blocks))


def _calibration(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """Predicted against observed, of the analyses that ask what a marker adds; on the page of a cohort, or the only page."""
    if view.cohort is None and view.cohorts:
        return []
    pictures = []
    every = view.part(view.results.pictures.calibration)
    for analysis, table in tables.split(every, "analysis").items() if len(every) else ():
        cohorts = tables.order(table["cohort"], view.design.cohorts)
        figure = calibration_figure(
            table,
            cohorts=cohorts,
            titles={c: tables.cohort_label(c) for c in cohorts},
            places=dict.fromkeys(cohorts, view.place),
        )
        label = tables.marker_label(text(table["marker"].iloc[0]), view.design)
        models = " and ".join(numbers.label(m) for m in tables.order(table["model"]))
        fewest = numbers.count(float(table["n"].min()))
        caption = (
            f"Do predictions come true? {label}: predicted against observed in groups of like prediction, {models}, by "
            f"{numbers.label(table['judged'].iloc[0])}. The smallest group has {fewest} patients: such a figure can show a "
            "model that is badly wrong, and cannot prove one right."
        )
        source = gallery.add(f"{name}-calibration-{slug(analysis)}", figure)
        pictures.append(Picture(count.figure(), source, caption, caption, None, 30.0, 85.0))
    return [Pictures(tuple(pictures[i : i + 2])) for i in range(0, len(pictures), 2)]


def _models(view: View, endpoint: str, fitted: Sequence[tuple[str, list[Row]]], added: dict[tuple[str, str], Row]) -> Grid:
    """One row per model where the terms fit across, else one per term."""
    others = list(dict.fromkeys(text(r["term"]) for marker, rows in fitted for r in _terms(rows, marker, own=False)))
    level = numbers.level(number(fitted[0][1][0]["conf_level"]))
    note = (
        "P: likelihood ratio of the marker given the others; counted in the ledger, in no family of the plan. Change in "
        f"concordance: corrected for optimism, bootstrap interval. Unadjusted for {numbers.plural(len(fitted), 'model')}."
    )
    tail = ("P", "Change in C")
    body: list[GridRow] = []
    if len(others) <= WIDEST:
        for marker, rows in fitted:
            by_term = {text(r["term"]): r for r in _terms(rows, marker, own=False)}
            own = _terms(rows, marker, own=True)
            first = own[0] if own else rows[0]
            shown = [_ratio(r) for r in own] or [Cell(numbers.NONE, "em")]
            body.append(
                GridRow(
                    _with_contrast(view, marker),
                    (
                        *cells(numbers.count(number(first["n"])), numbers.count(number(first["n_events"]))),
                        *shown[:1],
                        *(_ratio(by_term.get(t)) for t in others),
                        *_adds(rows, added.get((marker, endpoint))),
                    ),
                )
            )
        heads = ("Model of", "n", "Events", f"Marker, HR ({level} CI)", *(_term_label(view, t) for t in others), *tail)
    else:
        for marker, rows in fitted:
            body.append(GridRow(tables.marker_label(marker, view.design), kind="g"))
            for r in [x for x in rows if text(x["estimand"]) == HAZARD_RATIO]:
                mine = text(r["term"]).startswith(marker)
                label = "Marker" if mine else _term_label(view, text(r["term"])).replace("\n", ", ")
                ends = _adds(rows, added.get((marker, endpoint))) if mine else cells("", "")
                counts = cells(numbers.count(number(r["n"])), numbers.count(number(r["n_events"])))
                body.append(GridRow(label, (*counts, _ratio(r), *ends), "r" if mine else "i"))
        heads = ("Term", "n", "Events", f"HR ({level} CI)", *tail)
    return Grid(
        f"Each marker with the standard variables, {view.short(endpoint)}; hazard ratios of one model across a row."
        if len(others) <= WIDEST
        else f"Each marker with the standard variables, {view.short(endpoint)}.",
        heads,
        tuple(body),
        (False, *[True] * (len(heads) - 1)),
        note,
    )


def _with_contrast(view: View, marker: str) -> str:
    """ "TK1, per doubling": the step of the hazard ratio is that of the marker's own row at baseline."""
    steps = (x.contrast for x in view.lines if x.marker == marker and x.timing == "baseline" and x.contrast.startswith("per "))
    return ", ".join(filter(None, (tables.marker_label(marker, view.design), next(steps, ""))))


def _terms(rows: Sequence[Row], marker: str, *, own: bool) -> list[Row]:
    """Terms of the marker, or of everything else."""
    terms = [r for r in rows if text(r["estimand"]) == HAZARD_RATIO]
    return [r for r in terms if (text(r["term"]) == marker or text(r["term"]).startswith(f"{marker}[")) is own]


def _ratio(row: Row | None) -> Cell:
    if row is None:
        return Cell(numbers.NONE, "em")
    estimate, low, high = (number(row[k]) for k in ("estimate", "conf_low", "conf_high"))
    if not math.isfinite(estimate):
        return Cell("NE", "em")
    return Cell(numbers.interval(estimate, low, high), source=f"multivariable:{int(row['line'])}")


def _adds(rows: Sequence[Row], change: Row | None) -> tuple[Cell, Cell]:
    """P of the likelihood ratio, and the change in concordance."""
    test = next((r for r in rows if text(r["estimand"]) == ADDED_TEST), None)
    p = (
        Cell(numbers.p(number(test["p_value"])), source=f"multivariable:{int(test['line'])}")
        if test
        else Cell(numbers.NONE, "em")
    )
    if change is None or not math.isfinite(number(change["corrected"])):
        return p, Cell(numbers.NONE, "em")
    low, high = (numbers.decimal(number(change[k])) for k in ("conf_low", "conf_high"))
    words = f"{numbers.decimal(number(change['corrected']))}{numbers.NBSP}({numbers.span(low, high)})"
    return p, Cell(words, source=f"added_value:{int(change['line'])}")


def _term_label(view: View, term: str) -> str:
    """ "Liver mets\\n1 against 0": a level with the reference that the table of the patients names first."""
    name, _, level = term.partition("[")
    head = tables.variable_label(name)
    if not level:
        return f"{head}\nper unit"
    level = level.removesuffix("]")
    known = (
        list(view.design.arms)
        if name == "arm"
        else tables.order(
            r["level"]
            for r in tables.records(view.results.patients)
            if text(r["variable"]) == name and text(r["statistic"]) == "n"
        )
    )
    reference = next((x for x in known if x != level), "")
    short = dict(zip(known, tables.short_names(known), strict=True)) if name == "arm" else {}
    return f"{head}\n{short.get(level, numbers.label(level))}" + (f" against {numbers.label(reference)}" if reference else "")
