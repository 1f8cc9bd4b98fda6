"""Adverse events by patient: the worst grade of each term, and over all terms, with the treated as denominator.

A patient counts once per term, with the worst CTCAE grade of an event that was at least possibly related. The denominator is
everybody who was treated, with or without an event. CTCAE version and term mapping are the input's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError
from biomarkers.domain.trial import ATTRIBUTIONS, RELATED
from biomarkers.kernels.binomial import clopper_pearson
from biomarkers.kernels.fourfold import conditional

GRADES = (1, 2, 3, 4, 5)
ANY = "any"
"""The row over all terms."""


def toxicity(
    events: pd.DataFrame,
    subjects: pd.DataFrame,
    *,
    related: Sequence[str] | None = RELATED,
    attribution: str | None = None,
    treated: str | None = None,
    severe: int = 3,
    level: float = 0.95,
) -> pd.DataFrame:
    """Patients by worst grade, term and arm.

    Parameters
    ----------
    events : DataFrame
        One row per adverse event: subject, term, grade (1 to 5; 0 = none), and an attribution.
    subjects : DataFrame
        One row per patient: subject, arm.
    related : sequence of str or None
        Attributions that count; None = all events, whatever their cause.
    attribution : str, optional
        Column of the attribution; by default `attribution`, `attr` or `related`, whichever there is.
    treated : str, optional
        Column of `subjects` that is true (yes, 1) for those who were treated; by default `treated` if there is one, else all.
    severe : int
        From which grade on a patient counts as severe.
    level : float
        Of the exact interval of the severe share.

    Returns
    -------
    DataFrame
        One row per term and arm, the row over all terms last: ``term, arm, n_treated, grade_1 .. grade_5, any_grade, n_severe,
        severe, conf_low, conf_high, conf_level, p_value``; `p_value` is Fisher's for severe toxicity between two arms.
        `attrs` holds the rule in words and the counts of events left out.

    Raises
    ------
    UseError
        Grades outside 0 to 5, attributions that are unknown, events of strangers or of patients who were not treated.

    Examples
    --------
    >>> people = pd.DataFrame({"subject": list("abcd"), "arm": ["A", "A", "B", "B"]})
    >>> seen = pd.DataFrame({"subject": list("aab"), "term": "Fatigue", "grade": [1, 3, 2], "related": "possible"})
    >>> toxicity(seen, people)[["term", "arm", "n_treated", "grade_2", "grade_3", "any_grade", "n_severe"]]
          term arm  n_treated  grade_2  grade_3  any_grade  n_severe
    0  Fatigue   A          2        1        1          2         1
    1  Fatigue   B          2        0        0          0         0
    2      any   A          2        1        1          2         1
    3      any   B          2        0        0          0         0
    """
    level = limits.confidence(level)
    people = treated_patients(subjects, treated)
    kept, rule, left_out = _counted(events, people, related, attribution)
    worst = kept.groupby(["subject", "term"], observed=True)["grade"].max().reset_index()
    overall = kept.groupby("subject", observed=True)["grade"].max().reset_index().assign(term=ANY)
    arms = list(people["arm"].cat.categories)
    terms = [*sorted(worst["term"].unique()), ANY]
    both = pd.concat([worst, overall], ignore_index=True).merge(people[["subject", "arm"]], on="subject")
    n_treated = people["arm"].value_counts()
    rows = []
    for term in terms:
        here = both[both["term"] == term]
        severe_here = {arm: int(((here["arm"] == arm) & (here["grade"] >= severe)).sum()) for arm in arms}
        p = float("nan")
        if len(arms) == 2:
            p = conditional([[severe_here[arms[1]], n_treated[arms[1]], severe_here[arms[0]], n_treated[arms[0]]]]).p_value
        for arm in arms:
            grades = here.loc[here["arm"] == arm, "grade"]
            n = int(n_treated[arm])
            low, high = clopper_pearson(severe_here[arm], n, level=level)
            rows.append(
                {
                    "term": term, "arm": arm, "n_treated": n,
                    **{f"grade_{g}": int((grades == g).sum()) for g in GRADES},
                    "any_grade": int((grades >= 1).sum()), "n_severe": severe_here[arm], "severe": severe_here[arm] / n,
                    "conf_low": low, "conf_high": high, "conf_level": level, "p_value": p,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)
    table.attrs |= {"rule": f"worst grade per patient and term; {rule}; denominator = {len(people)} treated patients",
                    "severe": severe, "left_out": left_out}
    return table


def dose_limiting(
    events: pd.DataFrame, subjects: pd.DataFrame, *, level_column: str = "dose_level", dlt: str = "dlt"
) -> pd.DataFrame:
    """Patients with a dose-limiting toxicity at each dose level, as `next_cohort` wants them.

    Parameters
    ----------
    events : DataFrame
        subject, and a column that is true (yes, 1) where the event was judged dose limiting: what limits the dose is the
        protocol's judgement, never a grade alone.
    subjects : DataFrame
        subject and the dose level, one row per patient evaluable for DLT.

    Returns
    -------
    DataFrame
        ``level, treated, dlts``, levels ascending.

    Examples
    --------
    >>> people = pd.DataFrame({"subject": list("abcdef"), "dose_level": [50, 50, 50, 100, 100, 100]})
    >>> dose_limiting(pd.DataFrame({"subject": ["d", "d"], "dlt": ["yes", "no"]}), people)
       level  treated  dlts
    0     50        3     0
    1    100        3     1
    """
    for frame, name in ((events, dlt), (subjects, level_column)):
        if name not in frame.columns:
            raise UseError(f"there is no column {name!r}; the table has {', '.join(map(str, frame.columns))}")
    strangers = sorted(set(events["subject"]) - set(subjects["subject"]))
    if strangers:
        raise UseError(f"{len(strangers)} subjects with events are not among the evaluable patients; first {strangers[0]!r}")
    hit = set(events.loc[_true(events[dlt]), "subject"])
    grouped = subjects.assign(_hit=subjects["subject"].isin(hit)).groupby(level_column, observed=True)["_hit"]
    return grouped.agg(treated="size", dlts="sum").reset_index().rename(columns={level_column: "level"})


def treated_patients(subjects: pd.DataFrame, treated: str | None) -> pd.DataFrame:
    """Those who were treated: subject, arm (a Categorical in the design's order)."""
    if "subject" not in subjects.columns:
        raise UseError("subjects has no column 'subject'")
    armed = "arm" in subjects.columns and bool(subjects["arm"].notna().any())
    people = subjects if armed else subjects.assign(arm="all")
    if people["subject"].duplicated().any():
        raise UseError(f"subject {people.loc[people['subject'].duplicated(), 'subject'].iloc[0]!r} is listed twice")
    column = treated or ("treated" if "treated" in people.columns else None)
    if column is not None:
        people = people[_true(people[column])]
    if not isinstance(people["arm"].dtype, pd.CategoricalDtype):
        people = people.assign(arm=people["arm"].astype("category"))
    if people.empty:
        raise UseError("0 treated patients: there is no denominator")
    return people.assign(arm=people["arm"].cat.remove_unused_categories())


def _counted(
    events: pd.DataFrame, people: pd.DataFrame, related: Sequence[str] | None, attribution: str | None
) -> tuple[pd.DataFrame, str, dict[str, int]]:
    """The events that count, the rule in words, and how many were left out."""
    for name in ("subject", "term", "grade"):
        if name not in events.columns:
            raise UseError(f"adverse events have no column {name!r}; they have {', '.join(map(str, events.columns))}")
    grade = pd.to_numeric(events["grade"], errors="coerce")
    bad = events[grade.isna() | ~grade.isin(range(6))]
    if len(bad):
        first = bad.iloc[0]
        raise UseError(
            f"{len(bad)} grades are not 0 to 5; first {first['grade']!r} of subject {first['subject']!r}, {first['term']!r}. "
            "CTCAE grades are whole numbers from 1 to 5 (0 = no event)"
        )
    strangers = sorted(set(events["subject"]) - set(people["subject"]))
    if strangers:
        raise UseError(
            f"{len(strangers)} subjects with adverse events are not among the {len(people)} treated patients; first "
            f"{strangers[0]!r}. The denominator is everybody treated: correct the list of the treated or drop the events"
        )
    kept = events.assign(grade=grade.astype(int))
    kept = kept[kept["grade"] >= 1]
    zero = len(events) - len(kept)
    if related is None:
        return kept, "all events whatever their cause", {"grade 0": zero}
    column = attribution or next((c for c in ("attribution", "attr", "related") if c in events.columns), None)
    if column is None:
        raise UseError("adverse events have no attribution column; name it with attribution=, or count all with related=None")
    said = kept[column].astype("string").str.strip().str.lower()
    said = said.replace({"yes": "possible", "no": "unrelated"})
    unknown = said.isna() | ~said.isin(ATTRIBUTIONS)
    if unknown.any():
        raise UseError(
            f"{int(unknown.sum())} attributions are not one of {', '.join(ATTRIBUTIONS)}; first "
            f"{kept.loc[unknown, column].iloc[0]!r}"
        )
    counts = said.isin([r.lower() for r in related])
    words = " or ".join(related)
    return kept[counts.to_numpy()], f"attribution {words}", {"grade 0": zero, "not related": int((~counts).sum())}


def _true(column: pd.Series) -> np.ndarray:
    words = column.astype("string").str.strip().str.lower()
    return words.isin(["yes", "y", "true", "1", "1.0"]).to_numpy()
