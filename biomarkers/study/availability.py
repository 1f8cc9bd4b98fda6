"""Who has the specimen: cohort x arm x marker x visit, counted once, the missing by reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.domain.flow import FLOW, MISSING_REASONS
from biomarkers.domain.marker import Marker
from biomarkers.study.draws import baseline_window
from biomarkers.study.measurements import VALID

if TYPE_CHECKING:
    from biomarkers.study.study import Study

COLUMNS = ("marker", "visit", "cohort", "arm", "expected", "collected", "evaluable", "below_lod", "reason", "n")


def availability(study: Study) -> pd.DataFrame:
    """The table of `Study.availability`: one row per reason, the reason "" for those evaluable."""
    parts = []
    for name in study.markers:
        marker = study.design.marker(name)
        rows = study.measured(marker)
        for visit, inside in _visits(study, marker, rows):
            parts.append(_count(study, marker, visit, rows[inside]))
    return pd.concat(parts, ignore_index=True)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))


def _visits(study: Study, marker: Marker, rows: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    """Each visit with the rows that lie in its window by date; a germline call belongs to every day, shown once."""
    day = rows["day"].astype(float)
    progression = rows["reason_for_draw"].fillna("") == "progression"
    if marker.kind == "genotype":
        return [("germline", pd.Series(True, rows.index))]
    first, last = baseline_window(study, marker)
    visits = [("baseline", day.between(first, last) & ~progression)]
    if marker.table != "tissue_reads":
        visits += [(v.name, day.between(v.first, v.last) & ~progression)
                   for v in study.design.visits.values() if v.name != "baseline"]
        visits.append(("progression", progression))
    return [(name, inside) for name, inside in visits if inside.any()]


def _count(study: Study, marker: Marker, visit: str, rows: pd.DataFrame) -> pd.DataFrame:
    keys = study.groups
    people = study.analysable[["subject", *keys]]
    usable = rows["status"].isin(VALID) & (rows["excluded"].fillna("") == "")
    best = rows.assign(usable=usable).sort_values("usable", kind="stable").drop_duplicates("subject", keep="last")
    frame = people.merge(best, on="subject", how="left")
    collected, good = frame["specimen"].notna(), frame["usable"].eq(True)
    frame["reason"] = np.where(good, "", np.where(collected, _words(frame), _not_drawn(study, frame["subject"], visit)))
    if visit == "progression":
        frame = frame[collected | frame["subject"].map(_follow_up(study)["event"]).fillna(0).astype(bool)]
    lines = []
    blocks = frame.groupby(keys, sort=True, observed=True) if keys else [((), frame)]
    for key, block in blocks:
        named = dict(zip(keys, key, strict=True))
        shared = {
            "marker": marker.name, "visit": visit, "cohort": named.get("cohort", "all"), "arm": named.get("arm", ""),
            "expected": len(block), "collected": int(block["specimen"].notna().sum()),
            "evaluable": int((block["reason"] == "").sum()),
            "below_lod": int(((block["reason"] == "") & (block["status"] == "below")).sum()),
        }
        for reason, n in block["reason"].value_counts(sort=False).sort_index().items():
            lines.append({**shared, "reason": reason, "n": int(n)})
    return pd.DataFrame(lines)


def _words(frame: pd.DataFrame) -> pd.Series:
    """A missing value's reason in words: a check's first, then its own."""
    code = frame["excluded"].fillna("").astype(str)
    code = code.where(code != "", frame["reason"].fillna("not_given").astype(str)).replace("", "not_given")
    return code.map({**MISSING_REASONS, **FLOW}).fillna(code)


def _not_drawn(study: Study, subjects: pd.Series, visit: str) -> np.ndarray:
    """Why there is no draw: an event or the end of follow-up before the window closed is no missing specimen."""
    words = np.full(len(subjects), "no draw in the window", dtype=object)
    if visit in study.design.visits and study.design.visits[visit].last > 0:
        ended = _follow_up(study).reindex(subjects)
        before = (ended["time"] <= study.design.visits[visit].last).to_numpy(bool, na_value=False)
        event = (ended["event"] == 1).to_numpy(bool, na_value=False)
        words[before & event] = MISSING_REASONS["event_before_draw"]
        words[before & ~event] = "follow-up ended before the draw"
    return words


def _follow_up(study: Study) -> pd.DataFrame:
    """Time and event of the study's first endpoint, by subject."""
    first = next(iter(study.design.endpoints))
    return study.outcome(first).set_index("subject")[["time", "event"]]
