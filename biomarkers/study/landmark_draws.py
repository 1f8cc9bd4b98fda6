"""What was known of a marker at a landmark: the draw that counts by its day, the baseline beside it, and why there is none.

The landmark is a noun that cannot look ahead (`domain.times.Landmark`); here it meets a study's specimens. A progression tube
never speaks: it was drawn because of the event. `at_risk` then says who had already left by the landmark, in the order of the
flow vocabulary, so that an analysis set asks each reason once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.domain.times import Landmark, Visit
from biomarkers.study.draws import SELECTED, _why, baseline_values, one_of_a_day
from biomarkers.study.measurements import VALID

if TYPE_CHECKING:
    from biomarkers.study.study import Study

BASELINE = ("value", "c", "censor", "lower", "upper", "lod", "status", "draw_day", "specimen", "lost", "detail")
CLOCKS = ("time zero", "draw")


@dataclass(frozen=True, slots=True)
class KnownAt:
    """A marker as it stands at a landmark.

    Attributes
    ----------
    values : DataFrame
        One row per subject of the study: the columns of `draws.SELECTED` for the draw that counts, the same with the prefix
        `baseline_`, and `value_age`. `lost` is a flow reason, "" where there is a value.
    history : DataFrame
        Every valid draw on or before the landmark: subject, day, value, c, censor, lower, upper, lod, status, specimen.
    landmark : Landmark
    """

    values: pd.DataFrame
    history: pd.DataFrame
    landmark: Landmark


def visit_landmark(visit: Visit) -> Landmark:
    """The landmark that a visit's name stands for: the end of its window, with that visit's draw."""
    return Landmark(day=visit.last, visit=visit)


def known_at(
    study: Study, marker: Marker, landmark: Landmark, *, draw_at_landmark: str = "include", progression: bool = False
) -> KnownAt:
    """The value of each subject that is known at the landmark, or why there is none.

    Parameters
    ----------
    study : Study
    marker : Marker
    landmark : Landmark
    draw_at_landmark : {"include", "exclude"}
    progression : bool
        Also tubes drawn because of progression: only to show what they do (`models.immortal_time.naive`).

    Raises
    ------
    UseError
        Two valid specimens on the chosen day and no rule for duplicates was declared.
    """
    if draw_at_landmark not in ("include", "exclude"):
        raise UseError(f"draw_at_landmark {draw_at_landmark!r} is not 'include' or 'exclude'")
    rows = study.measured(marker)
    rows = rows.assign(day=pd.to_numeric(rows["day"], errors="coerce").astype(float))
    because = rows["reason_for_draw"].fillna("").astype(str) == "progression"
    rows = rows[np.isfinite(rows["day"]) & (progression | ~because)]
    # Nothing later is looked at, so nothing later can matter: not a value, not a duplicate, not a failure.
    past = rows[rows["day"] <= landmark.day if draw_at_landmark == "include" else rows["day"] < landmark.day]
    valid = past[past["status"].isin(VALID) & (past["excluded"].fillna("").astype(str) == "")]
    rule = study.replicates.get(marker.table, "error")
    chosen = _chosen(valid, landmark, marker, rule)
    values = study.subjects[["subject"]].merge(chosen, on="subject", how="left")
    # A value below a limit nobody gave is a finding without a number: it is there, whatever `value` says.
    there = values["status"].notna()
    values = values.assign(known_from=np.where(there, _known_from(landmark), np.nan))
    of_subject = dict(tuple(past.groupby("subject", sort=False)))
    lost = [
        ("", "") if found else _lost(of_subject.get(s, past.iloc[:0]), landmark)
        for s, found in zip(values["subject"], there, strict=True)
    ]
    values = values.assign(
        lost=[reason for reason, _ in lost],
        detail=[words for _, words in lost],
        value_age=landmark.day - values["draw_day"].astype(float),
    )
    first = baseline_values(study, marker)[["subject", *BASELINE]]
    first = first.rename(columns={c: f"baseline_{c}" for c in BASELINE})
    values = values[[*SELECTED, "value_age"]].merge(first, on="subject", how="left")
    return KnownAt(values, valid.sort_values(["subject", "day"], kind="stable", ignore_index=True), landmark)


def landmark_values(study: Study, marker: Marker, landmark: Landmark, *, draw_at_landmark: str = "include") -> pd.DataFrame:
    """`known_at(...).values`: one row per subject, in the shape of `draws.baseline_values`."""
    return known_at(study, marker, landmark, draw_at_landmark=draw_at_landmark).values


def _known_from(landmark: Landmark) -> float:
    """The day from which the choice of the draw is settled: under a visit's window its end, else the landmark."""
    return float(landmark.visit.last if landmark.visit is not None else landmark.day)


