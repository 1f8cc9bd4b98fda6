"""Where a trial stands at a data cut: events against the look, conditional power, the boundary, the two-stage count.

Calendar dates are not part of a study; each patient's `cutoff` (days from time zero to the data cut) is. Moving it back by k
days gives the data as they stood k days before; the d-th event in calendar order is the one with the d-th largest distance from
the cut. All are whole days, so that an event-driven cut holds exactly the events it should.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.kernels import event_count, sequential
from biomarkers.kernels import simon as two_stage
from biomarkers.models.logrank import logrank
from biomarkers.study.study import Study

from .designs_file import Comparison, DesignFile, SingleArm
from .endpoints import analysed, asked_alone
from .single_arm import one_arm
from .twostage import state_after


def at_cut(
    study: Study, design: DesignFile | None = None, *, events: int | None = None, days_before: int = 0,
    level: float | None = None,
) -> pd.DataFrame:
    """The standing of every cohort that the design has a question for.

    Parameters
    ----------
    study : Study
    design : DesignFile, optional
        From `read_design`; without it the questions are those of the study's own `[trial]`.
    events : int, optional
        Cut each compared cohort at this event of its own.
    days_before : int
        Or cut all of them this many days before the data cut.
    level : float, optional
        Of the intervals; by default the study's own, or 0.95.

    Returns
    -------
    DataFrame
        Long: ``cohort, quantity, value, low, high, note``, rows in the order in which they are read.

    Raises
    ------
    UseError
        The study has no cutoff, or fewer events than asked.
    """
    if events is not None and days_before:
        raise UseError("give events or days_before, not both: each sets the cut")
    if days_before < 0:
        raise UseError(f"days_before = {days_before}: the future is not in the data")
    stated = study.design.trial
    level = limits.confidence(level if level is not None else stated.level if stated else 0.95)
    rows: list[dict[str, object]] = []
    for cohort in study.design.cohorts or ("all",):
        compared, alone = _compared(study, design, cohort), asked_alone(study, design, cohort)
        question = compared or alone
        if question is None:
            continue
        frame = analysed(study, question.endpoint).rows
        frame = frame if cohort == "all" or "cohort" not in frame else frame[frame["cohort"] == cohort]
        if compared is not None:
            back = days_before if events is None else _days_before(frame, limits.count(events, "events", least=1), cohort)
            rows += [{"cohort": cohort, **row} for row in _comparison(study, compared, cut_back(frame, back), back)]
        else:
            assert alone is not None
            rows += [{"cohort": cohort, **row} for row in _alone(alone, cut_back(frame, days_before), days_before, level)]
    if not rows:
        if design is None:
            raise UseError("the study states no question: write [trial.cohorts.X] in study.toml, or give a design registry")
        raise UseError(f"the design of {design.trial} has no question for {', '.join(study.design.cohorts) or 'this study'}; "
                       f"it has {', '.join(c.name for c in (*design.comparisons, *design.single_arms))}")
    table = pd.DataFrame(rows, columns=["cohort", "quantity", "value", "low", "high", "note"])
    return table.assign(note=table["note"].fillna("").astype(str))


def cut_back(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    """The data as they stood `days` before the cut: later events are unseen, later patients not yet there.

    Parameters
    ----------
    frame : DataFrame
        time, event, cutoff (days from time zero to the data cut).
    days : int
    """
    if days == 0:
        return frame
    if frame["cutoff"].isna().any():
        missing = int(frame["cutoff"].isna().sum())
        raise UseError(f"{missing} outcome rows have no cutoff: the day of an earlier cut is not known for them")
    cutoff = frame["cutoff"].astype(float) - days
    seen = frame["time"] <= cutoff
    earlier = frame.assign(time=np.minimum(frame["time"], cutoff), event=np.where(seen, frame["event"], 0), cutoff=cutoff)
    if "event_type" in frame:
        earlier["event_type"] = frame["event_type"].where(seen, "none")
    return earlier[cutoff > 0]


def evaluable_in_order(study: Study, question: SingleArm, *, days_before: int = 0) -> pd.DataFrame:
    """Who counts in a two-stage design, in the order of entry: ``subject, event_free``.

    A patient counts who had the event by the day of the question or was followed to it; those longest before the data cut came
    first. `event_free` goes into `two_stage_path`.
    """
    frame = analysed(study, question.endpoint).rows
    mine = frame if "cohort" not in frame or not question.cohort else frame[frame["cohort"] == question.cohort]
    return _in_order(cut_back(mine, days_before), question.day)


def futility_look(z: float, *, events: int, comparison: Comparison, method: str = "schoenfeld") -> pd.DataFrame:
    """What a log-rank z at an interim number of events says about the end.

    Parameters
    ----------
    z : float
        One-sided stratified z, positive = experimental better.
    events : int
        Seen so far; fewer than those of the final analysis.
    comparison : Comparison
        Its hazard ratio, alpha and final events; its `look`, where one is given.
    method : {"schoenfeld", "freedman"}
        Drift of the design's hazard ratio.

    Returns
    -------
    DataFrame
        Rows ``quantity, value, note``: information, conditional power under the design, under the trend seen so far and under
        no effect, predictive power, and the decision of the look.
    """
    if comparison.events is None:
        raise UseError(f"{comparison.name} has no number of final events: information is not defined")
    events = limits.count(events, "events", least=1)
    if events >= comparison.events:
        raise UseError(
            f"{events} events have been seen and the final analysis is at {comparison.events}: there is nothing left to predict"
        )
    t = events / comparison.events
    per_root = event_count.drift_per_root_event(comparison.hazard_ratio, method=method)  # type: ignore[arg-type]
    planned = per_root * np.sqrt(comparison.events)
    rows: list[tuple[str, float, str]] = [("information", t, f"{events} of {comparison.events} events")]
    for words, drift in (("the design's hazard ratio", planned), ("the trend so far", z / np.sqrt(t)), ("no effect", 0.0)):
        power = sequential.conditional_power(z, information=t, drift=float(drift), alpha=comparison.alpha)
        rows.append((f"conditional power under {words}", power, ""))
    rows.append(("predictive power", sequential.predictive_power(z, information=t, alpha=comparison.alpha), "flat prior"))
    look = comparison.futility
    if look is None:
        rows.append(("futility bound", np.nan, "no look is given in the design: its time and rule are inputs"))
    elif events < look.events:
        rows.append(("futility bound", look.bound, f"the look is at event {look.events}; {look.events - events} to go"))
    else:
        said = "below the bound: stop for futility (non-binding)" if z < look.bound else "not below the bound: go on"
        late = "" if events == look.events else f"; the look was due at event {look.events}"
        rows.append(("futility bound", look.bound, f"z = {z:.3f} is {said}{late}"))
    return pd.DataFrame(rows, columns=["quantity", "value", "note"])


def two_stage_decision(design: two_stage.TwoStage, successes: int, evaluable: int, *, p: float) -> pd.DataFrame:
    """What a two-stage design says after some patients.

    Parameters
    ----------
    design : TwoStage
    successes, evaluable : int
        So far, in order of entry.
    p : float
        Share of successes under which the chance of rejecting at the end is given.

    Returns
    -------
    DataFrame
        One row: ``successes, evaluable, stage, state, p_reject, note``; the state is that of `twostage.state_after`.

    Examples
    --------
    >>> from biomarkers.trial.twostage import TwoStage
    >>> two_stage_decision(TwoStage(11, 20, 23, 40), 12, 20, p=0.68)[["state", "p_reject"]].round(3)
          state  p_reject
    0  continue     0.843
    """
    x, n = limits.successes(successes, evaluable, "successes", "evaluable patients")
    limits.share(p, "p")
    if n > design.n:
        raise UseError(f"{n} patients, but the design ends at {design.n}")
    if n > design.n1 and x <= design.r1 and x + design.n1 < n:
        raise UseError(f"{x} successes in {n}: the design stopped after {design.n1} patients, with at most {design.r1}")
    state = state_after(design, x, n)
    going = f"{x} of {design.n1}; more than {design.r1} are needed to go on"
    note = {
        "stop": going, "continue": going, "reject": f"{x} successes, more than {design.r}",
        "not rejected": f"more than {design.r} can no longer be reached",
        "running": f"{design.n1 - n} patients to the look; it goes on with more than {design.r1} of {design.n1}"
                   if n < design.n1 else f"{design.r + 1 - x} more successes needed among {design.n - n}",
    }[state]
    return pd.DataFrame({"successes": [x], "evaluable": [n], "stage": [1 if n <= design.n1 else 2], "state": [state],
                         "p_reject": [_p_reject(design, x, n, p)], "note": [note]})


def _p_reject(design: two_stage.TwoStage, x: int, n: int, p: float) -> float:
    if n >= design.n1:
        if n == design.n1 and x <= design.r1:
            return 0.0
        need = design.r + 1 - x
        left = design.n - n
        return float(two_stage.upper_tail(left, p)[min(max(need, 0), left + 1)])
    ahead = two_stage.pmf(design.n1 - n, p)
    return float(sum(q * _p_reject(design, x + k, design.n1, p) for k, q in enumerate(ahead)))


def _days_before(frame: pd.DataFrame, events: int, cohort: str) -> int:
    """How long before the data cut the `events`-th event of the cohort happened."""
    seen = frame[frame["event"] == 1]
    if events > len(seen):
        raise UseError(f"cohort {cohort}: a cut at event {events} was asked, and {len(seen)} have been seen")
    if seen["cutoff"].isna().any():
        raise UseError(f"cohort {cohort}: outcome rows without cutoff: the order of events in calendar time is not known")
    distance = (seen["cutoff"].astype(float) - seen["time"]).sort_values(ascending=False)
    return int(distance.iloc[events - 1])


@dataclass(frozen=True, slots=True)
class _Stated:
    """A comparison as `[trial]` states it: a level and a number of events, without the hazard ratio of a design."""

    endpoint: str
    n: int | None
    events: int | None
    alpha: float
    strata: tuple[str, ...]


def _compared(study: Study, design: DesignFile | None, cohort: str) -> Comparison | _Stated | None:
    if design is not None:
        return design.comparison(cohort)
    stated = study.design.trial
    asked = stated.cohorts.get(cohort) if stated else None
    if stated is None or stated.alpha is None or asked is None or asked.day is not None or len(study.design.arms) < 2:
        return None
    return _Stated(asked.endpoint, asked.n, asked.events, stated.alpha, study.design.strata)


def _planned(n: int | None) -> str:
    return "" if n is None else f"of {n} planned"


def _comparison(study: Study, question: Comparison | _Stated, frame: pd.DataFrame, back: int) -> list[dict[str, object]]:
    arms = [a for a in study.design.arms if (frame["arm"] == a).any()]
    n, d = len(frame), int(frame["event"].sum())
    goal = question.events
    rows: list[dict[str, object]] = [
        {"quantity": "days before the data cut", "value": back},
        {"quantity": "patients", "value": n, "note": _planned(question.n)},
        {"quantity": "events", "value": d, "note": f"of {goal} at the final analysis" if goal else ""},
    ]
    if len(arms) != 2 or d == 0:
        return [*rows, {"quantity": "log-rank z", "value": np.nan, "note": "no comparison yet: one arm, or no event"}]
    test = logrank(frame.assign(arm=pd.Categorical(frame["arm"], arms)), "time", "event", "arm", strata=list(question.strata),
                   alternative="greater")
    log_ratio, error = test.log_hazard_ratio
    half = float(ndtri(1 - question.alpha)) * error
    rows += [
        {"quantity": "log-rank z", "value": test.z, "note": f"stratified, positive: {arms[1]} does better"},
        {"quantity": "one-sided p", "value": test.p_value, "note": f"nominal {question.alpha:g} belongs to the final analysis"},
        {"quantity": "hazard ratio (one-step)", "value": float(np.exp(log_ratio)), "low": float(np.exp(log_ratio - half)),
         "high": float(np.exp(log_ratio + half)), "note": f"{100 * (1 - 2 * question.alpha):g} % limits"},
    ]
    if goal is None or d >= goal:
        reached = "" if goal is None else f"{d} events: the final number {goal} is reached"
        return [*rows, {"quantity": "information", "value": np.nan if goal is None else d / goal, "note": reached}]
    if isinstance(question, _Stated):
        return [*rows, {"quantity": "information", "value": d / goal, "note": f"{d} of {goal} events"}]
    return rows + futility_look(test.z, events=d, comparison=question).to_dict("records")


def _alone(question: SingleArm, frame: pd.DataFrame, back: int, level: float) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = [
        {"quantity": "days before the data cut", "value": back},
        {"quantity": "patients", "value": len(frame), "note": _planned(question.n)},
        {"quantity": "events", "value": int(frame["event"].sum())},
    ]
    if frame.empty:
        return rows
    found = one_arm(frame, "time", "event", at=question.day, null=question.null, level=level).set_index("method")
    for method, words in (("Kaplan-Meier, exact (beta product)", f"event-free at day {question.day}, Kaplan-Meier, exact"),
                          ("binary, evaluable, Clopper-Pearson", f"event-free at day {question.day}, of the evaluable")):
        if method in found.index:
            line = found.loc[method]
            rows.append({"quantity": words, "value": line["estimate"], "low": line["conf_low"], "high": line["conf_high"],
                         "note": str(line["note"])})
    if question.null is None:
        note = "none is stated for this cohort: an estimate, no test"
        return [*rows, {"quantity": "hypothesis", "value": np.nan, "note": note}]
    line = found.loc["binary, evaluable, Clopper-Pearson"]
    rows.append({"quantity": f"one-sided p against {question.null:g}", "value": line["p_value"], "note": "binary, exact"})
    rule = question.two_stage()
    if rule is None:
        return [*rows, {"quantity": "two-stage rule", "value": np.nan,
                        "note": "stage 1 and the boundary are not stated: give design = { r1, n1, r, n } in the design file"}]
    return rows + _against_rule(rule, question, frame)


def _in_order(frame: pd.DataFrame, day: int) -> pd.DataFrame:
    failed = (frame["event"] == 1) & (frame["time"] <= day)
    evaluable = failed | (frame["time"] >= day)
    entered = frame.assign(event_free=(~failed).astype(int))[evaluable].sort_values("cutoff", ascending=False, kind="stable")
    return entered[["subject", "event_free"]].reset_index(drop=True)


def _against_rule(rule: two_stage.TwoStage, question: SingleArm, frame: pd.DataFrame) -> list[dict[str, object]]:
    """The evaluable patients in order of entry (longest followed first) against the boundary."""
    entered = _in_order(frame, question.day)
    if entered.empty:
        return [{"quantity": "two-stage count", "value": 0, "note": "nobody is evaluable yet"}]
    share = question.null if question.alternative is None else question.alternative
    assert share is not None
    n = min(len(entered), rule.n)
    x1 = int(entered["event_free"].iloc[: rule.n1].sum())
    rows: list[dict[str, object]] = []
    if len(entered) >= rule.n1:
        state = two_stage_decision(rule, x1, rule.n1, p=share).iloc[0]
        rows.append({"quantity": "stage 1", "value": x1, "note": f"{state['state']}: {state['note']}"})
        if state["state"] == "stop":
            return rows
    x = int(entered["event_free"].iloc[:n].sum())
    state = two_stage_decision(rule, x, n, p=share).iloc[0]
    rows.append({"quantity": "two-stage count", "value": x, "note": f"of {n} evaluable; {state['state']}: {state['note']}"})
    rows.append({"quantity": f"chance of rejecting, if {share:g}", "value": state["p_reject"]})
    return rows
