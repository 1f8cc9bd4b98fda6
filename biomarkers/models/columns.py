"""From the columns of a frame to arrays, with every refusal of bad input in one place and in one voice.

A value that is missing drops its row, and the rows dropped are counted by column. A value that cannot be (an infinite
covariate, a negative time, an event coded 2) is refused with the row that has it first: guessing what it meant is how
a table of 50 patients quietly becomes another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from biomarkers.domain.errors import UseError
from biomarkers.domain.nearest import did_you_mean

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Term:
    """One term of a model: its name, and the columns of the design it owns.

    Attributes
    ----------
    name : str
        As the user wrote it: ``age``, ``stage``, ``age:arm``.
    columns : tuple of str
        ``age``; ``stage[II]``, ``stage[III]``; ``age:arm[B]``.
    X : (n, len(columns)) float
    is_factor : bool
    parts : tuple of (str, levels or None)
        The columns of the frame that the term is the product of; a factor with the levels it was coded by.
    kept : tuple of int
        Which columns of that product are in X: a level without rows has none.
    """

    name: str
    columns: tuple[str, ...]
    X: Floats
    is_factor: bool
    parts: tuple[tuple[str, tuple[object, ...] | None], ...]
    kept: tuple[int, ...]


@dataclass(frozen=True)
class SurvivalRows:
    """Checked rows of a survival frame: arrays without missing values, and what was left out and why.

    Attributes
    ----------
    time, event : (n,)
    entry, weight : (n,) or None
    stratum : (n,) int or None
        Codes in the order of `stratum_names`.
    cluster : (n,) int or None
    terms : tuple of Term
    kept : (n_rows,) bool
        Rows of the frame that are used.
    n_dropped : int
    notes : tuple of str
    """

    time: Floats
    event: NDArray[np.bool_]
    entry: Floats | None = None
    weight: Floats | None = None
    stratum: NDArray[np.int64] | None = None
    stratum_names: tuple[str, ...] = ()
    cluster: NDArray[np.int64] | None = None
    terms: tuple[Term, ...] = ()
    kept: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    n_dropped: int = 0
    notes: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        """Rows used."""
        return int(self.time.size)

    @property
    def n_events(self) -> int:
        """Events among them."""
        return int(self.event.sum())


def names(value: str | Sequence[str] | None) -> tuple[str, ...]:
    """One column name or several, as a tuple."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def column(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column of the frame, or an error that names the nearest one."""
    try:
        found = frame[name]
    except KeyError:
        found = None
    if found is None:
        names = [str(c) for c in frame.columns]
        hint = did_you_mean(str(name), names, f"it has {', '.join(names[:12])}.")
        raise UseError(f"the frame has no column {name!r}; {hint}")
    if isinstance(found, pd.DataFrame):
        raise UseError(f"the frame has {found.shape[1]} columns called {name!r}: rename them.")
    return found


def numbers(series: pd.Series, role: str) -> Floats:
    """Numeric values with NaN where missing; text is refused with its first row."""
    values = series.to_numpy()
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    if values.dtype.kind in "mM":
        raise UseError(
            f"{role} {series.name!r} holds dates or durations: subtract the declared time zero and give days, "
            f"e.g. (frame[{series.name!r}] - frame['registration']).dt.days."
        )
    try:
        if is_factor(series):
            raise ValueError("text")
        return series.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        bad = pd.to_numeric(series, errors="coerce").isna() & series.notna()
        where = int(np.flatnonzero(bad.to_numpy())[0]) if bad.any() else 0
        raise UseError(
            f"{role} {series.name!r} holds text, first {series.iloc[where]!r} at row {series.index[where]!r}: "
            "convert it to numbers."
        ) from None


def is_factor(series: pd.Series) -> bool:
    """Text and categories are factors; numbers and booleans are not."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return False
    if isinstance(dtype, np.dtype) and dtype.kind == "O":
        return _object_is_factor(series)
    if isinstance(dtype, pd.CategoricalDtype):
        return True
    return not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype) or dtype.kind in "mM")


def _object_is_factor(series: pd.Series) -> bool:
    """A column of Python objects: numbers are numbers, words are words, and a mixture is an error with its first row."""
    known = series.dropna()
    words = known.map(lambda value: isinstance(value, str)).to_numpy(dtype=bool)
    if words.all() or not words.any():
        return bool(words.any()) or pd.api.types.infer_dtype(known) not in (
            "integer", "floating", "mixed-integer-float", "boolean", "decimal", "empty",
        )  # fmt: skip
    where = int(np.flatnonzero(words)[0])
    raise UseError(
        f"column {series.name!r} mixes numbers and text, first {known.iloc[where]!r} at row {known.index[where]!r}: "
        "is it a number with a limit, a code, or a slip? Make it one kind."
    )


def factor_levels(series: pd.Series) -> list[object]:
    """Levels in their order: a Categorical's own, else sorted; only those that occur."""
    return _leveled(series)[1]


