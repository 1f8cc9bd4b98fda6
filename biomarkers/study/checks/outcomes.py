"""Times and events: what cannot be, and what looks like another unit or another coding."""

from __future__ import annotations

import pandas as pd

from biomarkers.study.checks.facts import Facts

PROGRESSED = ("progression", "death", "progressed", "pd")
NO_EVENT = ("none", "censored")


def _usable(facts: Facts) -> pd.DataFrame:
    """Outcome rows whose cells could be read."""
    rows = facts["outcomes"]
    return rows[rows["excluded"].isna()]


def times(facts: Facts) -> None:
    """Negative follow-up, an event without a time, a time without an event flag."""
    rows = _usable(facts)
    broken = rows[rows["time"].isna() | rows["event"].isna() | (rows["time"] < 0).fillna(True) | (rows["raw_time"] < 0)]
    facts.exclude("outcomes", broken.index, "failed_qc", "time and event do not hold together")
    for _, row in broken.iterrows():
        time, event, name = row["time"], row["event"], row["endpoint"]
        if time is pd.NA:
            what = "an event without its time" if event is not pd.NA and event == 1 else "no time, so no follow-up"
            facts.report("outcomes", row, "no_time", f"{name}: {what}", "fill in the time, or remove the row", column="time")
        elif time < 0 or row["raw_time"] < 0:
            facts.report(
                "outcomes",
                row,
                "negative_time",
                f"{name}: negative follow-up; time counts from time zero",
                "correct the time or time zero",
                column="time",
                value=f"{row['raw_time']:g}",
            )
        elif event is pd.NA:
            facts.report(
                "outcomes", row, "no_event_flag", f"{name}: a time without an event flag", "write 1 or 0", column="event"
            )


def event_on_day_zero(facts: Facts) -> None:
    """Somebody whose event lies on day 0 was never at risk."""
    rows = _usable(facts)
    for index, row in rows[(rows["time"] == 0) & (rows["event"] == 1)].iterrows():
        rule = facts.rule(row["endpoint"]).zero_time
        if rule == "keep":
            facts.report(
                "outcomes",
                row,
                "event_on_day_0",
                f"{row['endpoint']}: an event on day 0, kept as declared",
                column="time",
                value="0",
                severity="note",
                same=("day 0 kept",),
            )
            continue
        declared = rule == "exclude"
        facts.report(
            "outcomes",
            row,
            "event_on_day_0",
            f"{row['endpoint']}: an event on day 0: the subject was never at risk",
            "correct it"
            if declared
            else f'correct it, or declare [endpoints.{row["endpoint"]}] zero_time = "exclude" or "keep"',
            column="time",
            value=f"{row['raw_time']:g}",
            severity="warning" if declared else "error",
        )
        facts.exclude("outcomes", pd.Index([index]), "event_at_or_before_landmark", "event on day 0")
    for _, row in rows[(rows["time"] == 0) & (rows["event"] == 0)].iterrows():
        facts.report(
            "outcomes",
            row,
            "no_follow_up",
            f"{row['endpoint']}: censored on day 0, without follow-up",
            column="time",
            value="0",
            severity="note",
            same=("day 0",),
        )


def unit_of_time(facts: Facts) -> None:
    """A few fractions in a column of whole days: months among days."""
    rows = _usable(facts)
    days = rows[rows["raw_time"].notna() & rows["unit"].fillna("days").isin(["day", "days"])]
    for endpoint, group in days.groupby("endpoint", sort=False):
        rule = facts.rule(str(endpoint))
        if rule.unit not in (None, "day", "days") or (
            group["unit"].isna().all() and facts.source_of("outcomes").day_unit not in ("day", "days")
        ):
            continue
        odd = group[group["raw_time"] % 1 != 0]
        if len(odd) and len(odd) <= 0.25 * len(group):
            shown = ", ".join(f"{value:g}" for value in odd["raw_time"].head(6))
            facts.report(
                "outcomes",
                odd.iloc[0],
                "unit_of_time",
                f"{endpoint}: {shown} among whole days: are they months? Two units in one column",
                "convert them to days, or give the unit of each row in the column unit",
                column="time",
                value=f"{odd['raw_time'].iloc[0]:g}",
                rows=odd,
            )
            facts.exclude("outcomes", odd.index, "failed_qc", "the unit of time is in doubt")


