"""The result table: the same columns in the same order, whatever the model; numbers unrounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

RESULT_COLUMNS = (
    "analysis", "prespecified", "family", "endpoint", "cohort", "marker", "term", "contrast", "timing", "model", "method",
    "estimand", "estimate", "std_error", "conf_low", "conf_high", "conf_level", "statistic", "p_value", "p_permutation",
    "p_adjusted", "n", "n_events", "n_excluded", "detectable", "finite", "note",
)
TEXT = ("analysis", "family", "endpoint", "cohort", "marker", "term", "contrast", "timing", "model", "method", "estimand",
        "note")
COUNTS = ("n", "n_events", "n_excluded")
FLAGS = ("prespecified", "finite")


def result_row(**given: Any) -> dict[str, Any]:
    """One row with every column; what is not given is missing (text: empty).

    Raises
    ------
    KeyError
        A column that the table does not have.
    """
    unknown = set(given) - set(RESULT_COLUMNS)
    if unknown:
        raise KeyError(f"the result table has no column {sorted(unknown)[0]!r}")
    row: dict[str, Any] = dict.fromkeys(RESULT_COLUMNS, np.nan)
    row |= dict.fromkeys(TEXT, "") | {"finite": True, "prespecified": False}
    return row | given


def result_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows as a frame in the columns of the result table, with their types."""
    table = pd.DataFrame(list(rows), columns=list(RESULT_COLUMNS))
    for column in TEXT:
        table[column] = table[column].astype("str")
    for column in COUNTS:
        table[column] = pd.to_numeric(table[column]).astype("Int64")
    for column in FLAGS:
        table[column] = table[column].astype(bool)
    floats = [c for c in RESULT_COLUMNS if c not in (*TEXT, *COUNTS, *FLAGS)]
    return table.astype(dict.fromkeys(floats, float))
