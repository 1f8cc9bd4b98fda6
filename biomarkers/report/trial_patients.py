"""What became of the patients: response, toxicity, and what they report."""

from __future__ import annotations

import math
from collections.abc import Sequence

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.numbers import EN_DASH, NBSP
from biomarkers.domain.states import number, text
from biomarkers.figures import pro_figure, toxicity_figure, waterfall_figure
from biomarkers.figures.toxicity import terms
from biomarkers.report.blocks import Block, Numbering, Picture, Pictures, Section, Table
from biomarkers.report.drawings import Gallery
from biomarkers.report.trial_words import (
    Row,
    cohorts_of,
    day_words,
    frame_of,
    places_of,
    points,
    ratio_of,
    room_of,
    rows_of,
    share_of,
    source_of,
    titles_of,
    width_of,
)
from biomarkers.report.view import View, lines_of
from biomarkers.tables import Cell, Grid, GridRow, cells

# -- response -------------------------------------------------------------------------------------------------------------

_RESPONSE_WORDS = {
    "CR": "Complete response",
    "PR": "Partial response",
    "SD": "Stable disease",
    "PD": "Progressive disease",
    "NE": "Not evaluable",
}


def response_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Best response, rates with exact intervals, their difference, and the best change of every patient."""
    best, rates = rows_of(view, "best"), [r for r in rows_of(view, "endpoints") if text(r["endpoint"]) == "response"]
    if not best:
        return None
    blocks: list[Block] = [Table(count.table(), _response_grid(view, best, rates), long=True)]
    changes = frame_of(view, "waterfall")
    pictures = []
    for cohort in tables.order(changes["cohort"], view.design.cohorts) if len(changes) else []:
        part = changes[changes["cohort"].map(text) == cohort]
        if part["change"].notna().sum() < 2:
            continue
        armed = part["arm"].map(text).nunique() > 1
        figure = waterfall_figure(
            part,
            measure="percent",
            by="arm" if armed else None,
            groups=view.design.arms,
            ylabel="Best change of target lesions, %",
            width_mm=180.0 if view.cohort else 85.0,
        )
        known = part["change"].dropna()
        alt = (
            f"{tables.cohort_label(cohort)}: {len(known)} of {len(part)} patients with measured target lesions; "
            f"{int((known <= -30).sum())} shrank by 30% or more, {int((known >= 20).sum())} grew by 20% or more"
        )
        file = f"{view.slugs.get(cohort, name)}-waterfall" if cohort else f"{name}-waterfall"
        pictures.append(
            Picture(
                count.figure(),
                gallery.add(file, figure),
                f"{alt}.",
                f"{tables.cohort_label(cohort)}: best change of the target lesions, one bar per patient, nobody "
                "named. A bar past a line is no response by itself: new lesions count, and confirmation is not "
                "asked.",
                None,
                room_of(figure),
                width_of(figure),
            )
        )
    if view.cohort is not None:
        blocks += pictures
    else:
        blocks += [Pictures(tuple(pictures[i : i + 2])) for i in range(0, len(pictures), 2)]
    return Section("trial-response", "Response", "6, 15", tuple(blocks))


def _response_grid(view: View, best: Sequence[Row], rates: Sequence[Row]) -> Grid:
    arms = tables.order((text(r["arm"]) for r in best), view.design.arms)
    body: list[GridRow] = []
    for cohort in cohorts_of(view, best):
        mine = {(text(r["arm"]), text(r["response"])): r for r in best if text(r["cohort"]) == cohort}
        if len(cohorts_of(view, best)) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for said, words in _RESPONSE_WORDS.items():
            found = [mine.get((arm, said)) for arm in arms]
            made = [
                Cell(numbers.n_percent(int(r["n"]), int(r["total"])), source=source_of("best", r)) if r else "" for r in found
            ]
            body.append(GridRow(words, cells(*made, *[""] * (len(arms) > 1)), "i"))
        body += _rate_rows([r for r in rates if text(r["cohort"]) == cohort], arms)
    heads = ("Response", *(numbers.label(a) or "All patients" for a in arms), *(["Comparison"] if len(arms) > 1 else []))
    benefit = view.design.trial.benefit_days if view.design.trial else 168
    strata = ", ".join(tables.variable_label(s).lower() for s in view.design.strata)
    return Grid(
        "Best overall response, and rates of everybody registered.",
        heads,
        tuple(body),
        (False, *[True] * (len(heads) - 1)),
        f"Clinical benefit: response, or stable disease for {day_words(benefit)} or longer. Rates: Clopper–Pearson; "
        "patients without "
        "an evaluable scan count as not responding, and as such stand in the denominator. Difference: second arm minus the "
        "first, "
        f"Newcombe’s interval; Mantel–Haenszel over {strata or 'no strata'} with Sato’s error; CMH: two-sided, without "
        "continuity "
        "correction. 95% unless stated.",
    )


def _rate_rows(rates: Sequence[Row], arms: Sequence[str]) -> list[GridRow]:
    out: list[GridRow] = []
    for term in tables.order(text(r["term"]) for r in rates):
        mine = [r for r in rates if text(r["term"]) == term]
        each = {text(r["contrast"]): r for r in mine if text(r["method"]).startswith("Clopper-Pearson, intention")}
        made = [Cell(share_of(r), source=source_of("endpoints", r)) if (r := each.get(arm)) else "" for arm in arms]
        name = tables.capital(term.split(",")[0])
        out.append(GridRow(f"{name}, rate", cells(*made, *[""] * (len(arms) > 1)), "i"))
        blank = [""] * len(arms)
        for r in mine:
            method, estimand = text(r["method"]), text(r["estimand"])
            if estimand == "risk difference":
                how = "Newcombe" if method.startswith("Newcombe") else "Mantel–Haenszel"
                said = points(number(r["estimate"]), number(r["conf_low"]), number(r["conf_high"]))
                out.append(GridRow(f"{name}, difference in points, {how}", cells(*blank, said), "i", source_of("endpoints", r)))
            elif method.startswith("Mantel-Haenszel (Robins"):
                value = (
                    f"{ratio_of(r)}, {numbers.p_equals(number(r['p_value']), 'CMH P')}"
                    if text(r["finite"]) != "False"
                    else (numbers.label(r["note"], 200))
                )
                out.append(GridRow(f"{name}, stratified odds ratio", cells(*blank, value), "i", source_of("endpoints", r)))
    return out


# -- toxicity -------------------------------------------------------------------------------------------------------------


def toxicity_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Worst grade per patient, term and arm; the denominator is everybody treated."""
    every = lines_of(view.results.trial.toxicity)
    if not every:
        return None
    armed = len({text(r["arm"]) for r in every}) > 1
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
    figure = toxicity_figure(
        frame, cohorts=cohorts, arms=view.design.arms, titles=titles, places=places_of(view, cohorts), severe=severe
    )
    overall = [r for r in rows if text(r["term"]) == "any"]
    alt = "; ".join(
        f"{', '.join(x for x in (tables.cohort_label(text(r['cohort'])) if len(cohorts) > 1 else '', _arm(r)) if x) or 'All'}: "
        f"{int(r['any_grade'])} of {int(r['n_treated'])} treated with an event, {int(r['n_severe'])} with grade {severe} or "
        "more"
        for r in overall
    )
    picture = Picture(
        count.figure(),
        gallery.add(f"{name}-toxicity", figure),
        f"Adverse events by worst grade. {alt}.",
        "Worst grade of each patient, as a share of the treated. At the ends: patients with any event, and with grade "
        f"{severe} or more.",
        None,
        room_of(figure),
        width_of(figure),
    )
    body: list[GridRow] = []
    for cohort in cohorts:
        mine = [r for r in rows if text(r["cohort"]) == cohort]
        if len(cohorts) > 1:
            body.append(GridRow(tables.cohort_label(cohort), kind="g"))
        for term in terms(frame[frame["cohort"].map(text) == cohort], most=len(mine))[0]:
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
                made += [Cell(numbers.n_percent(int(r["any_grade"]), n), source=source_of("toxicity", r)), Cell(bad)]
            p = number(next(iter(each.values()))["p_value"])
            words = "Any event" if term == "any" else numbers.label(term)
            body.append(
                GridRow(words, cells(*made, *([numbers.p(p) if math.isfinite(p) else ""] if len(arms) == 2 else [])), "i")
            )
    heads = ["Term"]
    for arm in arms:
        n = next(int(r["n_treated"]) for r in rows if text(r["arm"]) == arm)
        who = f"{numbers.label(arm)}, " if arm not in ("", "all") else ""
        size = f"\n(n{NBSP}={NBSP}{n})" if len(cohorts) == 1 else ""
        heads += [f"{who}{'any' if who else 'Any'}{size}", f"{who}{'grade' if who else 'Grade'}{NBSP}≥{NBSP}{severe}\n[CI]"]
    heads += ["P"] if len(arms) == 2 else []
    grid = Grid(
        "Adverse events at least possibly related to treatment.",
        tuple(heads),
        tuple(body),
        (False, *[True] * (len(heads) - 1)),
        "Each patient counts once per term, with the worst grade. The denominator is everybody treated, with or without an "
        f"event; [CI]: exact {numbers.level(number(rows[0]['conf_level']))} limits in per cent."
        + (f" P: Fisher’s exact test of grade {severe} or more, not adjusted for the number of terms." * (len(arms) == 2))
        + (
            " Who stopped is no longer exposed: a difference between the cohorts is no property of a drug."
            if view.design.cohort_assignment == "chosen" and len(cohorts) > 1
            else ""
        ),
    )
    blocks: list[Block] = [picture, Table(count.table(), grid, long=True), *_limiting(view, count)]
    return Section("trial-toxicity", "Toxicity", "", tuple(blocks))


