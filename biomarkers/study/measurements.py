"""One marker's measurements: every row of it with its subject and day, replicates and readers combined per specimen.

A specimen has one value per marker. Several readers of one section, or several wells of one tube, are combined by the
mean **on the analysis scale** (log2 for TK1, identity for TIL); nothing is picked. What could not be measured stays a row
with its reason. Two versions of an assay or panel never enter one model: the commonest speaks, the others stay out with their
version as the reason, unless the study declares that they may be pooled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from biomarkers.domain.marker import Marker
from biomarkers.domain.scales import SCALES

if TYPE_CHECKING:
    from biomarkers.study.study import Study

VALID = ("measured", "below", "above")
COLUMNS = (
    "subject", "specimen", "day", "reason_for_draw", "value", "c", "censor", "lower", "upper", "lod", "status", "reason",
    "excluded", "n_reads",
)
VERSIONS = ("assay_version", "panel_version")
LOST = {
    "not_collected": "no_measurement", "not_received": "no_measurement", "withdrawn_consent": "no_measurement",
    "event_before_draw": "no_measurement", "pending": "no_measurement",
    "not_evaluable": "not_evaluable", "indeterminate": "not_evaluable", "no_assay_design": "not_evaluable",
    "not_given": "not_evaluable",
}
"""Flow reason of a missing value by its own reason; all others failed quality control."""


def measurements(study: Study, marker: Marker) -> pd.DataFrame:
    """All measurements of a marker, one row per subject and specimen, in the columns of `COLUMNS`.

    Parameters
    ----------
    study : Study
    marker : Marker

    Returns
    -------
    pandas.DataFrame
        `value` in the marker's unit (the level's number for calls and genotypes), `c` the offset of its scale, `status`
        measured, below, above or missing, `reason` why it is missing, `excluded` the flow reason of a check.
    """
    if marker.name == "cd8_foxp3":
        return _ratio(measurements(study, study.design.marker("cd8")), measurements(study, study.design.marker("foxp3")))
    if marker.kind == "genotype":
        return _genotypes(study.genotypes, marker)
    parts = [_placed(table[table["marker"] == marker.name], study.specimens) for table in (study.tissue_reads, study.blood)]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True) if any(map(len, parts)) else parts[0]
    if rows.empty:
        return pd.DataFrame({c: pd.Series(dtype="object") for c in COLUMNS})
    rows = _of_one_version(rows, marker)
    return _combined(rows.assign(c=_offsets(rows, marker)), marker)


def _of_one_version(rows: pd.DataFrame, marker: Marker) -> pd.DataFrame:
    """Rows of an assay or panel version that may not be pooled with the commonest one leave, and say which it was."""
    for column in VERSIONS:
        if column not in rows or not apart(marker, column):
            continue
        counts = rows[column].value_counts()
        if len(counts) < 2:
            continue
        pooled = [set(group) for group in marker.version_compat if str(counts.index[0]) in group]
        others = [v for v in counts.index[1:] if not any(str(v) in group for group in pooled)]
        out = rows[column].isin(others) & (rows["excluded"] == "")
        name = column.replace("_", " ")
        words = [f"{name} {version}, not pooled with {counts.index[0]}" for version in rows.loc[out, column]]
        rows = rows.assign(excluded=rows["excluded"].mask(out, pd.Series(words, rows.index[out], dtype="object")))
    return rows


def apart(marker: Marker, column: str) -> bool:
    """Whether two versions in this column are two assays of the marker."""
    return column in marker.one_of or (marker.kind == "call" and column == "assay_version")


def _placed(rows: pd.DataFrame, specimens: pd.DataFrame) -> pd.DataFrame:
    """Rows with the subject, day and reason of their specimen; an exclusion of the specimen is one of the row."""
    tubes = specimens.drop_duplicates("specimen").set_index("specimen")
    own = {"subject": "subject", "collection_day": "day", "reason_for_draw": "reason_for_draw"}
    known = {name: rows["specimen"].map(tubes[column]).astype("object") for column, name in own.items()}
    for name, column in known.items():
        if name in rows:
            known[name] = column.where(column.notna(), rows[name].astype("object"))
    excluded = rows["excluded"].fillna("").astype(str)
    excluded = excluded.where(excluded != "", rows["specimen"].map(tubes["excluded"]).fillna("").astype(str))
    rows = rows.assign(**known, excluded=excluded, reason=rows["reason"].fillna("").astype(str))
    rows = rows.assign(day=pd.to_numeric(rows["day"], errors="coerce").astype(float))
    return rows[rows["subject"].notna()]


def _offsets(rows: pd.DataFrame, marker: Marker) -> pd.Series:
    """What is added before a logarithm: one cell of the counted area; without an area half the smallest value above 0."""
    scale = SCALES[marker.scale]
    if marker.scale != "log2(x+c)":
        return pd.Series(scale.offset or 0.0, rows.index)
    positive = rows["value"][rows["value"] > 0]
    return rows["c"].astype(float).fillna(float(positive.min()) / 2 if len(positive) else 0.0)


def _combined(rows: pd.DataFrame, marker: Marker) -> pd.DataFrame:
    """Readers and replicates of one specimen as one row: the mean on the analysis scale of what is valid."""
    rows = rows.assign(
        lod=pd.to_numeric(rows["lod"], errors="coerce") if "lod" in rows else np.nan,
        usable=rows["status"].isin(VALID) & (rows["excluded"] == ""),
        value=_entering(rows),
    )
    rows = rows.sort_values("usable", ascending=False, kind="stable")
    speaks = rows.drop_duplicates("specimen")                                  # the first usable row, else the first
    usable = rows[rows["usable"]]
    speaks = speaks.assign(n_reads=speaks["specimen"].map(usable.groupby("specimen").size()).fillna(0).astype(int))
    several = usable[usable.duplicated("specimen", keep=False)]
    if len(several):
        alone = speaks[~speaks["specimen"].isin(several["specimen"])]
        means = averaged(several, marker, by="specimen")
        pooled = speaks[speaks["specimen"].isin(several["specimen"])].set_index("specimen")
        pooled = pooled.assign(**{c: means[c].reindex(pooled.index) for c in means.columns}).reset_index()
        speaks = pd.concat([alone, pooled], ignore_index=True)
    return speaks.sort_values(["subject", "day", "specimen"], kind="stable", ignore_index=True)[list(COLUMNS)]


def _entering(rows: pd.DataFrame) -> pd.Series:
    """The number that stands for a value: itself, its limit when censored, the midpoint of an interval."""
    value = pd.to_numeric(rows["value"], errors="coerce")
    lower, upper = pd.to_numeric(rows["lower"], errors="coerce"), pd.to_numeric(rows["upper"], errors="coerce")
    value = value.where(rows["censor"] != "left", upper)
    value = value.where(rows["censor"] != "right", lower)
    return value.where(rows["censor"] != "interval", (lower + upper) / 2)


def averaged(rows: pd.DataFrame, marker: Marker, *, by: str, how: str = "mean") -> pd.DataFrame:
    """One value per group on the analysis scale; of one kind of censoring, or taken at their limits and called measured.

    Parameters
    ----------
    rows : pandas.DataFrame
        Valid measurements.
    marker : Marker
        A call is taken from the first row: categories have no average.
    by : str
        Column of the groups, which are the index of the answer.
    how : {"mean", "median"}
    """
    groups = rows.groupby(by, sort=False)
    c, value = groups["c"].mean(), groups["value"].first()
    if marker.quantitative:
        scale = SCALES[marker.scale]
        on_scale = pd.Series(scale.to_model(rows["value"], rows["c"]), rows.index).groupby(rows[by], sort=False).agg(how)
        value = pd.Series(scale.to_raw(on_scale, c.loc[on_scale.index]), on_scale.index).where(
            np.isfinite(on_scale), groups["value"].agg(how))
    kinds = groups["censor"].agg(["nunique", "first"])
    censor = kinds["first"].where(kinds["nunique"] == 1, "none")
    limits = groups[["lower", "upper"]].agg(how).where(kinds["nunique"] == 1, axis=0)
    return pd.DataFrame({
        "value": value, "c": c, "censor": censor,
        "lower": limits["lower"].where(censor != "right", value), "upper": limits["upper"].where(censor != "left", value),
        "lod": groups["lod"].max(),
        "status": censor.map({"left": "below", "right": "above"}).fillna("measured"),
    })


def _genotypes(calls: pd.DataFrame, marker: Marker) -> pd.DataFrame:
    """Germline calls: valid on any day, one per subject; a no-call keeps its reason code."""
    locus = marker.name.upper().replace("_", "-")
    rows = calls[(calls["locus"] == locus) & calls["subject"].notna()]
    called = rows["reason"].fillna("") == "OK"
    frame = pd.DataFrame({
        "subject": rows["subject"], "specimen": rows["file"].astype(str), "day": -np.inf, "reason_for_draw": "germline",
        "value": pd.to_numeric(rows["n_v"], errors="coerce").where(called), "c": 0.0, "censor": "none", "lower": np.nan,
        "upper": np.nan, "lod": np.nan, "status": np.where(called, "measured", "missing"),
        "reason": np.where(called, "", rows["reason"].fillna("not_given")),
        "excluded": rows["excluded"].fillna("") if "excluded" in rows else "", "n_reads": called.astype(int),
    })
    return frame[list(COLUMNS)].reset_index(drop=True)


def _ratio(cd8: pd.DataFrame, foxp3: pd.DataFrame) -> pd.DataFrame:
    """(CD8 + c) / (FOXP3 + c) with c one cell of the counted area, so that a zero is a number and nobody is dropped."""
    both = cd8.merge(foxp3, on=["subject", "specimen"], suffixes=("", "_foxp3"))
    usable = both["status"].isin(VALID) & both["status_foxp3"].isin(VALID)
    value = (both["value"].astype(float) + both["c"]) / (both["value_foxp3"].astype(float) + both["c_foxp3"])
    reason = both["reason"].where(~both["status"].isin(VALID), both["reason_foxp3"])
    return both.assign(
        value=value.where(usable), c=0.0, censor="none", lower=np.nan, upper=np.nan,
        status=np.where(usable, "measured", "missing"), reason=reason.where(~usable, ""),
        excluded=both["excluded"].where(both["excluded"] != "", both["excluded_foxp3"]),
    )[list(COLUMNS)]


def lost_reason(row_reason: str) -> str:
    """The flow reason for a missing value's own reason."""
    return LOST.get(row_reason, "failed_qc")
