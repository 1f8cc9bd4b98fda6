"""Responses, adverse events, versions of questionnaires: asked where study.toml has a `[trial]`, for only then they count."""

from __future__ import annotations

import pandas as pd

from biomarkers.domain.trial import ATTRIBUTIONS, RESPONSES
from biomarkers.study.checks.facts import Facts


def responses(facts: Facts) -> None:
    """Responses outside the vocabulary, changes below -100 %, two answers on one day, assessments after death."""
    rows = facts["response"]
    if facts.design.trial is None or rows.empty:
        return
    said = rows["response"].astype("string").str.strip().str.upper()
    for _, row in rows[said.isna() | ~said.isin(RESPONSES)].iterrows():
        facts.report("response", row, "response_unknown", f"a response is one of {', '.join(RESPONSES)}",
                     "correct it; NE where nothing could be assessed", column="response", value=row["response"])
    for _, row in rows[(rows["change_percent"] < -100).fillna(False)].iterrows():
        facts.report("response", row, "change_below_all", "a change below -100 % is more than all of a lesion",
                     "give the change from baseline in per cent", column="change_percent", value=f"{row['change_percent']:g}")
    known = rows[rows["subject"].notna() & rows["day"].notna()].assign(said=said)
    for _, group in known[known.duplicated(["subject", "day"], keep=False)].groupby(["subject", "day"], sort=False):
        facts.report("response", group.iloc[-1], "response_twice",
                     f"two assessments on day {group['day'].iloc[0]}: {' and '.join(str(s) for s in group['said'])}",
                     "keep one", column="response", value=group["response"].iloc[-1])
    _after_death(facts, "response", "day", "assessment")


def adverse_events(facts: Facts) -> None:
    """Grades outside 0 to 5, attributions nobody knows, events that stop before they start or begin after death."""
    rows = facts["adverse_events"]
    if facts.design.trial is None or rows.empty:
        return
    grade = rows["grade"]
    wrong = rows[grade.isna() | ~grade.isin(range(6))]
    for _, row in (wrong.head(1) if grade.isna().all() else wrong).iterrows():  # a column that is not there is one fault
        facts.report("adverse_events", row, "grade_range", "a CTCAE grade is a whole number from 1 to 5 (0: no event)",
                     "correct the grade", column="grade", value=row["grade"])
    cause = rows["related"].astype("string").str.strip().str.lower()
    given = cause.notna() & (cause != "")
    if given.any():
        known = (*ATTRIBUTIONS, "yes", "no")
        for _, row in rows[~given | ~cause.isin(known)].iterrows():
            facts.report("adverse_events", row, "attribution_unknown", f"an attribution is one of {', '.join(known)}",
                         "correct it, or leave the whole column out", column="related", value=row["related"])
    for _, row in rows[(rows["stop"] < rows["start"]).fillna(False)].iterrows():
        facts.report("adverse_events", row, "stop_before_start",
                     f"stopped on day {row['stop']}, before it started on day {row['start']}", "correct one of them",
                     column="stop", value=row["stop"])
    _after_death(facts, "adverse_events", "start", "adverse event")


def versions(facts: Facts) -> None:
    """Two versions of one instrument: their scores are not comparable."""
    rows = facts["pros"]
    if facts.design.trial is None or rows.empty:
        return
    known = rows[rows["instrument"].notna() & rows["version"].notna()]
    for instrument, mine in known.groupby("instrument", sort=False):
        names = sorted(mine["version"].astype(str).unique())
        if len(names) > 1:
            first = mine[mine["version"].astype(str) != str(mine["version"].iloc[0])].iloc[0]
            facts.report("pros", first, "versions_mixed", f"instrument {instrument}: versions {', '.join(names)} are mixed",
                         "give each version its own instrument name", column="version", value=first["version"])


def _after_death(facts: Facts, table: str, day: str, what: str) -> None:
    """Something of a day after the subject's death."""
    clock = facts.clock["death"]
    rows = facts[table]
    for _, row in rows[rows[day].notna() & rows["subject"].notna()].iterrows():
        death = clock.get(row["subject"])
        if death is None or death is pd.NA or death != death or row[day] <= death:
            continue
        facts.report(table, row, f"{table}_after_death", f"{what} on day {row[day]}, after death on day {death}",
                     "correct the day, or the identifier", column=day, value=row[day])
