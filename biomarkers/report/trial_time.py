"""Time to event of the trial itself: flow, primary comparison, curves, every number, where it stands, restarts of therapy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.numbers import EN_DASH
from biomarkers.domain.states import number, text
from biomarkers.figures import consort_figure, kaplan_meier, two_stage_figure
from biomarkers.report.blocks import Block, Heading, Numbering, Picture, Section, Table, Text
from biomarkers.report.drawings import Gallery, behind_curves
from biomarkers.report.trial_words import (
    Row,
    alone_row,
    cohorts_of,
    day_of,
    day_words,
    frame_of,
    intervals_of,
    level_of,
    median_of,
    places_of,
    ratio_of,
    room_of,
    rows_of,
    share_of,
    source_of,
    titles_of,
    unit_of,
    width_of,
)
from biomarkers.report.view import View
from biomarkers.tables import Cell, Grid, GridRow, Piece, cells

LOGRANK = ("stratified log-rank z", "log-rank z")


def endpoint_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """The flow, the primary comparison in a sentence, curves and every number of the time-to-event endpoints."""
    rows = [r for r in rows_of(view, "endpoints") if text(r["endpoint"]) in view.design.endpoints]
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
    return [
        Text((Piece("▲ Not told: ", "b"), Piece(f"{text(r['part'])}. {numbers.label(r['reason'], 600)}")), "fn")
        for r in tables.records(view.results.trial.refused)
    ]


def _opening(view: View, rows: Sequence[Row]) -> list[Block]:
    """One sentence per cohort: the primary question and what was found."""
    out: list[Block] = []
    for cohort in cohorts_of(view, rows):
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
    head = [
        Piece(tables.cohort_label(cohort), "b"),
        Piece(f", {view.short(text(test['endpoint']))}, {numbers.label(test['contrast'])}: "),
    ]
    if not math.isfinite(number(test["estimate"])):
        return [*head, Piece(f"no comparison: {numbers.label(test['note'], 300)}.")]
    alpha = view.design.trial.alpha if view.design.trial else None
    kind = "stratified log-rank" if text(test["model"]) == "stratified" else "log-rank"
    said = f"one-sided {kind} z = {numbers.decimal(number(test['estimate']))}, {numbers.p_equals(number(test['p_value']))}"
    said += f" at a level of {alpha:g}" if alpha is not None else ""
    pieces = [*head, Piece(said)]
    if ratios:
        pieces += [Piece("; hazard ratio "), Piece(ratio_of(ratios[0]), "nw"), Piece(f" at {level_of(ratios[0])}")]
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
    day = day_of(one)
    pieces = [
        Piece(tables.cohort_label(cohort), "b"),
        Piece(f": {view.short(text(one['endpoint']))} at {day_words(day)} "),
        Piece(share_of(one), "nw"),
        Piece(f" (Kaplan–Meier, exact {level_of(one)} limits), {numbers.plural(int(one['n']), 'patient')}"),
    ]
    if binary:
        p = number(binary[0]["p_value"])
        free = round(number(binary[0]["estimate"]) * number(binary[0]["n"]))
        pieces.append(Piece(f"; of those followed for it {numbers.n_of(free, int(binary[0]['n']))}"))
        null = text(binary[0]["contrast"])
        pieces.append(Piece(f", one-sided {numbers.p_equals(p)} {null}" if math.isfinite(p) else "; no hypothesis is stated"))
    return [*pieces, Piece(".")]


def _flow(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """The CONSORT diagram of the first endpoint, and who stands behind each kind of number."""
    flow = frame_of(view, "consort")
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
    figure = consort_figure(
        flow,
        cohorts=cohorts,
        arms=view.design.arms,
        titles=titles_of(cohorts),
        places=places_of(view, cohorts),
        end=f"Analysed for {short}",
        event=event,
    )
    said = []
    for cohort in cohorts:
        part = flow[flow["cohort"].map(text) == cohort]
        last = part[part["reason"] == "included"]
        n, d = int(last["n_left"].sum()), int(last["n_events"].fillna(0).sum())
        total = int(part.drop_duplicates(["arm"])["total"].sum())
        said.append(f"{tables.cohort_label(cohort)}: {total} registered, {n} analysed for {short}, {numbers.plural(d, event)}")
    picture = Picture(
        count.figure(),
        gallery.add(f"{name}-consort", figure),
        "; ".join(said) + ".",
        f"Who was registered, assigned and analysed for {short}; censored patients are without {event} at their "
        "last assessment.",
        _populations(view),
        room_of(figure),
        width_of(figure),
    )
    return [picture]


def _populations(view: View) -> Grid | None:
    rows = rows_of(view, "populations")
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
                body.append(
                    GridRow(
                        tables.capital(words),
                        cells(numbers.count(int(r["n"])), numbers.count(events) if math.isfinite(events) else ""),
                        "i",
                        source_of("populations", r),
                    )
                )
    return Grid(
        "Who stands behind each kind of number.", ("Population", "Patients", "Events"), tuple(body), (False, True, True)
    )


def _curves(view: View, count: Numbering, gallery: Gallery, name: str, endpoint: str, rows: Sequence[Row]) -> list[Block]:
    """Kaplan-Meier by arm; cohorts without arms have one curve each, in panels of their own."""
    steps, medians = frame_of(view, "curves"), frame_of(view, "medians")
    if not len(steps):
        return []
    steps = steps[steps["analysis"].map(text) == endpoint]
    medians = medians[medians["analysis"].map(text) == endpoint]
    cohorts = tables.order(steps["cohort"], view.design.cohorts)
    if not cohorts:
        return []
    unit = unit_of(view, endpoint)
    notes = {c: _notes(medians, c, [r for r in rows if text(r["cohort"]) == c], unit) for c in cohorts}
    label = tables.endpoint_label(endpoint, view.design)
    figure = kaplan_meier(
        steps,
        cohorts=cohorts,
        kind="arm",
        notes=notes,
        unit=unit,
        titles=titles_of(cohorts),
        ylabel=label,
        origin=view.design.time_zero,
        places=places_of(view, cohorts),
    )
    alt = "; ".join(f"{tables.cohort_label(c)}: {', '.join(notes[c])}" for c in cohorts)
    compared = "" if len(view.arms) > 1 else " Panels stand beside each other and are not compared."
    return [
        Picture(
            count.figure(),
            gallery.add(f"{name}-trial-{endpoint}", figure),
            f"{label} by arm. {alt}.",
            f"{label}. Bands: {numbers.level(_conf(medians))}, log-log. Ticks: censored. Below: at risk just before, and "
            f"events up to and including, each time.{compared}",
            behind_curves(steps, cohorts, unit),
            room_of(figure),
            width_of(figure),
        )
    ]


def _conf(frame: pd.DataFrame) -> float:
    return float(frame["conf_level"].iloc[0]) if len(frame) else math.nan


def _notes(medians: pd.DataFrame, cohort: str, rows: Sequence[Row], unit: str) -> list[str]:
    """Medians, then the trial's own comparison."""
    mine = [r for r in tables.records(medians) if text(r["cohort"]) == cohort]
    names = tables.short_names([text(r["group"]) for r in mine])
    out = [f"Median, {unit} ({numbers.level(_conf(medians))} CI)"]
    out += [f"{label}  {median_of(r, unit)}" for label, r in zip(names, mine, strict=True)]
    ratios = [r for r in rows if text(r["estimand"]) == tables.HAZARD_RATIO and "Wald" in text(r["method"])]
    tests = [r for r in rows if text(r["estimand"]) in LOGRANK]
    if ratios and math.isfinite(number(ratios[0]["estimate"])):
        out.append(f"HR {ratio_of(ratios[0])}, {level_of(ratios[0])} CI")
    if tests and math.isfinite(number(tests[0]["p_value"])):
        out.append(f"one-sided {numbers.p_equals(number(tests[0]['p_value']))}")
    return out