def _arm(row: Row) -> str:
    return "" if text(row["arm"]) in ("", "all") else numbers.label(row["arm"])


def _limiting(view: View, count: Numbering) -> list[Block]:
    rows = lines_of(view.results.trial.dose_limiting)
    if not rows or view.cohort is not None:
        return []
    body = tuple(
        GridRow(
            numbers.label(r["level"]),
            cells(numbers.count(int(r["treated"])), numbers.count(int(r["dlts"]))),
            "",
            source_of("dose_limiting", r),
        )
        for r in rows
    )
    return [
        Table(
            count.table(),
            Grid("Dose-limiting toxicities, as judged.", ("Dose level", "Evaluable", "With a DLT"), body, (False, True, True)),
        )
    ]


# -- patient-reported outcomes --------------------------------------------------------------------------------------------


def reported_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """Scores over time against the smallest difference that matters."""
    rows = rows_of(view, "reported")
    if not rows:
        return None
    frame = frame_of(view, "reported")
    if "cohort" not in frame:
        frame = frame.assign(cohort="")
    cohorts = tables.order(frame["cohort"], view.design.cohorts)
    figure = pro_figure(
        frame, cohorts=cohorts, arms=view.design.arms, titles=titles_of(cohorts), places=places_of(view, cohorts)
    )
    last = {}
    for r in rows:
        last[text(r["label"]), text(r.get("cohort")), text(r.get("arm"))] = r
    alt = "; ".join(
        f"{', '.join(numbers.label(x) for x in key if x)}: mean {numbers.value(number(r['mean']))} at "
        f"{day_words(number(r['day']))} "
        f"from {int(r['n'])} patients"
        for key, r in last.items()
    )
    picture = Picture(
        count.figure(),
        gallery.add(f"{name}-reported", figure),
        f"Patient-reported scores over time. {alt}.",
        "Mean scores with their intervals; below, who answered of those still without an event. A late mean is the "
        "mean of those who are left.",
        None,
        room_of(figure),
        width_of(figure),
    )
    grid = _change_grid(view, rows)
    blocks: list[Block] = [picture, *([Table(count.table(), grid, long=True)] if grid else [])]
    return Section("trial-reported", "What patients report", "", tuple(blocks))


