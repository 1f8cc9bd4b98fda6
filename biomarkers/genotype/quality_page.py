"""The quality of genotype calls on one HTML page: no script, no network, no clock; the same calls give the same bytes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from biomarkers.domain import numbers
from biomarkers.genotype.decide import REASONS
from biomarkers.genotype.equilibrium import subjects_needed
from biomarkers.genotype.identity import Identity, who_is_who
from biomarkers.genotype.quality import Quality


def quality_page(found: Sequence[Quality], *, source: str, about: dict[str, Any] | None = None,
                 identity: Identity | None = None) -> str:
    """The page.

    Parameters
    ----------
    found : sequence of Quality
        One per locus.
    source : str
        Name of the calls table.
    about : dict, optional
        Its provenance, as written beside it.
    identity : Identity, optional
        Who was read more than once; worked out from `found` where it is not given.
    """
    identity = who_is_who(found) if identity is None else identity
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(Path(__file__).with_name("quality_page.html").read_text(encoding="utf-8"))
    return template.render(loci=[_Shown(q) for q in found], source=numbers.label(source), who=_Who(identity),
                           about=_about(about or {}))


def _about(about: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("versions", ", ".join(f"{k} {v}" for k, v in about.get("versions", {}).items())),
            ("options", ", ".join(f"{k} = {v}" for k, v in about.get("options", {}).items()))]
    counts = about.get("counts", {})
    if counts:
        digest = about.get("output", {}).get("sha256", "")
        rows.append(("table", f"{counts.get('files')} files, {counts.get('rows')} rows, sha256 {digest}"))
    return [(k, v) for k, v in rows if v]


class _Who:
    """Identity, with every number as it is written."""

    def __init__(self, identity: Identity) -> None:
        self.warnings = [numbers.label(w, 400) for w in identity.warnings]
        self.loci, self.n_loci = ", ".join(identity.loci), numbers.plural(len(identity.loci), "locus", "loci")
        self.chance = numbers.percent(round(1000 * identity.chance), 1000)
        self.n_repeated = len(identity.repeated)
        differ = identity.repeated[identity.repeated["n_discordant"] > 0]
        self.n_differ = len(differ)
        self.differ = [(numbers.label(r.subject), numbers.label(r.readings), numbers.count(r.n_loci),
                        numbers.count(r.n_discordant), numbers.label(r.differ)) for r in differ.head(50).itertuples()]
        self.swaps = [(numbers.label(r.subject), numbers.label(r.other), numbers.label(r.second), numbers.count(r.n_discordant),
                       numbers.count(r.n_loci), numbers.count(r.alternatives))
                      for r in identity.swaps.head(50).itertuples()]
        self.more = max(0, len(differ) - 50), max(0, len(identity.swaps) - 50)


_COUNTS = ("n_ff", "n_vf", "n_vv")


class _Shown:
    """One locus, with every number as it is written."""

    def __init__(self, quality: Quality) -> None:
        self.quality, self.locus = quality, quality.locus
        self.anchor = self.locus.id.lower()
        self.warnings = [numbers.label(w, 400) for w in quality.warnings]
        every, test = quality.rates.iloc[0], quality.hardy_weinberg.iloc[0]
        letter = self.locus.letters[1]
        self.facts = [
            ("Samples", numbers.count(every["n"]), f"in {numbers.count(quality.rows['file'].nunique())} files"),
            ("Called", numbers.percent(every["n_called"], every["n"]),
             f"{numbers.count(every['n_called'])} of {numbers.count(every['n'])}"),
            *((word, numbers.count(test[key]), "") for word, key in zip(self.locus.calls, _COUNTS, strict=True)),
            (f"{letter} frequency", numbers.decimal(test["q"]), "among those called"),
        ]
        self.rates = [(_level(r), numbers.count(r.n), numbers.n_percent(r.n_called, r.n),
                       f"{_share(r.conf_low)} to {_share(r.conf_high)}") for r in quality.rates.itertuples()]
        self.reasons = [(numbers.label(r.platform), r.reason, numbers.count(r.n), REASONS.get(r.reason, ""))
                        for r in quality.reasons.itertuples()]
        self.notes = [(r.note, numbers.count(r.n), r.meaning) for r in quality.notes.itertuples()]
        self.tests = [(_level(r), *(numbers.count(getattr(r, key)) for key in _COUNTS), numbers.decimal(r.q),
                       numbers.p(r.p_value), numbers.p(r.p_mid), _signed(r.f), _limits(r.f_low, r.f_high))
                      for r in quality.hardy_weinberg.itertuples()]
        self.pairs = [(numbers.label(r.first), numbers.label(r.second), numbers.n_of(r.n_both, r.n), _share(r.concordance),
                       numbers.decimal(r.kappa), numbers.count(r.v_lost), numbers.count(r.v_gained), numbers.p(r.p_value),
                       r.suggests) for r in quality.pairs.itertuples()]
        table = quality.table
        self.cross = [(str(name), [numbers.count(int(x)) for x in cells])
                      for name, cells in zip(table.index, table.to_numpy(), strict=True)]
        self.cross_names = tuple(map(numbers.label, (table.index.name, table.columns.name))) if self.cross else ()
        self.what_if = [self._what_if(r) for r in quality.what_if.to_dict("records")]
        self.called = bool(every["n_called"])
        self.has_ratio = "hazard_ratio" in quality.what_if
        self.balance, self.balance_words = balance_picture(quality)
        self.depth, self.depth_words = depth_picture(quality.balance)

    def _what_if(self, row: dict[str, Any]) -> tuple[str, ...]:
        letter, (ref, het, _) = self.locus.letters[1], self.locus.calls
        name = "as called"
        if row["v_gained"]:
            name = f"{row['v_gained']:.0%} of {ref} read as {het}"
        elif row["v_lost"]:
            name = f"{row['v_lost']:.0%} of {het} read as {ref}"
        n = subjects_needed(row["f"]) if math.isfinite(row["f"]) and abs(row["f"]) > 1e-6 else None
        cells = [name, _signed(row["f"]), numbers.count(n)]
        if "hazard_ratio" in row:
            cells.append(numbers.interval(row["hazard_ratio"], row["conf_low"], row["conf_high"])
                         if math.isfinite(row["hazard_ratio"]) else f"not estimable per {letter}")
        return tuple(cells)


def _level(row: Any) -> str:
    return "all" if row.group == "all" else f"{row.group} {numbers.label(row.level)}"


def _share(x: float) -> str:
    return numbers.NONE if not math.isfinite(x) else f"{100 * x:.1f}%"


def _signed(x: float) -> str:
    return numbers.NONE if not math.isfinite(x) else f"{x:+.3f}".replace("-", numbers.MINUS)


def _limits(low: float, high: float) -> str:
    return numbers.NONE if not math.isfinite(low) else f"{_signed(low)} to {_signed(high)}"


# ---------------------------------------------------------------------- pictures
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 560, 260, 46, 34, 10


def balance_picture(quality: Quality) -> tuple[Markup, str]:
    """V fraction against depth: one mark per sample, the caller's limits as bands, a no-call as a cross."""
    points = quality.balance.dropna(subset=["v_fraction"])
    points = points[points["dp"].notna()]
    if points.empty:
        return Markup(""), "No record gives the reads of both alleles (AD)."
    deepest = max(20, int(points["dp"].max()))
    shallow = max(1.0, 0.8 * float(points["dp"].min()))
    x = _axis(math.log10(shallow), math.log10(deepest * 1.1), _LEFT, _WIDTH - 8)
    y = _axis(0.0, 1.0, _HEIGHT - _BOTTOM, _TOP)
    parts = [_band(y, 0.2, 0.8, "zone"), _band(y, 0.2, 0.35, "low")]
    parts += [_rule(y(v), f"{v:g}") for v in (0, 0.2, 0.35, 0.5, 0.8, 1)]
    parts += [_tick(x(math.log10(v)), str(v)) for v in (1, 2, 5, 10, 20, 30, 50, 100, 200, 500, 1000, 5000)
              if shallow <= v <= deepest]
    shown = points.iloc[:: max(1, -(-len(points) // 3000))]
    calls = list(quality.locus.calls)
    for row in shown.itertuples():
        at = x(math.log10(max(shallow, row.dp))), y(row.v_fraction)
        parts.append(_cross(*at) if not row.call else _mark(calls.index(row.call), *at))
    parts.append(_axis_names("reads (log scale)", f"{quality.locus.letters[1]} share of reads"))
    het = points[points["call"] == calls[1]]["v_fraction"]
    thinned = f" {len(shown):,} of {len(points):,} samples are drawn." if len(shown) < len(points) else ""
    centre = f"; the heterozygotes' median share is {het.median():.2f}" if len(het) else ""
    lost = int((points["call"] == "").sum())
    key = f"○ {calls[0]}, ■ {calls[1]}, ▲ {calls[2]}, × no call"
    return _svg(parts), (f"{key}. {len(points):,} samples with their reads counted, {lost:,} of them without a call{centre}. "
                         f"Grey holds what the caller takes for {calls[1]}, amber where it flags the call; a centre of "
                         f"0.3 to 0.4 is the paralog's mark.{thinned}")


def depth_picture(balance: pd.DataFrame) -> tuple[Markup, str]:
    """How many samples have how many reads; the threshold is the caller's."""
    depths = balance["dp"].dropna().astype(int)
    if depths.empty:
        return Markup(""), "No record gives a depth."
    top = int(depths.quantile(0.99)) + 5
    width = max(1, -(-top // 40))
    counts = (depths.clip(upper=top) // width).value_counts().sort_index()
    x = _axis(0.0, float(top + width), _LEFT, _WIDTH - 8)
    y = _axis(0.0, float(counts.max()), _HEIGHT - _BOTTOM, _TOP)
    most = int(counts.max())
    step = next(k * 10**d for d in range(12) for k in (1, 2, 5) if k * 10**d * 4 >= most)
    parts = [_rule(y(v), numbers.count(v)) for v in range(0, most + 1, step)]
    parts += [_tick(x(v), str(v)) for v in range(0, top + 1, max(10, 10 * (top // 80)))]
    for k, n in counts.items():
        left, right = x(k * width), x((k + 1) * width)
        parts.append(f'<rect class="bar" x="{left + 0.5:.1f}" y="{y(n):.1f}" width="{max(0.5, right - left - 1):.1f}" '
                     f'height="{y(0) - y(n):.1f}"/>')
    parts.append(_axis_names("reads", "samples"))
    return _svg(parts), (f"{len(depths):,} samples: median {depths.median():g}, "
                         f"{(depths < 10).sum():,} below 10; the last bar holds all deeper ones.")


def _axis(low: float, high: float, start: float, stop: float) -> Callable[[float], float]:
    return lambda v: start + (v - low) / ((high - low) or 1.0) * (stop - start)


def _band(y: Callable[[float], float], low: float, high: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{_LEFT}" y="{y(high):.1f}" width="{_WIDTH - 8 - _LEFT}" height="{y(low) - y(high):.1f}"/>'


def _rule(at: float, name: str) -> str:
    return (f'<path class="rule" d="M{_LEFT} {at:.1f}H{_WIDTH - 8}"/>'
            f'<text class="e" x="{_LEFT - 6}" y="{at + 3.5:.1f}">{escape(name)}</text>')


def _tick(at: float, name: str) -> str:
    return (f'<path class="axis" d="M{at:.1f} {_HEIGHT - _BOTTOM}v4"/>'
            f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 15}">{escape(name)}</text>')


def _mark(k: int, x: float, y: float) -> str:
    if k == 0:
        return f'<circle class="c0" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>'
    if k == 1:
        return f'<rect class="c1" x="{x - 2.5:.1f}" y="{y - 2.5:.1f}" width="5" height="5"/>'
    return f'<path class="c2" d="M{x:.1f} {y - 3.2:.1f}l3 5.4h-6z"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="no" d="M{x - 2.6:.1f} {y - 2.6:.1f}l5.2 5.2m0-5.2l-5.2 5.2"/>'


def _axis_names(below: str, beside: str) -> str:
    middle = (_LEFT + _WIDTH) / 2
    return (f'<text x="{middle:.0f}" y="{_HEIGHT - 3}">{escape(below)}</text>'
            f'<text transform="rotate(-90)" x="{-(_HEIGHT - _BOTTOM) / 2:.0f}" y="11">{escape(beside)}</text>')


def _svg(parts: list[str]) -> Markup:
    # Every part is numbers and escaped names.
    return Markup(f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-hidden="true">{"".join(parts)}</svg>')  # noqa: S704
