"""A methods paragraph for a paper, true to what was run: every clause is read from the results, none is boilerplate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import text
from biomarkers.report.view import View
from biomarkers.report.words import ADDED, CHANGE, ODDS_RATIO, markdown
from biomarkers.tables import HETEROGENEITY, POOLED, Line

_ADJUSTMENT = {
    "Holm": "Holm's method",
    "BH": "the method of Benjamini and Hochberg",
    "BY": "the method of Benjamini and Yekutieli",
}


def methods(view: View) -> str:
    """The paragraph as Markdown.

    Parameters
    ----------
    view : View
        Of all cohorts.
    """
    parts = [_who(view), _what(view), _model(view), _others(view), _tests(view), _silence(view), _software(view)]
    body = "\n\n".join(part for part in parts if part)
    note = "Made by the program from the results of this run; read it as a draft and keep it true when you edit it."
    return f"# Statistical methods\n\n{body}\n\n*{note}*\n"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _safe(words: str) -> str:
    """A label as plain Markdown text: nothing in it may become markup."""
    return markdown(numbers.label(words))


def _who(view: View) -> str:
    cohorts = [_safe(c) for c in view.cohorts]
    said = f"Patients of {_safe(view.design.name)} were analysed"
    if len(cohorts) > 1:
        said += f" in {numbers.in_words(len(cohorts))} cohorts ({_listed(cohorts)}), each separately"
    kinds = {
        "chosen": "; patients chose their cohort, and cohorts were not compared",
        "randomised": "; cohorts were randomised",
    }
    return said + kinds.get(view.design.cohort_assignment if len(cohorts) > 1 else "", "") + "."


def _what(view: View) -> str:
    markers = [_safe(tables.marker_label(m, view.design)) for m in dict.fromkeys(x.marker for x in view.lines)]
    shown = _listed(markers) if len(markers) <= 12 else f"{len(markers)} markers"
    declared = [x for x in view.main if not any(note.startswith("sensitivity:") for note in x.notes)]
    timings = [_safe(t) for t in dict.fromkeys(x.timing for x in declared if x.timing)]
    ends = _listed([_safe(tables.endpoint_label(e, view.design)).lower() for e in view.endpoints])
    at = f" ({'; '.join(timings)})" if timings else ""
    searched = any("searched" in x.term for x in view.lines)
    cuts = "A searched cut-point is marked as such" if searched else "no cut-point was searched for"
    said = f"The association of {shown}{at} with {ends} was examined; "
    said += f"time was counted in days from {_safe(view.design.time_zero)}. "
    said += "Values of a continuous marker entered on the scale declared in its registry entry"
    if any(note.startswith("sensitivity: scale") for x in view.main for note in x.notes):
        said += ", or on another declared as a sensitivity analysis"
    return (said + (f". {cuts}." if searched else f", and {cuts}.")) if markers else ""


def _model(view: View) -> str:
    fitted = [x for x in view.main if x.modelled]
    if not fitted:
        return ""
    said = f"Hazard ratios come from {_models(view, fitted)}, with {numbers.level(fitted[0].level)} confidence intervals; "
    said += f"P values are two-sided ({_by(fitted)})."
    if any(x.cohort == POOLED for x in fitted) and len(view.cohorts) > 1:
        said += " Pooled estimates are stratified by cohort."
    if any(x.term == HETEROGENEITY for x in view.lines):
        said += " Whether the association differs between cohorts was tested by the marker-by-cohort interaction."
    if len(view.results.curves):
        said += " Survival was estimated by the Kaplan–Meier method with log-log intervals, by classes declared beforehand."
    if any("from these data" in note for x in fitted for note in x.notes):
        said = said.replace("by classes declared beforehand", "by declared classes, some of them cut at a value of these data")
    return said


_KINDS = {
    "Cox, Efron ties": "Cox models with Efron ties",
    "time-dependent Cox, Efron ties": "Cox models in which the marker's current value depends on time",
    "supermodel": "landmark supermodels with errors robust to a patient's several rows",
    "logistic": "logistic models",
}
"""How a paper names the models that the column `model` names."""


def _models(view: View, lines: Sequence[Line]) -> str:
    return _listed([_safe(m) for m in fitted_models(view, lines)])


def fitted_models(view: View, lines: Sequence[Line]) -> list[str]:
    """The kinds of model with what they were stratified by and adjusted for; the pooled ones only where no cohort has a row."""
    own = [x for x in lines if x.cohort != POOLED] or list(lines)
    kinds: dict[str, list[str]] = {}
    for x in own:
        head, *rest = text(x.row.get("model")).split("; ")
        name = next((words for start, words in _KINDS.items() if head.startswith(start)), numbers.label(head))
        kinds.setdefault(name, [])
        with_ = " and ".join(part for r in rest for part in [_with(view, r)] if part)
        if with_ and with_ not in kinds[name]:
            kinds[name].append(with_)
    return [name + (f" ({'; '.join(ways)})" if ways else "") for name, ways in kinds.items() if name]


def _with(view: View, words: str) -> str:
    """ "strata cohort, liver_mets" as "stratified by liver mets"."""
    for start, said in (("strata ", "stratified by"), ("adjusted for ", "adjusted for")):
        if words.startswith(start):
            names = [n for n in words.removeprefix(start).split(", ") if n != "cohort" or start != "strata "]
            known = {"baseline": "the baseline value", **{m: tables.marker_label(m, view.design) for m in view.design.markers}}
            shown = [known.get(n, n.replace("_", " ")) for n in names]
            return f"{said} {_listed([numbers.label(n) for n in shown])}" if shown else ""
    return numbers.label(words)


def _by(lines: Sequence[Line]) -> str:
    """Where the P values come from, each once."""
    tested = (text(x.row.get("method")).removeprefix("logistic; ") for x in lines if math.isfinite(x.p_value))
    return "; ".join([_safe(m) for m in dict.fromkeys(tested)][:6])


def _others(view: View) -> str:
    """What was asked beside hazard ratios."""
    said = []
    for estimand, words in (
        (ODDS_RATIO, "Odds ratios of {ends} come from {models}; P by {by}."),
        (CHANGE, "Change from baseline to the draw taken because of progression was tested by {by} and is no prediction."),
        (ADDED, "What a marker adds to the variables known already was tested by the likelihood ratio of the two models."),
    ):
        lines = [x for x in view.lines if x.estimand == estimand and math.isfinite(x.p_value)]
        if lines:
            ends = dict.fromkeys(_safe(tables.endpoint_label(x.endpoint, view.design)).lower() for x in lines)
            said.append(words.format(ends=_listed(list(ends)), models=_models(view, lines), by=_by(lines)))
    return " ".join(said)


def _tests(view: View) -> str:
    tests = tables.records(view.results.ledger)
    if not tests:
        return ""
    planned = [r for r in tests if bool(r["prespecified"])]
    sha = text(view.results.plan.get("sha256"))[:12]
    families = len({text(r["family"]) for r in planned})
    said = f"{numbers.plural(len(planned), 'test')} were prespecified" + (f" (plan sha256 {sha})" if sha else "")
    said += f" in {numbers.plural(families, 'family', 'families')}"
    said += (
        f"; within each, P values were adjusted by {_ADJUSTMENT.get(view.adjust, view.adjust)}."
        if view.adjust != "adjusted"
        else "."
    )
    rest = len(tests) - len(planned)
    return said + (f" {numbers.plural(rest, 'further test')} were exploratory and are not adjusted." if rest else "")


def _silence(view: View) -> str:
    kinds = {
        "descriptive": "described by counts only, because too few events stood behind them",
        "not_estimable": "without a finite estimate, with the finite limit given",
        "refused": "refused as misleading",
    }
    found = [(sum(x.state == k for x in view.main), words) for k, words in kinds.items()]
    said = [f"{numbers.plural(n, 'row')} {'is' if n == 1 else 'are'} {words}" for n, words in found if n]
    finite = [x.detectable for x in view.main if math.isfinite(x.detectable)]
    power = ""
    if finite:
        low, high = numbers.ratio(min(finite)), numbers.ratio(max(finite))
        power = f" With the events seen, hazard ratios from {low} to {high} (per contrast) were detectable with 80% power."
    return (f"Of the results, {_listed(said)}." if said else "") + power


def _software(view: View) -> str:
    versions = view.results.provenance.get("versions", {})
    named = [
        f"{_safe(str(k))} {_safe(str(v))}"
        for k, v in versions.items()
        if k in ("biomarkers", "python", "numpy", "scipy", "pandas")
    ]
    return f"Analyses were made with {_listed(named)}." if named else ""
