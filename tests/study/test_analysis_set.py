"""Nobody is lost without a written reason."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biomarkers.domain.errors import UseError
from biomarkers.domain.flow import FLOW
from biomarkers.study.analysis_set import AnalysisSet

REASONS = [r for r in FLOW if r != "included"]


def people(n, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"subject": [f"{i:03d}" for i in range(n)], "cohort": rng.choice(["ER+", "ER-"], n),
                         "arm": rng.choice(["A", "B"], n)})


@given(st.integers(0, 40), st.integers(0, 2**32 - 1), st.lists(st.sampled_from(REASONS), max_size=6))
def test_total_is_included_plus_every_exclusion(n, seed, reasons):
    rng = np.random.default_rng(seed)
    chosen = AnalysisSet.of(people(n, seed))
    for reason in sorted(reasons, key=REASONS.index):
        chosen = chosen.keep(rng.random(len(chosen.rows)) < 0.7, reason)
    flow = chosen.flow
    assert flow["n_excluded"].sum() + len(chosen) == n
    assert len(chosen.excluded()) == n - len(chosen)
    assert not set(chosen.excluded()) & set(chosen.rows["subject"])
    for _, block in flow.groupby(["cohort", "arm"]):
        assert block["n_left"].iloc[-1] == block["total"].iloc[0] - block["n_excluded"].sum()


def test_reasons_are_asked_in_the_order_of_the_vocabulary():
    chosen = AnalysisSet.of(people(4)).keep([True, True, True, False], "failed_qc")
    with pytest.raises(UseError, match="must be asked before"):
        chosen.keep([True, True, True], "no_measurement")


def test_an_unknown_reason_is_refused():
    with pytest.raises(UseError, match="vocabulary"):
        AnalysisSet.of(people(2)).keep([True, False], "looked odd")


def test_a_mask_of_the_wrong_shape_or_kind_is_refused():
    chosen = AnalysisSet.of(people(3))
    with pytest.raises(UseError, match="3 true-or-false"):
        chosen.keep([True, False], "failed_qc")
    with pytest.raises(UseError, match="3 true-or-false"):
        chosen.keep([1, 0, 1], "failed_qc")


def test_a_subject_with_two_rows_leaves_only_with_the_last():
    rows = pd.DataFrame({"subject": ["a", "a", "b"]})
    chosen = AnalysisSet.of(rows, pd.DataFrame({"subject": ["a", "b"]}))
    once = chosen.keep([False, True, True], "failed_qc")
    assert len(once) == 2
    assert once.excluded() == []
    assert once.keep([False, True], "failed_qc").excluded("failed_qc") == ["a"]


def test_details_stay_with_their_subjects():
    chosen = AnalysisSet.of(people(3)).keep([False, False, True], "failed_qc", pd.Series(["hemolyzed", "clotted", ""]))
    assert chosen.ledger.to_dict("list") == {"subject": ["000", "001"], "reason": ["failed_qc"] * 2,
                                             "detail": ["hemolyzed", "clotted"]}


def test_a_subject_listed_twice_is_refused():
    with pytest.raises(UseError, match="listed twice"):
        AnalysisSet.of(pd.DataFrame({"subject": ["a", "a"]}))


def test_the_set_before_a_step_is_not_changed_by_it():
    before = AnalysisSet.of(people(3))
    before.keep([True, False, True], "failed_qc")
    assert len(before) == 3
    assert before.exits == ()
