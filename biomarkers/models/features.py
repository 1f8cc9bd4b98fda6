"""What of a serial marker enters a model: its value, its change, whether it cleared. Named functions with a version each.

A feature is computed from draws on or before the landmark, and says from which day it is known; a clock that starts earlier is
refused (`models.immortal_time`). Where it cannot be computed the subject is "not evaluable" with the reason: a ratio from an
undetected baseline is no number, and never becomes one. Changing a definition in code means a new version.

A new feature is one entry of `FEATURES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.domain.nearest import did_you_mean
from biomarkers.domain.scales import SCALES
from biomarkers.kernels.tobit import LEFT, NONE, RIGHT
from biomarkers.study.landmark_draws import KnownAt

Floats = NDArray[np.float64]
Texts = NDArray[np.str_]

_UNDETECTED = "baseline not detected"
_DROP = 0.5


@dataclass(frozen=True, slots=True)
class Featured:
    """One feature of every subject.

    Attributes
    ----------
    x : (n,) float
        As the model sees it; NaN where not evaluable. For classes the code of the class, 0 the reference.
    censor : (n,) int
        -1 where x is known only to lie below the number given, 1 above it, else 0.
    reason : (n,) str
        Why it is not evaluable, "" where it is.
    classes : tuple of str
        Names of the classes in order, the reference first; empty for a number.
    contrast : str
        The words of one step of x.
    """

    x: Floats
    censor: NDArray[np.int64]
    reason: Texts
    classes: tuple[str, ...] = ()
    contrast: str = ""


@dataclass(frozen=True, slots=True)
class Feature:
    """A named, versioned definition.

    Attributes
    ----------
    name : str
        As written in a plan.
    definition : str
        Name and version, printed with every row.
    rule : str
        The rule in words.
    needs_baseline : bool
        Who has no baseline leaves as `no_baseline`.
    adjusts_baseline : bool
        The model contains the baseline value.
    compute : callable
        (KnownAt, Marker, cut) to Featured, aligned with ``known.values``.
    """

    name: str
    definition: str
    rule: str
    compute: Callable[[KnownAt, Marker, float | None], Featured]
    needs_baseline: bool = True
    adjusts_baseline: bool = False


def feature(name: str) -> Feature:
    """The feature of this name.

    Raises
    ------
    UseError
        There is none; the nearest known name is given.
    """
    if name in FEATURES:
        return FEATURES[name]
    raise UseError(f"feature {name!r} is not known; {did_you_mean(name, FEATURES)}")


def positive(values: pd.DataFrame, marker: Marker, prefix: str = "") -> tuple[Floats, str]:
    """Whether each value is positive (1.0, 0.0, NaN where missing), and what positive means.

    A call by its level; a count by its registry cut (CTC: 5 cells); a marker with a limit of detection by being above it.
    """
    status = values[f"{prefix}status"].astype("object")
    there = status.notna().to_numpy() & (values[f"{prefix}lost"].fillna("").astype(str) == "").to_numpy()
    value = pd.to_numeric(values[f"{prefix}value"], errors="coerce").to_numpy(float)
    if not marker.quantitative:
        if len(marker.levels) != 2:
            raise UseError(f"{marker.label} has {len(marker.levels)} levels: none of them is 'positive'")
        found, words = value == 1.0, marker.levels[1].replace("_", " ")
    elif marker.kind == "count" and marker.cut is not None:
        found, words = value >= marker.cut.value, f"≥ {marker.cut.value:g} {marker.unit}"
    elif marker.lod_rule != "none":
        found, words = (status != "below").to_numpy(), "detected"
    else:
        raise UseError(
            f"{marker.label} has no limit of detection and no call: whether it is detected is not defined. "
            "Use feature='value' or 'change'"
        )
    return np.where(there, found.astype(float), np.nan), words


def _number(values: pd.DataFrame, prefix: str = "") -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Raw value, its offset c, and its censoring code."""
    raw = pd.to_numeric(values[f"{prefix}value"], errors="coerce").to_numpy(float)
    c = pd.to_numeric(values[f"{prefix}c"], errors="coerce").fillna(0.0).to_numpy(float)
    kind = values[f"{prefix}censor"].fillna("").astype(str).to_numpy()
    return raw, c, np.select([kind == "left", kind == "right"], [LEFT, RIGHT], NONE).astype(np.int64)


def _empty(n: int) -> Texts:
    return np.full(n, "", dtype=object)


