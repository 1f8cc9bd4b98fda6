"""Small pieces of HTML and text for notebooks and terminals: an association as a table with its intervals drawn beside it.

A fragment has one class, no background and no colour of its own: JupyterLab's themes do not follow the screen's preference, so
lines and letters take `currentColor` and rules are half transparent. All text is escaped. It lives on the floor of words
because results of every floor show themselves.
"""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from biomarkers.domain import numbers
from biomarkers.domain.states import STATES, flags, inestimable, number, reason, state, text


@dataclass(frozen=True, slots=True)
class Axis:
    """A logarithmic axis for small intervals: `low` to `high` over `width` units, with a margin at both ends.

    Examples
    --------
    >>> Axis(0.25, 4, 100).x(1)
    50.0
    """

    low: float
    high: float
    width: float
    margin: float = 4.0

    def x(self, ratio: float) -> float:
        """Place of a ratio; beyond the axis it is its end."""
        inside = min(max(ratio, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return round(self.margin + share * (self.width - 2 * self.margin), 1)


def axis_for(ratios: Sequence[float], width: float, *, most: float = 18.0) -> Axis:
    """An axis that holds these ratios, at least 0.4 to 2.5 and at most 1/18 to 18."""
    known = [x for x in ratios if math.isfinite(x) and x > 0]
    low, high = min([0.4, *known]) * 0.97, max([2.5, *known]) * 1.03
    return Axis(max(low, 1 / most), min(high, most), width)


def _n(x: float) -> str:
    return f"{x:.1f}".removesuffix(".0")


def interval(
    axis: Axis,
    height: float,
    *,
    estimate: float,
    low: float,
    high: float,
    pooled: bool = False,
    side: float = 7.0,
    hollow: bool = False,
    names: Mapping[str, str] | None = None,
) -> str:
    """Paths of one interval: the line at 1, the interval, its box or diamond, an arrow where a limit leaves the axis.

    Parameters
    ----------
    axis : Axis
    height : float
        Of the drawing; the interval runs through its middle, the line at 1 through all of it.
    estimate, low, high : float
        A row without a finite estimate gets a dotted arrow from its finite limit; one without limits only the line at 1.
    pooled : bool
        Diamond instead of a box.
    side : float
        Of the box.
    hollow : bool
        The line stops at the box: an open box that nothing fills stays empty.
    names : mapping, optional
        Attributes for ``null, line, box, dots, head``: classes on a page, strokes in a notebook.
    """
    look = {**_LOOK, **(names or {})}
    y = height / 2
    parts = [f'<path {look["null"]} d="M{_n(axis.x(1))} 0V{_n(height)}"/>']
    finite = math.isfinite(estimate) and math.isfinite(low) and math.isfinite(high) and min(estimate, low) > 0
    if finite:
        left, right, x = axis.x(low), axis.x(high), axis.x(estimate)
        if pooled:
            h = side / 2
            parts.append(
                f'<path {look["box"]} d="M{_n(left)} {_n(y)}L{_n(x)} {_n(y - h)} {_n(right)} {_n(y)} {_n(x)} {_n(y + h)}z"/>'
            )
            return "".join(parts)
        stretches = [(left, max(x - side / 2, left)), (min(x + side / 2, right), right)] if hollow else [(left, right)]
        drawn = "".join(f"M{_n(start)} {_n(y)}H{_n(end)}" for start, end in stretches if end > start)
        parts.append(f'<path {look["line"]} d="{drawn}"/>' if drawn else "")
        for end, beyond, sign in ((left, low < axis.low, 1), (right, high > axis.high, -1)):
            if beyond:
                parts.append(f'<path {look["head"]} d="{_head(end, y, sign)}"/>')
        if axis.low <= estimate <= axis.high:
            parts.append(f'<path {look["box"]} d="M{_n(x - side / 2)} {_n(y - side / 2)}h{_n(side)}v{_n(side)}h{_n(-side)}z"/>')
        return "".join(parts)
    known = low if math.isfinite(low) and low > 0 else high if math.isfinite(high) and high > 0 else None
    if known is not None:
        up = known == low
        start, end = axis.x(known), axis.width - 2 if up else 2.0
        parts.append(f'<path {look["dots"]} d="M{_n(start)} {_n(y)}H{_n(end)}"/>')
        parts.append(f'<path {look["head"]} d="M{_n(start)} {_n(y - 4)}v8{_head(end, y, -1 if up else 1)}"/>')
    return "".join(parts)


def _head(x: float, y: float, sign: int) -> str:
    return f"M{_n(x + 4 * sign)} {_n(y - 3)}L{_n(x)} {_n(y)} {_n(x + 4 * sign)} {_n(y + 3)}"


_LOOK = {
    "null": 'class="q"',
    "line": 'class="l"',
    "box": 'class="x"',
    "dots": 'class="t"',
    "head": 'class="l"',
}
_STYLE = (
    ".bm-a{font-variant-numeric:tabular-nums}.bm-a table{border-collapse:collapse;margin:.3em 0;font-size:1em;color:inherit;"
    "background:none;border:0}.bm-a caption{text-align:left;padding:0 0 .4em;color:inherit}.bm-a th,.bm-a td{text-align:left;"
    "padding:.25em .8em .25em 0;border:0;border-bottom:1px solid rgba(128,128,128,.35);background:none;font-weight:400;"
    "white-space:nowrap;vertical-align:middle}.bm-a thead th{font-weight:600;border-block:1px solid}"
    ".bm-a tr:last-child>*{border-bottom:1px solid}"
    ".bm-a .n{text-align:right}.bm-a svg{display:block;fill:none;stroke:currentColor;stroke-width:1.4}.bm-a .q{opacity:.45;"
    "stroke-width:1}.bm-a .x{fill:currentColor}.bm-a .t{stroke-dasharray:1 2.5}.bm-a.o .x{fill:none}.bm-a.o .l{"
    "stroke-dasharray:4 2}.bm-a p{margin:.3em 0;max-width:50em}"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells of one cohort."""

    name: str
    n: str
    events: str
    ratio: str
    p: str
    message: str
    estimate: float
    low: float
    high: float
    pooled: bool
    heading: str


def _rows(rows: Sequence[Mapping[str, Any]]) -> list[_Row]:
    found = []
    for row in rows:
        low, estimate, high = (number(row.get(k)) for k in ("conf_low", "estimate", "conf_high"))
        which = state(row)
        modelled = which in ("prespecified", "exploratory") and math.isfinite(estimate)
        pooled = text(row.get("cohort")) == "all"
        found.append(
            _Row(
                "Pooled, stratified" if pooled else numbers.label(text(row.get("cohort")), 60),
                numbers.count(number(row.get("n"))),
                numbers.count(number(row.get("n_events"))),
                numbers.interval(estimate, low, high) if modelled else "",
                numbers.p(number(row.get("p_value"))) if modelled else "",
                "" if modelled else _why(row, which, low, high),
                estimate if modelled else math.nan,
                low,
                high,
                pooled,
                numbers.label(text(row.get("heading")), 160),
            )
        )
    return found


_PART = re.compile(r"[;,] ")


def _places(shown: Sequence[_Row], title: str, most: int) -> list[tuple[str, str]]:
    """The heading above each row, if any, and the row's name.

    A heading says what the title and the heading before it have not said. Above a single row it is part of the row's name,
    where that has `most` letters at the most.
    """
    said, before, places = _PART.split(title), "", []
    shared = [row.heading for row in shown]
    for row in shown:
        if row.heading == before:
            places.append(("", row.name))
            continue
        parts = _PART.split(row.heading)
        new = [part for part in parts if not any(f" {part} " in f" {known} " for known in said)]
        heading = row.heading if new == parts else ", ".join(new)
        said, before = [*_PART.split(title), *parts], row.heading
        longer = f"{'Pooled' if row.pooled else row.name}, {heading}"
        alone = bool(heading) and shared.count(row.heading) == 1 and len(longer) <= most
        places.append(("", longer) if alone else (heading, row.name))
    return places


def _warnings(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each flag once, behind the groups it belongs to; behind nothing where it belongs to all of them."""
    groups = list(dict.fromkeys(text(row.get("cohort")) for row in rows))
    flagged: dict[str, list[str]] = {}
    for row in rows:
        for flag in flags(row):
            own = flagged.setdefault(flag, [])
            own += [text(row.get("cohort"))] if text(row.get("cohort")) not in own else []
    names = {group: "Pooled" if group == "all" else numbers.label(group, 60) for group in groups}
    return [flag if len(own) == len(groups) > 1 else f"{', '.join(names[group] for group in own)}: {flag}"
            for flag, own in flagged.items()]  # fmt: skip


def _why(row: Mapping[str, Any], which: str, low: float, high: float) -> str:
    if which == "not_estimable":
        limit = numbers.one_limit(low, high, number(row.get("conf_level")))
        return f"not estimable: {inestimable(row)}; {limit}"
    if which == "descriptive":
        return f"descriptive only: {reason(row)}"
    if which == "refused":
        return "refused: " + numbers.label(text(row.get("note")), 160)
    return "no estimate"


def _level(rows: Sequence[Mapping[str, Any]]) -> str:
    return numbers.level(number(rows[0].get("conf_level"))) if rows else "95%"


def association(rows: Sequence[Mapping[str, Any]], *, title: str, notes: Sequence[str] = (), following: str = "") -> str:
    """An association for a notebook: its state and question, one row per cohort and the pooled row, flags, the next line.

    Parameters
    ----------
    rows : sequence of mappings
        Hazard ratio rows of one term in the columns of the result table, in the order of the design, pooled last. A key
        `heading` (the time point, say) stands above the rows that share it.
    title : str
        "TK1 at baseline, per doubling, and PFS · Cox, Efron, strata liver_mets".
    notes : sequence of str
        Sentences below the table (heterogeneity, exclusions); flags of the rows come first by themselves.
    following : str
        What to type next, as plain text; parts in backticks are set as code.

    Returns
    -------
    str
        HTML, at most about 3 KB for two cohorts, with every text escaped.

    Examples
    --------
    >>> row = {"cohort": "ER<", "estimate": 1.3, "conf_low": 1.1, "conf_high": 1.5, "finite": True}
    >>> piece = association([row], title="TK1")
    >>> "ER&lt;" in piece, "1.30\\xa0(1.10–1.50)" in piece
    (True, True)
    """
    shown = _rows(rows)
    axis = axis_for([x for row in shown for x in (row.low, row.high, row.estimate)], 140)
    planned = bool(rows) and all(bool(row.get("prespecified")) for row in rows)
    sign = STATES["prespecified" if planned else "exploratory"]
    p = html.escape
    out = [
        f'<div class="bm-a{"" if planned else " o"}"><style>{_STYLE}</style><table><caption><b>{sign.glyph} {sign.word}</b> · '
        f'{p(title)}</caption><thead><tr><th scope="col">Cohort<th scope="col" class="n">n<th scope="col" class="n">Events'
        f'<th scope="col">HR, {axis.low:.2g} to {axis.high:.2g}<th scope="col" class="n">HR ({_level(rows)} CI)'
        f'<th scope="col" class="n">P</thead><tbody>'
    ]
    for row, (heading, name) in zip(shown, _places(shown, title, 54), strict=True):
        if heading:
            out.append(f'<tr><th scope="rowgroup" colspan="6"><i>{p(heading)}</i>')
        drawn = interval(axis, 20, estimate=row.estimate, low=row.low, high=row.high, pooled=row.pooled,
                         hollow=not planned)  # fmt: skip
        cells = f'<td class="n">{row.ratio}<td class="n">{p(row.p)}' if row.ratio else f'<td colspan="2">{p(row.message)}'
        out.append(
            f'<tr><th scope="row">{p(name)}<td class="n">{row.n}<td class="n">{row.events}<td><svg width="140" '
            f'height="20" aria-hidden="true">{drawn}</svg>{cells}'
        )
    out.append("</tbody></table>")
    out += [f"<p>▲ {p(words)}</p>" for words in _warnings(rows)]
    out += [f"<p>{p(numbers.label(words, 400))}</p>" for words in notes]
    last = ("" if planned else "Not in a plan: the P values are exploratory. ") + (f"Next: {following}" if following else "")
    if last:
        parts = p(last).split("`")
        out.append("<p>" + "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts)) + "</p>")
    return "".join(out) + "</div>"


def association_text(
    rows: Sequence[Mapping[str, Any]], *, title: str, notes: Sequence[str] = (), ascii_only: bool = False
) -> str:
    """The same for a terminal: 80 to 100 columns, one character per step of the axis.

    Examples
    --------
    >>> print(association_text([{"cohort": "ER-", "n": 48, "n_events": 44, "estimate": 1.09, "conf_low": 0.94,
    ...     "conf_high": 1.27, "p_value": 0.25, "finite": True}], title="TK1 at baseline, per doubling"))
    □ TK1 at baseline, per doubling
      cohort   n  events  0.4       1       2.6  HR (95% CI)       P
      ER−     48      44           ─┼■─          1.09 (0.94–1.27)  0.25
    """
    shown = _rows(rows)
    axis = axis_for([x for row in shown for x in (row.low, row.high, row.estimate)], 20, most=18)
    axis = Axis(axis.low, axis.high, 20, 0)
    planned = bool(rows) and all(bool(row.get("prespecified")) for row in rows)
    sign = STATES["prespecified" if planned else "exploratory"]
    places = _places(shown, title, 34)
    name_wide = max([6, *(len(name) for _, name in places)])
    ratio_wide = max([12, *(len(row.ratio) for row in shown)])
    ends = (f"{axis.low:.1g}", f"{axis.high:.2g}")
    middle = round(axis.x(1))
    scale = (ends[0].ljust(middle) + "1").ljust(21 - len(ends[1])) + ends[1]
    lines = [
        *_wrapped(f"{sign.ascii if ascii_only else sign.glyph} {numbers.label(title, 400)}"),
        f"  {'cohort'.ljust(name_wide)} {'n':>3}  events  {scale}  {f'HR ({_level(rows)} CI)'.ljust(ratio_wide)}  P",
    ]
    for row, (heading, name) in zip(shown, places, strict=True):
        lines += [f"  {heading}"] if heading else []
        tail = f"{row.ratio.ljust(ratio_wide)}  {row.p}" if row.ratio else row.message
        lines.append(
            f"  {name.ljust(name_wide)} {row.n:>3}  {row.events:>6}  {_drawn(axis, row, ascii_only)}  {tail}".rstrip()
        )
    mark = STATES["flagged"].ascii if ascii_only else STATES["flagged"].glyph
    lines += [line for words in _warnings(rows) for line in _wrapped(f"{mark} {words}")]
    lines += [line for words in notes for line in _wrapped(numbers.label(words, 400))]
    out = "\n".join(lines).replace(numbers.NBSP, " ")
    return out if not ascii_only else out.replace(numbers.MINUS, "-").replace(numbers.EN_DASH, "-")


def _wrapped(line: str) -> list[str]:
    return textwrap.wrap(line, 96, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _drawn(axis: Axis, row: _Row, ascii_only: bool) -> str:
    line, box, null, cross = ("-", "#", "|", "+") if ascii_only else ("─", "■", "│", "┼")
    cells = [" "] * 21
    cells[round(axis.x(1))] = null
    if math.isfinite(row.estimate):
        for at in range(round(axis.x(row.low)), round(axis.x(row.high)) + 1):
            cells[at] = cross if cells[at] == null else line
        cells[round(axis.x(row.estimate))] = box
    return "".join(cells)
