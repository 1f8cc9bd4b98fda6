"""What only blood can get wrong: limits, replicates, lots, calls against levels, changes, compositions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from biomarkers.study.checks.assays import by_marker, usable
from biomarkers.study.checks.facts import Facts

PILE_UP = 4
"""So many values exactly at the limit, beside values reported as below it, are no chance."""
LARGEST_CV = 0.30
SUM_TOLERANCE = 0.5


def pile_up(facts: Facts) -> None:
    """Values exactly at the limit of detection, beside values below it: `20` that means `<20`."""
    for marker, rows in by_marker(facts, "blood"):
        if marker.lod_rule == "none":
            continue
        lod = rows["lod"].fillna(marker.lod if marker.lod is not None else np.nan)
        at = rows[(rows["status"] == "measured") & (rows["value"] == lod)]
        if len(at) >= PILE_UP and (rows["status"] == "below").any():
            row = at.iloc[0]
            facts.report(
                "blood",
                row,
                "pile_up",
                f"{marker.name}: {len(at)} values are exactly {row['value']:g}, the limit of detection, beside "
                "values reported as below it: a pile-up at the LOD",
                f"ask whether {row['value']:g} means <{row['value']:g}",
                column="value",
                value=row["raw_value"],
                severity="warning",
                rows=at,
            )


def replicates(facts: Facts) -> None:
    """Replicates of one tube that disagree: the tube failed quality control."""
    for marker, rows in by_marker(facts, "blood"):
        if not marker.quantitative or rows["replicate"].isna().all():
            continue
        measured = usable(rows)
        measured = measured[(measured["status"] == "measured") & ~measured.index.isin(list(facts.explained))]
        grouped = measured.groupby("specimen", sort=False)
        spread = grouped["value"].std(ddof=1) / grouped["value"].mean()
        for specimen in spread.index[(spread > LARGEST_CV) & (grouped["replicate"].nunique() > 1)]:
            group = measured[measured["specimen"] == specimen]
            row, cv = group.iloc[-1], float(spread[specimen])
            values = " and ".join(map(str, group["raw_value"]))
            facts.report(
                "blood",
                row,
                "replicates",
                f"{marker.name}: replicates {values} have a CV of {cv:.0%}, more than {LARGEST_CV:.0%}: "
                f"the tube {specimen} fails quality control",
                "measure it again",
                column="value",
                value=row["raw_value"],
                severity="warning",
                rows=group,
            )
            facts.exclude("blood", group.index, "failed_qc", f"replicates disagree, CV {cv:.0%}")


def lots(facts: Facts) -> None:
    """A reagent lot that changes between baseline and treatment at one centre."""
    blood = facts["blood"]
    if blood.empty or blood["lot"].isna().all():
        return
    sites = facts["subjects"].drop_duplicates("subject").set_index("subject")["site"]
    site = blood["site"].fillna(blood["subject"].map(sites) if len(sites) else pd.NA).fillna("")
    known = blood[blood["lot"].notna() & blood["day"].notna()]
    for (marker, place), rows in known.groupby([known["marker"], site[known.index]], sort=False):
        before, after = rows[rows["day"] <= 0], rows[rows["day"] > 0]
        new = after[~after["lot"].isin(before["lot"])]
        if len(before) and len(new):
            row = new.iloc[0]
            where = f" at {place}" if place else ""
            facts.report(
                "blood",
                row,
                "lots",
                f"{marker}: lot {row['lot']} on treatment, {' and '.join(sorted(before['lot'].unique()))} at "
                f"baseline{where}: a change of lot looks like a change of the marker",
                "ask for bridging samples; the change is announced beside every result",
                column="lot",
                value=row["lot"],
                severity="warning",
                rows=new,
            )


def calls_and_levels(facts: Facts) -> None:
    """A call that its own level contradicts."""
    blood = facts["blood"]
    rows = blood[blood["level"].notna() & blood["call"].notna()]
    detected, absent = rows["call"] == "detected", rows["call"] == "not_detected"
    for _, row in rows[(detected & (rows["level"] <= 0)) | (absent & (rows["level"] > 0))].iterrows():
        facts.report(
            "blood",
            row,
            "call_and_level",
            f"{row['marker']}: {row['call']}, with a level of {row['level']:g}",
            "correct the call or the level",
            column="level",
            value=f"{row['level']:g}",
        )


def undetected_baseline(facts: Facts) -> None:
    """Not detected at baseline, and a value later: no ratio exists; the levels stay usable."""
    for marker, rows in by_marker(facts, "blood"):
        if not marker.quantitative or marker.zero_is_real:
            continue
        known = rows[rows["day"].notna() & rows["subject"].notna()]
        baseline = known[(known["day"] <= 0) & (known["status"] == "below")].drop_duplicates("subject")
        later = set(known.loc[(known["day"] > 0) & (known["status"] == "measured"), "subject"])
        for _, row in baseline[baseline["subject"].isin(later)].iterrows():
            facts.report(
                "blood",
                row,
                "undetected_baseline",
                f"{marker.name}: below its limit at baseline, measured later: a ratio is not_defined; the levels stay usable",
                column="value",
                value=row["raw_value"],
                severity="note",
                same=(marker.name,),
            )


def delivered_changes(facts: Facts) -> None:
    """A change that the laboratory computed: recomputed from levels, the column is ignored."""
    rows = facts["blood"]
    rows = rows[rows["log10_change"].notna()]
    for file, group in rows.groupby("source_file", sort=False):
        row = group.iloc[0]
        shape = ", sign x log10(|% change|), no log ratio" if _signed_log(facts["blood"], group) else ""
        facts.report(
            "blood",
            row,
            "delivered_change",
            f"a delivered change in {file}{shape}: changes are recomputed from levels, this column is ignored",
            "no action needed",
            column="log10_change",
            value=f"{row['log10_change']:g}",
            severity="warning",
            rows=group,
        )


def _signed_log(blood: pd.DataFrame, delivered: pd.DataFrame) -> bool:
    """Whether the delivered changes are sign x log10(|% change|) of baseline."""
    base = (
        blood[(blood["day"] <= 0) & (blood["value"] > 0)]
        .drop_duplicates(["subject", "marker"])
        .set_index(["subject", "marker"])["value"]
    )
    keys = pd.MultiIndex.from_frame(delivered[["subject", "marker"]])
    change = 100 * (delivered["value"].to_numpy() / base.reindex(keys).to_numpy() - 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        signed = np.sign(change) * np.log10(np.abs(change))
    known = np.isfinite(signed)
    return bool(known.any()) and bool(np.allclose(signed[known], delivered["log10_change"].to_numpy()[known], atol=0.02))


def compositions(facts: Facts) -> None:
    """Subsets of one parent that add up to more than the parent."""
    rows = usable(facts["blood"])
    panel = rows[rows["marker"].str.startswith("pbmc_").fillna(False) & rows["parent_gate"].notna()]
    single = panel.drop_duplicates(["specimen", "parent_gate", "marker"])
    totals = single.groupby(["specimen", "parent_gate"], sort=False)["value"].agg(["sum", "count"])
    for specimen, parent in totals.index[(totals["sum"] > 100 + SUM_TOLERANCE) & (totals["count"] > 1)]:
        group = panel[(panel["specimen"] == specimen) & (panel["parent_gate"] == parent)]
        total, row = float(totals.loc[(specimen, parent), "sum"]), group.iloc[0]
        facts.report(
            "blood",
            row,
            "composition",
            f"subsets of {parent} in {specimen} sum to {total:g} %: more than their parent holds",
            "correct the percentages or the parent gate",
            column="value",
            value=row["raw_value"],
            rows=group,
        )
