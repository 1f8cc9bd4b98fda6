"""Questions that use the future: refused by construction, with the reason, the simulated error, and the call to use instead.

Who clears a marker must first live long enough to be drawn again. "Ever cleared", the best value, the time to clearance or any
on-treatment value, set against survival **from time zero**, therefore look protective when the marker does nothing. Every value
carries the day from which it is known (`known_from`); a clock that starts earlier is refused.

The rates are those of `benchmarks/guards.py` (10,000 trials per setting, n = 64, PFS medians 12 and 24 weeks; Monte-Carlo
error at most 0.5 points, 0.2 at 5 %). One override exists, ``i_know_this_is_immortal_time=True``; it stamps every row it
touches.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.domain.errors import Refused
from biomarkers.domain.marker import Marker
from biomarkers.domain.times import Landmark, Visit
from biomarkers.kernels.tobit import NONE
from biomarkers.models.features import FEATURES, Featured, baseline_on_scale, feature, positive, with_feature
from biomarkers.study.draws import SELECTED
from biomarkers.study.landmark_draws import KnownAt, known_at

if TYPE_CHECKING:
    from biomarkers.study.study import Study

OVERRIDE = "immortal_time"
N_TRIALS, N_SUBJECTS = 10_000, 64

SETTINGS: Mapping[str, str] = {
    "A": "draws at baseline, 6 weeks and progression",
    "B": "A, 90 % of progression draws positive",
    "C": "draws every 6 weeks",
    "D": "C, PFS seen at 6-weekly scans, progression draw positive",
    "E": "B with scans",
}
RATES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "ever": {"A": (0.604, 0.52), "B": (0.237, 0.69), "C": (1.000, 0.17), "D": (1.000, 0.18), "E": (0.101, 0.82)},
    "last": {"A": (0.614, 0.50), "B": (0.291, 0.53), "C": (1.000, 0.17), "D": (0.864, 0.31), "E": (0.265, 0.57)},
    "missing as not cleared": {
        "A": (0.221, 0.69), "B": (0.216, 0.70), "C": (0.222, 0.69), "D": (0.090, 0.83), "E": (0.098, 0.83)},
    "wrong landmark": {
        "A": (0.052, 1.00), "B": (0.055, 0.93), "C": (0.049, 0.99), "D": (0.093, 0.82), "E": (0.101, 0.82)},
    "own event day": {
        "A": (0.196, 0.74), "B": (0.189, 0.62), "C": (0.196, 1.52), "D": (0.519, 0.44), "E": (0.201, 0.63)},
    "complete case": {
        "A": (0.052, 1.00), "B": (0.051, 1.01), "C": (0.049, 1.00), "D": (0.049, 0.99), "E": (0.052, 0.99)},
    "landmark": {"A": (0.051, 1.00), "B": (0.052, 1.01), "C": (0.048, 1.00), "D": (0.048, 1.01), "E": (0.051, 1.00)},
    "time-dependent": {
        "A": (0.051, 1.00), "B": (0.051, 1.01), "C": (0.050, 0.99), "D": (0.044, 0.99), "E": (0.052, 1.00)},
}  # fmt: skip
"""Share of null trials with P < 0.05, and the median hazard ratio, by analysis and setting."""

FUTURE: Mapping[str, tuple[str, str]] = {
    "ever_detected": ("ever detected", "detected"),
    "ever_positive": ("ever positive", "detected"),
    "ever_negative": ("ever negative", "cleared"),
    "ever_cleared": ("ever cleared", "cleared"),
    "best_change": ("the best change", "change"),
    "nadir": ("the lowest value", "value"),
    "time_to_clearance": ("the time to clearance", "cleared"),
    "last_value": ("the last value", "value"),
}
"""Features that use the future, in words, and the feature of a landmark that asks the same honestly."""

_LOOKS_AHEAD = re.compile(
    r"^(ever|best|nadir|last|time_to|days_to|max|min|peak|worst|any)_|_(ever|nadir|best|cleared|clearance)$", re.IGNORECASE
)


def false_positives(analysis: str) -> str:
    """The simulated error of an analysis in words.

    Examples
    --------
    >>> false_positives("ever")
    'with a marker that does nothing it rejects in 10 to 100% of simulated trials (n = 64, nominal 5%)'
    """
    shares = [rate for rate, _ in RATES[analysis].values()]
    low, high = round(100 * min(shares)), round(100 * max(shares))
    return (
        f"with a marker that does nothing it rejects in {low} to {high}% of simulated trials (n = {N_SUBJECTS}, nominal 5%)"
    )


def _called(marker: Marker | str) -> tuple[str, str]:
    """Label and name; before a study is read only the name is known."""
    return (marker, marker) if isinstance(marker, str) else (marker.label, marker.name)


def refuse_future(name: str, marker: Marker | str, *, visit: str | None, override: Iterable[str] = ()) -> None:
    """Refuse a feature that needs draws from after time zero on a clock that starts there.

    Parameters
    ----------
    name : str
        The feature asked for at baseline.
    visit : str, optional
        A visit of the study to name in the remedy.

    Raises
    ------
    Refused
    """
    if name == "value" or OVERRIDE in override:
        return
    words, honest = FUTURE.get(name, (name.replace("_", " "), name))
    label, marker_name = _called(marker)
    at = f'"{visit}"' if visit else "bm.Landmark(day=49, since=28)"
    serial = f'or bm.time_dependent(study, "{marker_name}")'
    raise Refused(
        f"{label}, {words}, from time zero",
        f"it is known only after time zero, and who lives longer is drawn more often; {false_positives('ever')}",
        f'bm.associate(study, "{marker_name}", at={at}, feature="{honest}"), {serial}. '
        "To see the biased answer, stamped: i_know_this_is_immortal_time=True",
    )


def refuse_feature_at_landmark(name: str, marker: Marker | str, visit: str | None) -> None:
    """Refuse at a landmark, too, what is defined over all draws of a subject."""
    if name not in FUTURE:
        return
    words, honest = FUTURE[name]
    label, marker_name = _called(marker)
    at = f'"{visit}"' if visit else "bm.Landmark(...)"
    raise Refused(
        f"{label}, {words}",
        "it looks over all draws, also those after the landmark",
        f'bm.associate(study, "{marker_name}", at={at}, feature="{honest}"): the same as it stood at the landmark',
    )


def refuse_early_landmark(day: float, visit: Visit) -> None:
    """Refuse a landmark that lies before the last day on which its visit's draw is admissible."""
    if day < visit.last:
        raise Refused(
            f"landmark day {day:g} with the draw of {visit.name} (days {visit.first} to {visit.last})",
            "draws after the landmark would be a look ahead; a landmark that lets them in, with the draw of progression, is "
            "no longer one: " + false_positives("wrong landmark"),
            f'at="{visit.name}", which is the landmark on day {visit.last}, or a later day',
        )


