"""The permutation P of one marker: shuffled within strata against (time, event, adjusters), which stay together.

It assumes the marker independent of the adjusters within a stratum, and says so; where censoring depends on the marker it is
conservative, never liberal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from biomarkers.kernels.resample import score_permutation
from biomarkers.models.columns import survival_rows


def permutation_p(frame: pd.DataFrame, marker: str, *, adjust: Sequence[str] = (), strata: Sequence[str] = (),
                  permutations: int = 9999, seed: int = 0) -> float:
    """Two-sided P of the score statistic under random labellings of the marker within strata.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns `time`, `event`, the marker, adjusters and strata.
    marker : str
    adjust, strata : sequence of str
    permutations : int
    seed : int
        Key of the random stream.
    """
    rows = survival_rows(frame, "time", "event", terms=[marker, *adjust], strata=tuple(strata))
    columns = [term.X for term in rows.terms]
    test = score_permutation(
        rows.time, rows.event, columns[0], adjust=np.column_stack(columns[1:]) if adjust else None, stratum=rows.stratum,
        permutations=permutations, seed=seed,
    )
    return test.p_value
