"""Sections with hazard ratios: the forest table, the matrix of all cohorts, curves, interactions, assumptions, power."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence

from markupsafe import Markup

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.report.arm_effects import arm_effect_pictures
from biomarkers.report.blocks import (
    Block,
    Forest,
    ForestRow,
    Heading,
    Links,
    Matrix,
    MatrixCell,
    MatrixRow,
    Numbering,
    Picture,
    Pictures,
    Refusals,
    Section,
    Table,
    Text,
)
from biomarkers.report.drawings import Gallery, axis_of, axis_words, curves, forest_picture, small
from biomarkers.report.methods import fitted_models
from biomarkers.report.over_time import doubt_pictures
from biomarkers.report.robustness import specification_pictures
from biomarkers.report.view import View, is_main, is_pooled, is_subgroup
from biomarkers.report.words import ADDED, CHANGE, ODDS_RATIO, RATIO_OF_ODDS, in_words
from biomarkers.tables import HETEROGENEITY, POOLED, Cell, Grid, GridRow, Line, Refusal, cells, together

MOST_CURVES, MOST_FOREST_ROWS, HEAVY = 24, 72, 10
"""Beyond these the page of all cohorts points to the pages of the cohorts instead of repeating them."""


def association(view: View, count: Numbering) -> Section | None:
    """One row per question of this cohort, with its interval drawn beside it."""
    if not view.main:
        return None
    blocks: list[Block] = []
    n = len(view.main)
    blocks.append(
        Text.of(
            f"{numbers.in_words(n).capitalize()} {'question' if n == 1 else 'questions'}, one row each. "
            + (
                "Cohorts are never averaged here; the page of all cohorts holds the "
                "stratified estimate and the test of heterogeneity."
                if view.cohort is not None
                else ""
            )
        )
    )
    for endpoint in view.endpoints:
        lines = [x for x in view.main if x.endpoint == endpoint]
        if not lines:
            continue
        blocks.append(_forest(view, count, lines, endpoint))
        blocks += in_words(lines, view)
    boxes = tuple(tables.refusal(x.row, view.design) for x in view.main if x.state == "refused")
    if boxes:
        blocks.append(Heading("Refused", "refused"))
        blocks.append(Refusals(boxes))
    names = [tables.endpoint_label(e, view.design).lower() for e in view.endpoints]
    title = f"Association with {names[0]}" if len(names) == 1 else "Association with outcome"
    return Section("assoc", title, "15, 17", tuple(blocks))


def _forest(view: View, count: Numbering, lines: Sequence[Line], endpoint: str) -> Forest:
    axis = axis_of(lines, 240)
    number = count.table()
    groups = tuple(
        (head, tuple(ForestRow(x, small(axis, 32, x, side=11)) for x in rows))
        for head, rows in together(lines, lambda x: x.group)
    )
    short = view.short(endpoint)
    models = fitted_models(view, [x for x in lines if x.modelled])
    model = f" {'; '.join(models)}." if models else ""
    level = next((numbers.level(x.level) for x in lines), "95%")
    where = tables.cohort_label(view.cohort) if view.cohort else "all cohorts"
    return Forest(
        number,
        f"Markers and {short}, {where}.{model}",
        (
            "Marker and contrast",
            "n",
            "Events",
            "Hazard ratio, log scale",
            f"HR ({level} CI)",
            "P",
            f"P, {view.adjust}",
            "Status",
        ),
        groups,
        axis_words(axis, 34, (f"longer {short}", f"shorter {short}")),
        _forest_note(lines, view.adjust),
    )


def _forest_note(lines: Sequence[Line], adjust: str) -> str:
    parts = ["Box area grows with events." if any(x.modelled for x in lines) else ""]
    if any(x.state == "exploratory" for x in lines):
        parts.append("Open box and dashed interval: exploratory.")
    if any(x.state in ("descriptive", "refused") for x in lines):
        parts.append("No box where no model was fitted.")
    parts += _noted(lines)
    flagged = [f"▲ {x.title}: {flag}." for x in lines for flag in x.flags if x.modelled]
    planned = any(math.isfinite(x.p_holm) for x in lines)
    parts.append(f"P, {adjust}: within each family of the plan." if planned and adjust != "adjusted" else "")
    return " ".join([*filter(None, parts), *flagged])


_COUNTED = re.compile(r"(\d+) (in the .*)")


def _noted(lines: Sequence[Line], where: Callable[[Line], str] = lambda x: "") -> list[str]:
    """What the notes of these rows say, each once, with the rows that it is about; notes that differ in a count are one."""
    bases = {x.label.removesuffix(f" [{x.tag}]") for x in lines}
    shared = f"{bases.pop()}, " if len(bases) == 1 and len(lines) > 1 else ""    # one question at several times
    times = Counter(x.label for x in lines)
    notes: dict[str, list[str]] = {}
    for x in lines:
        name = tables.capital(x.title.removeprefix(shared)) if shared else x.title if times[x.label] > 1 else x.label
        for note in x.notes:
            notes.setdefault(note, []).append(name + where(x))
    for rest, found in together([m for m in map(_COUNTED.fullmatch, notes) if m], lambda m: m[2]):
        if len(found) > 1:
            counts = sorted(int(m[1]) for m in found)
            notes[f"{counts[0]} to {counts[-1]} {rest}"] = [name for m in found for name in notes.pop(m[0])]
    said = []
    for note, labels in list(notes.items())[:12]:
        every = len(labels) == len(lines)
        whom = "All rows: " if every and len(lines) > 1 else "" if every else f"{len(labels)} rows: "
        whom = f"{' and '.join(labels)}: " if len(labels) < 3 and not every else whom
        said.append(f"{whom}{note if whom else note[:1].upper() + note[1:]}.")
    return said


def matrix(view: View, count: Numbering) -> Section | None:
    """Every marker in every cohort, on one scale, then pooled and whether the cohorts differ."""
    if not view.cohorts:
        return None
    blocks: list[Block] = [
        Text.of(
            "Each cell: hazard ratio with its interval on one scale; the thin line is 1. Tinted and bold: adjusted P "
            "below 0.05, warm for a shorter time to the event, cool for a longer one. Filled box: prespecified; "
            "open box: exploratory; diamond: stratified over cohorts."
        )
    ]
    for endpoint in view.endpoints:
        lines = [x for x in view.lines if x.endpoint == endpoint and (is_main(x) or x.term == HETEROGENEITY)]
        block = _matrix(view, count, lines, endpoint)
        if block is not None:
            blocks.append(block)
            blocks += in_words([x for x in lines if is_pooled(x)], view)
    boxes = [_boxed(x, view) for x in view.lines if x.state == "refused"]
    if boxes:
        blocks += [Heading("Refused", "refused"), Refusals(tuple(boxes))]
    return Section("matrix", "Every marker in every cohort", "15, 17", tuple(blocks)) if len(blocks) > 1 else None


def _boxed(line: Line, view: View) -> Refusal:
    box = tables.refusal(line.row, view.design)
    return Refusal(f"{box.question}, {tables.cohort_label(line.cohort)}", box.asked, box.why, box.instead)


def _matrix(view: View, count: Numbering, lines: Sequence[Line], endpoint: str) -> Matrix | None:
    main = [x for x in lines if is_main(x)]
    axis = axis_of(main, 104, most=4.0)
    blank = Markup("")
    rows: list[tuple[str, MatrixRow]] = []
    for _, part in together(main, lambda x: (x.analysis, x.term, x.contrast, x.timing)):
        by_cohort = {x.cohort: x for x in part}
        pooled = by_cohort.get(POOLED)
        same = (part[0].analysis, part[0].timing)
        differ = next((x for x in lines if x.term == HETEROGENEITY and (x.analysis, x.timing) == same), None)
        first = pooled or part[0]
        rows.append(
            (
                part[0].group,
                MatrixRow(
                    tables.marker_label(first.marker, view.design),
                    first.contrast + (f" [{first.tag}]" if first.tag else ""),
                    tuple(_cell(by_cohort.get(c), axis, blank) for c in view.cohorts),
                    _cell(pooled, axis, blank),
                    first.p_adjusted if pooled else numbers.NONE,
                    differ.p if differ else numbers.NONE,
                    bool(differ and differ.p_value < 0.05),
                    first.state != "exploratory",
                    (
                        _key(pooled.estimate if pooled else math.nan),
                        _key(pooled.p_holm if pooled else math.nan),
                        _key(differ.p_value if differ else math.nan),
                    ),
                    differ.key if differ else 0,
                ),
            )
        )
    if not rows:
        return None
    heads = tuple((tables.cohort_label(c), view.design.cohorts.index(c), _size(view, c, endpoint)) for c in view.cohorts)
    shown = f"{numbers.whole(len(rows))} {'question' if len(rows) == 1 else 'questions'} in {len(heads)} cohorts"
    level = next((numbers.level(x.level) for x in main), "95%")
    return Matrix(
        count.table(),
        f"{shown}, {view.short(endpoint)}; hazard ratio ({level} CI), scale {axis.low:.2g} to {axis.high:.2g}.",
        heads,
        tuple((head, tuple(row for _, row in some)) for head, some in together(rows, lambda pair: pair[0])),
        view.adjust,
        level,
        "n and events of each cell stand in the report of its cohort. Het. P: likelihood-ratio test of one hazard ratio "
        "for all cohorts against one for each.",
    )


def _key(x: float) -> str:
    """For sorting: a plain number; a row without one goes last."""
    return f"{x:.6g}" if math.isfinite(x) else "9e9"


def _cell(line: Line | None, axis: object, blank: Markup) -> MatrixCell:
    if line is None:
        return MatrixCell(None, blank)
    if line.modelled:
        tint = ("up" if line.estimate > 1 else "down") if line.significant else ""
        return MatrixCell(line, small(axis, 15, line, side=8), tint)  # type: ignore[arg-type]
    words = {"refused": "⊘ refused", "descriptive": line.message, "not_estimable": f"NE: {line.limit}"}.get(
        line.state, "no model"
    )
    return MatrixCell(line, blank, "refused" if line.state == "refused" else "none", words)


def _size(view: View, cohort: str, endpoint: str) -> str:
    """ "64 patients, 49 events" of a cohort, from the endpoint table."""
    rows = [
        r
        for r in tables.records(view.results.endpoints)
        if tables.text(r["cohort"]) == cohort and tables.text(r["endpoint"]).lower() == endpoint.lower()
    ]
    whole = [r for r in rows if tables.text(r["arm"]) in ("", POOLED)] or rows
    if not whole:
        return ""
    n, events = (sum(int(tables.number(r[k])) for r in whole) for k in ("n", "n_events"))
    return f"{numbers.plural(n, 'patient')}, {numbers.plural(events, 'event')}"


def cohort_links(view: View) -> Links | None:
    """The cohorts with their size and the way to their reports."""
    if not view.cohorts:
        return None
    items = []
    for c in view.cohorts:
        mine = [x for x in view.lines if x.cohort == c and is_main(x)]
        holds = sum(x.significant for x in mine)
        sizes = [s for e in view.endpoints for s in [_size(view, c, e)] if s]
        words = [f"{view.short(e)}: {s}" if len(view.endpoints) > 1 else s for e, s in zip(view.endpoints, sizes, strict=False)]
        words.append(f"{holds} of {len(mine)} with P{numbers.NBSP}<{numbers.NBSP}0.05, {view.adjust}")
        items.append(
            (tables.cohort_label(c), view.design.cohorts.index(c), tuple(words), f"cohorts/{view.slugs[c]}/report.html")
        )
    return Links(tuple(items))


def forest_section(view: View, count: Numbering, gallery: Gallery) -> Section | None:
    """The forest of all cohorts by question, with the pooled diamond: a picture, where it fits on a page."""
    main = [x for x in view.lines if is_main(x)]
    if not main or len(main) > MOST_FOREST_ROWS or len(view.cohorts) < 2:
        return None
    figure = forest_picture(view, "marker")
    strongest = min((x for x in main if is_pooled(x) and x.modelled), key=lambda x: x.p_value, default=None)
    alt = f"{len(main)} hazard ratios by question and cohort; the numbers are those of the table above."
    if strongest is not None:
        alt = f"{alt} Smallest pooled P: {strongest.label}, {strongest.ratio}, {numbers.p_equals(strongest.p_value)}."
    picture = Picture(
        count.figure(),
        gallery.add("forest", figure),
        alt,
        "Each question in each cohort and pooled, stratified by cohort. Read the cohorts first where the heterogeneity P "
        "is small.",
    )
    return Section("forest", "Forest", "15, 17", (picture,))


def heterogeneity(view: View) -> list[Line]:
    """Questions whose answer differs between cohorts."""
    return sorted((x for x in view.lines if x.term == HETEROGENEITY and x.p_value < 0.05), key=lambda x: x.p_value)


def kaplan_meier_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Curves by declared class or genotype."""
    found = curves(view)
    if not found:
        return None
    blocks: list[Block] = []
    shown = found if view.cohort is not None or len(found) <= HEAVY or len(view.cohorts) < 3 else found[:0]
    if not shown:
        blocks.append(
            Text.of(f"{len(found)} questions have declared classes; their curves stand in the reports of the cohorts.")
        )
        for curve in found:
            gallery.keep(f"{name}-{_file(curve.analysis)}", curve.figure)
        return Section("km", "Kaplan–Meier", "15", tuple(blocks))
    pictures = []
    for curve in shown[:MOST_CURVES]:
        label = f"{view.short(curve.endpoint)}{curve.since} by {curve.label}"
        pictures.append(
            Picture(
                count.figure(),
                gallery.add(f"{name}-{_file(curve.analysis)}", curve.figure),
                curve.alt,
                f"{label}, {curve.cut}. Bands: 95%, log-log. Ticks: censored. Below: at risk just before, and events up to and "
                "including, each time.",
                curve.numbers,
                30.0 if curve.single else 44.0,
                120.0 if curve.single else 180.0,
            )
        )
    if all(curve.single for curve in shown):
        blocks += [Pictures(tuple(pictures[i : i + 2])) for i in range(0, len(pictures), 2)]
    else:
        blocks += pictures
    if len(shown) > MOST_CURVES:
        blocks.append(Text.of(f"{len(shown) - MOST_CURVES} further curves stand in the folder figures.", "fn"))
    return Section("km", "Kaplan–Meier", "15", tuple(blocks))


