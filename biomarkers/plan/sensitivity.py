"""How much of an answer is the analyst's choice? One prespecified analysis asked again under every defensible alternative.

Each dimension is varied alone: the scale, a declared cut, the rule for values below the limit, strata and adjusters, the day of
the landmark and the oldest value it may use, one site left out at a time, and those without a specimen weighted or imputed.
The rows form one table, a specification curve. Nothing in it is a test of its own: rows are labelled sensitivity, are not
adjusted for multiplicity, and none of them replaces the prespecified one.

Scales differ, so beside each hazard ratio stands that of one standard deviation of the covariate as it entered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.states import is_subgroup
from biomarkers.domain.times import Landmark
from biomarkers.models.association import HAZARD_RATIO
from biomarkers.models.missing_markers import imputed_row
from biomarkers.models.selection import declared, population, weighted_row
from biomarkers.parallel import in_order
from biomarkers.plan.analysis import Analysis, Association
from biomarkers.study.draws import baseline_values
from biomarkers.study.study import Study

COLUMNS = ("analysis", "dimension", "specification", "primary", "cohort", "marker", "contrast", "estimate", "conf_low",
           "conf_high", "conf_level", "per_sd", "per_sd_low", "per_sd_high", "p_value", "n", "n_events", "method", "note")
IMPUTATIONS = 5
"""Of values below the limit in an alternative: its place on the curve is judged, not its third digit."""
LABEL = "sensitivity, not adjusted for multiplicity"
SCALES_TRIED = ("identity", "log2", "log2(x+1)")
RULES_TRIED = ("detected", "at the limit", "limit / sqrt 2", "half the limit")
DAYS_LATER = (7, 14)
AGES = (14, 28, 42)
SITE = "site"


def specifications(question: Analysis, study: Study) -> Iterator[tuple[str, str, Analysis | Study]]:
    """The alternatives of a question, as (dimension, words, what is asked instead, of whom).

    A `Study` in the last place means the same question to that study.
    """
    marker = study.design.marker(question.marker)
    if marker.quantitative and question.cut is None and question.feature == "value":
        for scale in SCALES_TRIED:
            # A logarithm would drop every real zero, and so ask other patients.
            if scale != (question.scale or marker.scale) and not (scale == "log2" and _zeros(study, marker.name)):
                yield "scale", scale, replace(question, scale=scale)
        if marker.cut is not None:
            yield "cut", f"registry cut {marker.cut.value:g}", replace(question, cut="registry")
        yield "cut", "at or above the median", replace(question, cut="at or above median")
    if question.cut is None and question.feature in ("value", "change", "ratio") and _below(study, marker.name):
        for rule in RULES_TRIED:
            if rule != question.limit_rule:
                yield "below the limit", rule, replace(question, limit_rule=rule)
    yield from _adjustments(question, study)
    if isinstance(question.at, Landmark):
        yield from _landmarks(question, question.at)
    yield from _sites(study)


def _zeros(study: Study, marker: str) -> bool:
    return bool((pd.to_numeric(study.measured(study.design.marker(marker))["value"], errors="coerce") <= 0).any())


def _below(study: Study, marker: str) -> bool:
    return bool((study.measured(study.design.marker(marker))["censor"] == "left").any())


def _adjustments(question: Analysis, study: Study) -> Iterator[tuple[str, str, Analysis]]:
    strata = study.design.strata if question.strata is None else question.strata
    adjust = question.adjust if question.adjust is not None else ("arm",) if "arm" in study.groups else ()
    treatment = tuple(a for a in adjust if a == "arm")
    if strata:
        yield "adjustment", "without strata", replace(question, strata=(), adjust=adjust)
    if adjust and question.at == "baseline":
        yield "adjustment", "without adjusters", replace(question, adjust=())
    for name in declared(study):
        if name not in (*strata, *adjust, question.by):
            yield "adjustment", f"with {name}", replace(question, strata=strata, adjust=(*adjust, name))
    if tuple(adjust) != treatment:
        yield "adjustment", "arm alone", replace(question, adjust=treatment)


def _landmarks(question: Analysis, at: Landmark) -> Iterator[tuple[str, str, Analysis]]:
    for more in DAYS_LATER:
        moved = replace(at, day=at.day + more, since=None if at.since is None else at.since + more)
        yield "landmark day", f"day {moved.day}", replace(question, at=moved)
    if at.visit is None:
        for age in AGES:
            if age != at.max_age and age < at.day:
                yield "oldest value", f"at most {age} days", replace(question, at=Landmark(day=at.day, max_age=age))


def _sites(study: Study) -> Iterator[tuple[str, str, Study]]:
    if SITE not in study.members or study.members[SITE].nunique() < 3:
        return
    for site in sorted(study.members[SITE].dropna().unique()):
        there = study.subjects.loc[study.subjects[SITE] == site, "subject"]
        yield "leave one site out", f"without {site}", study.without(there)


def sensitivity(question: Analysis, study: Study, *, jobs: int = 1,
                progress: Callable[[str], None] | None = None) -> pd.DataFrame:
    """The specification curve of one analysis.

    Parameters
    ----------
    question : Analysis
    study : Study
    jobs : int
        Worker processes; the table does not depend on it.
    progress : callable, optional

    Returns
    -------
    pandas.DataFrame
        One row per specification and cohort in the columns `COLUMNS`, the prespecified analysis first (`primary`). What a
        specification refuses is a row with its reason.

    Examples
    --------
    >>> import biomarkers as bm
    >>> study = bm.load_example("br1801")
    >>> question = bm.associate(study, "ctc", permutations=0).question
    >>> curve = sensitivity(question, study)
    >>> int(curve["primary"].sum()) > 0
    True
    """
    return specification_curves([question], study, jobs=jobs, progress=progress)


def specification_curves(questions: Sequence[Analysis], study: Study, *, jobs: int = 1,
                         progress: Callable[[str], None] | None = None) -> pd.DataFrame:
    """`sensitivity` of several analyses, in one queue so that the workers stay busy."""
    if jobs > 1 and len(questions) >= 2 * jobs:
        # Enough questions to share out whole: the study travels once per question, not once per alternative.
        done = (lambda i: progress(questions[i].id)) if progress else None
        parts = in_order(_curve, [(question, study) for question in questions], jobs=jobs, done=done)
    else:
        calls = [call for question in questions for call in _calls(question, study)]
        done = (lambda i: progress(f"{calls[i][0].id}: {calls[i][3]}")) if progress else None
        parts = in_order(_rows, calls, jobs=jobs, done=done)
    table = pd.DataFrame([row for part in parts for row in part], columns=list(COLUMNS))
    return table.astype({"n": "Int64", "n_events": "Int64"})


def _curve(question: Analysis, study: Study) -> list[dict[str, Any]]:
    return [row for call in _calls(question, study) for row in _rows(*call)]


def _calls(question: Analysis, study: Study) -> list[tuple[Analysis, Study, str, str, Any]]:
    plain = replace(question, permutations=0, interaction=None, claim=None, checks=False)
    if not isinstance(plain.at, Landmark) and plain.at != "baseline":
        plain = replace(plain, at=plain.landmark(study))
    fewer = replace(plain, imputations=IMPUTATIONS)
    asked: list[tuple[str, str, Any]] = [("as planned", "as planned", plain), *specifications(fewer, study)]
    calls = [(plain if other is plain else fewer, study, dimension, words, other) for dimension, words, other in asked]
    if plain.at == "baseline" and plain.feature == "value":
        calls += [(fewer, study, "without a specimen", way, None) for way in ("weighted", "imputed")]
    return calls


def _rows(question: Analysis, study: Study, dimension: str, words: str, other: Analysis | Study | None) -> list[dict[str, Any]]:
    """The rows of one specification."""
    shared = {"analysis": question.id or question._default_id(), "dimension": dimension, "specification": words,
              "primary": dimension == "as planned", "marker": question.marker}
    try:
        if other is None:
            return [shared | row for row in _everybody(question, study, words)]
        answer = question.run(other) if isinstance(other, Study) else other.run(study)
    except UseError as error:
        return [shared | {"cohort": "all", "note": f"not asked: {error}"}]
    kept = [row for row in answer.table.to_dict("records")
            if row["estimand"] == HAZARD_RATIO and not is_subgroup(row["note"])]
    return [shared | _row(row, _spread(answer, row["cohort"]), "" if shared["primary"] else LABEL) for row in kept]


def _row(row: dict[str, Any], sd: float, label: str = LABEL) -> dict[str, Any]:
    note = row["note"] if row["note"].startswith("descriptive") else "; ".join(filter(None, [label, row["note"]]))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = {f"per_sd{end}": float(np.exp(np.log(row[of]) * sd)) for end, of in
                  (("", "estimate"), ("_low", "conf_low"), ("_high", "conf_high"))}
    same = ("cohort", "contrast", "estimate", "conf_low", "conf_high", "conf_level", "p_value", "n", "n_events", "method")
    return {name: row[name] for name in same} | scaled | {"note": note}


def _spread(answer: Association, cohort: str) -> float:
    """Standard deviation of the covariate as it entered."""
    x = np.asarray(answer.exposure.x, float)
    if cohort != "all" and answer.question.by is not None:
        x = x[(answer.sets.rows[answer.question.by] == cohort).to_numpy(bool)]
    return float(np.std(x, ddof=1)) if x.size > 1 else float("nan")


def _everybody(question: Analysis, study: Study, way: str) -> list[dict[str, Any]]:
    """The pooled row over everybody with an outcome: those without a specimen weighted for, or imputed."""
    answer = question.run(study)
    if answer.exposure.groups is not None and not answer.exposure.binary and answer.marker.kind != "genotype":
        raise UseError(f"{answer.marker.label} enters as classes: there is no single covariate to weight or impute")
    people, known = population(study, baseline_values(study, study.design.marker(question.marker)), question.endpoint)
    place = {subject: i for i, subject in enumerate(people["subject"])}
    x, here = np.full(len(people), np.nan), np.zeros(len(people), dtype=bool)
    for subject, value in zip(answer.sets.rows["subject"], answer.exposure.x, strict=True):
        x[place[subject]], here[place[subject]] = value, True
    known = known & here
    strata, adjust = question._terms(study)
    within = [*([question.by] if question.by else []), *strata]
    variables = [v for v in dict.fromkeys([*within, *adjust, *declared(study)]) if v in people]
    shared = {"cohort": "all", "contrast": answer.exposure.contrast}
    if way == "weighted":
        row = weighted_row(people, known, x, variables, adjust=adjust, strata=within, level=question.level, shared=shared)
    else:
        row = imputed_row(people, known, x, variables, adjust=adjust, strata=within, seed=question.seed, level=question.level,
                          shared=shared)
    return [_row(row | {"conf_level": question.level}, float(np.nanstd(x[known], ddof=1)))]
