"""Analyses that start at a landmark: who is still there, who was lost on the way and why, before any ratio is read."""

from __future__ import annotations

from collections import Counter
from typing import Any

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import text
from biomarkers.report.blocks import Block, Numbering, Section, Table, Text
from biomarkers.report.drawings import Gallery
from biomarkers.report.over_time import losses_pictures
from biomarkers.report.view import View, is_main
from biomarkers.tables import Cell, Grid, GridRow, cells, together

Row = dict[str, Any]
BEFORE = ("event_at_or_before_landmark", "censored_at_or_before_landmark")
NO_VALUE = (
    "no_measurement",
    "no_draw_in_window",
    "draw_on_or_after_event",
    "measurement_too_old",
    "failed_qc",
    "not_evaluable",
)
OUTSIDE = ("not_in_cohort", "no_outcome")


def landmark_section(view: View, count: Numbering, gallery: Gallery, name: str) -> Section | None:
    """For each landmark and marker: followed, gone before it, at risk, without a value, analysed, and the share lost."""
    flow = view.part(view.results.flow)
    rows = [r for r in tables.records(flow) if text(r["timing"]).startswith("landmark")]
    if not rows:
        return None
    by_arm = view.cohort is not None and len(view.arms) > 1
    blocks: list[Block] = [
        Text.of(
            "A landmark analysis speaks of those who were still event-free on its day and had a sample by then. Who left "
            "before is shown first: a ratio from the landmark on says nothing about them."
        )
    ]
    blocks += losses_pictures(view, count, gallery, name)
    body: list[GridRow] = []
    ratios = {(x.analysis, x.cohort, x.timing): x for x in view.here if is_main(x)}
    asked = Counter((text(r["marker"]), text(r["timing"])) for r in {text(r["analysis"]): r for r in rows}.values())
    for timing, part in together(rows, lambda r: text(r["timing"])):
        body.append(GridRow(tables.capital(numbers.label(timing)), kind="g"))
        for analysis, mine in together(part, lambda r: text(r["analysis"])):
            label = tables.marker_label(text(mine[0]["marker"]), view.design)
            if asked[text(mine[0]["marker"]), timing] > 1:
                label = f"{label} [{numbers.label(analysis, 40)}]"
            split = tables.order((r["cohort"] for r in mine), view.design.cohorts) if view.cohort is None else [view.cohort]
            for cohort in split:
                here = [r for r in mine if text(r["cohort"]) == cohort]
                where = f", {tables.cohort_label(cohort)}" if view.cohort is None else ""
                line = ratios.get((analysis, text(cohort), timing))
                body.append(_counted(f"{label}{where}", here, line.ratio if line and line.modelled else "", ""))
                arms = tables.order((r["arm"] for r in here), view.arms) if by_arm else []
                if len(arms) > 1:
                    body += [
                        _counted(f"on {numbers.label(arm)}", [r for r in here if text(r["arm"]) == arm], "", "i d")
                        for arm in arms
                    ]
    grid = Grid(
        "Losses before and at each landmark.",
        (
            "Analysis",
            "Followed",
            "Event before",
            "Censored before",
            "At risk",
            "No value",
            "Incomplete",
            "Analysed",
            "Lost",
            "HR (95% CI)",
        ),
        tuple(body),
        (False, *[True] * 9),
        "No value: no evaluable sample inside the window. Incomplete: no baseline or a covariate missing. Lost: of the "
        "followed, not analysed. A class that is known only at the landmark is never read back to time zero.",
    )
    blocks.append(Table(count.table(), grid, long=True))
    return Section("landmark", "Landmarks and who is lost", "10, 12, 15", tuple(blocks))


def _counted(head: str, rows: list[Row], ratio: str, kind: str) -> GridRow:
    gone: dict[str, int] = {}
    for r in rows:
        gone[text(r["reason"])] = gone.get(text(r["reason"]), 0) + int(r["n_excluded"])
    last = [r for r in rows if text(r["reason"]) == "included"]
    total, left = sum(int(r["total"]) for r in last), sum(int(r["n_left"]) for r in last)
    followed = total - sum(gone.get(reason, 0) for reason in OUTSIDE)
    event, censored = (gone.get(reason, 0) for reason in BEFORE)
    risk = followed - event - censored
    none = sum(gone.get(reason, 0) for reason in NO_VALUE)
    rest = risk - none - left
    counts = (followed, event, censored, risk, none, rest)
    words = (*map(numbers.count, counts), numbers.count(left), numbers.percent(followed - left, followed))
    return GridRow(head, (*cells(*words), Cell(ratio) if ratio else Cell(numbers.NONE, "em")), kind)
