"""The trial's own endpoints from a study: one tidy table per cohort, and who is in it.

A randomised cohort gives the one-sided stratified log-rank test, hazard ratios, medians and survival at fixed times by arm. A
cohort without arms gives its own event-free share and nothing beside another cohort: groups that patients chose, or that a
disease made, are not compared as if they were treatments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from biomarkers.domain import limits
from biomarkers.domain.errors import Refused, UseError
from biomarkers.domain.trial import CohortQuestion, Trial
from biomarkers.models.best_response import best_response
from biomarkers.models.cumulative_incidence import cumulative_incidence
from biomarkers.models.curves import curves_by
from biomarkers.models.results_table import RESULT_COLUMNS, result_row, result_table
from biomarkers.study.analysis_set import AnalysisSet
from biomarkers.study.study import Study

from .adverse_events import toxicity
from .comparison import arm_summaries, compare_arms
from .designs_file import DesignFile, SingleArm
from .rates import rate_difference, response_rate, stratified_rate
from .single_arm import one_arm

FAMILY = "trial endpoints"


def analysed(study: Study, endpoint: str) -> AnalysisSet:
    """Everybody with an outcome: rows subject, cohort, arm, strata, time, event, event_type, cutoff; and who left, and why."""
    people = study.members
    outcome = study.outcome(endpoint)
    columns = ["subject", "time", "event", "event_type", "cutoff", "excluded"]
    frame = people.merge(outcome[columns].rename(columns={"excluded": "outcome_excluded"}), on="subject", how="left")
    chosen = AnalysisSet.of(frame, people)
    eligible = (chosen.rows["excluded"].fillna("") == "").to_numpy()
    chosen = chosen.keep(eligible, "not_in_cohort", chosen.rows["excluded_why"].fillna("").astype(str))
    rows = chosen.rows
    usable = rows["time"].notna() & rows["event"].notna() & (rows["outcome_excluded"].fillna("") == "")
    chosen = chosen.keep(usable.to_numpy(dtype=bool), "not_in_cohort", "no outcome")
    if "evaluable_for" in chosen.rows:
        listed = chosen.rows["evaluable_for"].fillna("").astype(str).str.lower().str.split(r"[\s,;]+", regex=True)
        allowed = [not any(words) or endpoint.lower() in words for words in listed]
        chosen = chosen.keep(np.array(allowed, dtype=bool), "not_evaluable", f"not evaluable for {endpoint}")
    typed = chosen.rows.assign(time=chosen.rows["time"].astype(float), event=chosen.rows["event"].astype(int))
    return AnalysisSet(typed, chosen.members, chosen.exits)


def consort(study: Study, *, endpoints: Sequence[str] | None = None) -> pd.DataFrame:
    """Who was registered, who left, who is analysed, by cohort and arm.

    Returns
    -------
    DataFrame
        ``endpoint, cohort, arm, reason, detail, n_excluded, n_left, total, n_events``: the flow of the analysis set that
        `endpoint_table` uses, so that the two cannot disagree. Columns cohort and arm are there where the study has them.
    """
    parts = []
    for endpoint in asked_endpoints(study, endpoints):
        chosen = analysed(study, endpoint)
        flow = chosen.flow
        keys = [c for c in ("cohort", "arm") if c in flow.columns]
        if keys:
            events = chosen.rows.groupby(keys, observed=True, dropna=False)["event"].sum().rename("n_events").reset_index()
            for key in keys:
                flow[key] = flow[key].astype(str)
                events[key] = events[key].astype(str)
            flow = flow.merge(events, on=keys, how="left")
        else:
            flow["n_events"] = int(chosen.rows["event"].sum())
        flow["n_events"] = flow["n_events"].where(flow["reason"] == "included").astype("Int64")
        flow.insert(0, "endpoint", endpoint)
        parts.append(flow)
    return pd.concat(parts, ignore_index=True)


def endpoint_table(
    study: Study,
    *,
    design: DesignFile | None = None,
    endpoints: Sequence[str] | None = None,
    times: Mapping[str, Sequence[float]] | None = None,
    alpha: float | None = None,
    level: float | None = None,
    compare: str = "arm",
    benefit_days: int | None = None,
) -> pd.DataFrame:
    """Primary and secondary endpoints of the trial, per cohort.

    Parameters
    ----------
    study : Study
        Its `[trial]` gives what is not given here: level, days, and the question of each cohort.
    design : DesignFile, optional
        From `read_design`, in place of the study's `[trial]`: alpha of each comparison, day and null share of each single arm.
    endpoints : sequence of str, optional
        Time-to-event endpoints; by default all that have outcomes.
    times : mapping of endpoint to days, optional
        Where survival is given.
    alpha : float, optional
        One-sided level where neither gives one; 0.10 without any.
    level : float, optional
        0.95 unless stated.
    compare : {"arm"}
        Anything else is refused: only a randomised arm is compared.
    benefit_days : int, optional
        Stable disease at least this long is clinical benefit; 168 unless stated.

    Returns
    -------
    DataFrame
        The columns of the result table. `term` names the endpoint's kind of row, `contrast` the arm or the comparison, `timing`
        the day. Response and restart rows follow where the study has those tables.

    Raises
    ------
    Refused
        A comparison of cohorts.

    Examples
    --------
    >>> from biomarkers.study.study import load_example
    >>> table = endpoint_table(load_example("br1801"), endpoints=["pfs"])
    >>> table[table["estimand"] == "stratified log-rank z"][["cohort", "contrast", "n", "n_events"]]
       cohort                      contrast   n  n_events
    0     ER+  T-DM1 + abemaciclib vs T-DM1  64        56
    17    ER-  T-DM1 + abemaciclib vs T-DM1  50        45
    """
    stated = study.design.trial or Trial()
    alpha = limits.one_sided(next(a for a in (alpha, stated.alpha, 0.10) if a is not None))
    level = limits.confidence(stated.level if level is None else level)
    benefit_days = stated.benefit_days if benefit_days is None else benefit_days
    if compare != "arm":
        _refuse(study, compare)
    rows: list[pd.DataFrame] = []
    for endpoint in asked_endpoints(study, endpoints):
        chosen = analysed(study, endpoint)
        days = tuple((times or stated.times).get(endpoint, ()))
        for cohort in study.design.cohorts or ("all",):
            frame = _cohort(chosen.rows, cohort)
            out = len(_cohort(chosen.members, cohort)) - len(frame)
            if frame.empty:
                continue
            part = _survival(study, design, frame, cohort, endpoint, days, alpha, level)
            left = part["n_excluded"].fillna(0).astype(int) + out
            rows.append(part.assign(endpoint=endpoint, cohort=cohort, n_excluded=left))
    rows += _responses(study, level, benefit_days)
    rows += _restarts(study, level)
    table = pd.concat(rows, ignore_index=True) if rows else result_table([])
    return table.assign(family=FAMILY)[list(RESULT_COLUMNS)]


def arm_curves(study: Study, *, endpoint: str = "pfs", level: float = 0.95) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Kaplan-Meier steps and medians by cohort and arm (by cohort alone where there are no arms), for a figure.

    Returns
    -------
    (DataFrame, DataFrame)
        Columns `models.curves.CURVES` and `MEDIANS`; groups in the order of the design.

    Examples
    --------
    >>> from biomarkers.study.study import load_example
    >>> steps, medians = arm_curves(load_example("br1801"))
    >>> medians[["cohort", "group", "n", "n_events", "median"]]
      cohort                group   n  n_events  median
    0    ER+                T-DM1  32        29   125.5
    1    ER+  T-DM1 + abemaciclib  32        27   189.5
    2    ER-                T-DM1  24        22    83.0
    3    ER-  T-DM1 + abemaciclib  26        23    87.0
    """
    frame = analysed(study, endpoint).rows
    arms = [a for a in study.design.arms if "arm" in frame and (frame["arm"] == a).any()]
    if not arms:
        frame, arms = frame.assign(arm="all patients"), ["all patients"]
    by = "cohort" if study.design.cohorts and "cohort" in frame else None
    return curves_by(frame, "arm", arms, by, study.design.cohorts, limits.confidence(level), endpoint)


