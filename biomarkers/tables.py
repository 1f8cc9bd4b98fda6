"""Cells: a row of a tidy result as the text a reader sees; the door through which every number becomes words.

The digits themselves are chosen by `biomarkers.domain.numbers`; here a row gets its state, its label and its cells. Nothing is
computed but order statistics of what is shown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd

from biomarkers.domain import numbers
from biomarkers.domain.design import Design
from biomarkers.domain.errors import UseError
from biomarkers.domain.flow import FLOW, MISSING_REASONS
from biomarkers.domain.numbers import NONE
from biomarkers.domain.states import STATES, State, flags, inestimable, number, reason, remarks, state, text
from biomarkers.domain.times import DAYS_PER

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)

POOLED, HETEROGENEITY = "all", "marker:cohort"
HAZARD_RATIO, RATIO_OF_RATIOS = "hazard ratio", "ratio of hazard ratios"

_REFUSAL = (
    re.compile(
        r"asked by:?\s*(?P<asked>.*?)\s*[;.,|]?\s*why(?: not)?:?\s*(?P<why>.*?)\s*[;|]?\s*instead:?\s*(?P<instead>.*)",
        re.IGNORECASE | re.DOTALL,
    ),
    re.compile(r"(?P<asked>[^:]*):\s*(?P<why>.*?)\.?\s*Instead:\s*(?P<instead>.*)", re.DOTALL),
)


def order(values: Iterable[Hashable], first: Sequence[Hashable] = ()) -> list[str]:
    """Distinct values, those of the design first and in its order, the rest as they come; never the alphabet."""
    present = list(dict.fromkeys(text(value) for value in values))
    return [str(v) for v in first if v in present] + [v for v in present if v not in first]


def together(items: Iterable[Item], key: Callable[[Item], Key]) -> list[tuple[Key, list[Item]]]:
    """Items by key, keys in the order in which they first appear, also where they do not stand side by side."""
    groups: dict[Key, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.items())


def split(frame: pd.DataFrame, column: str) -> dict[str, pd.DataFrame]:
    """Parts of a table by the text of a column, in the order in which they first appear; one pass instead of one per part."""
    if not len(frame):
        return {}
    return {text(key): part for key, part in frame.groupby(column, sort=False, observed=True, dropna=False)}


def need(table: pd.DataFrame, columns: Sequence[str], drawing: str) -> None:
    """Say which columns a drawing lacks.

    Raises
    ------
    UseError
        One or more are missing; all are named, with what the table has.
    """
    missing = [name for name in columns if name not in table]
    if missing:
        has = ", ".join(map(str, table.columns[:12])) or "no columns"
        word = "columns" if len(missing) > 1 else "column"
        raise UseError(f"the figure {drawing!r} needs the {word} {', '.join(missing)}; the table has {has}")


def floats(column: pd.Series) -> np.ndarray:
    """A column as numbers (n,), nan where it is missing or no number."""
    return pd.to_numeric(column, errors="coerce").to_numpy(float, na_value=np.nan)


def records(frame: pd.DataFrame | None) -> list[dict[str, Any]]:
    """A frame as rows."""
    return [] if frame is None else [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


# -- words of the design --------------------------------------------------------------------------------------------------


def marker_label(name: str, design: Design) -> str:
    """What a reader calls the marker; a name the design does not know stands as it is."""
    known = design.markers.get(name)
    return numbers.label(known.label if known else name)


def endpoint_label(name: str, design: Design) -> str:
    """ "Progression-free survival"."""
    known = {key.lower(): value for key, value in design.endpoints.items()}.get(name.lower())
    return numbers.label(known.label if known else name)


def endpoint_short(name: str, design: Design) -> str:
    """ "PFS" where the code is an abbreviation, else the label in lower case."""
    return name.upper() if len(name) <= 4 else _lower_first(endpoint_label(name, design))


def _lower_first(words: str) -> str:
    return words[:1].lower() + words[1:] if words[1:2].islower() or words[1:2] == "" else words


def short_names(names: Sequence[str]) -> list[str]:
    """Names for narrow columns: what one name adds to another is enough.

    Examples
    --------
    >>> short_names(["T-DM1", "T-DM1 + abemaciclib"])
    ['T-DM1', '+ abemaciclib']
    """
    shown = [numbers.label(name) for name in names]
    return [
        next((name[len(other) :].strip() for other in shown if other and name.startswith(f"{other} ")), name) for name in shown
    ]


def cohort_label(name: str) -> str:
    """A cohort as a heading."""
    return "All cohorts" if name == POOLED else numbers.label(name)


def capital(words: str) -> str:
    """A first capital, but for words that have their own (ctDNA).

    Examples
    --------
    >>> capital("tissue"), capital("ctDNA, as published")
    ('Tissue', 'ctDNA, as published')
    """
    first = words.split(" ", 1)[0]
    return words[:1].upper() + words[1:] if first == first.lower() else words


def variable_label(name: str) -> str:
    """A column of the study as a reader sees it.

    Examples
    --------
    >>> variable_label("liver_mets"), variable_label("er"), variable_label("age")
    ('Liver mets', 'ER', 'Age')
    """
    words = numbers.label(name.replace("_", " "))
    return words.upper() if len(words) <= 2 else words[:1].upper() + words[1:]


def family_label(family: str, timing: str) -> str:
    """ "Tissue, baseline": the heading over the rows of one family and time."""
    head = numbers.label(family or "other")
    if timing and head.lower().endswith(timing.lower()):
        timing = ""
    return capital(head) + (f", {numbers.label(timing)}" if timing else "")


def time_unit(longest: float) -> str:
    """Weeks, or months where follow-up is long."""
    return "months" if longest > 3 * DAYS_PER["year"] else "weeks"


# -- one row of the result table ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Refusal:
    """A question that was not answered: who asked, why not, what to ask instead."""

    question: str
    asked: str
    why: str
    instead: str


def refusal(row: Mapping[str, Any], design: Design) -> Refusal:
    """The box of a refused row, read from its note.

    Examples
    --------
    >>> r = refusal({"note": "ever cleared: it uses the future. Instead: at=bm.Landmark(day=49, since=35)"}, Design(name="x"))
    >>> r.asked, r.why, r.instead
    ('ever cleared', 'it uses the future', 'at=bm.Landmark(day=49, since=35)')
    """
    note = text(row.get("note"))
    question = row_label(row, design)
    for pattern in _REFUSAL:
        found = pattern.match(note)
        if found:
            asked, why, instead = (numbers.label(found[key].strip(), 600) for key in ("asked", "why", "instead"))
            return Refusal(question, asked, why.rstrip("."), instead)
    return Refusal(question, f"analysis {text(row.get('analysis'))}", numbers.label(note, 600), "")


def contrast_label(row: Mapping[str, Any]) -> str:
    """The contrast with true minus signs."""
    return numbers.label(text(row.get("contrast")))


def row_label(row: Mapping[str, Any], design: Design) -> str:
    """ "TK1, per doubling", "CTC ≥ 5 against < 5".

    Examples
    --------
    >>> row_label({"marker": "ctc", "contrast": "≥ 5 against < 5"}, Design(name="x"))
    'ctc ≥ 5 against < 5'
    """
    name, contrast = marker_label(text(row.get("marker")), design), contrast_label(row)
    if not contrast:
        return name
    return f"{name} {contrast}" if contrast[0] in "<>≤≥=" else f"{name}, {contrast}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the result table, ready to be printed and drawn.

    Parameters
    ----------
    key : int
        Line of the row in results.csv, counted from 1 without the header: every printed number can be traced.
    state, flags, notes
        What must be known before the number is read.
    label, group, cohort, arm
        Words.
    n, events, ratio, p, p_adjusted : str
        Cells.
    message, limit : str
        What stands in place of ratio and P where there is no model, and the finite limit where there is one.
    estimate, low, high : float
        Unrounded, for the drawing.
    tag : str
        The id of the analysis, where another one asks in the same words (a sensitivity analysis); part of the label.
    title : str
        The label with its time and endpoint where another row has the same one: for rows that no heading tells apart.
    """

    key: int
    analysis: str
    marker: str
    cohort: str
    endpoint: str
    family: str
    timing: str
    estimand: str
    term: str
    state: State
    flags: tuple[str, ...]
    notes: tuple[str, ...]
    label: str
    contrast: str
    group: str
    n: str
    events: str
    n_events: float
    ratio: str
    p: str
    p_adjusted: str
    message: str
    limit: str
    estimate: float
    low: float
    high: float
    level: float
    p_value: float
    p_holm: float
    detectable: float
    tag: str = ""
    title: str = ""
    row: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def modelled(self) -> bool:
        """Whether there is a finite estimate with an interval."""
        return self.state in ("prespecified", "exploratory") and math.isfinite(self.estimate)

    @property
    def significant(self) -> bool:
        """Adjusted P below 0.05: the only reason for a tint."""
        return math.isfinite(self.p_holm) and self.p_holm < 0.05 and self.modelled