def _finite(x: Floats, reason: Texts, present: NDArray[np.bool_], words: str) -> tuple[Floats, Texts]:
    bad = present & ~np.isfinite(x) & (reason == "")
    return np.where(np.isfinite(x), x, np.nan), np.where(bad, words, reason)


def _present(known: KnownAt) -> NDArray[np.bool_]:
    return (known.values["lost"].astype(str) == "").to_numpy()


def _quantitative(marker: Marker, name: str) -> None:
    if not marker.quantitative:
        raise UseError(
            f"{marker.label} is a {marker.kind}: {name} is not defined for it. Use 'detected', 'cleared' or 'trajectory'"
        )


def _value(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    raw, c, censor = _number(known.values)
    reason = _empty(raw.size)
    if not marker.quantitative:
        return Featured(raw, np.zeros(raw.size, np.int64), reason, tuple(v.replace("_", " ") for v in marker.levels))
    unknown = (censor == LEFT) & np.isnan(raw)
    if marker.scale == "log2(x+1)":
        raw, unknown = np.where(unknown, 0.0, raw), np.zeros(raw.size, bool)
    x = marker.to_model_scale(raw, c)
    reason = np.where(unknown, "below the limit, and no limit is known", reason)
    x, reason = _finite(x, reason, _present(known), f"{marker.scale} is not defined")
    return Featured(x, censor, reason, contrast=marker.effect)


def _change(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    _quantitative(marker, "change")
    now, then = _value(known, marker, None), baseline_on_scale(known.values, marker)
    reason = _undetected(known.values, marker, now.reason)
    doubling = SCALES[marker.scale].doubling
    words = f"{marker.effect} from baseline" if doubling else f"{marker.effect} of change".replace("per per", "per")
    x, reason = _finite(now.x - then, reason, _present(known), "no change can be computed")
    return Featured(np.where(reason == "", x, np.nan), now.censor, reason, contrast=words)


def baseline_on_scale(values: pd.DataFrame, marker: Marker) -> Floats:
    """The baseline value on the marker's model scale; a value below the limit stands at it."""
    raw, c, _ = _number(values, "baseline_")
    return marker.to_model_scale(raw, c)


def _undetected(values: pd.DataFrame, marker: Marker, reason: Texts) -> Texts:
    """Not evaluable where the baseline lies below its limit, or is a zero that a ratio cannot start from."""
    below = (values["baseline_status"].astype("object") == "below").fillna(False).to_numpy(bool)
    return np.where((reason == "") & below & (marker.lod_rule != "none"), _UNDETECTED, reason)


def _ratio_parts(known: KnownAt, marker: Marker) -> tuple[Floats, Floats, NDArray[np.int64], Texts]:
    """Raw value on treatment (at its limit where below), raw baseline, censoring, and why not."""
    _quantitative(marker, "a ratio")
    now, _, censor = _number(known.values)
    then, _, _ = _number(known.values, "baseline_")
    reason = _undetected(known.values, marker, _empty(now.size))
    with np.errstate(invalid="ignore"):
        reason = np.where((reason == "") & (then <= 0), "baseline is zero", reason)
    return now, then, censor, reason


def _ratio(known: KnownAt, marker: Marker, cut: float | None) -> Featured:
    now, then, censor, reason = _ratio_parts(known, marker)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = now / then
    if cut is not None:
        return _ratio_cut(known, share, censor, reason, cut)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log2(share)
    x, reason = _finite(x, reason, _present(known), "on-treatment value is zero, or its limit is not known")
    return Featured(np.where(reason == "", x, np.nan), censor, reason, contrast="per doubling of on-treatment to baseline")


def _ratio_cut(known: KnownAt, share: Floats, censor: NDArray[np.int64], reason: Texts, cut: float) -> Featured:
    """Below a declared share of the baseline; an undetected value counts only where its limit lies below that share."""
    if not 0 < cut < 10:
        raise UseError(f"cut = {cut!r}: a ratio is cut at a share of the baseline, such as 0.5")
    undecided = _present(known) & (((censor == LEFT) & ~(share <= cut)) | np.isnan(share))
    reason = np.where((reason == "") & undecided, "the limit of detection lies above the cut", reason)
    x = np.where(reason == "", (share <= cut).astype(float), np.nan)
    return Featured(x, np.zeros(x.size, np.int64), reason, (f"ratio > {cut:g}", f"ratio ≤ {cut:g}"))


def _drop50(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    now, then, censor, reason = _ratio_parts(known, marker)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _ratio_cut(known, now / then, censor, reason, _DROP)
    return Featured(found.x, found.censor, found.reason, ("fall of less than half", "fall of half or more"))


def _cdr(known: KnownAt, marker: Marker, cut: float | None) -> Featured:
    if cut is None:
        raise UseError(
            "feature 'cdr' is a ratio at a prespecified cut; name it (cut=0.5). A cut found in the same data flatters"
        )
    return _ratio(known, marker, cut)


def _drop50_confirmed(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    """At most half of the baseline in the last two valid draws on treatment up to the landmark."""
    _, then, _, reason = _ratio_parts(known, marker)
    subjects = known.values["subject"]
    late = known.history[known.history["day"].astype(float) > 0].sort_values(["subject", "day"], kind="stable")
    raw, _, censor = _number(late)
    base = late["subject"].map(pd.Series(then, index=subjects)).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = raw / base
    low = np.where(np.isnan(share) | ((censor == LEFT) & ~(share <= _DROP)), np.nan, (share <= _DROP).astype(float))
    last_two = pd.DataFrame({"subject": late["subject"].to_numpy(), "low": low}).groupby("subject")["low"]
    number = subjects.map(last_two.size()).fillna(0).to_numpy(float)
    both = subjects.map(last_two.apply(lambda v: v.iloc[-2:].min(skipna=False))).to_numpy(float)
    reason = np.where((reason == "") & _present(known) & (number < 2), "no second draw to confirm it", reason)
    reason = np.where((reason == "") & _present(known) & np.isnan(both), "the limit of detection lies above the cut", reason)
    x = np.where(reason == "", both, np.nan)
    return Featured(x, np.zeros(x.size, np.int64), reason, ("no confirmed fall of half", "confirmed fall of half or more"))


def _percent_change(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    now, then, censor, reason = _ratio_parts(known, marker)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = 100.0 * (now - then) / then / 10.0
    x, reason = _finite(x, reason, _present(known), "below the limit, and no limit is known")
    return Featured(np.where(reason == "", x, np.nan), censor, reason, contrast="per 10 points of percent change")


def _decrease(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    """Any decrease: detected then not detected is one, not detected then detected is none."""
    _quantitative(marker, "decrease")
    now, _, _ = _number(known.values)
    then, _, _ = _number(known.values, "baseline_")
    gone = (known.values["status"].astype("object") == "below").fillna(False).to_numpy(bool)
    never = (known.values["baseline_status"].astype("object") == "below").fillna(False).to_numpy(bool)
    with np.errstate(invalid="ignore"):
        lower = np.where(gone & ~never, 1.0, np.where(never & ~gone, 0.0, (now < then).astype(float)))
    reason = np.where(_present(known) & gone & never, "not detected at baseline and not detected now", _empty(now.size))
    unknown = _present(known) & (reason == "") & ~gone & ~never & (np.isnan(now) | np.isnan(then))
    reason = np.where(unknown, "no number to compare", reason)
    return Featured(
        np.where(reason == "", lower, np.nan),
        np.zeros(now.size, np.int64),
        reason,
        ("no decrease from baseline", "decrease from baseline"),
    )


def _cleared(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    now, words = positive(known.values, marker)
    then, _ = positive(known.values, marker, "baseline_")
    reason = np.where(
        _present(known) & (then == 0), f"baseline not {words}" if words != "detected" else _UNDETECTED, _empty(now.size)
    )
    x = np.where((reason == "") & ~np.isnan(now) & ~np.isnan(then), 1.0 - now, np.nan)
    return Featured(x, np.zeros(x.size, np.int64), reason, ("not cleared", "cleared"))


def _detected(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    now, words = positive(known.values, marker)
    return Featured(now, np.zeros(now.size, np.int64), _empty(now.size), (f"not {words}", words))


GROUPS = ("negative, then negative", "positive, then negative", "negative, then positive", "positive, then positive")


def _trajectory(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    now, _ = positive(known.values, marker)
    then, _ = positive(known.values, marker, "baseline_")
    return Featured(then + 2.0 * now, np.zeros(now.size, np.int64), _empty(now.size), GROUPS)


def _slope(known: KnownAt, marker: Marker, cut: float | None) -> Featured:  # noqa: ARG001
    """Least-squares slope on the model scale over all valid draws up to the landmark, per 4 weeks."""
    _quantitative(marker, "slope")
    subjects = known.values["subject"]
    raw, c, _ = _number(known.history)
    rows = known.history.assign(y=marker.to_model_scale(raw, c), t=known.history["day"].astype(float))
    rows = rows[np.isfinite(rows["y"])]
    centre = rows.groupby("subject")[["y", "t"]].transform("mean")
    parts = (
        pd.DataFrame(
            {
                "subject": rows["subject"],
                "sxy": (rows["t"] - centre["t"]) * (rows["y"] - centre["y"]),
                "sxx": (rows["t"] - centre["t"]) ** 2,
            }
        )
        .groupby("subject")
        .sum()
    )
    sxx = subjects.map(parts["sxx"]).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = 28.0 * subjects.map(parts["sxy"]).to_numpy(float) / np.where(sxx > 0, sxx, np.nan)
    reason = np.where(_present(known) & ~np.isfinite(x), "fewer than two draws on different days", _empty(x.size))
    doubling = SCALES[marker.scale].doubling
    return Featured(
        x, np.zeros(x.size, np.int64), reason, contrast="per doubling in 4 weeks" if doubling else f"{marker.effect} in 4 weeks"
    )


FEATURES: Mapping[str, Feature] = {
    f.name: f
    for f in (
        Feature("value", "value_at_v1", "the value that counts at the landmark", _value, needs_baseline=False),
        Feature(
            "change",
            "change_v1",
            "value minus baseline on the model scale, with the baseline in the model; not evaluable "
            "from an undetected baseline",
            _change,
            adjusts_baseline=True,
        ),
        Feature(
            "ratio",
            "log2_ratio_v1",
            "log2(on treatment / baseline); below the limit now: left-censored at the limit; not "
            "evaluable from an undetected baseline; with a declared cut, at or below that share of the baseline",
            _ratio,
        ),
        Feature("cdr", "ratio_cut_v1", "on treatment / baseline at or below a declared cut; refused without one", _cdr),
        Feature(
            "drop50_confirmed",
            "drop50_confirmed_v1",
            "at most half of the baseline in the last two draws on treatment; one draw alone is not evaluable",
            _drop50_confirmed,
        ),
        Feature(
            "percent_change",
            "percent_change_v1",
            "100 (on treatment - baseline) / baseline; not evaluable from an undetected or zero baseline",
            _percent_change,
        ),
        Feature(
            "decrease",
            "any_decrease_v1",
            "on treatment below baseline; not detected then detected is an increase; not detected twice is not evaluable",
            _decrease,
        ),
        Feature(
            "drop50",
            "drop50_v1",
            "at most half of the baseline; undetected now counts only where the limit lies at or below half of the baseline",
            _drop50,
        ),
        Feature(
            "cleared", "clearance_v1", "positive at baseline and negative now; not evaluable from a negative baseline", _cleared
        ),
        Feature("detected", "status_at_v1", "positive now, whatever the baseline", _detected, needs_baseline=False),
        Feature("trajectory", "transition4_v1", "the four groups of baseline and now", _trajectory),
        Feature(
            "slope",
            "slope_v1",
            "least-squares slope on the model scale over all draws up to the landmark, per 4 weeks",
            _slope,
            needs_baseline=False,
        ),
    )
}
"""Every feature a plan may name."""


def with_feature(known: KnownAt, marker: Marker, chosen: Feature, *, cut: float | None = None) -> tuple[pd.DataFrame, Featured]:
    """The values with those lost who have no baseline or cannot be evaluated; and the feature of everybody.

    Returns
    -------
    values : DataFrame
        ``known.values`` with `lost` and `detail` filled, `x`, `x_censor`, and `baseline` on the model scale.
    found : Featured
        Aligned with it.
    """
    found = chosen.compute(known, marker, cut)
    values = known.values
    lost, detail = values["lost"].astype(str).to_numpy(object), values["detail"].astype(str).to_numpy(object)
    if chosen.needs_baseline:
        # Nothing can be said of a change without a baseline: that is the reason, not whatever the arithmetic gave.
        none = (lost == "") & (values["baseline_lost"].fillna("").astype(str) != "").to_numpy()
        lost = np.where(none, "no_baseline", lost)
        detail = np.where(none, values["baseline_detail"].fillna("").astype(str), detail)
    unevaluable = (lost == "") & (found.reason != "")
    lost, detail = np.where(unevaluable, "not_evaluable", lost), np.where(unevaluable, found.reason, detail)
    first = (
        baseline_on_scale(values, marker) if marker.quantitative else pd.to_numeric(values["baseline_value"], errors="coerce")
    )
    values = values.assign(lost=lost, detail=detail, x=found.x, x_censor=found.censor, baseline=np.asarray(first, float))
    missing = (values["lost"] == "") & ~np.isfinite(values["x"])
    assert not missing.any(), f"{chosen.name}: {int(missing.sum())} subjects have neither a value nor a reason"
    return values, found