def _leveled(series: pd.Series) -> tuple[NDArray[np.int64], list[object]]:
    """Level code of each row, -1 where missing, and the levels that occur in their order."""
    if isinstance(series.dtype, pd.CategoricalDtype):
        found, levels = np.asarray(series.cat.codes, dtype=np.int64), series.cat.categories.tolist()
        order = np.flatnonzero(np.bincount(found + 1, minlength=len(levels) + 1)[1:])
    else:
        found, labels = pd.factorize(series)
        levels = labels.tolist()
        order = np.array(sorted(range(len(levels)), key=lambda k: _rank(levels[k])), dtype=np.int64)
    place = np.full(len(levels) + 1, -1, dtype=np.int64)
    place[order] = np.arange(order.size)
    return place[found], [levels[k] for k in order]


def _rank(level: object) -> tuple[int, str, object]:
    """Numbers before other things before words, each kind in its own order."""
    if isinstance(level, (int, float)):
        return (0, "", level)
    return (2, "", level) if isinstance(level, str) else (1, type(level).__name__, level)


def codes(series: pd.Series) -> tuple[NDArray[np.int64], list[object]]:
    """Level code of each row, -1 where missing, and the levels in their order; a whole number is shown as one."""
    # Labels may be of any kind: a subject called 12 beside one called "A7" is no slip.
    if series.dtype.kind == "O" or is_factor(series):
        found, levels = _leveled(series)
    else:
        values = numbers(series, "column")
        unique = np.unique(values[~np.isnan(values)])
        found, levels = np.searchsorted(unique, values).astype(np.int64), unique.tolist()
        found[np.isnan(values)] = -1
    return found, [int(level) if isinstance(level, float) and level.is_integer() else level for level in levels]


def read_event(series: pd.Series) -> Floats:
    """Event indicator as 0, 1 or NaN; any other coding is refused."""
    dtype = series.dtype
    if is_factor(series):
        raise UseError(
            f"event {series.name!r} holds text or categories ({', '.join(map(repr, factor_levels(series)[:4]))}): "
            f"say which one is the event, e.g. frame[{series.name!r}] == {factor_levels(series)[-1:]!r}[0]."
        )
    values = numbers(series, "event")
    if dtype == np.bool_:
        return values
    known = values[~np.isnan(values)]
    odd = (values != 0) & (values != 1) & ~np.isnan(values)
    if odd.any():
        found = np.unique(known)
        where = int(np.flatnonzero(odd)[0])
        if set(found.tolist()) <= {1.0, 2.0}:
            raise UseError(
                f"event {series.name!r} is coded {', '.join(f'{v:g}' for v in found)}: is 2 the event, or 1? "
                f"Pass 0/1, e.g. frame.assign({series.name}=frame[{series.name!r}] == 2)."
            )
        raise UseError(
            f"event {series.name!r} must be 0 or 1; {int(odd.sum())} of {known.size} rows are not, first "
            f"{values[where]:g} at row {series.index[where]!r}. Correct that row; recoding the column would change the others."
        )
    return values


def read_time(series: pd.Series, role: str) -> Floats:
    """Times: finite, not negative (an entry may be -inf), NaN where missing."""
    values = numbers(series, role)
    infinite = np.isposinf(values) if role == "entry" else np.isinf(values)
    if infinite.any():
        where = int(np.flatnonzero(infinite)[0])
        raise UseError(
            f"{role} {series.name!r} is infinite in {int(infinite.sum())} row(s), first at row {series.index[where]!r}."
        )
    if role != "entry" and (values < 0).any():
        where = int(np.flatnonzero(values < 0)[0])
        raise UseError(
            f"{role} {series.name!r} is negative in {int((values < 0).sum())} row(s), first {values[where]:g} at row "
            f"{series.index[where]!r}: time counts from a declared time zero. Correct the dates or drop the row."
        )
    return values


