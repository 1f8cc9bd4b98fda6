"""The ledger: every test that ran, in its family, with its raw and its adjusted P.

A family is what the plan declares. Its cohort rows are tested together; the pooled rows and the rows that compare groups
answer other questions and form families of their own, named after it. Nothing that ran is left out of the count.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.states import is_subgroup
from biomarkers.kernels.adjust import adjust

LEDGER = ("analysis", "cohort", "term", "family", "prespecified", "test", "p_value", "p_adjusted", "adjust_method",
          "family_size", "plan_sha256")
TESTED = ("hazard ratio", "odds ratio", "joint test", "added value test", "mean change to progression")
"""Estimands whose rows ask the family's own question; ratios between groups are its differences, all others its checks."""
METHODS = ("holm", "bh", "by", "maxt", "none")


def family_of(row: pd.Series) -> str:
    """The family a row is tested in."""
    if row["estimand"] not in TESTED:
        return f"{row['family']}: differences" if str(row["estimand"]).startswith("ratio of") else f"{row['family']}: checks"
    if str(row["note"]).startswith("sensitivity"):
        return f"{row['family']}: sensitivity"
    if is_subgroup(row["note"]):
        return f"{row['family']}: subgroups"
    return str(row["family"]) if row["cohort"] != "all" else f"{row['family']}: pooled"


def adjusted(table: pd.DataFrame, method: str, plan_sha256: str = "", *,
             joint: Callable[[pd.DataFrame], tuple[np.ndarray, str]] | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fill `p_adjusted` within families and write the ledger.

    Parameters
    ----------
    table : pandas.DataFrame
        The result table.
    method : {"holm", "bh", "by", "maxt", "none"}
    plan_sha256 : str
        Stamped on every line.
    joint : callable, optional
        For "maxt": the rows of one family to their adjusted P and the method's name (`plan.family.MaxTFamilies`).

    Returns
    -------
    table, ledger : pandas.DataFrame
        Prespecified rows are adjusted among themselves; exploratory rows keep their raw P, are counted, and are never
        mixed into a family of the plan.
    """
    if method not in METHODS:
        raise UseError(f"multiplicity {method!r} is not one of {', '.join(METHODS)}")
    table = table.copy()
    families = table.apply(family_of, axis=1) if len(table) else pd.Series(dtype=str)
    tested = table["p_value"].notna()
    size = pd.Series(0, table.index)
    how = pd.Series("none", table.index)
    for _, place in table[tested].groupby([families[tested], table.loc[tested, "prespecified"]], sort=False).groups.items():
        size.loc[place] = len(place)
        planned = bool(table.loc[place, "prespecified"].iloc[0])
        if planned and method == "maxt":
            if joint is None:
                raise UseError("multiplicity 'maxt' needs the data behind the rows: run the plan, a table alone has none")
            table.loc[place, "p_adjusted"], how.loc[place] = joint(table.loc[place])
        elif planned and method != "none":
            table.loc[place, "p_adjusted"] = adjust(table.loc[place, "p_value"].to_numpy(float), method)
            how.loc[place] = method
    ledger = table[tested].assign(
        family=families[tested], test=table.loc[tested, "method"], family_size=size[tested], plan_sha256=plan_sha256,
        adjust_method=how[tested],
    )
    return table, ledger[list(LEDGER)].reset_index(drop=True)
