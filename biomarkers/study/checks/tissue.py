"""Reads of tissue: blanks that are no blanks, consensus beside single reads, areas and densities that contradict each other."""

from __future__ import annotations

import math

import pandas as pd

from biomarkers.readers.numbers import Number, read_number
from biomarkers.study.checks.facts import Facts

LARGEST_AREA = 1_000.0
"""mm2; no slide holds more, and an area in um2 is a million times the number."""
DISAGREE = 0.05


def blank_evaluable(facts: Facts) -> None:
    """A read that is evaluable and has no value."""
    rows = facts["tissue_reads"]
    blank = rows[
        (rows["evaluable"] == "yes").fillna(False)
        & (rows["status"] == "missing")
        & (rows["reason"] == "not_given")
        & rows["marker"].notna()
    ]
    for _, row in blank.iterrows():
        facts.report(
            "tissue_reads",
            row,
            "blank_value",
            f"{row['marker']}: evaluable, and no value: missing without a reason, never 0",
            "fill in the value, or set evaluable to no",
            column="value",
            severity="warning",
        )


def consensus(facts: Facts) -> None:
    """A consensus read beside single reads of the same specimen."""
    rows = facts["tissue_reads"]
    agreed = (rows["consensus"] == "yes").fillna(False)
    rows = rows[rows["specimen"].isin(rows.loc[agreed, "specimen"])]
    rule = facts.source_of("tissue_reads").consensus
    for (specimen, marker), group in rows[rows["marker"].notna()].groupby(["specimen", "marker"], sort=False):
        both = agreed.loc[group.index]
        if not both.any() or both.all():
            continue
        row = group[both].iloc[0]
        facts.report(
            "tissue_reads",
            row,
            "consensus",
            f"{marker}: a consensus read beside {int((~both).sum())} single reads of {specimen}: their mean would be neither",
            'declare which counts: consensus = "use" or "drop"',
            column="consensus",
            value="yes",
            severity="error" if rule == "error" else "note",
        )
        if rule != "error":
            out = group.index[~both] if rule == "use" else group.index[both]
            facts.exclude(
                "tissue_reads",
                out,
                "failed_qc",
                "a consensus read counts instead" if rule == "use" else "consensus read, dropped by declaration",
            )


def areas(facts: Facts) -> None:
    """Areas that cannot be mm2."""
    rows = facts["tissue_reads"]
    for _, row in rows[(rows["area_mm2"] <= 0).fillna(False)].iterrows():
        facts.report(
            "tissue_reads",
            row,
            "area",
            f"{row['marker']}: an area of {row['area_mm2']:g} mm2",
            "correct the area",
            column="area_mm2",
            value=f"{row['area_mm2']:g}",
        )
    large = rows[(rows["area_mm2"] > LARGEST_AREA).fillna(False)]
    for _, group in large.groupby("source_file", sort=False):
        row = group.iloc[0]
        density = group["count"].sum() / group["area_mm2"].sum()
        facts.report(
            "tissue_reads",
            row,
            "area_unit",
            f"an area of {row['area_mm2']:g} under area_mm2 is an area in um2: densities come out near {density:.1g} "
            "per mm2, a million times too small",
            "divide these areas by 1,000,000",
            column="area_mm2",
            value=f"{row['area_mm2']:g}",
            rows=group,
        )


def densities(facts: Facts) -> None:
    """A delivered density that count over area does not give."""
    rows = facts["tissue_reads"]
    counted = rows[
        rows["count"].notna()
        & (rows["area_mm2"] > 0).fillna(False)
        & (rows["area_mm2"] <= LARGEST_AREA).fillna(False)
        & (rows["status"] == "measured")
    ]
    for _, row in counted.iterrows():
        delivered = read_number("" if row["raw_value"] is pd.NA else str(row["raw_value"]))
        given = delivered.value if isinstance(delivered, Number) else math.nan
        if abs(given - row["value"]) > max(DISAGREE * row["value"], 0.5):
            facts.report(
                "tissue_reads",
                row,
                "density",
                f"{row['marker']}: delivered {given:g}, but {row['count']:g} cells in {row['area_mm2']:g} mm2 are "
                f"{row['value']:.4g} per mm2; count over area is used",
                "check count, area and density",
                column="value",
                value=row["raw_value"],
                severity="warning",
            )