def read_term(frame: pd.DataFrame, name: str) -> Term:
    """One term; ``a:b`` is the product of its parts, factors in 0/1 columns against their first level."""
    if name not in frame.columns and ":" in name:
        made = [read_term(frame, part.strip()) for part in name.split(":")]
        X, labels = made[0].X, made[0].columns
        for part in made[1:]:
            X = (X[:, :, None] * part.X[:, None, :]).reshape(X.shape[0], -1)
            labels = tuple(f"{a}:{b}" for a in labels for b in part.columns)
        parts = tuple(part for term in made for part in term.parts)
        return Term(name, labels, X, any(term.is_factor for term in made), parts, tuple(range(len(labels))))
    series = column(frame, name)
    if not is_factor(series):
        values = numbers(series, "covariate")
        infinite = np.isinf(values)
        if infinite.any():
            where = int(np.flatnonzero(infinite)[0])
            raise UseError(
                f"covariate {name!r} is infinite in {int(infinite.sum())} row(s), first at row {series.index[where]!r}: "
                "a ratio over zero? Set it missing or give it a declared value."
            )
        return Term(name, (name,), values[:, None], False, ((name, None),), (0,))
    found, known = _leveled(series)
    levels = tuple(known)
    if len(levels) < 2:
        only = repr(levels[0]) if levels else "nothing"
        raise UseError(f"factor {name!r} has one level in these {len(series)} rows ({only}): there is nothing to compare.")
    X = _indicators(found, len(levels))
    labels = tuple(f"{name}[{level}]" for level in levels[1:])
    return Term(name, labels, X, True, ((name, levels),), tuple(range(len(labels))))


def dummy_coded(values: pd.Series) -> Floats:
    """A column as it enters a regression: a number as it is, (n, 1); labels as 0/1 columns of all but the first, (n, k - 1)."""
    if pd.api.types.is_numeric_dtype(values):
        return values.astype(float).to_numpy()[:, None]
    return pd.get_dummies(values.astype(str), drop_first=True, dtype=float).to_numpy(float)


def without_gaps(values: pd.Series) -> pd.Series:
    """A column whose missing numbers are the mean of the others, and whose missing labels are the label "missing"."""
    if pd.api.types.is_numeric_dtype(values):
        known = values.astype(float)
        return known.fillna(known.mean())
    return values.astype("object").where(values.notna(), "missing")


def _indicators(found: NDArray[np.int64], n_levels: int) -> Floats:
    """0/1 columns of all levels but the first; NaN where the code is -1."""
    X = (found[:, None] == np.arange(1, n_levels)).astype(np.float64)
    X[found < 0] = np.nan
    return X


def read_coded(frame: pd.DataFrame, part: tuple[str, tuple[object, ...] | None]) -> Floats:
    """New rows of one part of a term, coded as in the fit; a level the fit did not have is refused."""
    name, levels = part
    series = column(frame, name)
    if levels is None:
        return numbers(series, "covariate")[:, None]
    found, known = _leveled(series)
    unknown = [value for value in known if value not in levels]
    if unknown:
        raise UseError(f"{name!r} has level {unknown[0]!r}, which the fit did not have; it has {', '.join(map(str, levels))}.")
    place = np.array([*(levels.index(level) for level in known), -1], dtype=np.int64)
    return _indicators(place[found], len(levels))