def event_and_type(facts: Facts) -> None:
    """The event flag and the kind of event contradict each other in single rows."""
    for _, group in _usable(facts).groupby("endpoint", sort=False):
        if _inverted(group):
            continue
        for _, row in _contradictions(group).iterrows():
            kind = row["event_type"] if row["event_type"] is not pd.NA else "blank"
            event = int(row["event"])
            facts.report(
                "outcomes",
                row,
                "event_type",
                f"{row['endpoint']}: event = {event}, but event_type is {kind}",
                "correct one of them",
                column="event",
                value=event,
            )


def _contradictions(group: pd.DataFrame) -> pd.DataFrame:
    kind = group["event_type"].fillna("")
    said = group[group["event"].notna() & (kind != "")]
    kind = said["event_type"]
    return said[((said["event"] == 1) & kind.isin(NO_EVENT)) | ((said["event"] == 0) & kind.isin(PROGRESSED))]


def _inverted(group: pd.DataFrame) -> bool:
    said = group[group["event"].notna() & group["event_type"].notna()]
    return len(said) >= 5 and len(_contradictions(group)) > 0.5 * len(said)


def inverted_coding(facts: Facts) -> None:
    """A column called event that says 1 for censored: seen from the event types, or suspected from rate and times.

    The coding of CNSR in an ADTTE is a matter of the standard, so nothing is suspected there.
    """
    if facts.source_of("outcomes").format == "adam-adtte":
        return
    for endpoint, group in _usable(facts).groupby("endpoint", sort=False):
        known = group[group["event"].notna() & group["time"].notna()]
        if known.empty:
            continue
        first, column = known.iloc[0], "event"
        if _inverted(group):
            wrong = _contradictions(group)
            facts.report(
                "outcomes",
                first,
                "inverted_event",
                f"{endpoint}: {len(wrong)} of {len(group)} rows say event = 0 for an event and 1 for none: the coding is "
                f"that of CNSR, 0 = event ({(known['event'] == 0).mean():.0%} would count as censored)",
                f"declare [endpoints.{endpoint}] event_is = 0, or correct the column",
                column=column,
            )
            facts.exclude("outcomes", group.index, "failed_qc", "the event coding is inverted")
            continue
        events, censored = known[known["event"] == 1], known[known["event"] == 0]
        if (
            len(known) >= 20
            and 3 <= len(events) <= 0.25 * len(known)
            and known["event_type"].isna().all()
            and float(events["time"].median()) > 1.5 * float(censored["time"].median())
        ):
            facts.report(
                "outcomes",
                first,
                "inverted_event",
                f"{endpoint}: only {len(events)} of {len(known)} have the event, and later than the others are censored: "
                "is the event column coded like CNSR, 0 = event?",
                f"if so, declare [endpoints.{endpoint}] event_is = 0",
                column=column,
                severity="warning",
            )


def events(facts: Facts) -> None:
    """An endpoint without events."""
    for endpoint, group in _usable(facts).groupby("endpoint", sort=False):
        known = group[group["event"].notna()]
        if len(known) and not (known["event"] == 1).any():
            facts.report(
                "outcomes",
                known.iloc[0],
                "no_events",
                f"{endpoint}: 0 events in {len(known)} subjects: nothing can be estimated",
                "check the event column",
                column="event",
                severity="warning",
            )


