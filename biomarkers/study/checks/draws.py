"""Biopsies and tubes in time: the day decides, the label is for display, and nothing after the event may predict it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from biomarkers.domain import vocabulary as words
from biomarkers.study.checks.facts import Facts

AFTER_PROGRESSION = 21
"""Days after progression within which a tube drawn because of it is still "at progression"."""
OLD_FOR_FRESH = -180
AT_THE_END = words.PROGRESSION_LABELS | {"eot", "end of treatment", ""}
"""Labels that a tube drawn because of progression may bear."""


def _tubes(facts: Facts) -> pd.DataFrame:
    """Specimens of subjects that are in `subjects`; what is said of the others is said elsewhere."""
    rows = facts["specimens"]
    return rows[rows["subject"].isin(facts.known_subjects)]


def _visits(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per subject, day, label and reason: a visit's four tubes are one finding."""
    return rows.drop_duplicates(["subject", "collection_day", "visit_label", "reason_for_draw"])


def day_missing(facts: Facts) -> None:
    """A specimen without a day: no window can hold it, whatever its label says."""
    rows = _tubes(facts)
    lost = rows[rows["collection_day"].isna() & (rows["type"].fillna("") != "germline")]
    for _, row in lost.iterrows():
        label = row["visit_label"] if row["visit_label"] is not pd.NA else "none"
        facts.report(
            "specimens",
            row,
            "no_day",
            f"no day, only the label {label!r}: a label never says when",
            "fill in the study day",
            column="collection_day",
            severity="warning",
        )
    facts.exclude("specimens", lost.index, "no_draw_in_window", "no day")


def labels(facts: Facts) -> None:
    """A label that its day contradicts."""
    visits = {name.casefold(): visit for name, visit in facts.design.visits.items()}
    rows = _tubes(facts)
    rows = rows[rows["collection_day"].notna() & (rows["type"].fillna("") != "germline")]
    outside = [
        label is not pd.NA and label.casefold() in visits and not visits[label.casefold()].contains(day)
        for label, day in zip(rows["visit_label"], rows["collection_day"], strict=True)
    ]
    end = facts.clock["end"].where((facts.clock["event"] == 1).fillna(False))
    moot = (rows["collection_day"] >= rows["subject"].map(end)).fillna(False).to_numpy(bool)
    off = rows[np.array(outside, bool) & ~moot & (rows["type"].fillna("") != "biopsy").to_numpy(bool)]
    for _, row in _visits(off).iterrows():
        visit = visits[row["visit_label"].casefold()]
        facts.report(
            "specimens",
            row,
            "label_and_day",
            f"labelled {row['visit_label']}, but day {row['collection_day']} lies outside days {visit.first} to {visit.last}: "
            "the day decides, no_draw_in_window for that visit",
            "correct the day or the label",
            column="collection_day",
            value=row["collection_day"],
            severity="warning",
        )


def two_baselines(facts: Facts) -> None:
    """Two draws of one kind in the baseline window: the last valid one is used."""
    visit = facts.design.visits.get("baseline")
    if visit is None:
        return
    rows = _tubes(facts)
    inside = rows[
        rows["type"].notna()
        & rows["collection_day"].between(visit.first, visit.last).fillna(False)
        & ~rows["type"].isin(["biopsy", "germline"])
    ]
    days = inside.drop_duplicates(["subject", "type", "collection_day"])
    for (subject, kind), group in days[days.duplicated(["subject", "type"], keep=False)].groupby(
        ["subject", "type"], sort=False
    ):
        named = ", ".join(str(day) for day in sorted(group["collection_day"]))
        facts.report(
            "specimens",
            group.iloc[0],
            "two_baselines",
            f"draws in the baseline window on days {named} ({kind}): the last valid one is used",
            column="collection_day",
            value=group["collection_day"].iloc[0],
            severity="note",
            same=(str(subject),),
        )


def after_the_end(facts: Facts) -> None:
    """Draws on or after the event, after censoring, after death; progression tubes with another label."""
    clock = facts.clock
    rows = _tubes(facts)
    rows = rows[rows["collection_day"].notna() & ~rows["type"].fillna("").isin(["germline", "biopsy"])]
    first_end = clock[["end", "death"]].astype("Float64").min(axis=1)
    late = rows["collection_day"].astype("Float64") >= rows["subject"].map(first_end).astype("Float64")
    rows = rows[late.fillna(False) | (rows["reason_for_draw"] == "progression").fillna(False)]
    for _, row in _visits(rows).iterrows():
        who = clock.loc[row["subject"]]
        day, end, death = row["collection_day"], who["end"], who["death"]
        reason, label = row["reason_for_draw"], str(row["visit_label"]) if row["visit_label"] is not pd.NA else ""
        at = {"column": "collection_day", "value": day}
        if death is not pd.NA and death is not None and death == death and day > death:
            facts.report(
                "specimens",
                row,
                "draw_after_death",
                f"a draw on day {day}, {day - death} days after death",
                "correct the day, or the identifier",
                **at,
            )
            continue
        because = reason is not pd.NA and reason == "progression"
        if because and label.strip().casefold() not in AT_THE_END:
            facts.report(
                "specimens",
                row,
                "label_and_reason",
                f"drawn because of progression, labelled {label}: it is caused by the event and predicts nothing",
                "correct the label",
                column="visit_label",
                value=label,
                severity="warning",
            )
        if end is pd.NA or end is None or who["event"] is pd.NA or day < end:
            continue
        if who["event"] == 1 and day == end:
            facts.report(
                "specimens",
                row,
                "draw_on_event_day",
                f"draw_on_or_after_event: a draw on day {day}, the day of the event, predicts nothing",
                severity="note",
                **at,
            )
        elif who["event"] == 1 and because and day - end <= AFTER_PROGRESSION:
            facts.report(
                "specimens",
                row,
                "draw_at_progression",
                "drawn at progression: described, never a predictor",
                severity="note",
                same=("progression",),
                **at,
            )
        elif who["event"] == 1:
            facts.report(
                "specimens",
                row,
                "draw_after_event",
                f"draw_on_or_after_event: a draw on day {day}, {day - end} days after the event of day {end}, predicts nothing",
                "check the day; the draw is kept out of every model",
                severity="warning",
                **at,
            )
        elif day > end:
            facts.report(
                "specimens",
                row,
                "draw_after_censoring",
                f"a draw on day {day}, after follow-up ended on day {end}",
                "check the day, or the end of follow-up",
                severity="warning",
                **at,
            )


def biopsies(facts: Facts) -> None:
    """A biopsy after treatment began; tissue called fresh that is years old."""
    rows = _tubes(facts)
    rows = rows[(rows["type"] == "biopsy") & rows["collection_day"].notna()]
    for _, row in rows[rows["collection_day"] > 0].iterrows():
        facts.report(
            "specimens",
            row,
            "biopsy_after_start",
            f"a biopsy on day {row['collection_day']}, after treatment began: no baseline",
            "check the day",
            column="collection_day",
            value=row["collection_day"],
            severity="warning",
        )
    fresh = rows["archival_or_fresh"].str.casefold() == "fresh"
    for _, row in rows[(fresh & (rows["collection_day"] < OLD_FOR_FRESH)).fillna(False)].iterrows():
        facts.report(
            "specimens",
            row,
            "archival_as_fresh",
            f"called fresh, but of day {row['collection_day']}: archival tissue",
            "correct archival_or_fresh or the day",
            column="archival_or_fresh",
            value="fresh",
            severity="warning",
        )
