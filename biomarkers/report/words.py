"""A result as one plain sentence, for whoever reads no table: on the card, folded under its table, and in results.md.

A sentence has the direction, the estimate with its interval, n, events, P, adjusted P, and whether the question stood in the
plan. A null result says what the data are compatible with, never "no effect"; an exploratory one claims nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.design import Design
from biomarkers.domain.numbers import NBSP
from biomarkers.domain.states import STATES, number
from biomarkers.report.blocks import Words
from biomarkers.report.view import View, is_subgroup
from biomarkers.tables import HAZARD_RATIO, HETEROGENEITY, POOLED, RATIO_OF_RATIOS, Line, Piece, plain, together

ODDS_RATIO, RATIO_OF_ODDS = "odds ratio", "ratio of odds ratios"
CHANGE, ADDED = "mean change to progression", "added value test"
ANSWERS = (ODDS_RATIO, RATIO_OF_ODDS, CHANGE, ADDED)
"""What is asked of a plan and answered by no hazard ratio."""

_DIRECTION = {
    (False, True): "shorter",
    (False, False): "longer",
    (True, True): "higher odds of",
    (True, False): "lower odds of",
}
"""Of odds? Above 1?"""
_TOLD = ("", HAZARD_RATIO, RATIO_OF_RATIOS, *ANSWERS)


def sentence(item: Line, design: Design, *, adjust: str = "") -> tuple[Piece, ...]:
    """A result as one plain sentence: direction, estimate, contrast, n, events, P and adjusted P.

    Parameters
    ----------
    item : Line
        A ratio of hazards or odds, a ratio of two such, a mean change, or the test of what a marker adds.
    design : Design
    adjust : str
        Name of the adjustment, "Holm".
    """
    if not item.modelled:
        if item.state in ("prespecified", "exploratory") and math.isfinite(item.p_value):
            return _tested(item, design, adjust or "adjusted")
        why = f"{STATES[item.state].word.lower()}: {item.message}; {_counts(item, design)}."
        return (_name(item, design), Piece(f"{_tag(item)}{_against(item)}{_when(item)}: {why}"))
    tell = {RATIO_OF_RATIOS: _difference, RATIO_OF_ODDS: _difference, CHANGE: _change}.get(item.estimand, _ratio)
    return tell(item, design, adjust or "adjusted")


def in_words(lines: Iterable[Line], view: View) -> tuple[Words, ...]:
    """The sentences of these results, folded into one block; no block where there are none."""
    told = tuple((x.state, x.key, sentence(x, view.design, adjust=_adjustment(view))) for x in lines if x.estimand in _TOLD)
    return (Words(told),) if told else ()


def results_text(every: View, pages: Sequence[View]) -> str:
    """Every result of a run in words, as Markdown: the pooled ones first, then cohort by cohort.

    Parameters
    ----------
    every : View
        Of all cohorts.
    pages : sequence of View
        Of each cohort, in the order of the design.
    """
    parts = [f"# Results of {markdown(numbers.label(every.design.name))} in words"]
    pooled = [x for x in every.lines if x.cohort == POOLED or not pages]
    for head, lines in (("All cohorts", pooled), *((tables.cohort_label(p.cohort or ""), p.here) for p in pages)):
        told = [x for x in lines if x.estimand in _TOLD]
        if told:
            parts.append(f"## {markdown(head)}")
        for group, some in together(told, lambda x: x.group):
            parts.append(f"### {markdown(group)}")
            parts.append("\n".join(f"- {STATES[x.state].word}. {markdown(_said(x, every))}" for x in some))
    parts.append("*Made by the program from results.csv; the numbers there are not rounded.*")
    return "\n\n".join(parts) + "\n"


def markdown(words_: str) -> str:
    """Text in which nothing may become markup."""
    safe = "".join(f"\\{c}" if c in "\\`*_{}[]#|!" else c for c in words_)
    escaped = re.sub(r"<(?![\d\s])", "&lt;", re.sub(r"&(?=[#\w])", "&amp;", safe))
    return re.sub(r">(?![\d\s])", "&gt;", escaped)


def _said(item: Line, view: View) -> str:
    return plain(sentence(item, view.design, adjust=_adjustment(view)))


def _adjustment(view: View) -> str:
    return view.adjust if view.adjust != "adjusted" else ""


def _name(item: Line, design: Design) -> Piece:
    return Piece(tables.marker_label(item.marker, design), "b")


def _tag(item: Line) -> str:
    return f" [{item.tag}]" if item.tag else ""


def _when(item: Line) -> str:
    return f" at {item.timing}" if item.timing == "baseline" else (f", {numbers.label(item.timing)}" if item.timing else "")


def _against(item: Line) -> str:
    """What stands beside the name: " detected against not detected", " in T-DM1"; a step stands beside the estimate."""
    if item.contrast.startswith("per "):
        return item.contrast[len(_step(item)) :].removeprefix(",")
    return f" {item.contrast}" if item.contrast else ""


def _step(item: Line) -> str:
    """ "per doubling", also of "per doubling, in T-DM1"."""
    whole = item.contrast if item.contrast.startswith("per ") else ""
    return whole.rpartition(", in ")[0] if is_subgroup(item) else whole


def _counts(item: Line, design: Design) -> str:
    said = numbers.plural(number(item.row.get("n")), "patient")
    if item.estimand == CHANGE:
        return said
    if item.estimand in (ODDS_RATIO, RATIO_OF_ODDS):
        return f"{said}, {item.events} with {tables.endpoint_short(item.endpoint, design)}"
    return f"{said}, {numbers.plural(item.n_events, 'event')}"


def _chances(item: Line, word: str) -> str:
    """ "P = 0.02, Holm 0.11"; what was asked after the plan has no adjusted P."""
    if item.state == "exploratory":
        return f"{numbers.p_equals(item.p_value)}, unadjusted"
    return numbers.p_equals(item.p_value) + (f", {word}{NBSP}{item.p_adjusted}" if math.isfinite(item.p_holm) else "")


def _holds(item: Line) -> bool:
    """P below 0.05, also after adjustment where there is one, in a question of the plan."""
    low = item.p_holm if math.isfinite(item.p_holm) else item.p_value
    return item.state != "exploratory" and item.p_value < 0.05 and low < 0.05


def _verdict(item: Line, design: Design, word: str) -> str:
    """The end of a sentence whose P is below 0.05 alone."""
    return f"{_counts(item, design)}; {numbers.p_equals(item.p_value)} does not hold after {word} ({item.p_adjusted})."


def _ratio(item: Line, design: Design, word: str) -> tuple[Piece, ...]:
    name, when, against = _name(item, design), _when(item), _tag(item) + _against(item)
    odds, per = item.estimand == ODDS_RATIO, bool(_step(item)) or not item.contrast
    short, ratios = tables.endpoint_short(item.endpoint, design), "odds ratios" if odds else "hazard ratios"
    ratio = Piece(f"{'OR' if odds else 'HR'}{NBSP}{item.ratio}", "nw")
    step = f" {_step(item)}" if _step(item) else ""
    end = Piece(f"{step}, {_counts(item, design)}, {_chances(item, word)}.")
    if not math.isfinite(item.p_value):    # an estimate beside the one that is tested
        return (name, Piece(f"{against}{when}: "), ratio, Piece(f"{step} for {short}, {_counts(item, design)}, no test."))
    if item.state == "exploratory":
        return (name, Piece(f"{against}{when}, asked after the plan: "), ratio, end)
    if _holds(item):
        direction = _DIRECTION[odds, item.estimate > 1]
        subject = (Piece("Higher "), name) if per else (name,)
        comma = "," if when.startswith(",") else ""
        return (*subject, Piece(f"{against}{when}{comma} goes with {direction} {short}: "), ratio, end)
    if item.p_value < 0.05:
        return (name, Piece(f"{against}{when}: "), ratio, Piece(f"{step} for {short}, {_verdict(item, design, word)}"))
    return (
        name,
        Piece(f"{against}{when}: no association with {short} shown. The data are compatible with {ratios} from "),
        Piece(_limits(item), "nw"),
        Piece(f"{step} (estimate {numbers.ratio(item.estimate)}); {_counts(item, design)}, {_chances(item, word)}."),
    )


def _limits(item: Line) -> str:
    return item.ratio.partition("(")[2].rstrip(")").replace(numbers.EN_DASH, " to ")


def _difference(item: Line, design: Design, word: str) -> tuple[Piece, ...]:
    """Whether an association differs between arms or cohorts: the ratio of two ratios."""
    kind = item.estimand.removeprefix("ratio of ").removesuffix("s")
    start = (_name(item, design), Piece(f"{_tag(item)}{_when(item)}, {item.contrast}: "))
    ratio = Piece(item.ratio, "nw")
    end = Piece(f", {_counts(item, design)}, {_chances(item, word)}.")
    if item.state == "exploratory":
        return (*start, Piece(f"asked after the plan, {item.estimand} "), ratio, end)
    if _holds(item):
        return (*start, Piece(f"its {kind} differs; {item.estimand} "), ratio, end)
    if item.p_value < 0.05:
        return (*start, Piece(f"{item.estimand} "), ratio, Piece(f", {_verdict(item, design, word)}"))
    return (
        *start,
        Piece(f"no difference of its {kind} shown. The data are compatible with ratios from "),
        Piece(_limits(item), "nw"),
        Piece(f" (estimate {numbers.ratio(item.estimate)}); {_counts(item, design)}, {_chances(item, word)}."),
    )


def _change(item: Line, design: Design, word: str) -> tuple[Piece, ...]:
    name = _name(item, design)
    size = f"{numbers.value(item.estimate)}{NBSP}({numbers.span(numbers.value(item.low), numbers.value(item.high))})"
    steps = item.contrast.partition(", ")[2]
    start = (name, Piece(f"{_tag(item)} from baseline to the draw taken because of progression: "))
    if item.state == "exploratory":
        said = f"mean change, asked after the plan, {size} {steps}; {_counts(item, design)}, {_chances(item, word)}."
    elif _holds(item):
        way = "rose" if item.estimate > 0 else "fell"
        said = f"{way} by a mean of {size} {steps}; {_counts(item, design)}, {_chances(item, word)}."
    elif item.p_value < 0.05:
        said = f"mean change {size} {steps}, {_verdict(item, design, word)}"
    else:
        low, high = numbers.value(item.low), numbers.value(item.high)
        said = f"no change shown. The data are compatible with mean changes from {low} to {high} {steps} "
        said += f"(estimate {numbers.value(item.estimate)}); {_counts(item, design)}, {_chances(item, word)}."
    return (*start, Piece(said))


def _tested(item: Line, design: Design, word: str) -> tuple[Piece, ...]:
    """A test without an estimate of its own: what a marker adds, or whether several cohorts differ."""
    short = tables.endpoint_short(item.endpoint, design)
    if item.estimand == ADDED:
        what = item.contrast.removeprefix("added to ")
        asked, found = f"what it adds to {what} for {short}", f"adds to {what} for {short}"
        missed = f"no gain shown when it is added to {what} for {short}"
    else:
        what = f"its association with {short}" + (f", {item.contrast}," if item.contrast else "")
        groups = "between cohorts" if item.term == HETEROGENEITY else "between groups"
        asked, found = f"whether {what} differs {groups}", f"{what} differs {groups}"
        missed = f"no difference of {what} {groups} shown"
    start = (_name(item, design), Piece(f"{_tag(item)}{_when(item)}: "))
    if item.state == "exploratory":
        return (*start, Piece(f"{asked}, asked after the plan; {_counts(item, design)}, {_chances(item, word)}."))
    if item.p_value < 0.05 and not _holds(item):
        return (*start, Piece(f"{asked}, {_verdict(item, design, word)}"))
    return (*start, Piece(f"{found if _holds(item) else missed}; {_counts(item, design)}, {_chances(item, word)}."))
