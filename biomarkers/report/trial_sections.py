"""The trial's own endpoints, before any marker: who was in it, what became of them, what they reported, and where it stands.

Every number is a row of `results.trial`, whose tables stand beside the report as CSV files; a table without rows has no section.
Cohorts that patients chose stand beside each other and are never compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.numbers import EN_DASH, NBSP
from biomarkers.domain.states import number, text
from biomarkers.figures import consort_figure, kaplan_meier, pro_figure, toxicity_figure, two_stage_figure, waterfall_figure
from biomarkers.report.blocks import Block, Heading, Numbering, Picture, Pictures, Section, Table, Text
from biomarkers.report.drawings import Gallery, behind_curves
from biomarkers.report.view import View, lines_of
from biomarkers.tables import Cell, Grid, GridRow, Piece, cells

Row = dict[str, Any]
Build = Callable[[], Section | None]
NAMED_DAYS = {365: "one year", 366: "one year", 730: "two years", 731: "two years", 1095: "three years", 1096: "three years"}
LOGRANK = ("stratified log-rank z", "log-rank z")


def trial_sections(view: View, count: Numbering, gallery: Gallery, name: str) -> tuple[Build, ...]:
    """The sections with which a page opens, in their order; each is None where the study has nothing for it."""
    return (
        lambda: endpoint_section(view, count, gallery, name),
        lambda: restart_section(view, count),
        lambda: response_section(view, count, gallery, name),
        lambda: toxicity_section(view, count, gallery, name),
        lambda: reported_section(view, count, gallery, name),
    )


# -- the frame ------------------------------------------------------------------------------------------------------------


def _rows(view: View, key: str) -> list[Row]:
    """Rows of one table of the account that belong to this page, each with its `line` in the CSV."""
    rows = lines_of(getattr(view.results.trial, key))
    return [r for r in rows if view.cohort is None or text(r.get("cohort")) in ("", view.cohort)]


def _part(view: View, key: str) -> pd.DataFrame:
    """The same as a frame, for figures."""
    frame = getattr(view.results.trial, key)
    if not len(frame) or view.cohort is None or "cohort" not in frame:
        return frame
    return frame[frame["cohort"].map(text) == view.cohort]


def _cohorts(view: View, rows: Sequence[Row]) -> list[str]:
    return tables.order((text(r["cohort"]) for r in rows), view.design.cohorts)


def _places(view: View, cohorts: Sequence[str]) -> dict[str, int]:
    return {c: view.design.cohorts.index(c) if c in view.design.cohorts else -1 for c in cohorts}


def _titles(cohorts: Sequence[str]) -> dict[str, str]:
    return {c: tables.cohort_label(c) for c in cohorts}


def _source(key: str, row: Row) -> str:
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


def _level(row: Row) -> str:
    return numbers.level(number(row["conf_level"]))


# -- time to event --------------------------------------------------------------------------------------------------------


def endpoint_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """The flow, the primary comparison in a sentence, curves and every number of the time-to-event endpoints."""
    rows = [r for r in _rows(view, "endpoints") if text(r["endpoint"]) in view.design.endpoints]
    if not rows:
        return None
    blocks: list[Block] = [*_opening(view, rows), *_flow(view, count, gallery, name)]
    for endpoint in tables.order(text(r["endpoint"]) for r in rows):
        mine = [r for r in rows if text(r["endpoint"]) == endpoint]
        label = tables.endpoint_label(endpoint, view.design)
        blocks.append(Heading(label, f"trial-{endpoint}"))
        blocks += _curves(view, count, gallery, name, endpoint, mine)
        blocks += _time_tables(view, count, endpoint, mine)
    blocks += _standing(view, count, gallery, name)
    blocks += _untold(view)
    return Section("trial", "The trial’s own endpoints", "6, 12, 15", tuple(blocks))


def _untold(view: View) -> list[Block]:
    """What could not be told, and why."""
    return [Text((Piece("▲ Not told: ", "b"), Piece(f"{text(r['part'])}. {numbers.label(r['reason'], 600)}")), "fn")
            for r in tables.records(view.results.trial.refused)]  # fmt: skip


def _opening(view: View, rows: Sequence[Row]) -> list[Block]:
    """One sentence per cohort: the primary question and what was found."""
    out: list[Block] = []
    for cohort in _cohorts(view, rows):
        mine = [r for r in rows if text(r["cohort"]) == cohort]
        primary = text(mine[0]["endpoint"])
        first = [r for r in mine if text(r["endpoint"]) == primary]
        pieces = _compared_words(view, cohort, first) or _alone_words(view, cohort, first)
        if pieces:
            out.append(Text(tuple(pieces), "lead" if not out else ""))
    if view.design.cohort_assignment == "chosen" and len(view.design.cohorts) > 1:
        out.append(Text.of("Patients chose their cohort. Each cohort answers for itself; no number here compares them."))
    return out


def _compared_words(view: View, cohort: str, rows: Sequence[Row]) -> list[Piece]:
    tests = [r for r in rows if text(r["estimand"]) in LOGRANK]
    ratios = [r for r in rows if text(r["estimand"]) == tables.HAZARD_RATIO and "Wald" in text(r["method"])]
    if not tests:
        return []
    test = tests[0]
    head = [Piece(tables.cohort_label(cohort), "b"), Piece(f", {view.short(text(test['endpoint']))}, "
                                                           f"{numbers.label(test['contrast'])}: ")]  # fmt: skip
    if not math.isfinite(number(test["estimate"])):
        return [*head, Piece(f"no comparison: {numbers.label(test['note'], 300)}.")]
    alpha = view.design.trial.alpha if view.design.trial else None
    kind = "stratified log-rank" if text(test["model"]) == "stratified" else "log-rank"
    said = f"one-sided {kind} z = {numbers.decimal(number(test['estimate']))}, {numbers.p_equals(number(test['p_value']))}"
    said += f" at a level of {alpha:g}" if alpha is not None else ""
    pieces = [*head, Piece(said)]
    if ratios:
        pieces += [Piece("; hazard ratio "), Piece(_ratio(ratios[0]), "nw"), Piece(f" at {_level(ratios[0])}")]
    planned = view.design.trial.cohorts.get(cohort) if view.design.trial else None
    seen = int(test["n_events"])
    of = f" of the {planned.events} planned" if planned is not None and planned.events else ""
    pieces.append(Piece(f"; {numbers.plural(seen, 'event')}{of}. A positive z says that the second arm does better."))
    return pieces


def _alone_words(view: View, cohort: str, rows: Sequence[Row]) -> list[Piece]:
    exact = [r for r in rows if text(r["term"]) in ("primary", "one year") and "beta product" in text(r["method"])]
    binary = [r for r in rows if text(r["term"]) == "primary" and text(r["method"]).startswith("binary, evaluable")]
    if not exact:
        return []
    one = exact[0]
    day = _day(one)
    pieces = [
        Piece(tables.cohort_label(cohort), "b"),
        Piece(f": {view.short(text(one['endpoint']))} at {day_words(day)} "),
        Piece(_share(one), "nw"),
        Piece(f" (Kaplan–Meier, exact {_level(one)} limits), {numbers.plural(int(one['n']), 'patient')}"),
    ]
    if binary:
        p = number(binary[0]["p_value"])
        free = round(number(binary[0]["estimate"]) * number(binary[0]["n"]))
        pieces.append(Piece(f"; of those followed for it {numbers.n_of(free, int(binary[0]['n']))}"))
        null = text(binary[0]["contrast"])
        pieces.append(Piece(f", one-sided {numbers.p_equals(p)} {null}" if math.isfinite(p) else "; no hypothesis is stated"))
    return [*pieces, Piece(".")]


def _day(row: Row) -> float:
    found = [w for w in text(row["timing"]).split() if w.replace(".", "").isdigit()]
    return float(found[0]) if found else math.nan


def _ratio(row: Row) -> str:
    return numbers.interval(number(row["estimate"]), number(row["conf_low"]), number(row["conf_high"]))


def _share(row: Row) -> str:
    return share(number(row["estimate"]), number(row["conf_low"]), number(row["conf_high"]))


def _flow(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """The CONSORT diagram of the first endpoint, and who stands behind each kind of number."""
    flow = _part(view, "consort")
    if not len(flow):
        return []
    endpoint = text(flow["endpoint"].iloc[0])
    short = view.short(endpoint)
    flow = flow[flow["endpoint"].map(text) == endpoint]
    if "cohort" not in flow:
        flow = flow.assign(cohort="")
    if "arm" not in flow:
        flow = flow.assign(arm="")
    cohorts = tables.order(flow["cohort"], view.design.cohorts)
    event = "death" if endpoint == "os" else "event"
    figure = consort_figure(flow, cohorts=cohorts, arms=view.design.arms, titles=_titles(cohorts), places=_places(view, cohorts),
                            end=f"Analysed for {short}", event=event)
    said = []
    for cohort in cohorts:
        part = flow[flow["cohort"].map(text) == cohort]
        last = part[part["reason"] == "included"]
        n, d = int(last["n_left"].sum()), int(last["n_events"].fillna(0).sum())
        total = int(part.drop_duplicates(["arm"])["total"].sum())
        said.append(f"{tables.cohort_label(cohort)}: {total} registered, {n} analysed for {short}, {numbers.plural(d, event)}")
    single = len(cohorts) == 1
    picture = Picture(count.figure(), gallery.add(f"{name}-consort", figure), "; ".join(said) + ".",
                      f"Who was registered, assigned and analysed for {short}; censored patients are without {event} at their "
                      "last assessment.", _populations(view), 30.0 if single else 44.0, 85.0 if single else 180.0)  # fmt: skip
    return [picture]


def _populations(view: View) -> Grid | None:
    rows = _rows(view, "populations")
    if not rows:
        return None
    body: list[GridRow] = []
    for cohort, arm in dict.fromkeys((text(r["cohort"]), text(r["arm"])) for r in rows):
        body.append(GridRow(", ".join(numbers.label(x) for x in (cohort, arm) if x) or "All patients", kind="g"))
        for r in rows:
            if (text(r["cohort"]), text(r["arm"])) == (cohort, arm):
                words = text(r["population"])
                if words.startswith("analysed: "):
                    words = f"Analysed for {view.short(words.removeprefix('analysed: '))}"
                events = number(r["n_events"])
                body.append(GridRow(tables.capital(words), cells(numbers.count(int(r["n"])),
                            numbers.count(events) if math.isfinite(events) else ""), "i", _source("populations", r)))  # fmt: skip
    return Grid("Who stands behind each kind of number.", ("Population", "Patients", "Events"), tuple(body),
                (False, True, True))  # fmt: skip


def _curves(
    view: View, count: Numbering, gallery: Gallery, name: str, endpoint: str, rows: Sequence[Row]
) -> list[Block]:
    """Kaplan-Meier by arm; cohorts without arms have one curve each, in panels of their own."""
    steps, medians = _part(view, "curves"), _part(view, "medians")
    if not len(steps):
        return []
    steps = steps[steps["analysis"].map(text) == endpoint]
    medians = medians[medians["analysis"].map(text) == endpoint]
    cohorts = tables.order(steps["cohort"], view.design.cohorts)
    if not cohorts:
        return []
    unit = tables.time_unit(float(steps["time"].max()))
    notes = {c: _notes(medians, c, [r for r in rows if text(r["cohort"]) == c], unit) for c in cohorts}
    label = tables.endpoint_label(endpoint, view.design)
    figure = kaplan_meier(steps, cohorts=cohorts, kind="arm", notes=notes, unit=unit, titles=_titles(cohorts), ylabel=label,
                          origin=view.design.time_zero, places=_places(view, cohorts))  # fmt: skip
    alt = "; ".join(f"{tables.cohort_label(c)}: {', '.join(notes[c])}" for c in cohorts)
    single = len(cohorts) == 1
    compared = "" if len(view.arms) > 1 else " Panels stand beside each other and are not compared."
    return [Picture(count.figure(), gallery.add(f"{name}-trial-{endpoint}", figure), f"{label} by arm. {alt}.",
                    f"{label}. Bands: {numbers.level(_conf(medians))}, log-log. Ticks: censored. Below: at risk just before, and "
                    f"events up to and including, each time.{compared}", behind_curves(steps, cohorts, unit),
                    30.0 if single else 44.0, 120.0 if single else 180.0)]  # fmt: skip


def _conf(frame: pd.DataFrame) -> float:
    return float(frame["conf_level"].iloc[0]) if len(frame) else math.nan


def _notes(medians: pd.DataFrame, cohort: str, rows: Sequence[Row], unit: str) -> list[str]:
    """Medians, then the trial's own comparison."""
    mine = [r for r in tables.records(medians) if text(r["cohort"]) == cohort]
    names = tables.short_names([text(r["group"]) for r in mine])
    out = [f"Median, {unit} ({numbers.level(_conf(medians))} CI)"]
    out += [f"{label}  {_median(r, unit)}" for label, r in zip(names, mine, strict=True)]
    ratios = [r for r in rows if text(r["estimand"]) == tables.HAZARD_RATIO and "Wald" in text(r["method"])]
    tests = [r for r in rows if text(r["estimand"]) in LOGRANK]
    if ratios and math.isfinite(number(ratios[0]["estimate"])):
        out.append(f"HR {_ratio(ratios[0])}, {_level(ratios[0])} CI")
    if tests and math.isfinite(number(tests[0]["p_value"])):
        out.append(f"one-sided {numbers.p_equals(number(tests[0]['p_value']))}")
    return out