def safety(study: Study, *, severe: int = 3, level: float = 0.95, **columns: str) -> pd.DataFrame:
    """Adverse events of a study, by worst grade, term and arm: all cohorts together, and each by itself.

    Parameters
    ----------
    study : Study
        With an `adverse_events` table.
    severe : int
    level : float
    **columns : str
        `attribution`, `treated`: see `toxicity`. Where no event has an attribution, all count.

    Returns
    -------
    DataFrame
        `toxicity` with a column `cohort` in front ("all" first); arms in the order of the design.
    """
    if study.adverse_events.empty:
        raise UseError("the study has no adverse_events table")
    events = study.adverse_events[study.adverse_events["excluded"].fillna("") == ""]
    unsaid = "attribution" not in columns and events["related"].isna().all()
    counted = {"related": None} if unsaid else {}
    people = study.analysable
    parts = []
    for cohort in ("all", *study.design.cohorts):
        mine = _cohort(people, cohort)
        here = events[events["subject"].isin(mine["subject"])] if cohort != "all" else events
        if len(mine):
            parts.append(toxicity(here, mine, severe=severe, level=level, **columns, **counted).assign(cohort=cohort))
    table = pd.concat(parts, ignore_index=True)
    return table[["cohort", *[c for c in table.columns if c != "cohort"]]]


