"""Sections before any hazard ratio: study, flow, patients, endpoints, specimens and assays, distributions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.flow import FLOW
from biomarkers.domain.states import number, text
from biomarkers.genotype.decide import REASONS
from biomarkers.report.blocks import Block, Definitions, Flow, Numbering, Picture, Section, Table, Text
from biomarkers.report.drawings import Gallery, distribution_figures, flow_picture
from biomarkers.report.known import known_blocks
from biomarkers.report.methods import fitted_models
from biomarkers.report.view import View, lines_of
from biomarkers.tables import Cell, Grid, GridRow, Summary, cells, together

_ASSIGNED = {
    "randomised": "Cohorts were assigned at random.",
    "chosen": "Patients chose their cohort: a comparison of cohorts is not an effect, and none is offered.",
    "by disease": "Cohorts are separate populations, each with its own comparison.",
}


def study_section(view: View) -> Section:
    """What was asked, of whom, how."""
    design, rows = view.design, []
    endpoints = [tables.endpoint_label(e, design).lower() for e in view.endpoints]
    differ = ", and does the association differ between cohorts" if view.cohort is None and len(view.cohorts) > 1 else ""
    rows.append(
        (
            "Question",
            (f"Is each marker associated with {' and '.join(endpoints) or 'the endpoint'} {view.here_words}{differ}?",),
        )
    )
    said = [_ASSIGNED.get(design.cohort_assignment, "")] if len(design.cohorts) > 1 else []
    if len(design.arms) > 1:
        said.insert(0, f"Arms: {', '.join(numbers.label(a) for a in design.arms)}.")
    if design.strata:
        said.insert(1, f"Strata: {', '.join(numbers.label(s).replace('_', ' ') for s in design.strata)}.")
    rows.append(("Design", (" ".join(said) or "One group.",)))
    rows.append(("Time zero", (f"{numbers.label(design.time_zero)}; time in whole days, a week is 7 days.",)))
    fitted = [x for x in view.main if x.modelled]
    models = fitted_models(view, fitted)
    tests = list(dict.fromkeys(numbers.label(x.row.get("method")) for x in fitted if math.isfinite(x.p_value)))
    if models:
        rows.append(("Model", tuple(models[:6])))
    if tests:
        rows.append(("P from", tuple(tests[:6])))
    multiplicity = f"{view.adjust} within each family of the plan" if view.adjust != "adjusted" else "no adjustment declared"
    rows.append(("Multiplicity", (f"{multiplicity}; two-sided tests.",)))
    if design.visits:
        rows.append(
            (
                "Visits",
                (
                    "; ".join(
                        f"{numbers.label(v.name)}, {_days(v.day + v.window[0], v.day + v.window[1])}"
                        for v in design.visits.values()
                    )
                    + ". A draw's date decides, never its label.",
                ),
            )
        )
    notes = tuple(numbers.label(n, 600) for n in design.notes if not n.upper().startswith("REMARK "))
    if notes:
        rows.append(("Notes", notes))
    return Section("study", "Study and objectives", "1, 3, 6, 7, 10", (Definitions(tuple(rows)),), keep=True)


def _days(first: int, last: int) -> str:
    return f"days {numbers.span(numbers.whole(first), numbers.whole(last))}"


def flow_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """The diagram of the analysis that loses most, and the counts of all."""
    flow = view.part(view.results.flow)
    if not len(flow):
        return None
    blocks: list[Block] = []
    start = "Registered" + (f", {tables.cohort_label(view.cohort)}" if view.cohort else "")
    analyses = tables.order(flow["analysis"])
    parts = tables.split(flow, "analysis")
    if view.cohort is not None:
        boxes = {a: tables.stations(parts[a], start=start, arms=view.design.arms) for a in analyses}
        chosen = max(analyses, key=lambda a: (len(boxes[a]), boxes[a][0].n - boxes[a][-1].n))
        shown = parts[chosen]
        arms = [numbers.label(a) for a in tables.order(shown["arm"], view.design.arms) if a]
        marker = tables.marker_label(text(shown["marker"].iloc[0]), view.design)
        small = f"; the small figures are {' and '.join(arms)}" if len(arms) > 1 else ""
        blocks.append(
            Text.of(
                f"Shown: {marker}, {numbers.label(text(shown['timing'].iloc[0]))}. Every count comes from the ledger of the "
                f"analysis{small}."
            )
        )
        blocks.append(Flow(tuple(boxes[chosen]), " and ".join(arms)))
        gallery.keep(f"{name}-flow", flow_picture(view, shown, start))
    grid = _flow_grid(view, flow, parts)
    blocks.append(Table(count.table(), grid, long=True))
    return Section("flow", "Patient and specimen flow", "6, 12", tuple(blocks))


def _flow_grid(view: View, flow: pd.DataFrame, parts: Mapping[str, pd.DataFrame]) -> Grid:
    """One row per analysis (and cohort): everybody, each reason that occurs, the analysed, the events."""
    reasons = [r for r in FLOW if r != "included" and ((flow["reason"] == r) & (flow["n_excluded"] > 0)).any()]
    events = {(x.analysis, x.cohort, x.timing): x.events for x in view.main}
    by_cohort = view.cohort is None and len(view.cohorts) > 1 and not view.crowded
    first = flow.drop_duplicates("analysis")
    seen = Counter(
        (text(m), numbers.label(text(t).split(",")[0])) for m, t in zip(first["marker"], first["timing"], strict=True)
    )
    rows: list[GridRow] = []
    for analysis, part in parts.items():
        label = tables.marker_label(text(part["marker"].iloc[0]), view.design)
        timing = numbers.label(text(part["timing"].iloc[0]).split(",")[0])
        if seen[text(part["marker"].iloc[0]), timing] > 1:
            timing = f"{timing} [{numbers.label(analysis, 40)}]"
        if by_cohort:
            rows.append(GridRow(f"{label}, {timing}", kind="g"))
        by_cohort_of = tables.split(part, "cohort") if "cohort" in part and not view.crowded else {tables.POOLED: part}
        for cohort in tables.order(by_cohort_of, view.design.cohorts):
            one = tables.records(by_cohort_of[cohort])
            total = sum({(text(r.get("cohort")), text(r["arm"])): int(r["total"]) for r in one}.values())
            gone = [sum(int(r["n_excluded"]) for r in one if r["reason"] == reason) for reason in reasons]
            left = sum(int(r["n_left"]) for r in one if r["reason"] == "included")
            assert total == left + sum(gone), f"the flow of {analysis} does not add up in {cohort}"
            head = tables.cohort_label(cohort) if by_cohort else f"{label}, {timing}"
            rows.append(
                GridRow(
                    head,
                    cells(
                        numbers.count(total),
                        *(numbers.count(g) for g in gone),
                        numbers.n_percent(left, total),
                        events.get((analysis, cohort, text(part["timing"].iloc[0])), ""),
                    ),
                    "i" if by_cohort else "",
                )
            )
    heads = ("Analysis", "Registered", *(_first_upper(FLOW[r]) for r in reasons), "Analysed", "Events")
    return Grid(
        "Who is in each analysis; reasons are asked in this order and the first that holds counts.",
        heads,
        tuple(rows),
        (False, *[True] * (len(heads) - 1)),
        "Events are those of the analysed." if any(events.values()) else "",
    )


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def patients_section(view: View, count: Numbering) -> Section | None:
    """Table 1: by arm for one cohort, by cohort for all; missing is always its own row."""
    frame = view.part(view.results.patients)
    if not len(frame):
        return None
    rows = tables.records(frame)
    key = "arm" if view.cohort is not None else "cohort"
    if view.cohort is not None:
        names = list(view.arms) if len(view.arms) > 1 else []
        has_all = any(text(r["arm"]) == "" for r in rows)
        columns = [*names, ""] if has_all or not names else names
    else:
        columns = view.cohorts or tables.order(r["cohort"] for r in rows)
        whole = [r for r in rows if text(r["arm"]) in ("", tables.POOLED)]
        rows = whole or rows
    totals = {
        c: sum({(text(r["cohort"]), text(r["arm"])): int(r["n_total"]) for r in rows if text(r[key]) == c}.values())
        for c in columns
    }
    short = (
        dict(zip(columns, tables.short_names([c or "All" for c in columns]), strict=True))
        if key == "arm"
        else {c: tables.cohort_label(c) for c in columns}
    )
    body: list[GridRow] = []
    for variable in tables.order(r["variable"] for r in rows):
        mine = [r for r in rows if text(r["variable"]) == variable]
        if variable == "patients":
            continue
        body += _variable(variable, mine, columns, key, totals)
    if not body:
        body = [GridRow("Patients", cells(*(numbers.count(totals[c]) for c in columns)))]
    head = ("Characteristic", *(f"{short[c]}\nn = {numbers.count(totals[c])}" for c in columns))
    grid = Grid(
        f"Patients by {'arm' if key == 'arm' and len(columns) > 1 else 'cohort' if key == 'cohort' else 'characteristic'}.",
        head,
        tuple(body),
        (False, *[True] * len(columns)),
        "No P values: randomised arms differ by chance alone." if key == "arm" and len(columns) > 1 else "",
    )
    return Section("patients", "Patients", "2, 13", (Table(count.table(), grid), *known_blocks(view, count)))


def _variable(
    variable: str, rows: Sequence[dict[str, object]], columns: Sequence[str], key: str, totals: dict[str, int]
) -> list[GridRow]:
    words = tables.variable_label(variable)

    def found(statistic: str, level: str | None, column: str) -> float:
        values = [
            number(r["value"])
            for r in rows
            if text(r["statistic"]) == statistic and text(r[key]) == column and (level is None or text(r["level"]) == level)
        ]
        return math.fsum(values) if values else math.nan

    out: list[GridRow] = []
    if any(text(r["statistic"]) == "median" for r in rows):
        shown = []
        for c in columns:
            q1, median, q3 = (found(s, None, c) for s in ("q1", "median", "q3"))
            shown.append(
                f"{numbers.value(median)}{numbers.NBSP}({numbers.span(numbers.value(q1), numbers.value(q3))})"
                if math.isfinite(median)
                else ""
            )
        out.append(GridRow(f"{words}, median (IQR)", cells(*shown)))
    levels = tables.order(r["level"] for r in rows if text(r["statistic"]) == "n")
    if levels:
        out.append(GridRow(words, kind="g"))
        out += [
            GridRow(
                numbers.label(level),
                cells(
                    *(
                        numbers.n_percent(found("n", level, c) if math.isfinite(found("n", level, c)) else 0, totals[c])
                        for c in columns
                    )
                ),
                "i",
            )
            for level in levels
        ]
    missing = [found("missing", None, c) for c in columns]
    if any(x > 0 for x in missing):
        out.append(
            GridRow(
                "missing" if levels else f"{words}, missing",
                cells(*(numbers.n_percent(x if x > 0 else 0, totals[c]) for x, c in zip(missing, columns, strict=True))),
                "i d",
            )
        )
    return out


def endpoints_section(view: View, count: Numbering) -> Section | None:
    """Definition and follow-up of each endpoint."""
    rows = tables.records(view.part(view.results.endpoints))
    if not rows:
        return None
    body: list[GridRow] = []
    for endpoint in tables.order(r["endpoint"] for r in rows):
        mine = [r for r in rows if text(r["endpoint"]) == endpoint]
        body.append(GridRow(tables.endpoint_label(endpoint, view.design), kind="g"))
        for r in mine:
            cohort, arm = tables.cohort_label(text(r["cohort"])), numbers.label(text(r["arm"]))
            head = (
                (arm or "Both arms" if len(view.arms) > 1 else arm or cohort)
                if view.cohort
                else (f"{cohort}, {arm}" if arm else cohort)
            )
            n, events = int(r["n"]), int(r["n_events"])
            time = numbers.median(number(r["follow_up_median"]), number(r["conf_low"]), number(r["conf_high"]), view.unit)
            body.append(
                GridRow(
                    head,
                    cells(numbers.count(n), numbers.n_percent(events, n), numbers.count(n - events), f"{time} {view.unit}"),
                    "i",
                )
            )
    grid = Grid(
        f"Endpoints, from {numbers.label(view.design.time_zero)}.",
        ("Endpoint", "n", "Events", "Censored", "Median follow-up (95% CI)"),
        tuple(body),
        (False, True, True, True, True),
        "Follow-up by the reverse Kaplan–Meier method. NR: not reached. NE: limit not estimable.",
    )
    return Section("endpoints", "Endpoints", "6, 7", (Table(count.table(), grid),), keep=True)


def assays_section(view: View, count: Numbering) -> Section | None:
    """What arrived, and how each marker is measured and enters a model."""
    blocks: list[Block] = []
    specimens = _availability(view)
    if specimens:
        blocks.append(Table(count.table(), specimens, long=True))
    cards = tables.records(view.results.assays)
    if cards:
        rows = []
        for r in cards:
            lod, cut = number(r.get("lod")), number(r.get("cut"))
            limit = (
                numbers.value(lod)
                if math.isfinite(lod)
                else {"per_row": "per row", "user_confirmed": "to confirm"}.get(text(r.get("lod_rule")), "")
            )
            note = "; ".join(numbers.label(w, 300) for w in (text(r.get("note")), text(r.get("gates")).replace("_", " ")) if w)
            cite = numbers.label(text(r.get("citation")))
            rows.append(
                GridRow(
                    numbers.label(r["label"]),
                    cells(
                        numbers.label(text(r.get("matrix"))),
                        numbers.unit(text(r.get("unit"))),
                        f"{text(r.get('scale'))}, {text(r.get('effect'))}".strip(", "),
                        limit,
                        (numbers.value(cut) + (f" ({cite})" if cite else "")) if math.isfinite(cut) else "",
                        note,
                    ),
                )
            )
        grid = Grid(
            "Markers as measured and as analysed.",
            ("Marker", "Specimen", "Unit", "Scale and contrast", "LOD", "Registry cut", "Quality gates and notes"),
            tuple(rows),
            (False, False, False, False, True, False, False),
            "LOD: limit of detection, in the marker's unit.",
        )
        blocks.append(Table(count.table(), grid, long=True))
    readers = lines_of(view.results.beside.readers)
    if readers:
        blocks.append(Table(count.table(), _readers(view, readers)))
    return Section("assays", "Specimens and assays", "4, 5, 11", tuple(blocks)) if blocks else None


def _readers(view: View, rows: Sequence[Mapping[str, Any]]) -> Grid:
    """Agreement of the readers of a tissue marker, over all cohorts: one read, and the mean of all."""
    body = []
    for r in rows:
        single, low, high, mean = (number(r[k]) for k in ("icc_2_1", "conf_low", "conf_high", "icc_2_k"))
        limits = f"{numbers.NBSP}({numbers.span(numbers.decimal(low), numbers.decimal(high))})"
        body.append(
            GridRow(
                tables.marker_label(text(r["marker"]), view.design),
                cells(
                    numbers.count(number(r["n"])),
                    numbers.whole(number(r["k"])),
                    numbers.decimal(single) + limits,
                    numbers.decimal(mean),
                    numbers.value(number(r["sd_of_agreement"])),
                ),
                "",
                f"readers:{int(r['line'])}",
            )
        )
    rules = "; ".join(dict.fromkeys(numbers.label(text(r["rule"]), 300) for r in rows))
    return Grid(
        "Agreement of the readers, all cohorts: intraclass correlation, two-way random, absolute agreement.",
        (
            "Marker",
            "Specimens",
            "Readers",
            f"One read, ICC(2,1) ({numbers.level(number(rows[0]['conf_level']))} CI)",
            "Mean of all, ICC(2,k)",
            "SD of one read",
        ),
        tuple(body),
        (False, True, True, True, True, True),
        f"SD: of one read about the consensus, in the marker’s unit. {tables.capital(rules)}.",
    )


def _availability(view: View) -> Grid | None:
    frame = view.part(view.results.availability)
    if not len(frame):
        return None
    rows: list[GridRow] = []
    visits = tables.order(frame["visit"], tuple(view.design.visits))
    for marker, mine in together(tables.records(frame), lambda r: text(r["marker"])):
        by_visit = dict(together(mine, lambda r: text(r["visit"])))
        for visit in visits:
            part = by_visit.get(visit, [])
            once = {(text(r.get("cohort")), text(r["arm"])): r for r in reversed(part)}.values()
            expected, collected, evaluable, below = (
                sum(n for r in once if (n := number(r[c])) == n) for c in ("expected", "collected", "evaluable", "below_lod")
            )
            if not (expected or collected):
                continue
            why: dict[str, int] = {}
            for r in part:
                if text(r["reason"]) and number(r["n"]) > 0:
                    why[text(r["reason"])] = why.get(text(r["reason"]), 0) + int(number(r["n"]))
            reasons = [f"{numbers.count(n)} {REASONS.get(code) or tables.flow_words(code)}" for code, n in why.items()]
            below_words = Cell(numbers.n_percent(below, evaluable), "lod") if below else Cell("0")
            rows.append(
                GridRow(
                    f"{tables.marker_label(marker, view.design)}, {numbers.label(visit)}"
                    if len(visits) > 1
                    else tables.marker_label(marker, view.design),
                    (
                        *cells(numbers.count(expected), numbers.count(collected), numbers.n_percent(evaluable, expected)),
                        below_words,
                        *cells(", ".join(reasons)),
                    ),
                )
            )
    if not rows:
        return None
    return Grid(
        "Specimens by marker and visit.",
        ("Marker", "Expected", "Collected", "Evaluable", "Below LOD", "Missing, by reason"),
        tuple(rows),
        (False, True, True, True, True, False),
        "Expected: still at risk when the visit's window ends. A patient who progressed earlier is not missing.",
    )


def distributions_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Strips on the analysed scale, and their order statistics."""
    values = view.part(view.results.values)
    if not len(values):
        return None
    if view.crowded:
        n = values["marker"].nunique()
        return Section(
            "dist",
            "Marker distributions",
            "11, 13",
            (_elsewhere(f"Values of {numbers.plural(n, 'marker')}, with their figures,"),),
        )
    blocks: list[Block] = []
    for place, (_, figure, alt) in enumerate(distribution_figures(view), start=1):
        blocks.append(
            Picture(
                count.figure(),
                gallery.add(f"{name}-distributions-{place}", figure, file=not view.many),
                alt,
                "Markers at baseline on the analysed scale, ticks in the raw unit; one mark per patient, no identifiers. Bar: "
                "quartiles; "
                "cross-line: median. ▽ below the limit of detection: in a band of its own, never at a made-up value.",
            )
        )
    blocks.append(Table(count.table(), _values_grid(view, values), long=True))
    return Section("dist", "Marker distributions", "11, 13", tuple(blocks))