def _median(row: Row, unit: str) -> str:
    value = number(row["median"] if "median" in row else row["estimate"])
    return numbers.median(value, number(row["conf_low"]), number(row["conf_high"]), unit)


def _time_tables(view: View, count: Numbering, endpoint: str, rows: Sequence[Row]) -> list[Block]:
    """Cohorts with arms in one table, cohorts without in another."""
    armed = [c for c in _cohorts(view, rows) if any(text(r["cohort"]) == c and text(r["term"]) == "by arm" for r in rows)]
    alone = [c for c in _cohorts(view, rows) if c not in armed]
    out: list[Block] = []
    if armed:
        out.append(Table(count.table(), _by_arm(view, endpoint, [r for r in rows if text(r["cohort"]) in armed]), long=True))
    if alone:
        out.append(Table(count.table(), _by_cohort(view, endpoint, [r for r in rows if text(r["cohort"]) in alone]), long=True))
    return out


def _by_arm(view: View, endpoint: str, rows: Sequence[Row]) -> Grid:
    """Arms as columns, the comparison in the last: every quantity of the endpoint in each cohort."""
    arms = tables.order((text(r["contrast"]) for r in rows if text(r["term"]) == "by arm"), view.design.arms)
    unit, free = _unit(rows), "Alive" if endpoint == "os" else "Event-free"
    body: list[GridRow] = []
    for cohort in _cohorts(view, rows):
        mine = [r for r in rows if text(r["cohort"]) == cohort]
        if len(_cohorts(view, rows)) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        by_arm = {arm: [r for r in mine if text(r["term"]) == "by arm" and text(r["contrast"]) == arm] for arm in arms}

        def line(head: str, pick: Callable[[Sequence[Row]], Row | None], say: Callable[[Row], str],
                 by_arm: dict[str, list[Row]] = by_arm) -> GridRow:
            found = [pick(part) for part in by_arm.values()]
            made = [Cell(say(r), source=_source("endpoints", r)) if r is not None else "" for r in found]
            return GridRow(head, cells(*made, ""), "i")

        body.append(line("Patients (events)", _first("median"), lambda r: f"{int(r['n'])} ({int(r['n_events'])})"))
        body.append(line(f"Median, {unit}", _first("median"), lambda r: _median(r, unit)))
        for timing in dict.fromkeys(text(r["timing"]) for r in mine if text(r["estimand"]) == "survival"):
            for method, words in (("log-log", "log-log"), ("exact (beta product)", "exact")):
                pick = _first("survival", timing, method)
                body.append(line(f"{free} at {day_words(_timing_day(timing))}, {words}", pick, _share_or_note))
        body.append(line(f"Median follow-up, {unit}", _first("median follow-up"), lambda r: _median(r, unit)))
        for r in mine:
            if text(r["estimand"]) in LOGRANK:
                value = number(r["estimate"])
                said = f"z = {numbers.decimal(value)}, {numbers.p_equals(number(r['p_value']))}" if math.isfinite(value) else ""
                head = f"{'Stratified l' if text(r['model']) == 'stratified' else 'L'}og-rank, one-sided"
                body.append(GridRow(head, cells(*[""] * len(arms), Cell(said or numbers.label(r["note"], 300))), "i",
                                    _source("endpoints", r)))  # fmt: skip
            elif text(r["estimand"]) == tables.HAZARD_RATIO:
                words = text(r["method"]).replace("Efron, ", "")
                said = _ratio(r) if math.isfinite(number(r["estimate"])) else numbers.label(r["note"], 300)
                head = f"{'Stratified h' if text(r['model']) == 'stratified' else 'H'}azard ratio, {words}"
                body.append(GridRow(head, cells(*[""] * len(arms), said), "i", _source("endpoints", r)))
    label = tables.endpoint_label(endpoint, view.design)
    heads = ("Quantity", *(numbers.label(a) for a in arms), "Comparison")
    strata = ", ".join(tables.variable_label(s).lower() for s in view.design.strata)
    note = (
        f"{_plain_level(rows)} unless another level is said. Medians: log-log limits (Brookmeyer–Crowley), midpoint of a plateau. "
        "Exact: beta product, equal to Clopper–Pearson without earlier censoring. Follow-up: reverse Kaplan–Meier. Hazard ratios: "
        f"Efron ties, second arm against the first{f'; strata: {strata}' if strata else ''}. NR: not reached. NE: limit not "
        "estimable."
    )
    return Grid(f"{label} by arm.", heads, tuple(body), (False, *[True] * (len(arms) + 1)), note)


