"""A methods paragraph for a paper, true to what was run: every clause is read from the results, none is boilerplate."""

from __future__ import annotations

import math

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import text
from biomarkers.report.view import View
from biomarkers.tables import HETEROGENEITY, POOLED

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
    parts = [_who(view), _what(view), _model(view), _tests(view), _silence(view), _software(view)]
    body = "\n\n".join(part for part in parts if part)
    note = "Made by the program from the results of this run; read it as a draft and keep it true when you edit it."
    return f"# Statistical methods\n\n{body}\n\n*{note}*\n"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _safe(words: str) -> str:
    """A label as plain Markdown text: nothing in it may become markup."""
    plain = "".join(f"\\{c}" if c in "\\`*_{}[]#|!" else c for c in numbers.label(words))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


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
    timings = [_safe(t) for t in dict.fromkeys(x.timing for x in view.main if x.timing)]
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
    models = list(dict.fromkeys(_safe(text(x.row.get("model")).removeprefix("Cox, Efron ties; ")) for x in fitted))
    methods_ = list(dict.fromkeys(_safe(text(x.row.get("method"))) for x in fitted))
    said = f"Hazard ratios come from Cox models with Efron ties ({' / '.join(models[:4])}), with "
    said += f"{numbers.level(fitted[0].level)} confidence intervals"
    said += f"; P values are two-sided ({' / '.join(methods_[:4])})."
    if any(x.cohort == POOLED for x in fitted) and len(view.cohorts) > 1:
        said += " Pooled estimates are stratified by cohort."
    if any(x.term == HETEROGENEITY for x in view.lines):
        said += " Whether the association differs between cohorts was tested by the marker-by-cohort interaction."
    if len(view.results.curves):
        said += " Survival was estimated by the Kaplan–Meier method with log-log intervals, by classes declared beforehand."
    if any("from these data" in note for x in fitted for note in x.notes):
        said = said.replace("by classes declared beforehand", "by declared classes, some of them cut at a value of these data")
    return said


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