def _time_tables(view: View, count: Numbering, endpoint: str, rows: Sequence[Row]) -> list[Block]:
    """Cohorts with arms in one table, cohorts without in another."""
    armed = [c for c in cohorts_of(view, rows) if any(text(r["cohort"]) == c and text(r["term"]) == "by arm" for r in rows)]
    alone = [c for c in cohorts_of(view, rows) if c not in armed]
    out: list[Block] = []
    if armed:
        out.append(Table(count.table(), _by_arm(view, endpoint, [r for r in rows if text(r["cohort"]) in armed]), long=True))
    if alone:
        out.append(Table(count.table(), _by_cohort(view, endpoint, [r for r in rows if text(r["cohort"]) in alone]), long=True))
    return out


def _by_arm(view: View, endpoint: str, rows: Sequence[Row]) -> Grid:
    """Arms as columns, the comparison in the last: every quantity of the endpoint in each cohort."""
    arms = tables.order((text(r["contrast"]) for r in rows if text(r["term"]) == "by arm"), view.design.arms)
    unit, free = unit_of(view, endpoint), "Alive" if endpoint == "os" else "Event-free"
    body: list[GridRow] = []
    for cohort in cohorts_of(view, rows):
        mine = [r for r in rows if text(r["cohort"]) == cohort]
        if len(cohorts_of(view, rows)) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        by_arm = {arm: [r for r in mine if text(r["term"]) == "by arm" and text(r["contrast"]) == arm] for arm in arms}

        def line(
            head: str,
            pick: Callable[[Sequence[Row]], Row | None],
            say: Callable[[Row], str],
            by_arm: dict[str, list[Row]] = by_arm,
        ) -> GridRow:
            found = [pick(part) for part in by_arm.values()]
            made = [Cell(say(r), source=source_of("endpoints", r)) if r is not None else "" for r in found]
            return GridRow(head, cells(*made, ""), "i")

        body.append(line("Patients (events)", _first("median"), lambda r: f"{int(r['n'])} ({int(r['n_events'])})"))
        body.append(line(f"Median, {unit}", _first("median"), lambda r: median_of(r, unit)))
        for timing in dict.fromkeys(text(r["timing"]) for r in mine if text(r["estimand"]) == "survival"):
            for method, words in (("log-log", "log-log"), ("exact (beta product)", "exact")):
                pick = _first("survival", timing, method)
                body.append(line(f"{free} at {day_words(_timing_day(timing))}, {words}", pick, _share_or_note))
        body.append(line(f"Median follow-up, {unit}", _first("median follow-up"), lambda r: median_of(r, unit)))
        for r in mine:
            if text(r["estimand"]) in LOGRANK:
                value = number(r["estimate"])
                said = f"z = {numbers.decimal(value)}, {numbers.p_equals(number(r['p_value']))}" if math.isfinite(value) else ""
                head = f"{'Stratified l' if text(r['model']) == 'stratified' else 'L'}og-rank, one-sided"
                body.append(
                    GridRow(
                        head,
                        cells(*[""] * len(arms), Cell(said or numbers.label(r["note"], 300))),
                        "i",
                        source_of("endpoints", r),
                    )
                )
            elif text(r["estimand"]) == tables.HAZARD_RATIO:
                words = text(r["method"]).replace("Efron, ", "").replace(" %", "%")
                said = ratio_of(r) if math.isfinite(number(r["estimate"])) else numbers.label(r["note"], 300)
                head = f"{'Stratified h' if text(r['model']) == 'stratified' else 'H'}azard ratio, {words}"
                body.append(GridRow(head, cells(*[""] * len(arms), said), "i", source_of("endpoints", r)))
    label = tables.endpoint_label(endpoint, view.design)
    heads = ("Quantity", *(numbers.label(a) for a in arms), "Comparison")
    strata = ", ".join(tables.variable_label(s).lower() for s in view.design.strata)
    note = (
        f"{intervals_of(rows)} unless another level is said. Medians: log-log limits (Brookmeyer–Crowley), midpoint of a "
        "plateau. "
        "Exact: beta product, equal to Clopper–Pearson without earlier censoring. Follow-up: reverse Kaplan–Meier. Hazard "
        "ratios: "
        f"Efron ties, second arm against the first{f'; strata: {strata}' if strata else ''}. NR: not reached. NE: limit not "
        "estimable."
    )
    return Grid(f"{label} by arm.", heads, tuple(body), (False, *[True] * (len(arms) + 1)), note)