def waterfall(response: pd.DataFrame, subjects: pd.DataFrame, *, change: str = "change_percent") -> pd.DataFrame:
    """Best change of the target lesions of every patient, largest growth first, for a figure.

    Parameters
    ----------
    response : DataFrame
        subject, and the change from baseline in percent at each assessment; -100 is none left.
    subjects : DataFrame
        subject, and arm or cohort where there are any.

    Returns
    -------
    DataFrame
        ``subject, (cohort), (arm), change, place``; patients without a measurement are last, with `change` missing.

    Examples
    --------
    >>> seen = pd.DataFrame({"subject": ["a", "a", "b"], "change_percent": [-10.0, -40.0, 20.0]})
    >>> waterfall(seen, pd.DataFrame({"subject": ["a", "b", "c"], "arm": ["A", "B", "B"]}))
      subject arm  change  place
    0       b   B    20.0      1
    1       a   A   -40.0      2
    2       c   B     NaN      3
    """
    if change not in response.columns:
        raise UseError(f"the responses have no column {change!r}; they have {', '.join(map(str, response.columns))}")
    value = pd.to_numeric(response[change], errors="coerce")
    if (value < -100).any():
        first = response.loc[value < -100, "subject"].iloc[0]
        raise UseError(
            f"{int((value < -100).sum())} changes are below -100 %, more than all of a lesion; first of subject {first!r}"
        )
    best = value.groupby(response["subject"]).min().rename("change").rename_axis("subject").reset_index()
    keys = ["subject", *[c for c in ("cohort", "arm") if c in subjects.columns]]
    found = subjects[keys].merge(best, on="subject", how="left").sort_values("change", ascending=False, kind="stable")
    return found.assign(place=np.arange(1, len(found) + 1)).reset_index(drop=True)


# -- parts ---------------------------------------------------------------------------------------------------------------
def asked_endpoints(study: Study, wanted: Sequence[str] | None = None) -> list[str]:
    """The endpoints asked for, each of which must have outcomes; by default all of the design that have them."""
    present = set(study.outcomes["endpoint"].dropna().str.lower())
    if wanted is None:
        return [name for name in study.design.endpoints if name.lower() in present]
    for name in wanted:
        study.outcome(name)
    return list(wanted)


def _refuse(study: Study, compare: str) -> None:
    if compare != "cohort":
        raise UseError(f"compare = {compare!r} is not known; a trial compares its arms: compare='arm'")
    if study.design.cohort_assignment == "chosen":
        why = "patients chose their cohort, so a difference between the cohorts is a difference between their patients"
    else:
        why = "the cohorts are not treatments: nothing assigned patients to them"
    names = " against ".join(study.design.cohorts)
    raise Refused(f"{names} as a treatment effect", why, "endpoint_table(study), which gives each cohort by itself")


def _cohort(frame: pd.DataFrame, cohort: str) -> pd.DataFrame:
    return frame if cohort == "all" or "cohort" not in frame else frame[frame["cohort"] == cohort]


def _survival(
    study: Study, design: DesignFile | None, frame: pd.DataFrame, cohort: str, endpoint: str, days: Sequence[float],
    alpha: float, level: float,
) -> pd.DataFrame:
    arms = [a for a in study.design.arms if "arm" in frame and (frame["arm"] == a).any()]
    if len(arms) == 2:
        planned = design.comparison(cohort) if design else None
        if planned is not None and planned.endpoint == endpoint:
            alpha = planned.alpha
        two = frame.assign(arm=pd.Categorical(frame["arm"], arms))
        compared = _compared(two, list(study.design.strata), alpha, level, arms)
        by_arm = arm_summaries(two, "time", "event", "arm", times=days, level=level).assign(term="by arm")
        return pd.concat([compared, by_arm], ignore_index=True)
    question = asked_alone(study, design, cohort)
    parts = [arm_summaries(frame, "time", "event", None, times=days, level=level).assign(term="by cohort")]
    if question is not None and question.endpoint == endpoint:
        found = one_arm(frame, "time", "event", at=question.day, null=question.null, level=level)
        against = f"against {question.null:g}" if question.null is not None else "no hypothesis stated"
        parts.append(found.assign(term="primary", timing=f"day {question.day}", contrast=against))
    elif endpoint == "pfs" and question is None and design is None:
        parts.append(one_arm(frame, "time", "event", at=365, level=level).assign(term="one year", timing="day 365"))
    parts += _competing(frame, endpoint, level)
    return pd.concat(parts, ignore_index=True)