def _plain_level(rows: Sequence[Row]) -> str:
    levels = [number(r["conf_level"]) for r in rows if text(r["estimand"]) == "median"]
    return f"{numbers.level(levels[0] if levels else math.nan)} intervals"


def _unit(rows: Sequence[Row]) -> str:
    longest = [number(r["estimate"]) for r in rows if text(r["estimand"]).startswith("median")]
    return tables.time_unit(max((x for x in longest if math.isfinite(x)), default=0.0))


def _timing_day(timing: str) -> float:
    return _day({"timing": timing})


def _first(estimand: str, timing: str = "", method: str = "") -> Callable[[Sequence[Row]], Row | None]:
    def pick(rows: Sequence[Row]) -> Row | None:
        return next((r for r in rows if text(r["estimand"]) == estimand and timing in ("", text(r["timing"]))
                     and (not method or text(r["method"]) == method)), None)  # fmt: skip

    return pick


def _share_or_note(row: Row) -> str:
    return _share(row) if math.isfinite(number(row["estimate"])) else "not known"


_TERMS = {"by cohort": "", "primary": "", "one year": "", "competing": ""}


def _by_cohort(view: View, endpoint: str, rows: Sequence[Row]) -> Grid:
    """One cohort after the other, each by itself: estimate, P against its own null, and what the number rests on."""
    unit = _unit(rows)
    body: list[GridRow] = []
    for cohort in _cohorts(view, rows):
        mine = [r for r in rows if text(r["cohort"]) == cohort]
        body.append(GridRow(f"{tables.cohort_label(cohort)}, {numbers.plural(int(mine[0]['n']), 'patient')}", kind="g"))
        asked = {_day(r) for r in mine if text(r["term"]) in ("primary", "one year")}
        for r in mine:
            if text(r["term"]) == "by cohort" and text(r["estimand"]) == "survival" and _day(r) in asked:
                continue  # the primary rows say the same and more
            p = number(r["p_value"])
            shown = numbers.p(p) if math.isfinite(p) else ""
            words, value = _alone_row(r, unit)
            words = words.replace("Event-free", "Alive") if endpoint == "os" else words
            note = numbers.label(r["note"], 240)
            body.append(GridRow(words, cells(value, shown, note), "i", _source("endpoints", r)))
    label = tables.endpoint_label(endpoint, view.design)
    return Grid(
        f"{label}, each cohort by itself.", ("Quantity", f"Estimate ({_plain_level(rows).split()[0]} CI)", "One-sided P", "Rests on"),
        tuple(body), (False, True, True, False),
        "Several estimators of one share stand together because they answer differently where patients left early; the one marked "
        "primary is the binary one unless the protocol says otherwise. P: against the null share stated for the cohort; where none "
        "is stated there is no test. NR: not reached. NE: limit not estimable.",
    )  # fmt: skip