def _timing_day(timing: str) -> float:
    return day_of({"timing": timing})


def _first(estimand: str, timing: str = "", method: str = "") -> Callable[[Sequence[Row]], Row | None]:
    def pick(rows: Sequence[Row]) -> Row | None:
        return next(
            (
                r
                for r in rows
                if text(r["estimand"]) == estimand
                and timing in ("", text(r["timing"]))
                and (not method or text(r["method"]) == method)
            ),
            None,
        )

    return pick


def _share_or_note(row: Row) -> str:
    return share_of(row) if math.isfinite(number(row["estimate"])) else "not known"


_TERMS = {"by cohort": "", "primary": "", "one year": "", "competing": ""}


def _by_cohort(view: View, endpoint: str, rows: Sequence[Row]) -> Grid:
    """One cohort after the other, each by itself: estimate, P against its own null, and what the number rests on."""
    unit = unit_of(view, endpoint)
    body: list[GridRow] = []
    for cohort in cohorts_of(view, rows):
        mine = [r for r in rows if text(r["cohort"]) == cohort]
        body.append(GridRow(f"{tables.cohort_label(cohort)}, {numbers.plural(int(mine[0]['n']), 'patient')}", kind="g"))
        asked = {day_of(r) for r in mine if text(r["term"]) in ("primary", "one year")}
        for r in mine:
            if text(r["term"]) == "by cohort" and text(r["estimand"]) == "survival" and day_of(r) in asked:
                continue  # the primary rows say the same and more
            p = number(r["p_value"])
            shown = numbers.p(p) if math.isfinite(p) else ""
            words, value = alone_row(r, unit)
            words = words.replace("Event-free", "Alive") if endpoint == "os" else words
            note = numbers.label(r["note"], 240)
            body.append(GridRow(words, cells(value, shown, note), "i", source_of("endpoints", r)))
    label = tables.endpoint_label(endpoint, view.design)
    return Grid(
        f"{label}, each cohort by itself.",
        ("Quantity", f"Estimate ({intervals_of(rows).split()[0]} CI)", "One-sided P", "Rests on"),
        tuple(body),
        (False, True, True, False),
        "Several estimators of one share stand together because they answer differently where patients left early; the one "
        "marked "
        "primary is the binary one unless the protocol says otherwise. P: against the null share stated for the cohort; "
        "where none "
        "is stated there is no test. NR: not reached. NE: limit not estimable.",
    )