def _change_grid(view: View, rows: Sequence[Row]) -> Grid:
    body: list[GridRow] = []
    groups = dict.fromkeys((text(r["instrument"]), text(r.get("cohort")), text(r.get("arm"))) for r in rows)
    for instrument, cohort, arm in groups:
        mine = [
            r for r in rows if (text(r["instrument"]), text(r.get("cohort")), text(r.get("arm"))) == (instrument, cohort, arm)
        ]
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
            body.append(
                GridRow(
                    when,
                    cells(
                        f"{int(r['n'])} of {int(r['expected'])}", mean, said, numbers.count(int(r["n_change"])) if moved else ""
                    ),
                    "i",
                    source_of("reported", r),
                )
            )
    level = numbers.level(number(rows[0]["conf_level"]))
    return Grid(
        "Scores and changes from baseline.",
        ("Time", "Answered", f"Mean ({level} CI)", f"Change ({level} CI)", "Pairs"),
        tuple(body),
        (False, True, True, True, True),
        "Answered: of those without an event or the end of follow-up before the day. Change: of those with a baseline "
        "score. Scores end with the disease, which is informative; no model mends it.",
    )


def _month_words(day: float) -> str:
    """ "month 3": questionnaires follow the calendar."""
    return f"month {round(day / 30.4375)}"
