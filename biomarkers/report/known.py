"""Who has the marker: those in whom it is known beside those in whom it is not, by cohort and arm.

A complete-case hazard ratio speaks for those who had a biopsy or a tube. Differences are standardised, never tested: a P would
measure the number of patients. Markers that the same patients have share a block.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from biomarkers import tables
from biomarkers.domain import numbers
from biomarkers.domain.states import number, text
from biomarkers.report.blocks import Numbering, Table, Text
from biomarkers.report.view import View, lines_of
from biomarkers.tables import Cell, Grid, GridRow, cells, together

LARGE, FEWEST, MOST = 0.25, 5, 12
"""A difference worth a flag, the fewest unknown for which it is, and the most blocks that a page repeats."""

Row = dict[str, Any]


def known_blocks(view: View, count: Numbering) -> list[Table | Text]:
    """The comparison of a page's cohort (of all patients on the page of all), ready for the section of the patients."""
    rows = _rows(view)
    if not rows or view.crowded:
        return []
    blocks = together(rows.items(), lambda marker: _same(marker[1]))
    few = [(marker, part) for _, found in blocks for marker, part in found if _unknown(part) < FEWEST]
    blocks = [block for block in blocks if _unknown(block[1][0][1]) >= FEWEST]
    blocks.sort(key=lambda block: -_unknown(block[1][0][1]))
    rest = _few(view, few)
    if not blocks:
        return [Text.of(rest)] if rest else []
    arms = [a for a in view.arms if any(text(r["arm"]) == a for part in rows.values() for r in part)] if view.cohort else []
    shown = [row for _, found in blocks[:MOST] for row in _block(view, found, arms)]
    heads = ("Variable", "Known", "Not known", "Difference", *(f"Difference\n{name}" for name in tables.short_names(arms)))
    more = f" {len(blocks) - MOST} further groups of markers stand in specimens.csv." if len(blocks) > MOST else ""
    grid = Grid(
        "Who has the marker: patients in whom it is known beside those in whom it is not.",
        heads,
        tuple(shown),
        (False, *[True] * (len(heads) - 1)),
        f"Difference: standardised, of means or shares. ▲: {LARGE} or more with at least {FEWEST} patients not known. "
        f"Event-free shares by Kaplan–Meier at the median event time; –: nobody was followed so long. {rest}{more}".rstrip(),
    )
    return [Table(count.table(), grid, long=True)]


def _few(view: View, few: Sequence[tuple[str, list[Row]]]) -> str:
    """Markers known in nearly everybody: a comparison with one or two patients is noise."""
    if not few:
        return ""
    said = [f"{tables.marker_label(marker, view.design)} {_unknown(part)}" for marker, part in few]
    words = ", ".join(said[:12]) + (f" and {len(said) - 12} more markers" if len(said) > 12 else "")
    return f"Not known in fewer than {numbers.in_words(FEWEST)}, and not compared: {words}."


def _rows(view: View) -> dict[str, list[Row]]:
    """Rows of the page by marker, each with its line of specimens.csv."""
    wanted = view.cohort if view.cohort is not None else tables.POOLED
    here = [r for r in lines_of(view.results.specimens) if text(r["cohort"]) == wanted]
    return {marker: part for marker, part in together(here, lambda r: text(r["marker"])) if _unknown(part)}


def _unknown(rows: Sequence[Row]) -> int:
    return max((int(r["n_unknown"]) for r in rows), default=0)


def _same(rows: Sequence[Row]) -> tuple[Any, ...]:
    """What two markers must share to share a block: every number of it."""
    names = ("arm", "variable", "level", "statistic", "endpoint", "n_known", "n_unknown", "known", "unknown")
    return tuple(text(r[name]) for r in rows for name in names)


def _block(view: View, found: Sequence[tuple[str, list[Row]]], arms: Sequence[str]) -> list[GridRow]:
    """The rows of markers that the same patients have."""
    rows = found[0][1]
    whole = [r for r in rows if text(r["arm"]) == ""]
    by_arm = {arm: [r for r in rows if text(r["arm"]) == arm] for arm in arms}
    names = [tables.marker_label(marker, view.design) for marker, _ in found]
    words = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
    counts = [f"{numbers.n_of(*_sizes(whole))}"]
    counts += [f"{numbers.label(arm, 40)} {_of(*_sizes(part))}" for arm, part in by_arm.items() if part]
    out = [GridRow(f"{words}: known in {'; '.join(counts)}", kind="g")]
    first = [r for r in whole if text(r["endpoint"]) == text(whole[0]["endpoint"])]
    for (variable, _), part in together(first, lambda r: (text(r["variable"]), text(r["statistic"]))):
        if variable == "survival" or _constant(part):
            continue
        for r in part[1:] if len(part) == 2 else part:  # the first of two shares says nothing that the second does not
            level = numbers.label(text(r["level"])) or "mean"
            label = f"{tables.variable_label(variable)}, {level}"
            alone = [_difference(_twin(by_arm[arm], r)) for arm in arms]
            out.append(
                GridRow(label, (*cells(_shown(r, "known"), _shown(r, "unknown")), _difference(r), *alone), "i", _source(r))
            )
    return out + [row for r in whole if text(r["variable"]) == "survival" for row in _survival(view, r, len(arms))]


def _constant(rows: Sequence[Row]) -> bool:
    """Every patient has the same level: there is nothing to compare."""
    return any(text(r["statistic"]) == "share" and number(r["known"]) == number(r["unknown"]) == 1 for r in rows)


def _sizes(rows: Sequence[Row]) -> tuple[int, int]:
    known = int(rows[0]["n_known"])
    return known, known + int(rows[0]["n_unknown"])


def _of(part: int, whole: int) -> str:
    return f"{numbers.count(part)} of {numbers.count(whole)}"


def _twin(rows: Sequence[Row], row: Row) -> Row | None:
    """The same comparison in one arm."""
    keys = ("variable", "level", "statistic", "endpoint")
    return next((r for r in rows if all(text(r[k]) == text(row[k]) for k in keys)), None)


def _shown(row: Row, side: str) -> str:
    value = number(row[side])
    if not math.isfinite(value):
        return ""
    return numbers.value(value) if text(row["statistic"]) == "mean" else numbers.percent(value, 1)


def _difference(row: Row | None) -> Cell:
    value = number(row["standardised_difference"]) if row else math.nan
    if row is None or math.isnan(value):
        return Cell(numbers.NONE, "em")
    flag = abs(value) >= LARGE and int(row["n_unknown"]) >= FEWEST
    return Cell(numbers.decimal(value) if math.isfinite(value) else "complete", flag=flag, source=_source(row))


def _survival(view: View, row: Row, arms: int) -> list[GridRow]:
    short = view.short(text(row["endpoint"]))
    values = [number(row[side]) for side in ("known", "unknown")]
    if not any(map(math.isfinite, values)):
        return []
    if text(row["statistic"]) == "median":
        shown = [numbers.days(v, view.unit) for v in values]
        return [GridRow(f"Median {short}, {view.unit}", (*cells(*shown), *[Cell("")] * (1 + arms)), "i", _source(row))]
    shown = [numbers.percent(v, 1) if math.isfinite(v) else "" for v in values]
    return [GridRow(f"{short} at {text(row['level'])}", (*cells(*shown), *[Cell("")] * (1 + arms)), "i", _source(row))]


def _source(row: Row) -> str:
    return f"specimens:{int(row['line'])}"