# -- where the trial stands -----------------------------------------------------------------------------------------------

_SHOWN = ("patients", "events", "information", "stage 1", "two-stage count", "hypothesis", "two-stage rule")


def _standing(view: View, count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """Events against the plan, the count against the two-stage rule."""
    rows = [r for r in rows_of(view, "standing") if text(r["quantity"]) in _SHOWN or text(r["quantity"]).startswith("chance")]
    if not rows:
        return []
    several = len(cohorts_of(view, rows)) > 1
    body: list[GridRow] = []
    for cohort in cohorts_of(view, rows):
        if several:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for r in rows:
            if text(r["cohort"]) == cohort:
                value, quantity = number(r["value"]), text(r["quantity"])
                whole = quantity in ("patients", "events", "stage 1", "two-stage count")
                said = numbers.count(value) if whole else f"{100 * value:.0f}%" if math.isfinite(value) else ""
                body.append(
                    GridRow(
                        tables.capital(quantity),
                        cells(said, numbers.label(r["note"], 300)),
                        "i" if several else "",
                        source_of("standing", r),
                    )
                )
    out: list[Block] = [Heading("Where it stands", "trial-standing")]
    grid = Grid("The data against the plan.", ("Quantity", "Value", "Against the plan"), tuple(body), (False, True, False))
    out.append(Table(count.table(), grid))
    path = frame_of(view, "path")
    if len(path):
        cohorts = tables.order(path["cohort"], view.design.cohorts)
        asked = view.design.trial.cohorts.get(cohorts[0]) if view.design.trial else None
        when = day_words(asked.day) if asked is not None and asked.day is not None else "the day asked"
        success = (
            f"{view.short(asked.endpoint) if asked else 'event'}-free"
            if asked and asked.endpoint != "pfs"
            else "progression-free"
        )
        figure = two_stage_figure(
            path, cohorts=cohorts, titles=titles_of(cohorts), places=places_of(view, cohorts), success=f"{success} at {when}"
        )
        last = path.groupby("cohort", sort=False).tail(1)
        said = "; ".join(
            f"{tables.cohort_label(text(r['cohort']))}: {int(r['successes'])} of {int(r['patient'])} evaluable patients "
            f"{success} at {when}; the design stops after {int(r['n1'])} with {int(r['r1'])} or fewer and needs more than "
            f"{int(r['r'])} of {int(r['n'])}"
            for r in tables.records(last)
        )
        out.append(
            Picture(
                count.figure(),
                gallery.add(f"{name}-two-stage", figure),
                f"{said}.",
                "Successes by evaluable patients in order of entry. Grey: where the trial stops, or the null share "
                "stands. The rule is an input of study.toml.",
                None,
                room_of(figure),
                width_of(figure),
            )
        )
    return out


# -- restart --------------------------------------------------------------------------------------------------------------


def restart_section(view: View, count: Numbering) -> Section | None:
    """Therapy started again after progression: its benefit, and survival on its own clock."""
    rows = [r for r in rows_of(view, "endpoints") if text(r["endpoint"]) == "restart"]
    if not rows:
        return None
    unit = unit_of(view, "os")
    body: list[GridRow] = []
    for cohort in cohorts_of(view, rows):
        if view.cohort is None and len(view.cohorts) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for r in rows:
            if text(r["cohort"]) != cohort:
                continue
            if text(r["estimand"]) == "proportion":
                words = f"Clinical benefit, {text(r['method']).replace('-', EN_DASH) or 'not known'}"
                value = share_of(r)
            else:
                words, value = alone_row(r | {"timing": text(r["timing"]).replace(" from the restart", "")}, unit)
                words = f"Survival after restart: {words[:1].lower()}{words[1:]}".replace("event-free", "alive")
            body.append(
                GridRow(
                    words,
                    cells(value, numbers.count(int(r["n"])), numbers.label(r["note"], 240)),
                    "i",
                    source_of("endpoints", r),
                )
            )
    grid = Grid(
        "Therapy started again after progression, counted from the day of the restart.",
        ("Quantity", f"Estimate ({intervals_of(rows).split()[0]} CI)", "Patients", "Rests on"),
        tuple(body),
        (False, True, True, False),
        "The denominator are those who restarted after progression; a restart without progression is a competing event of "
        "progression-free survival and stands apart.",
    )
    return Section("trial-restart", "Restarting therapy", "6, 15", (Table(count.table(), grid),), keep=True)