def _inside(day: pd.Series, landmark: Landmark) -> pd.Series:
    if landmark.visit is not None:
        return (day >= landmark.visit.first) & (day <= landmark.visit.last)
    return day >= landmark.oldest if not math.isinf(landmark.oldest) else day.notna()


def _chosen(valid: pd.DataFrame, landmark: Landmark, marker: Marker, rule: str) -> pd.DataFrame:
    """The draw that counts: nearest the visit's day (a tie goes to the earlier), else the latest; one row per subject."""
    inside = valid[_inside(valid["day"], landmark)]
    inside = inside.assign(draw_day=inside["day"])
    if inside.empty:
        return inside.drop(columns=[c for c in ("day", "reason_for_draw", "reason", "excluded") if c in inside])
    far = (inside["day"] - landmark.visit.day).abs() if landmark.visit is not None else -inside["day"]
    ordered = inside.assign(_far=far).sort_values(["subject", "_far", "day"], kind="stable")
    best = ordered.drop_duplicates("subject")[["subject", "day"]]
    same = ordered.merge(best, on=["subject", "day"])
    gone = [c for c in ("_far", "day", "reason_for_draw", "reason", "excluded") if c in same]
    return one_of_a_day(same, marker, rule).drop(columns=gone)


def _lost(past: pd.DataFrame, landmark: Landmark) -> tuple[str, str]:
    """Why a subject has no value at the landmark."""
    inside = past[_inside(past["day"], landmark)]
    if len(inside):
        reason, words = _why(inside)
        return (reason, words) if reason != "no_draw_in_window" or landmark.visit is not None else ("no_measurement", words)
    if landmark.visit is not None:
        return "no_draw_in_window", ""
    return ("measurement_too_old", "") if len(past) else ("no_measurement", "")


def at_risk(study: Study, values: pd.DataFrame, endpoint: str, day: float) -> pd.DataFrame:
    """The values with those lost who had their event, or were censored, on or before the landmark; and `entry`.

    At risk is strictly after: an event on the landmark is an event before it.
    """
    time, event = _end(study, values, endpoint)
    gone = (time <= day).to_numpy()
    reason = np.where(event.to_numpy() > 0, "event_at_or_before_landmark", "censored_at_or_before_landmark")
    return values.assign(
        lost=np.where(gone, reason, values["lost"].astype(str)),
        detail=np.where(gone, "", values["detail"].astype(str)),
        entry=float(day),
    )


def _end(study: Study, values: pd.DataFrame, endpoint: str) -> tuple[pd.Series, pd.Series]:
    """Time and event of an endpoint beside the values; missing where a subject has no outcome."""
    outcome = study.outcome(endpoint).set_index("subject")
    time, event = (pd.to_numeric(values["subject"].map(outcome[c]), errors="coerce").astype(float) for c in ("time", "event"))
    return time, event


def at_risk_from_draw(study: Study, values: pd.DataFrame, endpoint: str) -> pd.DataFrame:
    """The same on the clock of each subject's own draw: at risk strictly after it; `entry` is the draw's day."""
    time, _ = _end(study, values, endpoint)
    day = values["draw_day"].astype(float)
    late = ((values["lost"] == "") & (time <= day)).to_numpy()
    return values.assign(
        lost=np.where(late, "draw_on_or_after_event", values["lost"].astype(str)),
        detail=np.where(late, "the draw lies on or after the end of follow-up", values["detail"].astype(str)),
        entry=day,
        known_from=day,
    )


def serial_draws(study: Study, marker: Marker) -> pd.DataFrame:
    """Every draw of a marker on its model scale: subject, day, value (missing where it failed), progression.

    Values below a limit stand at the limit: the current value of a time-dependent model has no later outcome to be imputed
    from.
    """
    rows = study.measured(marker)
    valid = rows["status"].isin(VALID) & (rows["excluded"].fillna("").astype(str) == "")
    raw = pd.to_numeric(rows["value"], errors="coerce").astype(float)
    if marker.quantitative:
        on_scale = marker.to_model_scale(raw.to_numpy(), rows["c"].fillna(0.0).astype(float).to_numpy())
    else:
        on_scale = raw.to_numpy()
    on_scale = np.where(valid.to_numpy() & np.isfinite(on_scale), on_scale, np.nan)
    return pd.DataFrame(
        {
            "subject": rows["subject"].to_numpy(),
            "day": pd.to_numeric(rows["day"], errors="coerce").astype(float).to_numpy(),
            "value": on_scale,
            "progression": (rows["reason_for_draw"].fillna("").astype(str) == "progression").to_numpy(),
            "below": (rows["status"] == "below").fillna(False).to_numpy(bool),
            "specimen": rows["specimen"].to_numpy(),
        }
    )
