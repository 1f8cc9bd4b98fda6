"""The card on top of a page: what must be known first, six facts, and the findings as sentences on one scale."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.flow import FLOW
from biomarkers.domain.numbers import NBSP
from biomarkers.domain.states import STATES, number, text
from biomarkers.report.associations import heterogeneity
from biomarkers.report.blocks import Fact, Finding, Summary, Warned
from biomarkers.report.drawings import axis_of, axis_words, small
from biomarkers.report.view import View, is_pooled
from biomarkers.report.words import sentence
from biomarkers.tables import Line, Piece, together

MOST_FINDINGS, MOST_FLAGS, LOSS = 10, 8, 0.2
_CSS = {
    "prespecified": "pre",
    "exploratory": "exp",
    "descriptive": "des",
    "not_estimable": "ne",
    "refused": "ref",
    "flagged": "flag",
    "below": "lod",
}


def summary(view: View) -> Summary:
    """The card of a page."""
    lines = [x for x in view.main if view.cohort is not None or is_pooled(x) or not view.cohorts]
    ranked = _ranked(lines)
    shown = ranked[:MOST_FINDINGS]
    axis = axis_of([x for x in shown if x.modelled], 172, most=5.0)  # one wide interval must not crush the others
    rest = len(ranked) - len(shown)
    more = f"{numbers.plural(rest, 'further question')} in the table below." if rest else ""
    used = [s for s in STATES if s in {x.state for x in view.main} or (s == "flagged" and any(x.flags for x in view.main))]
    if _below_any(view):
        used.append("below")
    return Summary(
        tuple(_warned(view)),
        tuple(_facts(view)),
        tuple(
            Finding(x, sentence(x, view.design, adjust=view.adjust if view.adjust != "adjusted" else ""), small(axis, 22, x))
            for x in shown
        ),
        axis_words(axis, 20),
        more,
        tuple((_CSS[s], STATES[s].word, STATES[s].meaning) for s in dict.fromkeys(used)),
    )


def _below_any(view: View) -> bool:
    values = view.part(view.results.values)
    return len(values) > 0 and bool((values["status"].map(text) == "below").any())


def _sensitivity(line: Line) -> bool:
    """A declared departure from the registry or the design."""
    return any(note.startswith("sensitivity:") for note in line.notes)


def _ranked(lines: Sequence[Line]) -> list[Line]:
    """Modelled questions in the order of the plan; where there are many, what holds after adjustment comes first."""
    known = [x for x in lines if x.modelled or x.state == "not_estimable"]
    plain_first = [x for x in known if not _sensitivity(x)] + [x for x in known if _sensitivity(x)]
    if len(known) <= MOST_FINDINGS:
        return plain_first
    return sorted(
        known,
        key=lambda x: (
            _sensitivity(x),
            x.state != "prespecified",
            not x.significant,
            x.p_value if x.p_value == x.p_value else 2,
        ),
    )


# -- read this first ------------------------------------------------------------------------------------------------------


def _warned(view: View) -> list[Warned]:
    out = [*_flags(view), *_assumptions(view), *_losses(view), *_silent(view), *_refused(view)]
    if view.cohort is None:
        differ = heterogeneity(view)
        tested = [x for x in view.lines if x.term == tables.HETEROGENEITY and math.isfinite(x.p_value)]
        if differ:
            by_chance = 0.05 * len(tested)
            names = ", ".join(tables.marker_label(x.marker, view.design) for x in differ[:4])
            names += f" and {len(differ) - 4} more" if len(differ) > 4 else ""
            expected = (
                f"; {numbers.decimal(by_chance, 0 if by_chance >= 1 else 1)} expected by chance" if len(tested) > 5 else ""
            )
            out.insert(
                0,
                Warned(
                    (
                        Piece(
                            f"{len(differ)} of {numbers.plural(len(tested), 'question')} differ between cohorts "
                            f"(heterogeneity P{NBSP}<{NBSP}0.05{expected}): {names}. Read their rows by cohort, not the "
                            "pooled column."
                        ),
                    ),
                    "matrix",
                    "Table",
                ),
            )
    asked = [x for x in view.main if x.state == "exploratory"]
    if asked:
        total = len([x for x in view.main if x.modelled])
        out.append(
            Warned(
                (
                    Piece(
                        f"{len(asked)} of {numbers.plural(total, 'estimate')} were asked after the plan: their boxes are "
                        "open, and their P values confirm nothing."
                    ),
                )
            )
        )
    if view.design.cohort_assignment == "chosen" and len(view.design.cohorts) > 1:
        out.append(
            Warned((Piece("Patients chose their cohort: a hazard ratio between cohorts is not an effect, and none is given."),))
        )
    warnings = [text(x) for x in view.results.problems["severity"]] if len(view.results.problems) else []
    n = sum(x in ("warning", "error") for x in warnings)
    if n:
        out.append(
            Warned(
                (Piece(f"{numbers.plural(n, 'warning')} about the input files."),),
                "problems" if view.cohort is None else "../../report.html#problems",
                "Problems",
            )
        )
    return out


def _flags(view: View) -> list[Warned]:
    rows = [(flag, x) for x in (*view.main, *view.others) for flag in x.flags if x.state != "not_estimable"]
    out = []
    for flag, pairs in together(rows, lambda pair: pair[0]):
        lines = [x for _, x in pairs]
        where = "" if view.cohort else f", {tables.cohort_label(lines[0].cohort)}"
        if len(lines) == 1:
            pieces = (Piece(f"{lines[0].label}{where}", "b"), Piece(f": {flag}."))
        else:
            pieces = (Piece(f"{len(lines)} estimates", "b"), Piece(f": {flag}."))
        out.append(Warned(pieces, "assoc" if view.cohort else "matrix", "Table"))
    if len(out) > MOST_FLAGS:
        kept = out[: MOST_FLAGS - 1]
        return [
            *kept,
            Warned(
                (Piece(f"{len(out) - len(kept)} further flags stand under the table."),),
                "assoc" if view.cohort else "matrix",
                "Table",
            ),
        ]
    return out


def _assumptions(view: View) -> list[Warned]:
    """Hazards that may not be proportional, and cuts that were found in the data they are used on."""
    out = []
    tested = [x for x in view.others if x.estimand == "proportional hazards test" and math.isfinite(x.p_value)]
    bent = [x for x in tested if x.p_value < 0.05]
    if bent:
        names = list(dict.fromkeys(tables.marker_label(x.marker, view.design) for x in bent))
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        words = (
            f"Hazards may not be proportional in {len(bent)} of {numbers.plural(len(tested), 'model')} (P{NBSP}<{NBSP}0.05; "
            f"{numbers.decimal(0.05 * len(tested), 1)} expected by chance): {shown}."
        )
        out.append(Warned((Piece(words),), "sens", "Checks"))
    cuts = [x for x in view.main if any("from these data" in note for note in x.notes) and x.modelled]
    if cuts:
        words = f"{numbers.plural(len(cuts), 'row')} with a cut taken from these data: a P value there is too small."
        out.append(Warned((Piece(words),), "assoc" if view.cohort else "matrix", "Table"))
    return out


def _losses(view: View) -> list[Warned]:
    """Analyses that leave out a fifth of the patients or more, worst first; losses before a landmark by arm."""
    flow = view.part(view.results.flow)
    if not len(flow):
        return []
    found = []
    groups = flow.drop_duplicates([c for c in ("analysis", "cohort", "arm") if c in flow])
    totals = groups.groupby("analysis", sort=False, observed=True)["total"].sum()
    kept = flow[flow["reason"] == "included"].groupby("analysis", sort=False, observed=True)["n_left"].sum()
    for analysis, part in tables.split(flow, "analysis").items():
        total, left = int(totals[analysis]), int(kept.get(analysis, 0))
        if total and (total - left) / total >= LOSS:
            gone = part[part["n_excluded"] > 0].groupby("reason", sort=False, observed=True)["n_excluded"].sum()
            main = str(gone.idxmax())
            marker, timing = text(part["marker"].iloc[0]), text(part["timing"].iloc[0])
            found.append((1 - left / total, marker, timing, total - left, total, main, part))
    found.sort(key=lambda f: (-f[0], f[1]))
    out = []
    for (timing, lost, total, main), same in together(found, lambda f: f[2:6])[:4]:
        names = list(dict.fromkeys(tables.marker_label(f[1], view.design) for f in same))
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        words = f"{numbers.n_of(lost, total)} patients are not analysed for {shown}, {numbers.label(timing)}: mostly "
        out.append(Warned((Piece(words + FLOW.get(main, main) + _by_arm(view, same[0][6]) + "."),), "flow", "Flow"))
    return out


def _by_arm(view: View, part: pd.DataFrame) -> str:
    if view.cohort is None or len(view.arms) < 2:
        return ""
    said = []
    for arm in view.arms:
        one = part[part["arm"].map(text) == arm]
        if len(one):
            total, left = int(one["total"].iloc[0]), int(one.loc[one["reason"] == "included", "n_left"].sum())
            said.append(f"{numbers.count(total - left)} of {numbers.count(total)} on {numbers.label(arm, 60)}")
    return f" ({', '.join(said)})" if said else ""


def _silent(view: View) -> list[Warned]:
    kinds = {"descriptive": "descriptive only", "not_estimable": "not estimable"}
    counts = {name: sum(x.state == name for x in view.main) for name in kinds}
    if not any(counts.values()):
        return []
    total = len(view.main)
    said = ", ".join(f"{n} {kinds[name]}" for name, n in counts.items() if n)
    return [
        Warned(
            (
                Piece(
                    f"{sum(counts.values())} of {numbers.plural(total, 'row')} without a hazard ratio: {said}. A blank "
                    "never means zero."
                ),
            ),
            "assoc" if view.cohort else "matrix",
            "Table",
        )
    ]


def _refused(view: View) -> list[Warned]:
    lines = [x for x in view.main if x.state == "refused"]
    if not lines:
        return []
    names = "; ".join(x.label for x in lines[:3]) + (f" and {len(lines) - 3} more" if len(lines) > 3 else "")
    verb = "was" if len(lines) == 1 else "were"
    return [
        Warned(
            (Piece(f"{numbers.plural(len(lines), 'requested analysis', 'requested analyses')} {verb} refused: {names}."),),
            "refused",
            "Why, and what to ask instead",
            refused=True,
        )
    ]


# -- facts ----------------------------------------------------------------------------------------------------------------


def _facts(view: View) -> list[Fact]:
    facts = [*_people(view)]
    tests = tables.records(view.part(view.results.ledger))
    planned = [r for r in tests if bool(r["prespecified"])]
    families = len({text(r["family"]) for r in planned})
    if tests:
        facts.append(
            Fact(
                "Prespecified tests",
                numbers.whole(len(planned)),
                f"in {numbers.plural(families, 'family', 'families')}"
                + (f", {view.adjust}" if view.adjust != "adjusted" else ""),
            )
        )
    main = [x for x in view.main if view.cohort or is_pooled(x) or not view.cohorts]
    holds = [x for x in main if x.significant]
    if any(math.isfinite(x.p_holm) for x in main):
        names = list(dict.fromkeys(tables.marker_label(x.marker, view.design) for x in holds))
        words = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        facts.append(
            Fact(
                f"{'Pooled ' if not view.cohort and view.cohorts else ''}P{NBSP}<{NBSP}0.05 after {view.adjust}",
                numbers.whole(len(holds)),
                words or "of " + numbers.plural(len(main), "question"),
            )
        )
    if view.cohort is None:
        facts.insert(
            0,
            Fact(
                "Markers",
                numbers.whole(len({x.marker for x in view.lines})),
                f"in {numbers.plural(len({x.family for x in view.lines}), 'family', 'families')}",
            ),
        )
    detectable = sorted(x.detectable for x in main if math.isfinite(x.detectable))
    if detectable:
        low, high = numbers.ratio(detectable[0]), numbers.ratio(detectable[-1])
        facts.append(Fact("Detectable HR", low if low == high else f"{low}–{high}", "per contrast named, 80% power"))
    return facts


def _people(view: View) -> list[Fact]:
    rows = tables.records(view.part(view.results.endpoints))
    out: list[Fact] = []
    told = False
    for endpoint in view.endpoints:
        mine = [r for r in rows if text(r["endpoint"]).lower() == endpoint.lower()]
        if not mine:
            continue
        whole = [r for r in mine if text(r["arm"]) in ("", tables.POOLED)] or mine
        by_arm = [r for r in mine if text(r["arm"]) not in ("", tables.POOLED)]
        n, events = (sum(int(number(r[k])) for r in whole) for k in ("n", "n_events"))
        if not told:
            shares = [numbers.count(int(number(r["n"]))) for r in by_arm] if view.cohort and len(by_arm) > 1 else []
            out.append(
                Fact(
                    "Patients",
                    numbers.count(n),
                    f"{' and '.join(shares)} by arm"
                    if shares
                    else f"in {numbers.plural(len(view.cohorts), 'cohort')}"
                    if view.cohort is None and view.cohorts
                    else "with follow-up",
                )
            )
            told = True
        out.append(Fact(f"{view.short(endpoint)} events", numbers.count(events), f"{numbers.count(n - events)} censored"))
        if len(whole) == 1 and endpoint == view.endpoints[0]:
            r = whole[0]
            time = number(r["follow_up_median"])
            value, _, limits = numbers.median(time, number(r["conf_low"]), number(r["conf_high"]), view.unit).partition(NBSP)
            out.append(
                Fact(
                    "Median follow-up",
                    f"{value}{NBSP}{'wk' if view.unit == 'weeks' else 'mo'}" if value != "NR" else "NR",
                    f"95% CI {limits.strip('()')}, reverse KM",
                )
            )
    return out
