"""The generator holds its promises at a scale that CI can afford, and the check would notice if it did not."""

from collections.abc import Iterator

import check_truth
import make_br1801
import pytest


@pytest.fixture(autouse=True)
def fresh_fits() -> Iterator[None]:
    check_truth._FITS.clear()
    yield
    check_truth._FITS.clear()


@pytest.mark.parametrize("check", [check_truth.check_br1801, check_truth.check_stop_her2])
def test_marginals_and_planted_effects_are_recovered(check) -> None:
    lines = [line for _, section in check(40) for line in section]
    assert len(lines) > 14
    assert [str(line) for line in lines if not line.passed] == []


def test_the_check_notices_an_effect_that_was_not_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(make_br1801.EFFECTS, "tk1_log2", 0.0)
    failed = [line.what for title, section in check_truth.check_br1801(40) for line in section if not line.passed]
    assert any("TK1 per doubling" in what for what in failed)


def test_the_check_notices_a_marginal_that_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make_br1801, "TK1_LOD", 40.0)
    failed = [line.what for title, section in check_truth.check_br1801(40) for line in section if not line.passed]
    assert "TK1 at baseline reported as <20" in failed or any("TK1 at week 6" in what for what in failed)


def test_the_icc_is_that_of_a_worked_example() -> None:
    # Shrout and Fleiss (1979), table 2: six targets, four judges; ICC(2,1) = .29
    import numpy as np

    scores = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float)
    assert round(check_truth.icc_2_1(scores), 2) == 0.29


@pytest.mark.slow
@pytest.mark.parametrize("check", [check_truth.check_br1801, check_truth.check_stop_her2])
def test_every_line_of_the_specification_passes_at_scale_400(check) -> None:
    lines = [line for _, section in check(400) for line in section]
    assert [str(line) for line in lines if not line.passed] == []