def _alone_row(row: Row, unit: str) -> tuple[str, str]:
    estimand, method, timing = text(row["estimand"]), text(row["method"]), text(row["timing"])
    estimate = number(row["estimate"])
    if estimand in ("median", "median follow-up"):
        return f"{tables.capital(estimand)}, {unit}", _median(row, unit)
    if estimand in ("survival", "event-free share", "cumulative incidence"):
        day = _day(row)
        when = f" at {day_words(day)}" if math.isfinite(day) else ""
        what = f"Cumulative incidence of {numbers.label(row['contrast'])}" if estimand == "cumulative incidence" else "Event-free"
        how = method.replace("Kaplan-Meier", "Kaplan–Meier").replace("Aalen-Johansen", "Aalen–Johansen")
        how = how.replace("Clopper-Pearson", "Clopper–Pearson")
        return f"{what}{when}, {how}" if how else f"{what}{when}", _share(row) if math.isfinite(estimate) else "not known"
    if estimand == "one-sample log-rank z":
        return f"One-sample log-rank, {method.replace(' - ', f' {numbers.MINUS} ')}", f"z = {numbers.decimal(estimate)}"
    if estimand == "standardised event ratio":
        return f"Observed / expected events, {method}", _ratio(row)
    return tables.capital(f"{estimand}{', ' + timing if timing else ''}"), numbers.decimal(estimate)