def asked_alone(study: Study, design: DesignFile | None, cohort: str) -> SingleArm | None:
    """The question of a cohort by itself: the design registry's where one is given, else the study's own."""
    if design is not None:
        return design.single_arm(cohort)
    asked = study.design.trial.cohorts.get(cohort) if study.design.trial else None
    return None if asked is None or asked.day is None else single_arm_of(cohort, asked)


def single_arm_of(cohort: str, asked: CohortQuestion) -> SingleArm:
    """The question of study.toml as the noun of a design registry."""
    assert asked.day is not None
    rule = asked.two_stage
    boundary = None if rule is None else {"r1": rule.r1, "n1": rule.n1, "r": rule.r, "n": rule.n}
    return SingleArm(name=cohort, cohort=cohort, endpoint=asked.endpoint, day=asked.day, null=asked.null,
                     alternative=asked.alternative, n=asked.n, design=boundary)


def _compared(frame: pd.DataFrame, strata: list[str], alpha: float, level: float, arms: list[str]) -> pd.DataFrame:
    """The comparison of the arms; where it cannot be made, a row that says why."""
    try:
        return compare_arms(frame, "time", "event", "arm", strata=strata, alpha=alpha, levels=(level,))
    except UseError as error:
        return result_table([result_row(estimand="stratified log-rank z" if strata else "log-rank z", term="arm",
                                        contrast=f"{arms[1]} vs {arms[0]}", n=len(frame), n_events=int(frame["event"].sum()),
                                        finite=False, note=str(error))])


def _competing(frame: pd.DataFrame, endpoint: str, level: float) -> list[pd.DataFrame]:
    """Restart without progression competes with progression; it is not censoring at random."""
    if endpoint != "pfs" or not (frame["event_type"] == "restart").any():
        return []
    others = np.where(frame["event"] == 1, "progression or death", "none")
    kinds = frame["event_type"].where(frame["event_type"] == "restart", others)
    curves = cumulative_incidence(frame.assign(_kind=kinds.astype(str)), "time", "_kind", level=level).at([365.0])
    rows = []
    for line in curves.to_dict("records"):
        count = int((kinds == line["event_type"]).sum())
        rows.append(result_row(
            estimand="cumulative incidence", method="Aalen-Johansen", contrast=str(line["event_type"]), timing="day 365",
            term="competing", estimate=line["incidence"], std_error=line["std_error"], conf_low=line["conf_low"],
            conf_high=line["conf_high"], conf_level=level, n=len(frame), n_events=count,
            note=f"{count} in all; restart without progression competes with progression"))
    return [result_table(rows)]


def _responses(study: Study, level: float, benefit_days: int) -> list[pd.DataFrame]:
    """Objective response and clinical benefit, where the study has responses."""
    if study.response.empty:
        return []
    people = study.analysable
    best = best_response(usable_responses(study), list(people["subject"]), benefit_days=benefit_days)
    frame = people.merge(best, on="subject")
    return [
        _rate_rows(study, mine, cohort, column, words, level)
        for cohort in study.design.cohorts or ("all",) if len(mine := _cohort(frame, cohort))
        for column, words in (("responder", "objective response"), ("benefit", f"clinical benefit, SD >= {benefit_days} days"))
    ]


def usable_responses(study: Study) -> pd.DataFrame:
    """The responses that no check has set aside, of subjects that none has set aside."""
    usable = study.response[study.response["excluded"].fillna("") == ""]
    return usable[usable["subject"].isin(study.analysable["subject"])]


