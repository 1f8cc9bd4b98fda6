"""The specification curve shows every alternative at its own value, the prespecified one apart."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.figures.specification import COLUMNS, specification_curve, specification_figure


def curve():
    rows = [("as planned", "as planned", True, 1.5, 1.1, 2.0, ""),
            ("scale", "identity", False, 1.3, 0.9, 1.9, "sensitivity"),
            ("cut", "registry cut 5", False, np.nan, np.nan, np.nan, "descriptive only: 3 events in ≥ 5"),
            ("adjustment", "with $age_{x}$", False, 1.4, 1.0, 2.1, "sensitivity")]
    whole = [(d, s, p, "all", e, lo, hi, 100, 80, note) for d, s, p, e, lo, hi, note in rows]
    return pd.DataFrame(whole, columns=list(COLUMNS))


def test_every_alternative_has_its_place_and_its_value():
    ax = specification_figure(curve()).axes[0]
    values = [line.get_xdata()[0] for line in ax.lines if line.get_marker() in ("s", "o")]
    assert values == [1.5, 1.3, 1.4]
    words = " ".join(t.get_text() for t in ax.texts)
    assert "descriptive only: 3 events" in words
    assert "prespecified" in words
    assert [line.get_marker() for line in ax.lines if line.get_marker() in ("s", "o")].count("s") == 1


def test_a_table_without_its_prespecified_row_is_refused():
    with pytest.raises(UseError, match="no prespecified row"):
        specification_curve(curve().iloc[1:])
    with pytest.raises(UseError, match="needs the column per_sd"):
        specification_curve(curve().drop(columns="per_sd"))
