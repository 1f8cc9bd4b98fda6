"""Allele balance: the share of reads with the second allele against depth, one mark per sample.

A genotype has three places: no such read, half of them, all of them. The plates are the caller's limits round these; a sample
between them was not called and is a red cross with its reason. Heterozygotes that sink from a half to a third are the mark of
reads lost to a paralog, and have a zone of their own.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from biomarkers.domain import numbers
from biomarkers.domain.loci import Locus
from biomarkers.figures.panels import size
from biomarkers.figures.people import Entry, dots, key, key_height, nobody, up
from biomarkers.figures.style import (
    NOTE,
    POINTS_PER_MM,
    SINGLE,
    TEXT,
    axes_of,
    data_y,
    fit,
    house,
    new_figure,
    place,
    width,
    write,
)
from biomarkers.figures.tokens import group_marks, light
from biomarkers.tables import floats, need, text

COLUMNS = ("dp", "v_fraction", "call", "reason")
PLATES = ((0.0, 0.1), (0.2, 0.8), (0.9, 1.0))
"""Shares within which the caller lets none, one and two copies stand."""
SUNK = (0.2, 0.35)
"""Shares of a heterozygote whose reads of the second allele may have gone to a paralog."""
LABELS = 6
"""Up to this many samples without a call carry their reason in the figure; more are counted by reason in the key."""
_CROSS: dict[str, Any] = {"marker": "x", "markersize": 4.2, "markeredgewidth": 1.2, "linestyle": "none"}


def allele_balance(
    table: pd.DataFrame,
    *,
    ax: Axes | None = None,
    locus: Locus | None = None,
    calls: Sequence[str] = (),
    min_depth: float | None = 10,
    legend: bool = True,
) -> Axes:
    """The samples of one locus.

    Parameters
    ----------
    table : pandas.DataFrame
        `genotype.cohort_quality(...)[i].balance`: dp, v_fraction (share of reads with the second allele), call ("" where there
        is none), reason. A sample without reads of both alleles is counted, not drawn.
    ax : matplotlib Axes, optional
        Needs about 40 points of free space at its right.
    locus : Locus, optional
        Gives the names of the calls, of the allele, and of the axis.
    calls : sequence of str
        The calls of none, one and two copies, where there is no locus; by the share of their reads otherwise.
    min_depth : float or None
        The caller's least depth.
    legend : bool
        Whether to write the key below the axis.

    Returns
    -------
    matplotlib Axes
    """
    need(table, COLUMNS, "allele_balance")
    with house():
        ax = axes_of(ax, 89, 70)
        depth, share = (floats(table[c]) for c in ("dp", "v_fraction"))
        drawn = np.isfinite(depth) & np.isfinite(share)
        if not drawn.any():
            return nobody(ax, "no record gives the reads of both alleles")
        rows = table[drawn].assign(dp=depth[drawn], v_fraction=share[drawn], call=table["call"].map(text)[drawn])
        names = list(calls) or (list(locus.calls) if locus else _by_share(rows))
        _ground(ax)
        logged = _depth_axis(ax, rows["dp"].to_numpy(float), min_depth)
        for name, mark in zip(names, group_marks(len(names)), strict=True):
            own = rows[rows["call"] == name]
            ax.plot(own["dp"], own["v_fraction"], **dots(mark, 3.6 if len(rows) < 300 else 2.4), clip_on=False, zorder=3,
                    alpha=0.85)  # fmt: skip
            _name(ax, names.index(name), name, int((table["call"].map(text) == name).sum()))
        lost = rows[rows["call"] == ""]
        cross = _CROSS if len(lost) < 60 else _CROSS | {"markersize": 3.0, "markeredgewidth": 0.8}
        ax.plot(lost["dp"], lost["v_fraction"], **cross, markeredgecolor=light("refused"), clip_on=False, zorder=4)
        ax.set_ylim(-0.035, 1.035)
        if len(lost) <= LABELS:
            _reasons(ax, rows, logged)
        ax.set_yticks([0, 0.2, 0.35, 0.5, 0.8, 1], ["0", "0.2", "0.35", "0.5", "0.8", "1"])
        allele = locus.letters[1] if locus else "the second allele"
        ax.set_ylabel(fit(f"Share of reads with {allele}", size(ax)[1], TEXT), parse_math=False)
        where = f"Read depth at {numbers.label(locus.id)}" if locus else "Read depth"
        ax.set_xlabel(fit(where + (", log scale" if logged else ""), size(ax)[0], TEXT), parse_math=False)
        if legend:
            key(ax, entries(table, locus=locus, calls=calls), left=-30, top=-27, room=size(ax)[0] + 66)
    return ax


def allele_balance_figure(
    table: pd.DataFrame,
    *,
    locus: Locus | None = None,
    calls: Sequence[str] = (),
    min_depth: float | None = 10,
    width_mm: float = SINGLE,
) -> Figure:
    """The whole figure at its final size."""
    need(table, COLUMNS, "allele_balance")
    total, tall, left, right = width_mm * POINTS_PER_MM, 165.0, 38.0, 44.0
    marks = entries(table, locus=locus, calls=calls)
    with house():
        foot = 29 + key_height(marks, total - 12)
        figure = new_figure(width_mm, (foot + tall + 10) / POINTS_PER_MM)
        ax = place(figure, left, foot, total - left - right, tall)
        allele_balance(table, ax=ax, locus=locus, calls=calls, min_depth=min_depth, legend=False)
        key(ax, marks, left=6 - left, top=-27, room=total - 12)
    return figure


def entries(table: pd.DataFrame, *, locus: Locus | None = None, calls: Sequence[str] = ()) -> list[Entry]:
    """The key: the calls, those without one (by reason where they are many), and who could not be drawn."""
    call = table["call"].map(text)
    share = pd.to_numeric(table["v_fraction"], errors="coerce")
    seen = table.assign(call=call)[share.notna()]
    if seen.empty:
        return []
    names = list(calls) or (list(locus.calls) if locus else _by_share(seen))
    found = [Entry(numbers.label(n), dots(m, 3.6)) for n, m in zip(names, group_marks(len(names)), strict=True)]
    lost = seen[seen["call"] == ""]
    cross = {**_CROSS, "markeredgecolor": light("refused")}
    if len(lost) > LABELS:
        counted = lost["reason"].map(text).value_counts()
        found += [Entry(f"{numbers.label(reason)} {numbers.count(n)}", cross) for reason, n in counted.items()]
    elif len(lost):
        found.append(Entry(f"no call {numbers.count(len(lost))}", cross))
    found.append(Entry("a heterozygote here may have lost reads to a paralog",
                       {"marker": "s", "markersize": 6, "markerfacecolor": light("flag-tint"), "markeredgewidth": 0}))
    blind = len(table) - len(seen)
    if blind:
        found.append(Entry(f"{numbers.plural(blind, 'sample')} without reads of both alleles", {"marker": ""}))
    return found


def _by_share(rows: pd.DataFrame) -> list[str]:
    """Calls from the one with the fewest reads of the second allele to the one with the most."""
    called = rows[rows["call"].map(text) != ""]
    first = called.groupby(called["call"].map(text), sort=True)["v_fraction"].median()
    return list(first.sort_values(kind="stable").index) or [""]


def _ground(ax: Axes) -> None:
    for low, high in PLATES:
        ax.axhspan(low, high, facecolor=light("plate"), edgecolor="none", zorder=0)
    ax.axhspan(*SUNK, facecolor=light("flag-tint"), edgecolor="none", zorder=0.1)
    for expected in (0.0, 0.5, 1.0):
        ax.axhline(expected, color=light("ink2"), linewidth=0.5, linestyle=(0, (4, 2)), zorder=0.3)


def _depth_axis(ax: Axes, depth: np.ndarray, min_depth: float | None) -> bool:
    """Linear up to some hundred reads, else logarithmic with plain numbers; returns whether it is."""
    deepest = float(depth.max())
    logged = deepest > 300
    if logged:
        low = max(1.0, float(depth.min()) * 0.8)
        ax.set_xscale("log")
        ax.set_xlim(low, deepest * 1.15)
        ticks = [m * 10.0**d for d in range(7) for m in (1, 3) if low <= m * 10.0**d <= deepest * 1.15]
    else:
        step = next(s for s in (5, 10, 20, 50, 100) if deepest / s <= 7)
        ax.set_xlim(0, deepest * 1.05)
        ticks = [float(t) for t in range(0, int(deepest * 1.05) + 1, step)]
    ax.set_xticks(ticks, [numbers.whole(t) for t in ticks])
    ax.minorticks_off()
    if min_depth is not None and ax.get_xlim()[0] < min_depth < ax.get_xlim()[1]:
        ax.axvline(min_depth, color=light("lod-line"), linewidth=0.8, linestyle=(0, (4, 2)), zorder=0.5)
        write(ax, min_depth, 0.845, f" least depth {min_depth:g}", size=NOTE, color=light("lod"), va="center")
    return logged


def _name(ax: Axes, at: int, name: str, n: int) -> None:
    """The call and its number beside the place where its samples lie."""
    y = (0.0, 0.5, 1.0)[min(at, 2)]
    write(ax, 5, y, fit(name, 38, TEXT, bold=True), transform=data_y(ax, 1), weight="bold", va="center")
    write(ax, 5, y, f"n {numbers.count(n)}", transform=data_y(ax, 1) + up(ax, -9), size=NOTE, va="center", color=light("ink2"))


def _reasons(ax: Axes, rows: pd.DataFrame, logged: bool) -> None:
    """The reason beside each cross, at the side where there is room; at its height, or above or below where marks are there."""
    low, high = ax.get_xlim()
    wide, tall = size(ax)
    marks = ax.transAxes.inverted().transform(ax.transData.transform(rows[["dp", "v_fraction"]].to_numpy(float))) * (wide, tall)
    lost = rows[rows["call"] == ""]
    ground = {"facecolor": light("plate"), "edgecolor": "none", "pad": 0.2, "alpha": 0.85}
    known = zip(lost["dp"].astype(float), lost["v_fraction"].astype(float), lost["reason"].map(text), strict=True)
    for (depth, share, reason), n in sorted(Counter(known).items()):
        at = math.log(depth / low) / math.log(high / low) if logged else (depth - low) / (high - low)
        right = at < 0.6
        said = fit(reason if n == 1 else f"{reason}, {n} samples", 0.6 * wide, NOTE)
        x, y = ax.transAxes.inverted().transform(ax.transData.transform((depth, share))) * (wide, tall)
        start, end = (x + 4, x + 8 + width(said, NOTE)) if right else (x - 8 - width(said, NOTE), x - 4)
        beside = marks[(marks[:, 0] > start) & (marks[:, 0] < end), 1]
        shift = min((0, 8, -8), key=lambda by: (int((abs(beside - y - by) < 6).sum()), abs(by), -by))
        write(ax, depth, share, f"  {said}" if right else f"{said}  ", size=NOTE, color=light("refused"),
              transform=ax.transData + up(ax, shift), ha="left" if right else "right", va="center", zorder=3.5,
              bbox=None if shift else ground)  # fmt: skip
