"""Readers: kappas by hand and from their papers; hazard ratios find their way back from known error."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.kernels.kappa import bland_altman, fleiss_kappa, weighted_kappa
from biomarkers.models.cox import cox
from biomarkers.models.measurement import agreement_of_classes, agreement_of_numbers, calibrated_row, simex_row


def pairs(table):
    """Two readers' scores from a table of counts."""
    a, b = [], []
    for i, row in enumerate(table):
        for j, n in enumerate(row):
            a += [i] * n
            b += [j] * n
    return a, b


def test_kappa_by_hand():
    # 20 + 15 of 50 agree; chance (25 * 30 + 25 * 20) / 2500 = .5
    found = weighted_kappa(*pairs([[20, 5], [10, 15]]), n_classes=2, weights="unweighted")
    assert (found.observed, found.expected) == pytest.approx((0.7, 0.5))
    assert found.kappa == pytest.approx(0.4)


def test_the_error_of_kappa_is_that_of_fleiss_cohen_and_everitt():
    """Their 1969 example, also in Fleiss, Statistical Methods: 3 classes, kappa 0.676, error 0.088."""
    found = weighted_kappa(*pairs([[75, 1, 4], [5, 4, 1], [0, 0, 10]]), n_classes=3, weights="unweighted")
    assert found.kappa == pytest.approx(0.676, abs=5e-4)
    assert found.std_error == pytest.approx(0.088, abs=5e-4)


def test_two_classes_need_no_weights_and_perfect_agreement_is_one():
    a, b = pairs([[20, 5], [10, 15]])
    values = [weighted_kappa(a, b, n_classes=2, weights=w).kappa for w in ("unweighted", "linear", "quadratic")]
    assert values == pytest.approx([0.4] * 3)
    assert weighted_kappa([0, 1, 2], [0, 1, 2], n_classes=3).kappa == 1
    assert np.isnan(weighted_kappa([1, 1], [1, 1], n_classes=3).kappa)


def test_fleiss_kappa_is_that_of_his_paper():
    """Fleiss (1971) as reworked everywhere: 10 subjects, 14 raters, 5 classes, kappa 0.210."""
    counts = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1], [7, 7, 0, 0, 0],
              [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    scores = [[c for c, n in enumerate(row) for _ in range(n)] for row in counts]
    assert fleiss_kappa(scores, n_classes=5).kappa == pytest.approx(0.210, abs=5e-4)


def test_bland_altman_by_hand():
    found = bland_altman([1, 2, 3, 4], [2, 2, 5, 5])
    assert found.bias == 1
    assert found.sd == pytest.approx(np.sqrt(2 / 3))
    assert found.high == pytest.approx(1 + 1.959963984540054 * np.sqrt(2 / 3))


def test_tables_of_readers_name_every_pair_and_count_gaps():
    table = pd.DataFrame({"R1": ["low", "high", "low", "high"], "R2": ["low", "high", "high", None],
                          "R3": ["low", "high", "low", "low"]})
    found = agreement_of_classes(table, ["low", "high"])
    assert found["reader_1"].tolist() == ["R1", "R1", "R2", "all"]
    assert found["n"].tolist() == [3] * 4
    assert (found["note"] == "1 specimens with a gap left out").all()
    with pytest.raises(UseError, match="'high' is not among"):
        agreement_of_classes(table, ["low"])
    numbers = agreement_of_numbers(pd.DataFrame({"R1": [1.0, 2, 3], "R2": [2.0, 3, 5], "R3": [1.0, 2, 3]}))
    assert len(numbers) == 3


def blurred(n=6000, seed=0, effect=0.4, error=0.5):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    time = rng.exponential(np.exp(-effect * truth))
    return pd.DataFrame({"time": time, "event": (rng.random(n) < 0.9).astype(int), "x": truth + rng.normal(scale=error, size=n),
                         "arm": rng.integers(0, 2, n)})


def test_the_correction_recovers_what_the_error_hid():
    frame = blurred()
    seen = cox(frame, "time", "event", ["x", "arm"], interval="wald").table["coef"].iloc[0]
    assert seen < 0.35
    calibrated = calibrated_row(frame, "x", error_variance=0.25, adjust=["arm"])
    extrapolated = simex_row(frame, "x", error_variance=0.25, adjust=["arm"], replicates=10)
    assert np.log(calibrated["estimate"]) == pytest.approx(0.4, abs=0.05)
    assert np.log(extrapolated["estimate"]) == pytest.approx(0.4, abs=0.05)
    assert not calibrated["prespecified"]
    assert np.isnan(calibrated["p_value"])


def test_no_error_changes_nothing_and_too_much_is_refused():
    frame = blurred(200)
    whole = cox(frame, "time", "event", ["x"]).table.iloc[0]
    row = calibrated_row(frame, "x", error_variance=0.0)
    assert (row["estimate"], row["conf_low"]) == pytest.approx((whole["hazard_ratio"], whole["conf_low"]))
    assert simex_row(frame, "x", error_variance=0.0, replicates=2)["estimate"] == pytest.approx(whole["hazard_ratio"], rel=1e-9)
    with pytest.raises(UseError, match="too little was measured"):
        calibrated_row(frame, "x", error_variance=5.0)