def _file(analysis: str) -> str:
    from biomarkers.report.view import slug

    return slug(analysis)


def interaction_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Does the association differ between arms? The predictive claim is the ratio, not two P values."""
    lines = view.interactions
    if not lines:
        return None
    rows: list[GridRow] = []
    for analysis, part in together(lines, lambda x: (x.analysis, x.cohort)):
        head = tables.marker_label(part[0].marker, view.design)
        rows.append(GridRow(head if view.cohort else f"{head}, {tables.cohort_label(analysis[1])}", kind="g"))
        for x in part:
            ratio = not is_subgroup(x)
            label = f"Ratio of hazard ratios, {x.contrast}" if ratio else x.contrast
            value = Cell(x.ratio) if x.modelled else Cell(x.message or numbers.NONE, "em")
            rows.append(GridRow(label, (*cells(x.n, x.events), value, *cells(x.p if ratio else "")), "r" if ratio else "i"))
    grid = Grid(
        "Does the association differ by arm? The predictive claim is the ratio, not two P values.",
        ("Contrast", "n", "Events", "HR or ratio (95% CI)", "P"),
        tuple(rows),
        (False, True, True, True, True),
        "A P in one arm and none in the other is no difference; only the ratio's test speaks about it.",
    )
    blocks = (Table(count.table(), grid), *in_words(lines, view), *arm_effect_pictures(view, lines, count, gallery, name))
    return Section("interaction", "Interaction", "8, 17", blocks)


_ANSWERS = {
    ODDS_RATIO: ("Markers and {endpoint}: above 1, more responders where the marker is higher", "Odds ratio"),
    RATIO_OF_ODDS: ("Does the association with {endpoint} differ?", "Ratio of odds ratios"),
    CHANGE: ("Change from baseline to the draw taken because of progression", "Mean change"),
    ADDED: ("What a marker adds to what is known already, {endpoint}: likelihood-ratio test", ""),
}
"""Questions of the plan whose answer is no hazard ratio: the caption of their table and the head of their estimate."""


def answers_section(view: View, count: Numbering) -> Section | None:
    """Answers that are no hazard ratio: response, change at progression, added value; on every page that has some."""
    asked = [x for x in view.others if x.estimand in _ANSWERS]
    if view.crowded or not asked:
        return None
    blocks: list[Block] = []

    def placed(x: Line) -> str:
        return "" if view.cohort is not None else f", {_where(x.cohort)}"

    for (estimand, endpoint), lines in together(asked, lambda x: (x.estimand, x.endpoint)):
        caption, head = _ANSWERS[estimand]
        level = next((numbers.level(x.level) for x in lines), "95%")
        rows = []
        for x in lines:
            shown = Cell(_estimated(x), source=f"results:{x.key}") if x.modelled else Cell(x.message or numbers.NONE, "em")
            words = cells(x.n, x.events, *([shown] if head else []), x.p, x.p_adjusted, tables.sign(x.state))
            rows.append(GridRow(x.label + placed(x), words))
        heads = ("Question", "n", "Events", *([f"{head} ({level} CI)"] if head else []), "P", f"P, {view.adjust}", "Status")
        title = caption.format(endpoint=tables.endpoint_label(endpoint, view.design).lower())
        numeric = (False, *[True] * (len(heads) - 2), False)
        grid = Grid(title if title.endswith("?") else f"{title}.", heads, tuple(rows), numeric, " ".join(_noted(lines, placed)))
        blocks.append(Table(count.table(), grid, long=True))
        blocks += in_words(lines, view)
    return Section("answers", "Other questions of the plan", "15, 17", tuple(blocks))


def _where(cohort: str) -> str:
    return "pooled" if cohort == POOLED else tables.cohort_label(cohort)


def _estimated(line: Line) -> str:
    """A ratio as ratios are written, a change on its own scale."""
    return line.ratio if "ratio" in line.estimand else _plain(line)


_CHECKS = {
    "proportional hazards test": "Proportional hazards, P",
    "linearity test": "Straight line, P",
    "influence of one subject": "HR without the most influential patient",
    "joint test": "All terms of the marker, P",
    "restricted mean survival difference": "Days gained (restricted mean)",
}


def assumptions_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Checks of each model and absolute companions of its hazard ratio, one row per question; then its specification curve."""
    curves = [*doubt_pictures(view, count, gallery, name), *specification_pictures(view, count, gallery, name)]
    checks = [x for x in view.others if x.estimand not in _ANSWERS]
    if not checks:
        return Section("sens", "Assumptions and sensitivity", "10, 18", tuple(curves)) if curves else None
    if view.crowded:
        words = "Tests of assumptions stand in the reports of the cohorts, so that this page stays readable."
        return Section("sens", "Assumptions and sensitivity", "10, 18", (Text.of(words), *curves))
    by_cohort = view.cohort is None and len(view.cohorts) > 1
    blocks: list[Block] = []
    for endpoint in view.endpoints:
        lines = [x for x in checks if x.endpoint == endpoint]
        kinds = tables.order((x.estimand for x in lines), tuple(_CHECKS))
        rows: list[GridRow] = []
        for head, part in together(lines, lambda x: x.title if by_cohort else x.group):
            rows.append(GridRow(head, kind="g"))
            for (label, _, cohort), found in together(part, lambda x: (x.label, x.analysis, x.cohort)):
                by_kind = {x.estimand: x for x in found}
                where = "Pooled, stratified" if cohort == POOLED else tables.cohort_label(cohort)
                rows.append(GridRow(where if by_cohort else label, tuple(_check(by_kind.get(k)) for k in kinds), "i"))
        if rows:
            heads = tuple(_CHECKS.get(k, numbers.label(k[:1].upper() + k[1:])) for k in kinds)
            notes = dict.fromkeys(note for x in lines for note in x.notes if x.estimand != "influence of one subject")
            grid = Grid(
                f"Checks of the models of {view.short(endpoint)}, and absolute companions of their hazard ratios.",
                ("Question", *heads),
                tuple(rows),
                (False, *[True] * len(kinds)),
                " ".join(
                    [
                        "▲: P below 0.05, or a flag in the text on top.",
                        *(f"{note[:1].upper()}{note[1:]}." for note in list(notes)[:6]),
                    ]
                ),
            )
            blocks.append(Table(count.table(), grid, long=True))
    return Section("sens", "Assumptions and sensitivity", "10, 18", (*blocks, *curves))


def _check(line: Line | None) -> Cell:
    """A test's P, or an estimate with its interval; marked where it casts doubt."""
    if line is None:
        return Cell(numbers.NONE, "em")
    if math.isfinite(line.estimate):
        ratio = line.estimand == "influence of one subject"
        return Cell(numbers.interval(line.estimate, line.low, line.high) if ratio else _plain(line), flag=bool(line.flags))
    return Cell(line.p, flag=line.p_value < 0.05 or bool(line.flags))


def _plain(line: Line) -> str:
    """An estimate on its own scale with its interval: three significant digits, true minus signs."""
    if not math.isfinite(line.estimate):
        return numbers.NONE
    low, high = numbers.value(line.low), numbers.value(line.high)
    return f"{numbers.value(line.estimate)}{numbers.NBSP}({numbers.span(low, high)})"