def os_and_pfs(facts: Facts) -> None:
    """Survival that ends before progression-free survival does."""
    names = set(facts["outcomes"]["endpoint"].dropna())
    if not {"pfs", "os"} <= names:
        return
    pfs, os = facts.outcome("pfs"), facts.outcome("os")
    both = os.join(pfs[["time", "source_row"]].rename(columns={"time": "pfs_time", "source_row": "pfs_row"}), how="inner")
    for subject, row in both[(both["time"] < both["pfs_time"]).fillna(False)].iterrows():
        row = pd.concat([row, pd.Series({"subject": subject})])
        facts.report(
            "outcomes",
            row,
            "os_before_pfs",
            f"OS {row['time']} is shorter than PFS {row['pfs_time']} (row {row['pfs_row']})",
            "correct one of them: nobody progresses after death",
            column="time",
            value=row["time"],
        )


def cutoff(facts: Facts) -> None:
    """Follow-up beyond the data cut-off."""
    rows = _usable(facts)
    for _, row in rows[(rows["time"] > rows["cutoff"]).fillna(False)].iterrows():
        facts.report(
            "outcomes",
            row,
            "after_cutoff",
            f"{row['endpoint']}: day {row['time']} lies after the cut-off, day {row['cutoff']}",
            "correct the time or the cut-off",
            column="time",
            value=row["time"],
        )


def last_negative(facts: Facts) -> None:
    """A last assessment without the event, dated after it."""
    rows = _usable(facts)
    for _, row in rows[(rows["last_negative_assessment"] > rows["time"]).fillna(False)].iterrows():
        facts.report(
            "outcomes",
            row,
            "assessment_after_end",
            f"{row['endpoint']}: last_negative_assessment, day {row['last_negative_assessment']}, "
            f"lies after day {row['time']}, the end of {row['endpoint']}",
            "correct one of them",
            column="last_negative_assessment",
            value=row["last_negative_assessment"],
        )


def restart(facts: Facts) -> None:
    """A progression after therapy was restarted: an event of which treatment?"""
    therapy = facts["therapy"]
    sound = therapy["restart"].notna() & ~(therapy["restart"] < therapy["stop"]).fillna(False)
    again = therapy[sound].sort_values("restart").drop_duplicates("subject").set_index("subject")["restart"]
    rows = _usable(facts)
    for _, row in rows[rows["subject"].isin(again.index) & (rows["endpoint"] == "pfs") & (rows["event"] == 1)].iterrows():
        rule, day = facts.rule(row["endpoint"]), again[row["subject"]]
        if row["time"] > day and row["event_type"] != "restart":
            declared = rule.after_restart != "error"
            facts.report(
                "outcomes",
                row,
                "event_after_restart",
                f"{row['endpoint']}: {row['event_type'] if row['event_type'] is not pd.NA else 'event'} on day "
                f"{row['time']}, after "
                f"therapy was restarted on day {day}, counted as an event",
                "censor at the restart, or declare the estimand: "
                f'[endpoints.{row["endpoint"]}] after_restart = "event" or "competing"',
                column="event_type",
                value=row["event_type"],
                severity="note" if declared else "error",
            )


def without_outcome(facts: Facts) -> None:
    """Subjects for whom an endpoint has no row: they leave its analyses, counted."""
    for endpoint in facts.design.endpoints:
        have = set(facts["outcomes"].loc[facts["outcomes"]["endpoint"] == endpoint, "subject"])
        lost = facts["subjects"][~facts["subjects"]["subject"].isin(have)]
        if len(lost):
            facts.report(
                "subjects",
                lost.iloc[0],
                "no_outcome",
                f"{len(lost)} subjects have no {endpoint} row",
                column="subject",
                value=lost["subject"].iloc[0],
                severity="note",
                rows=lost,
            )
    if facts["outcomes"].empty and "outcomes" in facts.by_table:
        return
    declared = set(facts.design.endpoints)
    for endpoint, rows in facts["outcomes"].groupby("endpoint", sort=False):
        if declared and endpoint not in declared:
            facts.report(
                "outcomes",
                rows.iloc[0],
                "undeclared_endpoint",
                f"endpoint {endpoint!r} is not declared; its {len(rows)} rows are kept and not analysed",
                f"add [endpoints.{endpoint}]",
                column="endpoint",
                value=endpoint,
                severity="note",
            )
