"""What patients and their charts report: courses of therapy, and scores of questionnaires."""

from __future__ import annotations

import pandas as pd

from biomarkers.study.checks.facts import Facts

LOWEST, HIGHEST = 0.0, 100.0
NO_BASELINE = ("regret",)
"""Instruments that ask about a decision already taken, so that a score on day 0 or before cannot be."""


def therapy(facts: Facts) -> None:
    """Therapy that stops before it starts, or restarts before it stopped."""
    rows = facts["therapy"]
    for _, row in rows[(rows["stop"] < rows["start"]).fillna(False)].iterrows():
        facts.report(
            "therapy",
            row,
            "stop_before_start",
            f"stopped on day {row['stop']}, before it started on day {row['start']}",
            "correct one of them",
            column="stop",
            value=row["stop"],
        )
    for _, row in rows[
        ((rows["restart"] < rows["stop"]) | (rows["restart"].notna() & rows["stop"].isna())).fillna(False)
    ].iterrows():
        stop = "without a stop" if row["stop"] is pd.NA else f"before it stopped on day {row['stop']}"
        facts.report(
            "therapy",
            row,
            "restart_before_stop",
            f"restarted on day {row['restart']}, {stop}",
            "correct one of them",
            column="restart",
            value=row["restart"],
        )


def scores(facts: Facts) -> None:
    """Scores outside their range, before they can exist, after death, or twice on one day."""
    rows = facts["pros"]
    if rows.empty:
        return
    clock = facts.clock["death"]
    for _, row in rows.iterrows():
        name = str(row["instrument"]).casefold() if row["instrument"] is not pd.NA else ""
        death = clock.get(row["subject"])
        if row["score"] == row["score"] and not LOWEST <= row["score"] <= HIGHEST:
            facts.report(
                "pros",
                row,
                "score_range",
                f"{name}: {row['score']:g} lies outside {LOWEST:g} to {HIGHEST:g}",
                "correct the score",
                column="score",
                value=f"{row['score']:g}",
            )
        if row["day"] is pd.NA:
            continue
        if any(word in name for word in NO_BASELINE) and row["day"] <= 0:
            facts.report(
                "pros",
                row,
                "score_too_early",
                f"{name} on day {row['day']}: there is no decision yet to regret",
                "correct the day or the instrument",
                column="day",
                value=row["day"],
            )
        if death is not None and death is not pd.NA and death == death and row["day"] > death:
            facts.report(
                "pros",
                row,
                "score_after_death",
                f"{name} on day {row['day']}, after death on day {death}",
                "correct the day, or the identifier",
                column="day",
                value=row["day"],
            )
    known = rows[rows["subject"].notna() & rows["instrument"].notna() & rows["day"].notna()]
    twice = known[known.duplicated(["subject", "instrument", "day"], keep=False)]
    for _, group in twice.groupby(["subject", "instrument", "day"], sort=False):
        facts.report(
            "pros",
            group.iloc[-1],
            "score_twice",
            f"two {group['instrument'].iloc[0]} scores on day {group['day'].iloc[0]}: "
            f"{' and '.join(f'{s:g}' for s in group['score'])}",
            "keep one",
            column="score",
            value=f"{group['score'].iloc[-1]:g}",
        )
