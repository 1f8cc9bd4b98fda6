"""The trial's own account: every table a report opens with, from a study that states its trial. Nothing names a patient.

One function asks everything; each table is what the function of its question returns, so that a notebook and a report cannot
disagree. A table without data is empty, and its section is then absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields

import numpy as np
import pandas as pd

from biomarkers.domain.errors import Refused, UseError
from biomarkers.domain.trial import RESPONSES, Instrument, Trial
from biomarkers.models.best_response import best_response
from biomarkers.study.study import Study

from .adverse_events import dose_limiting, treated_patients
from .decisions import at_cut, evaluable_in_order
from .endpoints import (
    analysed,
    arm_curves,
    asked_endpoints,
    consort,
    endpoint_table,
    safety,
    single_arm_of,
    usable_responses,
    waterfall,
)
from .longitudinal import trajectories
from .twostage import two_stage_path


@dataclass(frozen=True, eq=False, slots=True)
class Account:
    """What the trial found about its own questions.

    Parameters
    ----------
    consort : DataFrame
        `consort`: who was registered, who left and why, who is analysed, per endpoint, cohort and arm.
    populations : DataFrame
        ``cohort, arm, population, n, n_events``: who stands behind each kind of number.
    endpoints : DataFrame
        `endpoint_table`: columns of the result table.
    standing : DataFrame
        `at_cut`: where each cohort stands against its plan.
    curves, medians : DataFrame
        `arm_curves` of every endpoint; `analysis` is the endpoint.
    best : DataFrame
        ``cohort, arm, response, n, total``: best overall response.
    waterfall : DataFrame
        ``cohort, arm, response, change, bound, subject``: best change of the target lesions; `subject` is a running number.
    toxicity : DataFrame
        `safety`: worst grade per patient, term and arm, for all cohorts together and each by itself.
    dose_limiting : DataFrame
        ``level, treated, dlts``, where events were judged for it.
    path : DataFrame
        `two_stage_path` with ``cohort, n1, r1, n, r`` in front, for cohorts with a two-stage design.
    reported : DataFrame
        `trajectories` with ``label, direction, minimal_difference`` of each instrument.
    refused : DataFrame
        ``part, reason``: what could not be told, and why. One table that cannot be made does not take the others with it.
    """

    consort: pd.DataFrame = field(default_factory=pd.DataFrame)
    populations: pd.DataFrame = field(default_factory=pd.DataFrame)
    endpoints: pd.DataFrame = field(default_factory=pd.DataFrame)
    standing: pd.DataFrame = field(default_factory=pd.DataFrame)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    medians: pd.DataFrame = field(default_factory=pd.DataFrame)
    best: pd.DataFrame = field(default_factory=pd.DataFrame)
    waterfall: pd.DataFrame = field(default_factory=pd.DataFrame)
    toxicity: pd.DataFrame = field(default_factory=pd.DataFrame)
    dose_limiting: pd.DataFrame = field(default_factory=pd.DataFrame)
    path: pd.DataFrame = field(default_factory=pd.DataFrame)
    reported: pd.DataFrame = field(default_factory=pd.DataFrame)
    refused: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __iter__(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Name and table of everything that has rows."""
        return ((f.name, table) for f in fields(self) if len(table := getattr(self, f.name)))