def refuse_columns(columns: Iterable[str], *, override: Iterable[str] = ()) -> None:
    """Refuse a covariate whose name says that it was gathered over follow-up ("ever_cleared", "best_change")."""
    found = [c for c in columns if _LOOKS_AHEAD.search(c)]
    if found and OVERRIDE not in override:
        raise Refused(
            f"the column {found[0]!r} as a covariate from time zero",
            f"a column of that name is gathered over follow-up, so it knows who lived longer; {false_positives('ever')}",
            "bm.landmark_set(...) or bm.start_stop(...) from the draws; rename the column if it was known at time zero",
        )


def refuse_post_dose_baseline(marker: Marker) -> None:
    """Refuse a baseline window that reaches beyond time zero."""
    if marker.window[1] > 0:
        raise Refused(
            f"{marker.label} with a baseline window to day {marker.window[1]}",
            "a draw after time zero is no baseline: treatment may have changed it, and only who is still there gives one; "
            + false_positives("missing as not cleared"),
            f"window = [{marker.window[0]}, 0] in study.toml; ask for later draws with at=bm.Landmark(...)",
        )


def refuse_known_later(values: pd.DataFrame, marker: Marker, origin: float) -> None:
    """The last guard: no value enters that was not known when the clock started, whatever led to it."""
    later = values[(values["lost"] == "") & (values["known_from"].astype(float) > origin)]
    if len(later):
        raise Refused(
            f"{marker.label} on a clock from day {origin:g}",
            f"{len(later)} values are known only later, first of {later['subject'].iloc[0]!r} on day "
            f"{float(later['known_from'].iloc[0]):g}; {false_positives('last')}",
            "a landmark on or after the last of those days",
        )


def stamp(name: str) -> str:
    """What every row says that the override touched."""
    words, _ = FUTURE.get(name, (f"the last {name.replace('_', ' ')}", name))
    return f"flag: override {OVERRIDE}: {words} on a clock from time zero; {false_positives('ever')}"


def naive(study: Study, marker: Marker, name: str) -> tuple[pd.DataFrame, Featured]:
    """The biased covariate, as it is usually made: over all draws after time zero, that of progression included.

    For demonstration under the override only. In the shape of `features.with_feature`.
    """
    end = Landmark(day=10**6, max_age=math.inf)
    known = known_at(study, marker, end, progression=True)
    history = known.history[known.history["day"] > 0]
    if name in FEATURES:
        late = known.values["draw_day"].astype(float) > 0
        values = known.values.assign(lost=known.values["lost"].astype(str).where(late, "no_measurement"))
        return with_feature(KnownAt(values, known.history, end), marker, feature(name))
    return _over_follow_up(known, history, marker, name)


def _over_follow_up(known: KnownAt, history: pd.DataFrame, marker: Marker, name: str) -> tuple[pd.DataFrame, Featured]:
    subjects = known.values["subject"]
    first = baseline_on_scale(known.values, marker) if marker.quantitative else np.full(len(subjects), np.nan)
    if name in ("best_change", "nadir", "last_value"):
        raw = pd.to_numeric(history["value"], errors="coerce").to_numpy(float)
        on_scale = marker.to_model_scale(raw, history["c"].fillna(0.0).astype(float)) if marker.quantitative else raw
        grouped = pd.Series(on_scale, index=history["subject"].to_numpy()).groupby(level=0)
        found = subjects.map(grouped.last() if name == "last_value" else grouped.min()).to_numpy(float)
        x = found - first if name == "best_change" else found
        classes: tuple[str, ...] = ()
        contrast = marker.effect
    else:
        state, _ = positive(history.assign(lost=""), marker)
        one = state if name in ("ever_detected", "ever_positive") else 1.0 - state
        grouped = pd.Series(one, index=history["subject"].to_numpy()).groupby(level=0)
        if name == "time_to_clearance":
            days = history.loc[one == 1.0].groupby("subject")["day"].min()
            x, classes, contrast = subjects.map(days).to_numpy(float) / 28.0, (), "per 4 weeks"
        else:
            x = subjects.map(grouped.max()).to_numpy(float)
            words = FUTURE[name][0]
            classes, contrast = (f"never {words.split(' ', 1)[1]}", words), ""
    missing = ~np.isfinite(x)
    lost = np.where(missing, "no_measurement", "")
    columns = [c for c in SELECTED if c not in ("lost", "detail", "known_from")]
    values = known.values[columns].assign(known_from=np.inf, lost=lost, detail="", x=x, x_censor=NONE, baseline=first)
    return values, Featured(x, np.zeros(x.size, np.int64), np.full(x.size, "", dtype=object), classes, contrast)
