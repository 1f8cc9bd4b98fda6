"""A screen is judged where it was not trained: noise scores one half, and our transformers are scikit-learn's."""

import warnings

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sksurv", reason="screening needs scikit-survival, absent by default on Python 3.13 and later")

from sklearn.utils.estimator_checks import check_estimator

from biomarkers.domain.errors import UseError
from biomarkers.models.screen import AtLimit, Log2Offset, screen_frame


def trial(n=140, effect=0.0, seed=0, markers=6):
    rng = np.random.default_rng(seed)
    M = rng.normal(size=(n, markers))
    time = np.ceil(300 * rng.exponential(np.exp(-effect * M[:, 0])))
    frame = pd.DataFrame(M, columns=[f"m{j}" for j in range(markers)])
    return frame.assign(t=time, d=(rng.random(n) < 0.85).astype(int), arm=rng.integers(0, 2, n),
                        cohort=np.where(np.arange(n) % 2, "ER+", "ER-"))


@pytest.mark.parametrize("transformer", [Log2Offset(), Log2Offset(offset=1.0), AtLimit()])
@pytest.mark.filterwarnings("ignore")
def test_our_transformers_pass_scikit_learns_checks(transformer):
    check_estimator(transformer)


def test_a_transformer_learns_from_the_training_data_only():
    train, test = np.array([[1.0], [4.0], [8.0]]), np.array([[0.001]])
    fitted = Log2Offset().fit(train)
    assert fitted.offset_.tolist() == [0.5]
    assert fitted.transform(test)[0, 0] == pytest.approx(np.log2(0.501))
    assert AtLimit(0.0).fit(train).transform([[99.0]])[0, 0] == 8.0


def test_noise_is_judged_as_noise_and_a_marker_is_found():
    noise = screen_frame(trial(seed=3), "t", "d", [f"m{j}" for j in range(6)], standard=["arm"], strata=["cohort"],
                         models=["elastic net"], repeats=1, resamples=20).table.set_index("measure")
    assert 0.38 < noise.loc["concordance", "estimate"] < 0.60
    found = screen_frame(trial(seed=3, effect=1.2), "t", "d", [f"m{j}" for j in range(6)], standard=["arm"],
                         strata=["cohort"], models=["standard", "elastic net"], repeats=1, resamples=20)
    table = found.table.set_index(["model", "measure"])["estimate"]
    assert table["elastic net", "concordance"] > 0.68 > table["standard", "concordance"]
    assert found.chosen.set_index("marker")["share"].idxmax() == "m0"
    assert found.table["p_permutation"].isna().all(), "nobody asked for a P"


def test_all_markers_together_are_tested_by_permuting_their_rows_within_strata():
    given = {"standard": ["arm"], "strata": ["cohort"], "models": ["standard", "elastic net"], "repeats": 1, "resamples": 0,
             "permutations": 19}
    found = screen_frame(trial(seed=3, effect=1.2), "t", "d", [f"m{j}" for j in range(6)], **given).table
    tested = found.set_index(["model", "measure"])["p_permutation"]
    assert tested["elastic net", "concordance"] == pytest.approx(1 / 20)
    assert tested.drop(("elastic net", "concordance")).isna().all()
    noise = screen_frame(trial(seed=5), "t", "d", [f"m{j}" for j in range(6)], **given).table
    assert noise["p_permutation"].dropna().iloc[0] > 1 / 20


def test_small_cells_are_spread_without_a_warning():
    frame = trial(100, 1.0, 2, markers=2).assign(site=["a"] * 97 + ["b"] * 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        screen_frame(frame, "t", "d", ["m0", "m1"], strata=["cohort", "site"], models=["elastic net"], repeats=1, resamples=0)


def test_a_forest_predicts_too_and_missing_markers_are_imputed_inside():
    frame = trial(100, 1.5, 4, markers=2)
    frame.loc[::7, "m1"] = np.nan
    table = screen_frame(frame, "t", "d", ["m0", "m1"], models=["forest"], folds=3, repeats=1, resamples=0).table
    assert table["estimate"].iloc[0] > 0.6
    assert table["conf_low"].isna().all()


def test_few_events_no_markers_and_unknown_models_are_refused():
    frame = trial(60)
    with pytest.raises(UseError, match="judges noise"):
        screen_frame(frame.assign(d=[1] * 30 + [0] * 30), "t", "d", ["m0"])
    with pytest.raises(UseError, match="not one of standard"):
        screen_frame(trial(), "t", "d", ["m0"], models=["deep"])
    with pytest.raises(UseError, match="markers is empty"):
        screen_frame(trial(), "t", "d", [])


def test_without_scikit_survival_the_message_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "sksurv.ensemble", None)
    with pytest.raises(UseError, match=r"install biomarkers\[screen\]"):
        screen_frame(trial(), "t", "d", ["m0"])