def stratum_labels(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[str]:
    """The label of each row's stratum, as `survival_rows` names it."""
    parts = [column(frame, name).tolist() for name in columns]
    return [
        ", ".join(f"{name}={_plain(value)}" for name, value in zip(columns, row, strict=True))
        for row in zip(*parts, strict=True)
    ]


def _plain(level: object) -> str:
    return f"{level:g}" if isinstance(level, (int, float)) and not isinstance(level, bool) else str(level)


def survival_rows(
    frame: pd.DataFrame,
    time: str,
    event: str,
    *,
    terms: Sequence[str] = (),
    entry: str | None = None,
    strata: str | Sequence[str] = (),
    cluster: str | None = None,
    weights: str | None = None,
    extra: Sequence[str] = (),
    least: int = 2,
) -> SurvivalRows:
    """Read and check the columns of one analysis.

    Raises
    ------
    UseError
        A column that is not there, a value that cannot be, or too few rows; the message names column, row and remedy.
    """
    if not isinstance(frame, pd.DataFrame):
        raise UseError(f"frame must be a pandas DataFrame, not {type(frame).__name__}.")
    if len(frame) == 0:
        raise UseError("n = 0: the frame has no rows.")
    t = read_time(column(frame, time), "time")
    d = read_event(column(frame, event))
    s = None if entry is None else read_time(column(frame, entry), "entry")
    w = None if weights is None else _read_weights(column(frame, weights))
    read_terms = [read_term(frame, name) for name in terms]
    stratum, stratum_names = _cross(frame, names(strata)) if names(strata) else (None, ())
    group = None if cluster is None else codes(column(frame, cluster))[0]
    missing: dict[str, NDArray[np.bool_]] = {time: np.isnan(t), event: np.isnan(d)}
    optional = {
        entry: None if s is None else np.isnan(s),
        weights: None if w is None else np.isnan(w),
        "+".join(names(strata)): None if stratum is None else stratum < 0,
        cluster: None if group is None else group < 0,
        **{term.name: np.isnan(term.X).any(axis=1) for term in read_terms},
        **{name: column(frame, name).isna().to_numpy() for name in extra},
    }
    missing.update({name: lacking for name, lacking in optional.items() if name is not None and lacking is not None})
    gone = np.zeros(t.size, dtype=bool)
    for lacking in missing.values():
        gone |= lacking
    kept = ~gone
    n_dropped = int(gone.sum())
    notes: list[str] = []
    if n_dropped:
        counts = ", ".join(f"{int(m.sum())} without {name}" for name, m in missing.items() if m.any())
        notes.append(f"{n_dropped} of {t.size} rows dropped: {counts}.")
        t, d = t[kept], d[kept]
        s = None if s is None else s[kept]
        w = None if w is None else w[kept]
        stratum = None if stratum is None else stratum[kept]
        group = None if group is None else group[kept]
        read_terms = [_kept_term(term, kept) for term in read_terms]
    if t.size < least:
        raise UseError(f"n = {t.size} row(s) left of {gone.size}: nothing can be estimated. {' '.join(notes)}".strip())
    zero = int((t == 0).sum())
    if s is not None:
        empty = np.flatnonzero(s >= t)
        if empty.size:
            row = frame.index[np.flatnonzero(kept)[empty[0]]]
            raise UseError(
                f"{empty.size} interval(s) (entry, time] are empty, first ({s[empty[0]]:g}, {t[empty[0]]:g}] at row "
                f"{row!r}: stop must be after start. A subject who leaves on the day of entry was never at risk; drop the row."
            )
    elif zero:
        notes.append(f"{zero} row(s) with time 0: at risk at no later death.")
    return SurvivalRows(
        time=t, event=d.astype(bool), entry=s, weight=w, stratum=stratum, stratum_names=stratum_names, cluster=group,
        terms=tuple(read_terms), kept=kept, n_dropped=n_dropped, notes=tuple(notes),
    )  # fmt: skip


def _kept_term(term: Term, kept: NDArray[np.bool_]) -> Term:
    """The term on the rows kept; a factor loses levels that no longer occur, the first one left is its reference."""
    X = term.X[kept]
    if not term.is_factor or len(term.parts) > 1:
        return replace(term, X=X)
    levels = np.array(term.parts[0][1], dtype=object)
    used = np.r_[(X == 0).all(axis=1).any(), (X == 1).any(axis=0)]
    if used.all():
        return replace(term, X=X)
    left = tuple(levels[used])
    if len(left) < 2:
        raise UseError(
            f"factor {term.name!r} has one level in the {X.shape[0]} rows without missing values "
            f"({', '.join(map(repr, left))}): there is nothing to compare."
        )
    keep = np.flatnonzero(used)[1:] - 1
    return Term(
        term.name, tuple(f"{term.name}[{level}]" for level in left[1:]), X[:, keep], True,
        ((term.name, left),), tuple(range(len(left) - 1)),
    )  # fmt: skip


def _read_weights(series: pd.Series) -> Floats:
    values = numbers(series, "weights")
    bad = (values <= 0) | np.isinf(values)
    if bad.any():
        where = int(np.flatnonzero(bad)[0])
        raise UseError(
            f"weights {series.name!r} must be positive; {int(bad.sum())} are not, first {values[where]:g} at row "
            f"{series.index[where]!r}. Drop rows of weight 0."
        )
    return values


def _cross(frame: pd.DataFrame, columns: tuple[str, ...]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Strata by the combinations that occur, in the order of their levels; -1 where any is missing."""
    parts = [codes(column(frame, name)) for name in columns]
    combined = np.zeros(len(frame), dtype=np.int64)
    gone = np.zeros(len(frame), dtype=bool)
    for found, levels in parts:
        combined = combined * max(len(levels), 1) + found
        gone |= found < 0
    _, first, small = np.unique(combined[~gone], return_index=True, return_inverse=True)
    out = np.full(len(frame), -1, dtype=np.int64)
    out[~gone] = small
    labels = stratum_labels(frame[list(columns)].iloc[np.flatnonzero(~gone)[first]], columns)
    return out, tuple(labels)