def _rate_rows(study: Study, frame: pd.DataFrame, cohort: str, column: str, words: str, level: float) -> pd.DataFrame:
    arms = [a for a in study.design.arms if "arm" in frame and (frame["arm"] == a).any()] or [""]
    rows = []
    for arm in arms:
        mine = frame[frame["arm"] == arm] if arm else frame
        rates = response_rate(int(mine[column].sum()), len(mine), evaluable=int(mine["evaluable"].sum()), level=level)
        rows += [_of_rate(line, arm, words) for line in rates[rates["method"] == "Clopper-Pearson"].to_dict("records")]
    if len(arms) == 2:
        one, zero = frame[frame["arm"] == arms[1]], frame[frame["arm"] == arms[0]]
        plain = rate_difference(int(one[column].sum()), len(one), int(zero[column].sum()), len(zero), level=level)
        both = f"{arms[1]} vs {arms[0]}"
        rows += [_of_rate(line, both, words) for line in plain.to_dict("records")]
        if study.design.strata:
            ordered = frame.assign(arm=pd.Categorical(frame["arm"], arms), **{column: frame[column].astype(int)})
            cmh = stratified_rate(ordered, responder=column, arm="arm", strata=list(study.design.strata), level=level)
            rows += [_of_rate(line, both, words) for line in cmh.to_dict("records")]
    return result_table(rows).assign(cohort=cohort, endpoint="response")


def _of_rate(line: dict[str, object], contrast: str, term: str) -> dict[str, object]:
    population = f", {line['population']}" if line["population"] else ""
    return result_row(
        estimand=line["estimand"], method=f"{line['method']}{population}", term=term, contrast=contrast,
        estimate=line["estimate"], std_error=line["std_error"], conf_low=line["conf_low"], conf_high=line["conf_high"],
        conf_level=line["conf_level"], statistic=line["statistic"], p_value=line["p_value"], n=line["n"], n_events=line["x"],
        finite=line["finite"], note=line["note"],
    )


def _restarts(study: Study, level: float) -> list[pd.DataFrame]:
    """Clinical benefit of restarting after progression, on the clock of the restart; restarts without progression apart."""
    if study.therapy.empty or study.therapy["restart"].isna().all():
        return []
    pfs = analysed(study, "pfs").rows
    restart = study.therapy[study.therapy["restart"].notna() & (study.therapy["excluded"].fillna("") == "")]
    first = restart.sort_values("restart", kind="stable").drop_duplicates("subject").drop(columns=["excluded", "excluded_why"])
    frame = pfs.merge(first, on="subject", how="inner", suffixes=("", "_therapy"))
    progressed = (frame["event"] == 1) & (frame["event_type"] != "death") & (frame["restart"].astype(float) >= frame["time"])
    parts = []
    for cohort in study.design.cohorts or ("all",):
        after, without = _cohort(frame[progressed], cohort), _cohort(frame[~progressed], cohort)
        if len(after) + len(without) == 0:
            continue
        rows = [_benefit(after, without, level)] if len(after) else []
        rows += _survival_from_restart(study, after, level)
        parts.append(result_table(rows).assign(cohort=cohort, endpoint="restart"))
    return parts


def _benefit(after: pd.DataFrame, without: pd.DataFrame, level: float) -> dict[str, object]:
    apart = f"{len(without)} restarted without progression and are not in it"
    shared = {"estimand": "proportion", "term": "clinical benefit of restarting after progression"}
    if "clinical_benefit" not in after:
        why = f"{len(after)} restarted after progression, {apart}; the therapy table has no column clinical_benefit"
        return result_row(finite=False, n=len(after), note=why, **shared)
    said = after["clinical_benefit"].astype("string").str.strip().str.lower()
    known = said.isin(["yes", "no", "y", "n", "1", "0", "true", "false"])
    x, n = int(said.isin(["yes", "y", "1", "true"]).sum()), len(after)
    line = response_rate(x, n, level=level).iloc[0]
    unknown = f"; {int((~known).sum())} without an answer count as no benefit" if (~known).any() else ""
    return result_row(method="Clopper-Pearson", estimate=line["estimate"], conf_low=line["conf_low"],
                      conf_high=line["conf_high"], conf_level=level, n=n, n_events=x,
                      note=f"denominator = restarted after progression; {apart}{unknown}", **shared)


def _survival_from_restart(study: Study, after: pd.DataFrame, level: float) -> list[dict[str, object]]:
    """Overall survival on the restart's own clock."""
    if after.empty or "os" not in asked_endpoints(study):
        return []
    os = analysed(study, "os").rows[["subject", "time", "event"]]
    both = after[["subject", "restart"]].merge(os, on="subject")
    both = both.assign(time=both["time"] - both["restart"].astype(float))
    both = both[both["time"] > 0]
    if both.empty:
        return []
    table = arm_summaries(both, "time", "event", None, times=[365], level=level)
    clock = [f"{day} from the restart" if day else "from the restart" for day in table["timing"]]
    return table.assign(term="overall survival from the restart", timing=clock).to_dict("records")
