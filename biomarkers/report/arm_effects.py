"""Pictures of an interaction: the arm's hazard ratio along a marker, in overlapping groups and as a curve.

They stand under the table whose ratio of hazard ratios is the test; a picture shows a shape and has no P of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.marker import Marker
from biomarkers.domain.states import number, text
from biomarkers.figures import arm_effect_figure
from biomarkers.report.blocks import Block, Numbering, Picture, Pictures
from biomarkers.report.drawings import Gallery
from biomarkers.report.view import View, is_subgroup, slug
from biomarkers.tables import Grid, GridRow, Line, cells, floats

SHAPES = 2
"""Arm effects on a page; the others are files."""


def arm_effect_pictures(view: View, lines: Sequence[Line], count: Numbering, gallery: Gallery, name: str) -> list[Block]:
    """The arm's effect along the markers of a cohort, those with the smallest P of their interaction first."""
    effects = view.part(view.results.pictures.arm_effects)
    tests = sorted((x for x in lines if not is_subgroup(x) and x.modelled), key=lambda x: x.p_value)
    found: list[Picture] = []
    for line in tests if view.cohort is not None and len(effects) else ():
        table = effects[(effects["analysis"].map(text) == line.analysis).to_numpy(bool)]
        if not len(table):
            continue
        label = tables.marker_label(line.marker, view.design)
        marker = view.design.markers.get(line.marker) if table["value"].notna().any() else None
        figure = arm_effect_figure(table, marker=marker, titles={line.cohort: tables.cohort_label(line.cohort)},
                                   places={line.cohort: view.place}, xlabel="" if marker else label)  # fmt: skip
        file = f"{name}-arm-effect-{slug(line.analysis)}"
        if len(found) == SHAPES:
            gallery.keep(file, figure)
            continue
        said = (f"Effect of the arm along {label}, {_arms(view)}: shape only; its test is the ratio of hazard ratios, "
                f"{numbers.p_equals(line.p_value)}.")  # fmt: skip
        found.append(Picture(count.figure(), gallery.add(file, figure), said, said, _behind_effect(table, marker), 30.0, 85.0))
    return [Pictures(tuple(found))] if found else []


def _arms(view: View) -> str:
    """ "T-DM1 + abemaciclib against T-DM1"."""
    return " against ".join(numbers.label(a) for a in reversed(view.arms))


def _behind_effect(table: pd.DataFrame, marker: Marker | None) -> Grid:
    """The groups of an arm effect: who is in them and what they say."""
    groups = table[table["part"] == "group"]
    events = table[(table["part"] == "event") & table["value"].notna()].sort_values("x", kind="stable")

    def shown(x: float) -> str:
        return numbers.value(float(np.interp(x, floats(events["x"]), floats(events["value"]))) if marker and len(events) else x)

    rows = [
        GridRow(
            shown(number(r["x"])),
            cells(numbers.count(number(r["n"])), numbers.count(number(r["n_events"])),
                  numbers.interval(*(number(r[k]) for k in ("hazard_ratio", "conf_low", "conf_high")))
                  if math.isfinite(number(r["hazard_ratio"])) else "too few events in an arm"),
        )
        for r in tables.records(groups)
    ]  # fmt: skip
    unit = f", {numbers.unit(marker.unit)}" if marker and marker.unit else ""
    return Grid("Overlapping groups, by the median of the marker; neighbours share patients.",
                (f"Median{unit}", "n", "Events", "HR between arms (95% CI)"), tuple(rows), (False, True, True, True))