def line(row: Mapping[str, Any], design: Design, *, key: int = 0, tag: str = "") -> Line:
    """The printed form of one row of the result table.

    Parameters
    ----------
    row : mapping
        With the columns of the result table; limits on the ratio scale.
    design : Design
        For labels.
    key : int
        Line in results.csv.
    tag : str
        What tells it from another analysis in the same words.
    """
    which = state(row)
    estimate, low, high = (number(row.get(k)) for k in ("estimate", "conf_low", "conf_high"))
    level = number(row.get("conf_level"))
    level = level if math.isfinite(level) else 0.95
    modelled = which in ("prespecified", "exploratory") and math.isfinite(estimate)
    adjusted = number(row.get("p_adjusted"))
    return Line(
        key=key,
        analysis=text(row.get("analysis")),
        marker=text(row.get("marker")),
        cohort=text(row.get("cohort")),
        endpoint=text(row.get("endpoint")),
        family=text(row.get("family")),
        timing=text(row.get("timing")),
        estimand=text(row.get("estimand")),
        term=text(row.get("term")),
        state=which,
        flags=flags(row),
        notes=remarks(row),
        label=row_label(row, design) + (f" [{numbers.label(tag, 40)}]" if tag else ""),
        tag=numbers.label(tag, 40),
        contrast=contrast_label(row),
        group=family_label(text(row.get("family")), text(row.get("timing"))),
        n=numbers.count(number(row.get("n"))),
        events=numbers.count(number(row.get("n_events"))),
        n_events=number(row.get("n_events")),
        ratio=numbers.interval(estimate, low, high) if modelled else "",
        p=numbers.p(number(row.get("p_value"))) if which in ("prespecified", "exploratory") else NONE,
        p_adjusted=_adjusted(which, adjusted),
        message=_message(row, which, low, high, level),
        limit=numbers.one_limit(low, high, level) if which == "not_estimable" else "",
        estimate=estimate,
        low=low,
        high=high,
        level=level,
        p_value=number(row.get("p_value")),
        p_holm=adjusted,
        detectable=number(row.get("detectable")),
        row=row,
    )


