"""People over time: every draw of a marker with what became of its subject, as tidy tables that figures draw.

These tables describe; none of them is a covariate. The best change is chosen with hindsight, and a draw taken because of
progression came after what it would predict: each row says which it is. Nobody is lost in between: a subject without a value
keeps a row with the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.flow import MISSING_REASONS
from biomarkers.domain.marker import Marker
from biomarkers.models.curves import CURVES, curves_by
from biomarkers.models.design_terms import group_order
from biomarkers.study.draws import baseline_values
from biomarkers.study.measurements import VALID

if TYPE_CHECKING:
    from biomarkers.study.study import Study

TRAJECTORIES = ("subject", "cohort", "arm", "day", "role", "value", "model_value", "status", "lod", "baseline", "change",
                "bound", "time", "event", "event_type")  # fmt: skip
LANES = ("subject", "cohort", "arm", "day", "mark", "late", "detail")
BEST = ("subject", "cohort", "arm", "change", "bound", "day", "n_draws", "lost")
ROLES = ("scheduled", "progression", "after the end", "none")
BOUNDS = ("", "at most", "at least", "both below", "both above")
ENDS = ("progression", "death", "restart", "event", "ongoing")
CALLS = ("detected", "not detected", "no call")
HELD = ("no_baseline", "no_draw_in_window")


def trajectories(study: Study, marker: str, *, endpoint: str | None = "pfs") -> pd.DataFrame:
    """Every value of a marker with its day, its change from baseline, and the end of its subject's follow-up.

    Parameters
    ----------
    study : Study
    marker : str
        A quantitative marker.
    endpoint : str or None
        Whose end is meant; None knows no end.

    Returns
    -------
    DataFrame
        `TRAJECTORIES`: one row per subject and valid draw, and one with role "none" for a subject without any. `day` from time
        zero; `role` "scheduled", "progression" (drawn because of it) or "after the end" (on the event day, or after follow-up);
        `model_value` steps of the marker's scale, at the limit where the value lies below it; `baseline` whether it is the
        draw that counts as baseline; `change` from it in units of the scale (doublings where that is a logarithm); `bound`
        what the change is where a value lies beyond a limit: "at most", "at least", "both below", "both above" (then it is 0).

    Raises
    ------
    UseError
        The marker is a call or a genotype: it has no trajectory; `lanes` shows it.

    Examples
    --------
    >>> import biomarkers as bm
    >>> table = trajectories(bm.load_example("br1801"), "ctdna_mtm")
    >>> table.loc[table["subject"] == "BR-001", ["day", "role", "value", "baseline", "time", "event"]].reset_index(drop=True)
        day         role  value  baseline  time  event
    0 -14.0    scheduled  21.70      True  89.0      1
    1  41.0    scheduled   5.76     False  89.0      1
    2  91.0  progression  23.20     False  89.0      1
    """
    known = study.design.marker(marker)
    if not known.quantitative:
        raise UseError(f"{known.label} is a {known.kind}: it has levels, not a trajectory. Its calls over time: "
                       f'bm.lanes(study, "{known.name}")')  # fmt: skip
    rows = _valid(study, known)
    value = rows["value"].astype(float)
    scale = known.to_model_scale(value.to_numpy(), rows["c"].fillna(0.0).astype(float).to_numpy())
    rows = rows.assign(value=value, model_value=np.where(np.isfinite(scale), scale, np.nan))
    chosen = baseline_values(study, known)
    chosen = chosen[chosen["lost"] == ""]
    start = known.to_model_scale(chosen["value"].astype(float).to_numpy(), chosen["c"].fillna(0.0).astype(float).to_numpy())
    first = pd.DataFrame({"subject": chosen["subject"], "_start": np.where(np.isfinite(start), start, np.nan),
                          "_status": chosen["status"], "_specimen": chosen["specimen"]})  # fmt: skip
    table = _people(study, endpoint).merge(rows, on="subject", how="left", sort=False).merge(first, on="subject", how="left")
    change = (table["model_value"] - table["_start"]) * known.step
    baseline = (table["specimen"] == table["_specimen"]).fillna(False).astype(bool)
    bound = np.where(change.notna() & ~baseline, _bounds(table["status"], table["_status"]), "")
    # Two tubes below their own limits differ by their limits, which says nothing of the patient.
    change = change.mask(np.isin(bound, ("both below", "both above")), 0.0)
    table = table.assign(
        role=_roles(table), status=table["status"].fillna("missing"), baseline=baseline, change=change, bound=bound
    )
    return table[list(TRAJECTORIES)].reset_index(drop=True)


def _valid(study: Study, marker: Marker) -> pd.DataFrame:
    rows = study.measured(marker)
    valid = rows["status"].isin(VALID) & (rows["excluded"].fillna("").astype(str) == "")
    columns = ["subject", "specimen", "day", "reason_for_draw", "value", "c", "status", "lod"]
    kept = rows.loc[valid, columns].assign(day=rows["day"].astype(float), lod=pd.to_numeric(rows["lod"], errors="coerce"))
    return kept.sort_values(["subject", "day", "specimen"], kind="stable")


def _people(study: Study, endpoint: str | None) -> pd.DataFrame:
    """Everybody whom no check has set aside, in the order of the design, with the end of follow-up where it is known."""
    people = study.analysable[["subject", *study.groups]]
    people = people.assign(**{c: default for c, default in (("cohort", "all"), ("arm", "")) if c not in people})
    if endpoint is None:
        return people.assign(time=np.nan, event=pd.array([pd.NA] * len(people), dtype="Int64"), event_type="")
    outcome = study.outcome(endpoint)
    outcome = outcome[outcome["excluded"].fillna("") == ""].drop_duplicates("subject")
    kind = outcome["event_type"].fillna("").astype(str) if "event_type" in outcome else ""
    ends = pd.DataFrame({"subject": outcome["subject"], "time": outcome["time"].astype(float),
                         "event": outcome["event"].astype("Int64"), "event_type": kind})  # fmt: skip
    return people.merge(ends, on="subject", how="left").fillna({"event_type": ""})


def _roles(table: pd.DataFrame) -> np.ndarray:
    because = table["reason_for_draw"].fillna("").astype(str) == "progression"
    after = after_the_end(table)
    drawn = table["day"].notna()
    return np.select([~drawn, drawn & because, drawn & after], ["none", "progression", "after the end"], "scheduled")


def after_the_end(table: pd.DataFrame) -> pd.Series:
    """Drawn on the event day, or after follow-up; on the last day of a patient without an event a draw is in time.

    One rule for trajectories, lanes and MRD states; `table` has day, time and event.
    """
    ended = table["event"].fillna(0).astype(int) == 1
    return ((table["day"] > table["time"]) | (ended & (table["day"] == table["time"]))).fillna(False).astype(bool)


def _bounds(now: pd.Series, then: pd.Series) -> np.ndarray:
    """What is known of a difference of which one end, or both, lies beyond a limit."""
    low, high = now.eq("below").fillna(False), now.eq("above").fillna(False)
    low0, high0 = then.eq("below").fillna(False), then.eq("above").fillna(False)
    beyond = [low & low0, high & high0, low | high0, high | low0]
    return np.select(beyond, ["both below", "both above", "at most", "at least"], "")


def best_change(table: pd.DataFrame, *, which: Literal["lowest", "highest", "last"] = "lowest") -> pd.DataFrame:
    """One change per subject out of its trajectory, chosen with hindsight: it describes, and never predicts.

    Parameters
    ----------
    table : DataFrame
        As `trajectories` gives it.
    which : {"lowest", "highest", "last"}
        Of the scheduled draws after baseline; draws at progression and after the end do not count.

    Returns
    -------
    DataFrame
        `BEST`: everybody once, `lost` "no_baseline" or "no_draw_in_window" where there is no change.

    Examples
    --------
    >>> import biomarkers as bm
    >>> best = best_change(trajectories(bm.load_example("br1801"), "ctdna_mtm"))
    >>> best["lost"].value_counts().to_dict()
    {'': 79, 'no_draw_in_window': 26, 'no_baseline': 9}
    """
    if which not in ("lowest", "highest", "last"):
        raise UseError(f"which {which!r} is not one of lowest, highest, last")
    has_baseline = table.groupby("subject", sort=False)["baseline"].transform("any")
    first = table["day"].where(table["baseline"]).groupby(table["subject"], sort=False).transform("max")
    later = table[has_baseline & (table["role"] == "scheduled") & (table["day"] > first) & table["change"].notna()]
    by = {"lowest": ["change", "day"], "highest": ["change", "day"], "last": ["day"]}[which]
    ranked = later.sort_values(by, ascending=[which == "lowest", True][: len(by)], kind="stable")
    one = ranked.drop_duplicates("subject")[["subject", "change", "bound", "day"]]
    people = table.assign(_has=has_baseline).drop_duplicates("subject")[["subject", "cohort", "arm", "_has"]]
    out = people.merge(one, on="subject", how="left").fillna({"bound": ""})
    n = later.groupby("subject", sort=False).size()
    lost = np.select([out["change"].notna(), ~out["_has"]], ["", HELD[0]], HELD[1])
    return out.assign(n_draws=out["subject"].map(n).fillna(0).astype(int), lost=lost)[list(BEST)]


def lanes(study: Study, marker: str = "mrd", *, endpoint: str = "pfs") -> pd.DataFrame:
    """One lane per subject: how long it was followed, how that ended, and every call with its day.

    Parameters
    ----------
    study : Study
    marker : str
        A call of two levels, or a quantity: detected above its limit, not detected below it or at a real zero.
    endpoint : str

    Returns
    -------
    DataFrame
        `LANES`. `mark` "followed" (to `day`, from time zero), how it ended (`ENDS`), "restart" of therapy, or a call (`CALLS`);
        `late` says of a call that it was drawn because of progression, on the event day, or after follow-up: it cannot predict
        the event; `detail` is why there is no call.

    Raises
    ------
    UseError
        The marker has more than two levels.

    Examples
    --------
    >>> import biomarkers as bm
    >>> table = lanes(bm.load_example("stop_her2"))
    >>> table.loc[table["subject"] == "SH-01", ["day", "mark", "late"]].reset_index(drop=True)
         day          mark   late
    0  167.0      followed  False
    1  167.0   progression  False
    2  190.0       restart   True
    3   -4.0  not detected  False
    4   45.0      detected  False
    5  126.0      detected  False
    6  176.0  not detected   True
    """
    known = study.design.marker(marker)
    if not known.quantitative and len(known.levels) != 2:
        raise UseError(f"{known.label} has {len(known.levels)} levels; a lane shows detected or not detected")
    people = _people(study, endpoint)
    followed = people[people["time"].notna()]
    parts = [_lane(followed, "followed"), _lane(followed, _ends(followed)), _restarts(study, people)]
    table = pd.concat([*parts, _calls(study, known, people)], ignore_index=True)
    place = pd.Series(range(len(people)), people["subject"])
    return table.assign(_place=table["subject"].map(place)).sort_values("_place", kind="stable", ignore_index=True)[list(LANES)]


def _lane(people: pd.DataFrame, mark: str | np.ndarray) -> pd.DataFrame:
    return people[["subject", "cohort", "arm"]].assign(day=people["time"], mark=mark, late=False, detail="")


def _ends(people: pd.DataFrame) -> np.ndarray:
    """How follow-up ended; an event whose kind nobody wrote down is an event."""
    kind, event = people["event_type"], people["event"].fillna(0).astype(int) == 1
    named = kind.isin(("progression", "death", "restart"))
    return np.select([event & named, event, kind == "restart"], [kind, "event", "restart"], "ongoing")


def _restarts(study: Study, people: pd.DataFrame) -> pd.DataFrame:
    """Therapy taken up again, where the therapy table says so and the end of follow-up has not said it already."""
    therapy = study.tables.get("therapy")
    if therapy is None or therapy.empty or "restart" not in therapy:
        return _lane(people.iloc[:0], "restart")
    day = pd.to_numeric(therapy["restart"], errors="coerce").astype(float)
    found = people.merge(therapy[["subject"]].assign(_day=day).dropna(), on="subject")
    found = found[~((found["event_type"] == "restart") & (found["_day"] == found["time"]))]
    late = (found["_day"] >= found["time"]).fillna(False).astype(bool)
    return _lane(found.assign(time=found["_day"]), "restart").assign(late=late.to_numpy())


def _calls(study: Study, marker: Marker, people: pd.DataFrame) -> pd.DataFrame:
    rows = study.measured(marker)
    excluded = rows["excluded"].fillna("").astype(str)
    valid = (rows["status"].isin(VALID) & (excluded == "")).to_numpy(bool)
    value = pd.to_numeric(rows["value"], errors="coerce").astype(float)
    positive = (rows["status"] != "below") & (value > 0)
    why = excluded.where(excluded != "", rows["reason"].fillna("").astype(str)).replace("", "not_given")
    calls = pd.DataFrame({
        "subject": rows["subject"], "day": rows["day"].astype(float),
        "mark": np.where(valid, np.where(positive, CALLS[0], CALLS[1]), CALLS[2]),
        "detail": why.map(lambda code: MISSING_REASONS.get(code, code)).where(~valid, ""),
        "_because": rows["reason_for_draw"].fillna("").astype(str) == "progression",
    })  # fmt: skip
    found = people[["subject", "cohort", "arm", "time", "event"]].merge(calls.dropna(subset="day"), on="subject")
    return found.assign(late=found["_because"] | after_the_end(found))[list(LANES)]


def genotype_curves(
    study: Study, marker: str = "fcgr3a_158", *, endpoint: str = "pfs", by: str | None = "cohort", level: float = 0.95
) -> pd.DataFrame:
    """Kaplan-Meier steps by genotype, with those who have none as groups of their own.

    A failed call is not a genotype, and who lacks one is seldom a chance sample: both are shown, neither enters a model.

    Parameters
    ----------
    study : Study
    marker : str
        A genotype, a call or any marker with levels.
    endpoint : str
    by : str or None
        Column of the panels.
    level : float

    Returns
    -------
    DataFrame
        The columns of `models.curves.CURVES` and `called`, False in the groups "no call" and "not genotyped".

    Examples
    --------
    >>> import biomarkers as bm
    >>> curves = genotype_curves(bm.load_example("br1801"))
    >>> start = curves[curves["time"] == 0]
    >>> start.pivot(index="cohort", columns="group", values="n_risk").loc["ER+"].to_dict()
    {'F/F': 27.0, 'V/F': 27.0, 'V/V': 9.0, 'no call': 1.0}
    """
    known = study.design.marker(marker)
    if not known.levels:
        raise UseError(f"{known.label} has no levels; curves by genotype need a genotype or a call")
    chosen = baseline_values(study, known)
    frame = _people(study, endpoint).merge(chosen[["subject", "value", "lost"]], on="subject").dropna(subset=["time", "event"])
    absent = np.where(frame["lost"] == "no_measurement", _absent(known), "no call")
    levels = dict(enumerate(known.levels))
    named = frame["value"].map(lambda value: levels.get(int(value)) if pd.notna(value) else None)
    frame = frame.assign(_class=np.where(frame["lost"] == "", named, absent), event=frame["event"].astype(int))
    order = group_order(study, by, frame)
    groups = [*known.levels, "no call", _absent(known)]
    curves, _ = curves_by(frame, "_class", groups, by, order, level, f"{known.name}_{endpoint}")
    return curves[list(CURVES)].assign(called=curves["group"].isin(known.levels))


def _absent(marker: Marker) -> str:
    return "not genotyped" if marker.kind == "genotype" else "not measured"
