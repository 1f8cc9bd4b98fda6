"""Results without small counts: what is written for others, where study.toml asks for a minimum cell size.

A count from 1 to one below the size becomes 1, whatever it was, and is written "<5" (with 5); every other count becomes the
nearest multiple of the size, so that none can be had by subtracting its neighbours from their total. Shares of hidden counts
go, curves end where fewer than the size are at risk, and whatever shows single patients (values, residuals, lanes) is left out.

What stays: estimates, limits and P-values, and the steps of a survival curve, each of which is the death of somebody. Where
the rules of a data holder forbid even that, curves must not be handed on.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from biomarkers.domain.design import Design
from biomarkers.plan.results import Results

Thing = TypeVar("Thing")

COUNT = re.compile(
    r"(n|n_(?!knots|tests|trials|simulated|analyses|imputations|resamples|max)\w+|total|expected|collected|evaluable|below_lod|"
    r"events|deaths|treated|dlts|responders|successes|censored|assigned|analysed|any_grade|grade_\d)"
)
"""Names of columns that count people or what happened to them."""
OF_ONE = frozenset({"values", "over_time", "residuals", "waterfall", "path", "standing"})
"""Parts of the results with a row per patient or per event."""
_OF_FEW = ("allele_frequency", "per_100_months", "share", "median_lead_days", "shortest_lead_days", "longest_lead_days")
"""A rate times its months, or a share, is a count again; a lead time of few is theirs."""
_NUMBER = re.compile(r"(?<![\w.,/^−-])(?<!\d )(\d{1,3}(?:,\d{3})+|\d+)(?![\w%/^]|[.,]\d)")
"""A whole number in a sentence. It counts people, unless what stands around it says that it does not."""
_NO_COUNT_BEFORE = re.compile(
    r"(?:\b(?:days?|weeks?|months?|years?|version|level|table|figure|least|most|than|against|median|about|within|between|by|"
    r"times|hash|lag|seed|ratio|score|HR|(?:days?|weeks?|months?) \d+ (?:to|and|–)|[BPk] =)|[≤≥<>±]) $"
)
_NO_COUNT_AFTER = re.compile(
    r"(?: (?:to|and|–) \d+)? (?:days?|weeks?|months?|years?|hours?|h|degrees?|parameters?|permutations|replicates|resamples|"
    r"tests?|knots?|standard errors?|times|readers?|per cent|points?|decimals?|analys[ei]s|families|cohorts?|arms?|visits?|"
    r"columns?|mL)\b"
)
_ROWS = re.compile(r", rows? [\d, ]+(?:and \d+ more)?(?=\))")
_DAY = re.compile(r"\bday -?\d+")


def protected(results: Results, size: int) -> Results:
    """The results with every count of people protected.

    Parameters
    ----------
    results : Results
    size : int
        The minimum cell size; 0 or 1 changes nothing.

    Returns
    -------
    Results
        For showing only: a protected count is no number to calculate with.
    """
    return results if size < 2 else _thing(results, size)


def _thing(thing: Thing, size: int) -> Thing:
    if isinstance(thing, pd.DataFrame):
        return table_protected(thing, size)
    if isinstance(thing, dict):
        return type(thing)((key, _thing(value, size)) for key, value in thing.items())
    if is_dataclass(thing) and not isinstance(thing, Design | type):
        changed = {
            f.name: _nobody(getattr(thing, f.name)) if f.name in OF_ONE else _thing(getattr(thing, f.name), size)
            for f in fields(thing) if f.init
        }
        return replace(thing, **changed)
    return thing


def _nobody(thing: Any) -> Any:
    """The same shape without a row."""
    if isinstance(thing, pd.DataFrame):
        return thing.iloc[:0]
    if isinstance(thing, dict):
        return {}
    if is_dataclass(thing) and not isinstance(thing, type):
        return replace(thing, **{f.name: _nobody(getattr(thing, f.name)) for f in fields(thing) if f.init})
    return thing


def table_protected(table: pd.DataFrame, size: int) -> pd.DataFrame:
    """One table: counts coded, shares of small counts gone, single patients' rows gone.

    Parameters
    ----------
    table : DataFrame
    size : int

    Returns
    -------
    DataFrame
        Of the same columns; possibly fewer rows.
    """
    if {"n_risk", "survival"} <= set(table):
        table = table[pd.to_numeric(table["n_risk"], errors="coerce").fillna(0) >= size]
    if "part" in table:
        table = table[~table["part"].isin(["event", "residual"])]
    made = table.copy()
    small = pd.Series(False, index=made.index)
    for column in made.columns:
        if _counts(made[column], str(column)):
            values = pd.to_numeric(made[column], errors="coerce").to_numpy(float, na_value=np.nan)
            small |= (values > 0) & (values < size)
            made[column] = _coded(made[column], values, size)
    if {"reason", "n_excluded", "n_left", "total"} <= set(made):
        made = _adding_up(made)
    if {"statistic", "value", "n_total"} <= set(made):
        made = _described(made, size)
    if {"statistic", "known", "unknown"} <= set(made):
        # a share of few is a count again
        made.loc[small | made["statistic"].eq("share"), ["known", "unknown"]] = np.nan
    if {"estimand", "estimate", "n"} <= set(made):
        made = _rates(made, pd.to_numeric(table["n"], errors="coerce"), size)
    made = _without_few(made, small)
    if "severity" in made:
        made = made.assign(subject="", value="", **{c: [_of_nobody(text) for text in made[c]] for c in ("problem", "remedy")})
    for column in ("note", "detail", "problem", "remedy", "words"):
        if column in made:
            made[column] = [_said(text, size) for text in made[column]]
    return made


def _without_few(table: pd.DataFrame, small: pd.Series) -> pd.DataFrame:
    """Shares and times that stand on a small count go, with their limits; so does survival at a horizon, of a small group."""
    for column in (*_OF_FEW, *(["survival"] if "horizon" in table else [])):
        if column in table:
            table.loc[small, [c for c in (column, "conf_low", "conf_high") if c in table]] = np.nan
    return table


def _adding_up(flow: pd.DataFrame) -> pd.DataFrame:
    """A flow whose total is made again from its protected parts: what is drawn adds up, and says no more than they do."""
    keys = [c for c in flow if c not in ("reason", "detail", "n_excluded", "n_left", "total", "n_events", "note")]
    parts = []
    for _, part in flow.groupby(keys, sort=False, dropna=False, observed=True) if keys else [((), flow)]:
        lost = part["n_excluded"].to_numpy()
        still = part["n_left"].to_numpy()[-1] + lost[::-1].cumsum()[::-1] - lost
        parts.append(part.assign(n_left=still, total=still[0] + lost[0]))
    return pd.concat(parts).loc[flow.index] if parts else flow


def _rates(table: pd.DataFrame, n: pd.Series, size: int) -> pd.DataFrame:
    """A proportion times its denominator is a count: where that, or its complement, is small, the proportion goes."""
    proportion = table["estimand"].astype(str).str.contains("rate|proportion|share|probability", case=False, regex=True)
    share = pd.to_numeric(table["estimate"], errors="coerce")
    with_it, without = (share * n).round(6), ((1 - share) * n).round(6)
    few = proportion & share.between(0, 1) & (with_it.between(0, size, "neither") | without.between(0, size, "neither"))
    return table.assign(**{c: table[c].mask(few) for c in ("estimate", "conf_low", "conf_high") if c in table})


def _counts(column: pd.Series, name: str) -> bool:
    return bool(COUNT.fullmatch(name)) and pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _coded(column: pd.Series, values: np.ndarray, size: int) -> pd.Series:
    """1 for a small count, else the nearest multiple of the size; of the type it had."""
    coded = np.where((values > 0) & (values < size), 1.0, size * np.floor(values / size + 0.5))
    return pd.Series(coded, index=column.index).astype(column.dtype)


def _described(table: pd.DataFrame, size: int) -> pd.DataFrame:
    """Table 1: a row whose value is a count has it coded; a median of fewer than the size goes."""
    counts = table["statistic"].eq("n")
    values = pd.to_numeric(table["value"], errors="coerce").to_numpy(float, na_value=np.nan)
    coded = np.where((values > 0) & (values < size), 1.0, size * np.floor(values / size + 0.5))
    few = pd.to_numeric(table["n"], errors="coerce").eq(1) if "n" in table else pd.Series(False, index=table.index)
    new = np.where(counts, coded, np.where(few, np.nan, values))
    return table.assign(value=new)


def _said(text: object, size: int) -> object:
    """A sentence with its numbers of people protected; one whose meaning is not known is taken for one of people."""
    if not isinstance(text, str):
        return text

    def number(found: re.Match[str]) -> str:
        if _NO_COUNT_BEFORE.search(text[: found.start()]) or _NO_COUNT_AFTER.match(text[found.end() :]):
            return found.group()
        n = int(found.group(1).replace(",", ""))
        return f"<{size}" if 0 < n < size else f"{size * int(n / size + 0.5)}"

    return _NUMBER.sub(number, text)


def _of_nobody(text: object) -> object:
    """The sentence of a problem without the lines of a file and the days of a patient."""
    return _DAY.sub("a day", _ROWS.sub("", text)) if isinstance(text, str) else text


def written(table: pd.DataFrame, size: int) -> pd.DataFrame:
    """A protected table as it goes to a file: the code of a small count as "<5"."""
    if size < 2:
        return table
    made = table.copy()
    for column in made.columns:
        if _counts(made[column], str(column)) or (column == "value" and "n_total" in made):
            values = pd.to_numeric(made[column], errors="coerce").to_numpy(float, na_value=np.nan)
            is_small = (values > 0) & (values < size)
            if column == "value":
                is_small &= made["statistic"].eq("n").to_numpy()
            if column != "value":
                made[column] = _coded(made[column], values, size)
            made[column] = pd.Series([f"<{size}" if few else cell for few, cell in zip(is_small, made[column], strict=True)],
                                     index=made.index, dtype=object)
    return made