def _adjusted(which: State, adjusted: float) -> str:
    if which == "exploratory" and not math.isfinite(adjusted):
        return "not in plan"
    return numbers.p(adjusted) if which in ("prespecified", "exploratory") else NONE


def _message(row: Mapping[str, Any], which: State, low: float, high: float, level: float) -> str:
    if which == "descriptive":
        return reason(row)
    if which == "not_estimable":
        return f"{inestimable(row)}; {numbers.one_limit(low, high, level)}"
    if which == "refused":
        return "would mislead; not computed"
    return ""


def lines(table: pd.DataFrame, design: Design) -> list[Line]:
    """All rows of a result table, in its order; analyses that ask in the same words are told apart by their id."""
    rows = records(table)
    asked: dict[tuple[str, ...], dict[str, None]] = {}
    times: dict[str, set[str]] = {}
    ends: dict[str, set[str]] = {}
    for row in rows:
        asked.setdefault(_question(row), {})[text(row.get("analysis"))] = None
        times.setdefault(row_label(row, design), set()).add(text(row.get("timing")))
        ends.setdefault(row_label(row, design), set()).add(text(row.get("endpoint")))
    made = []
    for place, row in enumerate(rows, start=1):
        tag = text(row.get("analysis")) if len(asked[_question(row)]) > 1 else ""
        one, label = line(row, design, key=place, tag=tag), row_label(row, design)
        when = numbers.label(one.timing.split(",")[0]) if len(times[label]) > 1 else ""
        end = endpoint_short(one.endpoint, design) if len(ends[label]) > 1 else ""
        title = ", ".join(filter(None, (label, when, end))) + (f" [{one.tag}]" if one.tag else "")
        made.append(replace(one, title=title))
    return made