def _elsewhere(what: str) -> Text:
    return Text.of(f"{what} stand in the reports of the cohorts, so that this page stays readable.")


def _values_grid(view: View, values: pd.DataFrame) -> Grid:
    rows: list[GridRow] = []
    totals = _totals(view)
    by_cohort = view.cohort is None and len(view.cohorts) > 1
    for name, mine in tables.split(values, "marker").items():
        marker = view.design.markers.get(name)
        head = tables.marker_label(name, view.design) + (
            f", {numbers.unit(marker.unit)}" if marker and marker.unit and marker.quantitative else ""
        )
        if by_cohort:
            rows.append(GridRow(head, kind="g"))
        by_cohort_of = tables.split(mine, "cohort")
        for cohort in tables.order(by_cohort_of, view.design.cohorts):
            part = by_cohort_of[cohort]
            s = tables.summarise(part)
            total = totals.get(cohort, 0)
            lost = cells(numbers.n_percent(total - s.known, total) if total >= s.known > 0 else "")
            if marker is not None and not marker.quantitative and marker.levels:
                shown = _levels(part, marker.levels)
                statistics = (*cells(shown), *cells(""), *cells(""))
            else:
                statistics = (
                    *cells(_quartiles(s)),
                    *cells(numbers.span(s.shown(s.low), s.shown(s.high)) if s.known else ""),
                    _limit(s),
                )
            rows.append(
                GridRow(
                    tables.cohort_label(cohort) if by_cohort else head,
                    (*cells(numbers.count(s.known)), *lost, *statistics),
                    "i" if by_cohort else "",
                )
            )
    return Grid(
        "Marker values at baseline.",
        ("Marker", "Known", "Missing", "Median (IQR), or counts", "Range", "Below LOD or zero"),
        tuple(rows),
        (False, True, True, True, True, True),
    )


def _totals(view: View) -> dict[str, int]:
    rows = tables.records(view.results.patients)
    whole = [r for r in rows if text(r["arm"]) == ""]
    out: dict[str, int] = {}
    for cohort in tables.order(r["cohort"] for r in rows):
        per_arm = {text(r["arm"]): int(r["n_total"]) for r in (whole or rows) if text(r["cohort"]) == cohort}
        out[cohort] = sum(per_arm.values())
    return out


def _levels(part: pd.DataFrame, levels: Sequence[str]) -> str:
    values = pd.to_numeric(part["value"]).dropna()
    return ", ".join(
        f"{numbers.label(level.replace('_', ' '))} {numbers.n_percent(int((values == i).sum()), len(values))}"
        for i, level in enumerate(levels)
    )


def _quartiles(s: Summary) -> str:
    if not s.known:
        return ""
    return f"{s.shown(s.median)}{numbers.NBSP}({numbers.span(s.shown(s.q1), s.shown(s.q3))})"


def _limit(s: Summary) -> Cell:
    if s.below:
        return Cell(f"{numbers.n_percent(s.below, s.known)} {s.lod}", "lod")
    return Cell(f"{numbers.n_percent(s.zero, s.known)} zero" if s.zero else "0")