# -- where the trial stands -----------------------------------------------------------------------------------------------

_SHOWN = ("patients", "events", "information", "stage 1", "two-stage count", "hypothesis", "two-stage rule")


def _standing(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """Events against the plan, the count against the two-stage rule."""
    rows = [r for r in _rows(view, "standing") if text(r["quantity"]) in _SHOWN or text(r["quantity"]).startswith("chance")]
    if not rows:
        return []
    several = len(_cohorts(view, rows)) > 1
    body: list[GridRow] = []
    for cohort in _cohorts(view, rows):
        if several:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for r in rows:
            if text(r["cohort"]) == cohort:
                value, quantity = number(r["value"]), text(r["quantity"])
                whole = quantity in ("patients", "events", "stage 1", "two-stage count")
                said = numbers.count(value) if whole else f"{100 * value:.0f}%" if math.isfinite(value) else ""
                body.append(GridRow(tables.capital(quantity), cells(said, numbers.label(r["note"], 300)), "i" if several else "",
                                    _source("standing", r)))  # fmt: skip
    out: list[Block] = [Heading("Where it stands", "trial-standing")]
    grid = Grid("The data against the plan.", ("Quantity", "Value", "Against the plan"), tuple(body), (False, True, False))
    out.append(Table(count.table(), grid))
    path = _part(view, "path")
    if len(path):
        cohorts = tables.order(path["cohort"], view.design.cohorts)
        asked = view.design.trial.cohorts.get(cohorts[0]) if view.design.trial else None
        when = day_words(asked.day) if asked is not None and asked.day is not None else "the day asked"
        success = f"{view.short(asked.endpoint) if asked else 'event'}-free" if asked and asked.endpoint != "pfs" else "progression-free"
        figure = two_stage_figure(path, cohorts=cohorts, titles=_titles(cohorts), places=_places(view, cohorts),
                                  success=f"{success} at {when}")  # fmt: skip
        last = path.groupby("cohort", sort=False).tail(1)
        said = "; ".join(
            f"{tables.cohort_label(text(r['cohort']))}: {int(r['successes'])} of {int(r['patient'])} evaluable patients "
            f"{success} at {when}; the design stops after {int(r['n1'])} with {int(r['r1'])} or fewer and needs more than "
            f"{int(r['r'])} of {int(r['n'])}" for r in tables.records(last)
        )  # fmt: skip
        single = len(cohorts) == 1
        out.append(Picture(count.figure(), gallery.add(f"{name}-two-stage", figure), f"{said}.",
                           "Successes by evaluable patients in order of entry. Grey: where the trial stops, or the null share "
                           "stands. The rule is an input of study.toml.", None, 30.0 if single else 44.0,
                           85.0 if single else 180.0))  # fmt: skip
    return out


# -- restart --------------------------------------------------------------------------------------------------------------


def restart_section(view: View, count: Numbering) -> Section | None:
    """Therapy started again after progression: its benefit, and survival on its own clock."""
    rows = [r for r in _rows(view, "endpoints") if text(r["endpoint"]) == "restart"]
    if not rows:
        return None
    unit = _unit(rows)
    body: list[GridRow] = []
    for cohort in _cohorts(view, rows):
        if view.cohort is None and len(view.cohorts) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for r in rows:
            if text(r["cohort"]) != cohort:
                continue
            if text(r["estimand"]) == "proportion":
                words = f"Clinical benefit, {text(r['method']).replace('-', EN_DASH) or 'not known'}"
                value = _share(r)
            else:
                words, value = _alone_row(r | {"timing": text(r["timing"]).replace(" from the restart", "")}, unit)
                words = f"Survival after restart: {words[:1].lower()}{words[1:]}".replace("event-free", "alive")
            body.append(GridRow(words, cells(value, numbers.count(int(r["n"])), numbers.label(r["note"], 240)), "i",
                                _source("endpoints", r)))  # fmt: skip
    grid = Grid("Therapy started again after progression, counted from the day of the restart.",
                ("Quantity", f"Estimate ({_plain_level(rows).split()[0]} CI)", "Patients", "Rests on"), tuple(body),
                (False, True, True, False),
                "The denominator are those who restarted after progression; a restart without progression is a competing event of "
                "progression-free survival and stands apart.")  # fmt: skip
    return Section("trial-restart", "Restarting therapy", "6, 15", (Table(count.table(), grid),), keep=True)


# -- response -------------------------------------------------------------------------------------------------------------

_RESPONSE_WORDS = {"CR": "Complete response", "PR": "Partial response", "SD": "Stable disease", "PD": "Progressive disease",
                   "NE": "Not evaluable"}  # fmt: skip


def response_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Best response, rates with exact intervals, their difference, and the best change of every patient."""
    best, rates = _rows(view, "best"), [r for r in _rows(view, "endpoints") if text(r["endpoint"]) == "response"]
    if not best:
        return None
    blocks: list[Block] = [Table(count.table(), _response_grid(view, best, rates), long=True)]
    changes = _part(view, "waterfall")
    pictures = []
    for cohort in tables.order(changes["cohort"], view.design.cohorts) if len(changes) else []:
        part = changes[changes["cohort"].map(text) == cohort]
        if part["change"].notna().sum() < 2:
            continue
        armed = len(view.arms) > 1
        figure = waterfall_figure(part, measure="percent", by="arm" if armed else None, groups=view.design.arms,
                                  ylabel="Best change of target lesions, %", width_mm=180.0 if view.cohort else 85.0)  # fmt: skip
        known = part["change"].dropna()
        alt = (f"{tables.cohort_label(cohort)}: {len(known)} of {len(part)} patients with measured target lesions; "
               f"{int((known <= -30).sum())} shrank by 30% or more, {int((known >= 20).sum())} grew by 20% or more")  # fmt: skip
        file = f"{view.slugs.get(cohort, name)}-waterfall" if cohort else f"{name}-waterfall"
        pictures.append(Picture(count.figure(), gallery.add(file, figure), f"{alt}.",
                                f"{tables.cohort_label(cohort)}: best change of the target lesions, one bar per patient, nobody "
                                "named. A bar past a line is no response by itself: new lesions count, and confirmation is not "
                                "asked.", None, 44.0 if view.cohort else 30.0, 180.0 if view.cohort else 85.0))  # fmt: skip
    if view.cohort is not None:
        blocks += pictures
    else:
        blocks += [Pictures(tuple(pictures[i : i + 2])) for i in range(0, len(pictures), 2)]
    return Section("trial-response", "Response", "6, 15", tuple(blocks))


def _response_grid(view: View, best: Sequence[Row], rates: Sequence[Row]) -> Grid:
    arms = tables.order((text(r["arm"]) for r in best), view.design.arms)
    body: list[GridRow] = []
    for cohort in _cohorts(view, best):
        mine = {(text(r["arm"]), text(r["response"])): r for r in best if text(r["cohort"]) == cohort}
        if len(_cohorts(view, best)) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for said, words in _RESPONSE_WORDS.items():
            found = [mine.get((arm, said)) for arm in arms]
            made = [Cell(numbers.n_percent(int(r["n"]), int(r["total"])), source=_source("best", r)) if r else "" for r in found]
            body.append(GridRow(words, cells(*made, *[""] * (len(arms) > 1)), "i"))
        body += _rate_rows([r for r in rates if text(r["cohort"]) == cohort], arms)
    heads = ("Response", *(numbers.label(a) or "All patients" for a in arms), *(["Comparison"] if len(arms) > 1 else []))
    benefit = view.design.trial.benefit_days if view.design.trial else 168
    strata = ", ".join(tables.variable_label(s).lower() for s in view.design.strata)
    return Grid(
        "Best overall response, and rates of everybody registered.", heads, tuple(body), (False, *[True] * (len(heads) - 1)),
        f"Clinical benefit: response, or stable disease for {day_words(benefit)} or longer. Rates: Clopper–Pearson; patients without "
        "an evaluable scan count as not responding, and as such stand in the denominator. Difference: second arm minus the first, "
        f"Newcombe’s interval; Mantel–Haenszel over {strata or 'no strata'} with Sato’s error; CMH: two-sided, without continuity "
        "correction. 95% unless stated.",
    )  # fmt: skip


def _rate_rows(rates: Sequence[Row], arms: Sequence[str]) -> list[GridRow]:
    out: list[GridRow] = []
    for term in tables.order(text(r["term"]) for r in rates):
        mine = [r for r in rates if text(r["term"]) == term]
        each = {text(r["contrast"]): r for r in mine if text(r["method"]).startswith("Clopper-Pearson, intention")}
        made = [Cell(_share(r), source=_source("endpoints", r)) if (r := each.get(arm)) else "" for arm in arms]
        name = tables.capital(term.split(",")[0])
        out.append(GridRow(f"{name}, rate", cells(*made, *[""] * (len(arms) > 1)), "i"))
        blank = [""] * len(arms)
        for r in mine:
            method, estimand = text(r["method"]), text(r["estimand"])
            if estimand == "risk difference":
                how = "Newcombe" if method.startswith("Newcombe") else "Mantel–Haenszel"
                said = points(number(r["estimate"]), number(r["conf_low"]), number(r["conf_high"]))
                out.append(GridRow(f"{name}, difference in points, {how}", cells(*blank, said), "i", _source("endpoints", r)))
            elif method.startswith("Mantel-Haenszel (Robins"):
                value = f"{_ratio(r)}, {numbers.p_equals(number(r['p_value']), 'CMH P')}" if text(r["finite"]) != "False" else (
                    numbers.label(r["note"], 200))  # fmt: skip
                out.append(GridRow(f"{name}, stratified odds ratio", cells(*blank, value), "i", _source("endpoints", r)))
    return out


# -- toxicity -------------------------------------------------------------------------------------------------------------


def toxicity_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Worst grade per patient, term and arm; the denominator is everybody treated."""
    every = lines_of(view.results.trial.toxicity)
    if not every:
        return None
    armed = len(view.arms) > 1
    wanted = [view.cohort] if view.cohort is not None else [tables.POOLED] if armed else list(view.design.cohorts)
    rows = [r for r in every if text(r["cohort"]) in wanted]
    if not rows:
        return None
    arms = tables.order((text(r["arm"]) for r in rows), view.design.arms)
    severe = view.design.trial.severe if view.design.trial else 3
    frame = view.results.trial.toxicity
    frame = frame[frame["cohort"].map(text).isin(wanted)]
    cohorts = [c for c in wanted if (frame["cohort"].map(text) == c).any()]
    titles = {c: tables.cohort_label(c) for c in cohorts} if len(cohorts) > 1 else None
    figure = toxicity_figure(frame, cohorts=cohorts, arms=view.design.arms, titles=titles, places=_places(view, cohorts),
                             severe=severe)  # fmt: skip
    overall = [r for r in rows if text(r["term"]) == "any"]
    alt = "; ".join(
        f"{', '.join(x for x in (tables.cohort_label(text(r['cohort'])) if len(cohorts) > 1 else '', _arm(r)) if x) or 'All'}: "
        f"{int(r['any_grade'])} of {int(r['n_treated'])} treated with an event, {int(r['n_severe'])} with grade {severe} or more"
        for r in overall
    )  # fmt: skip
    wide = 180.0 if armed or len(cohorts) > 1 else 85.0
    picture = Picture(count.figure(), gallery.add(f"{name}-toxicity", figure), f"Adverse events by worst grade. {alt}.",
                      "Worst grade of each patient, as a share of the treated. At the ends: patients with any event, and with grade "
                      f"{severe} or more.", None, 44.0 if wide > 100 else 30.0, wide)  # fmt: skip
    body: list[GridRow] = []
    for cohort in cohorts:
        mine = [r for r in rows if text(r["cohort"]) == cohort]
        if len(cohorts) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for term in tables.order(text(r["term"]) for r in mine):
            each = {text(r["arm"]): r for r in mine if text(r["term"]) == term}
            made: list[object] = []
            for arm in arms:
                r = each.get(arm)
                if r is None:
                    made += ["", ""]
                    continue
                n = int(r["n_treated"])
                low, high = number(r["conf_low"]), number(r["conf_high"])
                bad = f"{numbers.n_percent(int(r['n_severe']), n)} [{100 * low:.0f}{EN_DASH}{100 * high:.0f}]"
                made += [Cell(numbers.n_percent(int(r["any_grade"]), n), source=_source("toxicity", r)), Cell(bad)]
            p = number(next(iter(each.values()))["p_value"])
            words = "Any event" if term == "any" else numbers.label(term)
            body.append(GridRow(words, cells(*made, *([numbers.p(p) if math.isfinite(p) else ""] if len(arms) == 2 else [])), "i"))
    heads = ["Term"]
    for arm in arms:
        n = next(int(r["n_treated"]) for r in rows if text(r["arm"]) == arm)
        who = f"{numbers.label(arm)}, " if arm not in ("", "all") else ""
        size = f" (n = {n})" if len(cohorts) == 1 else ""
        heads += [f"{who}any{size}", f"{who}grade ≥ {severe} [CI]"]
    heads += ["P"] if len(arms) == 2 else []
    grid = Grid("Adverse events at least possibly related to treatment.", tuple(heads), tuple(body),
                (False, *[True] * (len(heads) - 1)),
                "Each patient counts once per term, with the worst grade. The denominator is everybody treated, with or without an "
                f"event; [CI]: exact {numbers.level(number(rows[0]['conf_level']))} limits in per cent."
                + (f" P: Fisher’s exact test of grade {severe} or more, not adjusted for the number of terms." * (len(arms) == 2))
                + (" Who stopped is no longer exposed: a difference between the cohorts is no property of a drug."
                   if view.design.cohort_assignment == "chosen" and len(cohorts) > 1 else ""))  # fmt: skip
    blocks: list[Block] = [picture, Table(count.table(), grid, long=True), *_limiting(view, count)]
    return Section("trial-toxicity", "Toxicity", "", tuple(blocks))


def _arm(row: Row) -> str:
    return "" if text(row["arm"]) in ("", "all") else numbers.label(row["arm"])


def _limiting(view: View, count: Numbering) -> list[Block]:
    rows = lines_of(view.results.trial.dose_limiting)
    if not rows or view.cohort is not None:
        return []
    body = tuple(GridRow(numbers.label(r["level"]), cells(numbers.count(int(r["treated"])), numbers.count(int(r["dlts"]))), "",
                         _source("dose_limiting", r)) for r in rows)  # fmt: skip
    return [Table(count.table(), Grid("Dose-limiting toxicities, as judged.", ("Dose level", "Evaluable", "With a DLT"), body,
                                      (False, True, True)))]  # fmt: skip


# -- patient-reported outcomes --------------------------------------------------------------------------------------------


def reported_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Scores over time against the smallest difference that matters."""
    rows = _rows(view, "reported")
    if not rows:
        return None
    frame = _part(view, "reported")
    if "cohort" not in frame:
        frame = frame.assign(cohort="")
    cohorts = tables.order(frame["cohort"], view.design.cohorts)
    figure = pro_figure(frame, cohorts=cohorts, arms=view.design.arms, titles=_titles(cohorts), places=_places(view, cohorts))
    single = len(cohorts) == 1
    last = {}
    for r in rows:
        last[text(r["label"]), text(r.get("cohort")), text(r.get("arm"))] = r
    alt = "; ".join(
        f"{', '.join(numbers.label(x) for x in key if x)}: mean {numbers.value(number(r['mean']))} at {day_words(number(r['day']))} "
        f"from {int(r['n'])} patients" for key, r in last.items()
    )  # fmt: skip
    picture = Picture(count.figure(), gallery.add(f"{name}-reported", figure), f"Patient-reported scores over time. {alt}.",
                      "Mean scores with their intervals; below, who answered of those still without an event. A late mean is the "
                      "mean of those who are left.", None, 30.0 if single else 44.0, 85.0 if single else 180.0)  # fmt: skip
    grid = _change_grid(view, rows)
    blocks: list[Block] = [picture, *([Table(count.table(), grid, long=True)] if grid else [])]
    return Section("trial-reported", "What patients report", "", tuple(blocks))


def _change_grid(view: View, rows: Sequence[Row]) -> Grid:
    body: list[GridRow] = []
    groups = dict.fromkeys((text(r["instrument"]), text(r.get("cohort")), text(r.get("arm"))) for r in rows)
    for instrument, cohort, arm in groups:
        mine = [r for r in rows if (text(r["instrument"]), text(r.get("cohort")), text(r.get("arm"))) == (instrument, cohort, arm)]
        smallest = number(mine[0]["minimal_difference"])
        who = ", ".join(numbers.label(x) for x in (cohort if view.cohort is None else "", arm) if x)
        matters = f"; minimal important difference {numbers.value(smallest)}" if math.isfinite(smallest) else ""
        direction = f", {text(mine[0]['direction'])}" if text(mine[0]["direction"]) else ""
        body.append(GridRow(f"{numbers.label(mine[0]['label'])}{', ' + who if who else ''}{direction}{matters}", kind="g"))
        for r in mine:
            change, low, high = (number(r[k]) for k in ("change", "change_low", "change_high"))
            moved = math.isfinite(change) and math.isfinite(low)
            said = f"{numbers.value(change)}{NBSP}({numbers.span(numbers.value(low), numbers.value(high))})" if moved else ""
            mean = f"{numbers.value(number(r['mean']))}"
            if math.isfinite(number(r["conf_low"])):
                mean += f"{NBSP}({numbers.span(numbers.value(number(r['conf_low'])), numbers.value(number(r['conf_high'])))})"
            when = "Baseline" if number(r["day"]) <= 0 else tables.capital(_month_words(number(r["day"])))
            body.append(GridRow(when, cells(f"{int(r['n'])} of {int(r['expected'])}", mean, said,
                                            numbers.count(int(r["n_change"])) if moved else ""), "i",
                                _source("reported", r)))  # fmt: skip
    level = numbers.level(number(rows[0]["conf_level"]))
    return Grid("Scores and changes from baseline.", ("Time", "Answered", f"Mean ({level} CI)", f"Change ({level} CI)", "Pairs"),
                tuple(body), (False, True, True, True, True),
                "Answered: of those without an event or the end of follow-up before the day. Change: of those with a baseline "
                "score. Scores end with the disease, which is informative; no model mends it.")  # fmt: skip


def _month_words(day: float) -> str:
    """ "month 3": questionnaires follow the calendar."""
    return f"month {round(day / 30.4375)}"