def _question(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(text(row.get(k)) for k in ("endpoint", "marker", "contrast", "timing", "estimand"))


# -- words -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a sentence: plain, bold (b) or unbroken (nw)."""

    text: str
    style: Literal["", "b", "nw"] = ""


def plain(pieces: Sequence[Piece]) -> str:
    """A sentence without its styles."""
    return "".join(piece.text for piece in pieces)


# -- grids: any table of a page -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `mark` is a CSS class (lod, em), `flag` puts a ▲ before the number, `source` is "table:line" of its CSV."""

    text: str
    mark: str = ""
    flag: bool = False
    href: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class GridRow:
    """A row: kind "" (plain), "g" (a heading over the next rows), "i" (indented), "d" (in the second ink).

    `source` is "table:line": the CSV whose line, counted from 1 without the header, holds its numbers unrounded.
    """

    head: str
    cells: tuple[Cell, ...] = ()
    kind: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of a page: caption, heads, rows and the footnote; `numeric` says which columns are set to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[GridRow, ...]
    numeric: tuple[bool, ...]
    note: str = ""

    def __bool__(self) -> bool:
        return bool(self.rows)


def cells(*words: object) -> tuple[Cell, ...]:
    """Texts, or cells, as cells; an empty text becomes the dash that is never zero."""
    return tuple(w if isinstance(w, Cell) else Cell(str(w)) if str(w) not in ("", NONE) else Cell(NONE, "em") for w in words)


def sign(name: str) -> str:
    """A state as a cell shows it: its glyph and its word."""
    return f"{STATES[name].glyph}{numbers.NBSP}{STATES[name].word}" if name != "not_estimable" else STATES[name].word


# -- marker values --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """Order statistics of one marker in one group; values beyond a limit keep their place and are never made up.

    Parameters
    ----------
    known, missing, below, above, zero : int
    q1, median, q3, low, high : float
        In the marker's unit; -inf stands for "below the limit", inf for "above the range".
    lod : str
        The limit as it may be shown: "<20", or "<LOD" where it differs between rows.
    """

    known: int
    missing: int
    below: int
    above: int
    zero: int
    q1: float
    median: float
    q3: float
    low: float
    high: float
    lod: str = "<LOD"

    def shown(self, x: float) -> str:
        """A statistic as text: "<20" where it lies below the limit."""
        if math.isinf(x):
            return self.lod if x < 0 else "above range"
        return numbers.value(x)


def summarise(values: pd.DataFrame) -> Summary:
    """Known, missing, limits and quartiles of the values of one marker.

    Parameters
    ----------
    values : pandas.DataFrame
        Columns value, status (measured, below, above), lod; other status, or no value, is missing.

    Examples
    --------
    >>> s = summarise(pd.DataFrame({"value": [20, 40, 80], "status": ["below", "measured", "measured"], "lod": 20.0}))
    >>> s.known, s.below, s.shown(s.low), s.shown(s.median)
    (3, 1, '<20', '40')
    """
    status = np.array([text(cell) for cell in values["status"]], dtype=object)
    limits = pd.to_numeric(values["lod"]) if "lod" in values else pd.Series(np.nan, index=values.index)
    value, lod = (column.to_numpy(float, na_value=np.nan) for column in (pd.to_numeric(values["value"]), limits))
    return summary(value, status, lod)


def summary(value: np.ndarray, status: np.ndarray, lod: np.ndarray) -> Summary:
    """The same of columns as arrays (n,): for one who has them by the hundred, and without a table for each.

    Examples
    --------
    >>> summary(np.array([1.0, 2.0, 4.0]), np.array(["measured"] * 3), np.full(3, np.nan)).median
    2.0
    """
    below = status == "below"
    x = np.where(below, -np.inf, np.where(status == "above", np.inf, value))
    valid = (status == "measured") | below | (status == "above")
    known = np.sort(x[valid & ~np.isnan(x)])
    limits = np.unique(lod[below & ~np.isnan(lod)])
    q1, median, q3 = (_quantile(known, q) for q in (0.25, 0.5, 0.75))
    return Summary(
        known=len(known),
        missing=len(x) - len(known),
        below=int((known == -np.inf).sum()),
        above=int((known == np.inf).sum()),
        zero=int((known == 0).sum()),
        q1=q1,
        median=median,
        q3=q3,
        low=float(known[0]) if len(known) else math.nan,
        high=float(known[-1]) if len(known) else math.nan,
        lod=f"<{numbers.value(float(limits[0]))}" if len(limits) == 1 else "<LOD",
    )


def _quantile(ordered: np.ndarray, q: float) -> float:
    """Linear between neighbours (R's type 7); beyond a limit where a neighbour is beyond it."""
    if not len(ordered):
        return math.nan
    place = q * (len(ordered) - 1)
    below, share = int(place), place - int(place)
    a, b = float(ordered[below]), float(ordered[min(below + 1, len(ordered) - 1)])
    if share == 0 or a == b:
        return a
    if math.isinf(a) or math.isinf(b):
        return a if share < 0.5 else b
    return a + share * (b - a)


# -- flow -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Leaving:
    """Subjects who left for one reason, in all and by arm."""

    words: str
    n: int
    by_arm: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Station:
    """A box of the flow diagram: who is still here, after these left."""

    words: str
    n: int
    by_arm: tuple[int, ...]
    left: tuple[Leaving, ...] = ()


_STATIONS = (
    (("not_in_cohort",), "With an outcome"),
    (("event_at_or_before_landmark", "censored_at_or_before_landmark"), "At risk at the landmark"),
    (
        ("no_measurement", "no_draw_in_window", "draw_on_or_after_event", "measurement_too_old", "failed_qc", "not_evaluable"),
        "With a value",
    ),
    (("no_baseline", "missing_covariate", "model_gate"), "Complete for the model"),
)


def stations(
    flow: pd.DataFrame, *, start: str = "In the cohort", end: str = "Analysed", arms: Sequence[str] = ()
) -> list[Station]:
    """The boxes of one analysis in one cohort, with who left between them and why; counts add up at every step.

    Parameters
    ----------
    flow : pandas.DataFrame
        Rows of one analysis and one cohort: arm, reason, detail, n_excluded, n_left, total.
    start, end : str
        Words of the first and the last box.
    arms : sequence of str
        The order of the design.

    Raises
    ------
    ValueError
        The exits of an arm and its analysed do not add up to its total.

    Examples
    --------
    >>> flow = pd.DataFrame([("A", "no_measurement", "qns", 2, 30, 32), ("A", "included", "", 0, 30, 32)],
    ...                     columns=["arm", "reason", "detail", "n_excluded", "n_left", "total"])
    >>> [(s.words, s.n, [(x.words, x.n) for x in s.left]) for s in stations(flow)]
    [('In the cohort', 32, []), ('Analysed', 30, [('no measurement: quantity not sufficient', 2)])]
    """
    rows = records(flow)
    names = order((row.get("arm") for row in rows), arms)
    last = [row for row in rows if row["reason"] == "included"]           # one for each cohort and arm that came in
    totals = {arm: sum(int(row["total"]) for row in last if text(row.get("arm")) == arm) for arm in names}
    gone: dict[tuple[str, str], dict[str, int]] = {}
    for row in rows:
        if row["reason"] != "included" and number(row["n_excluded"]) > 0:
            exits = gone.setdefault((text(row["reason"]), text(row.get("detail"))), {})
            exits[text(row.get("arm"))] = exits.get(text(row.get("arm")), 0) + int(row["n_excluded"])
    left = dict(totals)
    found = [Station(start, sum(left.values()), tuple(left.values()))]
    for reasons, words in _STATIONS:
        leaving = []
        for code, detail in sorted((key for key in gone if key[0] in reasons), key=lambda key: _FLOW_ORDER[key[0]]):
            exits = gone[code, detail]
            leaving.append(Leaving(flow_words(code, detail), sum(exits.values()), tuple(exits.get(a, 0) for a in names)))
            left = {arm: left[arm] - exits.get(arm, 0) for arm in names}
        if leaving:
            found.append(Station(words, sum(left.values()), tuple(left[a] for a in names), tuple(leaving)))
    analysed = {arm: sum(int(row["n_left"]) for row in last if text(row.get("arm")) == arm) for arm in names}
    if analysed != left:
        raise ValueError(f"the flow does not add up: {left} left by the exits, {analysed} analysed")
    if len(found) == 1:
        return [*found, Station(end, found[0].n, found[0].by_arm)]
    return [*found[:-1], Station(end, found[-1].n, found[-1].by_arm, found[-1].left)]


_FLOW_ORDER = {reason: place for place, reason in enumerate(FLOW)}


def flow_words(code: str, detail: str = "") -> str:
    """The reader's words for a reason code and its detail."""
    words = FLOW.get(code) or MISSING_REASONS.get(code) or numbers.label(code)
    more = MISSING_REASONS.get(detail, numbers.label(detail))
    return f"{words}: {more}" if more and more != words else words