def account(study: Study) -> Account:
    """Everything the trial asks of itself.

    Parameters
    ----------
    study : Study
        Its study.toml has a `[trial]`.

    Raises
    ------
    UseError
        The study states no trial.

    Examples
    --------
    >>> from biomarkers.study.study import load_example
    >>> [name for name, table in account(load_example("br1801"))]  # doctest: +NORMALIZE_WHITESPACE
    ['consort', 'populations', 'endpoints', 'standing', 'curves', 'medians', 'best', 'waterfall', 'toxicity']
    """
    stated = study.design.trial
    if stated is None:
        raise UseError("the study states no trial: write [trial] in study.toml, with alpha where arms are compared")
    refused: list[tuple[str, str]] = []

    def told(part: str, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        try:
            return make()
        except (UseError, Refused) as error:
            refused.append((part, str(error)))
            return pd.DataFrame()

    best = told("response", lambda: _responses(study))
    reported = told("patient-reported outcomes", lambda: _reported(study))
    graded = not study.adverse_events.empty
    steps = [arm_curves(study, endpoint=name, level=stated.level) for name in asked_endpoints(study)]
    return Account(
        consort=consort(study),
        populations=_populations(study, best),
        endpoints=told("endpoints", lambda: endpoint_table(study)),
        standing=told("standing", lambda: at_cut(study)) if stated.cohorts else pd.DataFrame(),
        curves=_stack([curves for curves, _ in steps]),
        medians=_stack([medians for _, medians in steps]),
        best=_counts(study, best),
        waterfall=told("best change", lambda: _changes(study, best)),
        toxicity=told("toxicity", lambda: _toxicity(study)) if graded else pd.DataFrame(),
        dose_limiting=told("dose-limiting toxicity", lambda: _limiting(study)),
        path=told("two-stage path", lambda: _paths(study)),
        reported=reported,
        refused=pd.DataFrame(list(dict.fromkeys(refused)), columns=["part", "reason"]),
    )


def _stack(parts: list[pd.DataFrame]) -> pd.DataFrame:
    some = [part for part in parts if len(part)]
    return pd.concat(some, ignore_index=True) if some else pd.DataFrame()


def _people(study: Study) -> pd.DataFrame:
    """Everybody who is in the trial: subject, cohort and arm as text, empty where there is none."""
    people = study.analysable
    keys = {name: people[name].astype("string").fillna("") if name in people else "" for name in ("cohort", "arm")}
    return people[["subject"]].assign(**keys).reset_index(drop=True)


def _groups(study: Study, people: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Cohort, arm and who is in it, in the order of the design."""
    out = []
    for cohort in study.design.cohorts or ("",):
        for arm in study.design.arms or ("",):
            mine = people[(people["cohort"] == cohort) & (people["arm"] == arm)]
            if len(mine):
                out.append((cohort, arm, mine))
    return out


def _populations(study: Study, best: pd.DataFrame) -> pd.DataFrame:
    """Who stands behind each kind of number."""
    people, everybody = _people(study), study.members
    listed = everybody[["subject"]].assign(
        **{c: everybody[c].astype("string").fillna("") if c in everybody else "" for c in ("cohort", "arm")}
    )
    sets: list[tuple[str, set[str], pd.Series | None]] = [("registered", set(listed["subject"]), None)]
    for name in asked_endpoints(study):
        chosen = analysed(study, name).rows
        sets.append((f"analysed: {name}", set(chosen["subject"]), chosen.set_index("subject")["event"]))
    if len(best):
        sets.append(("response evaluable", set(best.loc[best["evaluable"], "subject"]), None))
    if len(study.adverse_events):
        given = everybody[everybody["subject"].isin(people["subject"])]
        sets.append(("treated", set(treated_patients(given, None)["subject"]), None))
    rows = []
    for cohort, arm, mine in _groups(study, listed):
        for name, members, events in sets:
            here = mine["subject"][mine["subject"].isin(members)]
            count = None if events is None else int(events.reindex(here).sum())
            rows.append({"cohort": cohort, "arm": arm, "population": name, "n": len(here), "n_events": count})
    table = pd.DataFrame(rows, columns=["cohort", "arm", "population", "n", "n_events"])
    return table.assign(n_events=table["n_events"].astype("Int64"))


def _responses(study: Study) -> pd.DataFrame:
    """Best response of everybody: subject, cohort, arm and the columns of `best_response`."""
    if study.response.empty:
        return pd.DataFrame()
    people, stated = _people(study), study.design.trial
    benefit_days = (stated or Trial()).benefit_days
    best = best_response(usable_responses(study), list(people["subject"]), benefit_days=benefit_days)
    return people.merge(best, on="subject")


def _changes(study: Study, best: pd.DataFrame) -> pd.DataFrame:
    """The best change of everybody; nobody is named."""
    if best.empty or study.response["change_percent"].isna().all():
        return pd.DataFrame()
    people = best[["subject", "cohort", "arm"]]
    changes = waterfall(usable_responses(study), people).merge(best[["subject", "best"]], on="subject")
    named = changes.rename(columns={"best": "response"})
    return named.assign(bound="", subject=[str(i) for i in range(1, len(named) + 1)])[
        ["cohort", "arm", "response", "change", "bound", "subject"]
    ]


def _counts(study: Study, best: pd.DataFrame) -> pd.DataFrame:
    """Patients by best overall response; every response has its row."""
    columns = ["cohort", "arm", "response", "n", "total"]
    if best.empty:
        return pd.DataFrame(columns=columns)
    rows = [(cohort, arm, said, int((mine["best"] == said).sum()), len(mine))
            for cohort, arm, mine in _groups(study, best) for said in RESPONSES]
    return pd.DataFrame(rows, columns=columns)


def _toxicity(study: Study) -> pd.DataFrame:
    stated = study.design.trial or Trial()
    return safety(study, severe=stated.severe, level=stated.level)


def _limiting(study: Study) -> pd.DataFrame:
    """Dose-limiting toxicities by level, where the events were judged and the subjects have a level."""
    if "dose_level" not in study.subjects or "dlt" not in study.adverse_events or study.adverse_events["dlt"].isna().all():
        return pd.DataFrame()
    people = study.subjects[study.subjects["dose_level"].notna()]
    events = study.adverse_events[study.adverse_events["subject"].isin(people["subject"])]
    return dose_limiting(events, people)


def _paths(study: Study) -> pd.DataFrame:
    """The way of each two-stage cohort through its design; it ends where the design ends."""
    stated = study.design.trial
    parts = []
    for cohort, asked in (stated.cohorts if stated else {}).items():
        if asked.two_stage is None or cohort not in study.design.cohorts:
            continue
        rule = asked.two_stage
        seen = evaluable_in_order(study, single_arm_of(cohort, asked))["event_free"].to_numpy()
        if not len(seen):
            continue
        stops = len(seen) >= rule.n1 and int(seen[: rule.n1].sum()) <= rule.r1
        path = two_stage_path(rule, np.asarray(seen[: rule.n1 if stops else rule.n], dtype=int))
        parts.append(path.assign(cohort=cohort, n1=rule.n1, r1=rule.r1, n=rule.n, r=rule.r))
    return _stack(parts)


def _reported(study: Study) -> pd.DataFrame:
    """Scores over time, with what each instrument means."""
    if study.pros.empty:
        return pd.DataFrame()
    stated = study.design.trial
    known = stated.instruments if stated else {}
    table = trajectories(study, level=stated.level if stated else 0.95)
    meant = [known.get(name) or Instrument(label=str(name)) for name in table["instrument"]]
    return table.assign(
        label=[one.label for one in meant],
        direction=[one.direction if name in known else "" for one, name in zip(meant, table["instrument"], strict=True)],
        minimal_difference=[np.nan if one.minimal_difference is None else one.minimal_difference for one in meant],
    )
