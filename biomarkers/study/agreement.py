"""How well the readers of a tissue marker agree, on the specimens that all of them scored; the rule is part of the answer."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.kernels.agreement import intraclass
from biomarkers.study.measurements import VALID

if TYPE_CHECKING:
    from biomarkers.study.study import Study


def complete_reads(reads: pd.DataFrame, *, specimen: str, reader: str, score: str,
                   min_share: float = 0.8) -> tuple[pd.DataFrame, str]:
    """Specimens by readers without a gap: readers who scored enough, then specimens that all of them scored.

    Parameters
    ----------
    reads : pandas.DataFrame
        One row per read.
    specimen, reader, score : str
        Its columns.
    min_share : float
        A reader stays with a score on more than this share of the specimens that have any.

    Returns
    -------
    table : pandas.DataFrame
        Specimens by readers.
    rule : str
        What was left out, in counts.
    """
    scored = reads.dropna(subset=[score])
    wide = scored.pivot_table(index=specimen, columns=reader, values=score, aggfunc="mean", observed=True)
    share = wide.notna().mean()
    kept = wide.loc[:, share > min_share]
    complete = kept.dropna()
    rule = (f"readers with a score on more than {min_share:.0%} of {len(wide)} specimens ({kept.shape[1]} of {wide.shape[1]}); "
            f"specimens that all of them scored ({len(complete)} of {len(wide)})")
    return complete, rule


def agreement(study: Study, marker: str, *, min_share: float = 0.8, level: float = 0.95) -> pd.DataFrame:
    """Intraclass correlation of the single reads of a tissue marker.

    Parameters
    ----------
    study : Study
    marker : str
    min_share, level : float

    Returns
    -------
    pandas.DataFrame
        One row: marker, n, k, the mean squares, icc_2_1 with conf_low and conf_high, icc_2_k, icc_3_1, rule.

    Raises
    ------
    UseError
        Fewer than two readers or specimens are left.
    """
    reads = study.tissue_reads
    single = (reads["marker"] == marker) & reads["status"].isin(VALID) & (reads["consensus"].fillna("no") != "yes")
    rows = reads[single & reads["reader"].notna()]
    table, rule = complete_reads(rows, specimen="specimen", reader="reader", score="value", min_share=min_share)
    if min(table.shape) < 2:
        raise UseError(f"agreement on {marker} needs two readers and two specimens; left are {table.shape[1]} and {len(table)} "
                       f"({rule})")
    found = asdict(intraclass(table.to_numpy(float), level=level))
    return pd.DataFrame([{"marker": marker, **found, "conf_level": level, "rule": rule}])
