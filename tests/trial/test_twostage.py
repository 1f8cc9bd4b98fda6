"""Simon's designs and the inference after them are those of clinfun, integer by integer."""

import numpy as np
import pytest

from biomarkers import trial
from biomarkers.domain.errors import UseError
from biomarkers.kernels import simon as kernel


@pytest.mark.parametrize("place", range(5))
def test_designs_are_identical_to_clinfun(reference, place):
    case = reference("simon")[place]
    table = trial.simon(case["p0"], case["p1"], alpha=case["alpha"], beta=case["beta"])
    for kind in ("optimal", "minimax"):
        row, expected = table[table["kind"] == kind].iloc[0], case[kind]
        assert [row[k] for k in ("r1", "n1", "r", "n")] == [expected[k] for k in ("r1", "n1", "r", "n")]
        for ours, theirs in (("expected_n", "EN0"), ("p_stop", "PET0"), ("alpha", "alpha"), ("power", "power"),
                             ("expected_n1", "EN1"), ("p_stop1", "PET1")):
            assert row[ours] == pytest.approx(expected[theirs], rel=1e-12), ours
    named = table[table["kind"] != ""]
    assert len(named) == len(case["admissible"])
    for row, expected in zip(named.to_dict("records"), case["admissible"], strict=True):
        assert [row[k] for k in ("r1", "n1", "r", "n")] == [expected[k] for k in ("r1", "n1", "r", "n")]
        assert (round(row["q_low"], 3), round(row["q_high"], 3)) == (expected["qLo"], expected["qHi"])
    by_n = table.set_index("n")
    for expected in case["by_n"]:
        row = by_n.loc[expected["n"]]
        assert [row[k] for k in ("r1", "n1", "r")] == [expected[k] for k in ("r1", "n1", "r")]
        assert row["expected_n"] == pytest.approx(expected["EN(p0)"], rel=1e-12)
    one = trial.single_stage(case["p0"], case["p1"], alpha=case["alpha"], beta=case["beta"]).iloc[0]
    assert (one["n"], one["r"]) == (case["single"]["n"], case["single"]["r"])
    assert one["alpha"] == pytest.approx(case["single"]["Type I error"], rel=1e-12)
    assert 1 - one["power"] == pytest.approx(case["single"]["Type II error"], rel=1e-12)


@pytest.mark.parametrize(("p0", "p1", "alpha", "beta"), [(0.1, 0.4, 0.1, 0.2), (0.5, 0.8, 0.05, 0.2), (0.7, 0.95, 0.1, 0.1)])
def test_pruning_and_the_short_rows_lose_no_design(p0, p1, alpha, beta):
    found = kernel.search(p0, p1, alpha=alpha, beta=beta, n_max=24)
    best = {}
    for n in range(2, 25):
        for n1 in range(1, n):
            for r1 in range(n1):
                for r in range(r1, n):
                    design = kernel.TwoStage(r1, n1, r, n)
                    if design.p_reject(p0) <= alpha and design.p_reject(p1) >= 1 - beta:
                        value = design.expected_n(p0)
                        best[n] = min(best.get(n, np.inf), value)
                        break
    assert dict(zip(found.designs[:, 3].tolist(), found.expected_n.tolist(), strict=True)) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("place", range(3))
def test_inference_after_two_stages_is_that_of_clinfun(reference, place):
    case = reference("twostage_inference")[place]
    design = trial.TwoStage(case["r1"], case["n1"], case["n"] - 1, case["n"])
    for outcome in case["outcomes"]:
        found = trial.two_stage_inference(design, outcome["x"], p0=case["p0"], level=0.90).iloc[0]
        assert found["estimate"] == pytest.approx(outcome["pumvue"], abs=1e-10)
        assert found["p_value"] == pytest.approx(outcome["p.value"], abs=1e-10)
        if outcome["5% LCL"] not in (None, "NA"):
            assert found["conf_low"] == pytest.approx(outcome["5% LCL"], abs=1e-4)
            assert found["conf_high"] == pytest.approx(outcome["95% UCL"], abs=1e-4)
        else:
            assert (found["conf_low"], found["conf_high"]) == (0.0, 1.0)


def test_the_umvue_is_unbiased_and_the_naive_proportion_is_not():
    design = trial.TwoStage(11, 20, 23, 40)
    for p in (0.3, 0.5, 0.7):
        tail = np.array([design.tail(x, p) for x in range(42)])
        mass = tail[:-1] - tail[1:]
        outcomes = range(41)
        assert sum(m * kernel.umvue(design, x) for m, x in zip(mass, outcomes, strict=True)) == pytest.approx(p, abs=1e-12)
        naive = sum(m * (x / (20 if x <= 11 else 40)) for m, x in zip(mass, outcomes, strict=True))
        assert abs(naive - p) > 1e-4


def test_the_exact_interval_covers_its_level_everywhere_and_koyama_chens_does_not():
    design = trial.TwoStage(11, 20, 23, 40)
    intervals = {name: np.array([make(design, x, level=0.90) for x in range(41)])
                 for name, make in (("exact", kernel.guaranteed), ("koyama-chen", kernel.koyama_chen))}
    coverage = {name: [] for name in intervals}
    for p in np.linspace(0.02, 0.98, 97):
        tail = np.array([design.tail(x, p) for x in range(42)])
        mass = tail[:-1] - tail[1:]
        for name, limits in intervals.items():
            coverage[name].append(mass[(limits[:, 0] <= p) & (p <= limits[:, 1])].sum())
    assert min(coverage["exact"]) >= 0.90
    assert 0.80 < min(coverage["koyama-chen"]) < 0.85


def test_without_a_null_share_there_is_no_p_value():
    found = trial.two_stage_inference(trial.TwoStage(11, 20, 23, 40), 25, level=0.90).iloc[0]
    assert np.isnan(found["p_value"])


def test_the_p_value_at_the_boundary_is_the_level_of_the_design():
    design = trial.TwoStage(11, 20, 23, 40)
    found = trial.two_stage_inference(design, 24, p0=0.5).iloc[0]
    assert found["p_value"] == pytest.approx(design.p_reject(0.5), abs=1e-15)
    assert bool(found["reject"])


def test_a_path_stops_where_the_design_says():
    design = trial.TwoStage(11, 20, 23, 40)
    stopped = trial.two_stage_path(design, [1] * 11 + [0] * 9)
    assert stopped["state"].iloc[-1] == "stop"
    goes_on = trial.two_stage_path(design, [1] * 12 + [0] * 8)
    assert goes_on["state"].iloc[-1] == "continue"
    won = trial.two_stage_path(design, [1] * 24)
    assert won["state"].tolist()[-1] == "reject"
    lost = trial.two_stage_path(design, [1] * 12 + [0] * 17)
    assert lost["state"].tolist()[-2:] == ["not rejected", "not rejected"] or lost["state"].iloc[-1] == "not rejected"


@pytest.mark.parametrize(("call", "words"), [
    (lambda: trial.simon(0.68, 0.50, alpha=0.1, beta=0.2), "the larger share"),
    (lambda: trial.simon(0.5, 0.68, alpha=0.5, beta=0.2), "between 0 and 0.5"),
    (lambda: trial.simon(0.5, 0.68, alpha=0.1, beta=0.95), "1 - power"),
    (lambda: trial.simon(0.5, 0.52, alpha=0.1, beta=0.2), "raise n_max"),
    (lambda: trial.TwoStage(20, 20, 23, 40), "r1 < n1"),
    (lambda: trial.TwoStage(11, 20, 40, 40), "r < n"),
    (lambda: trial.two_stage_inference(trial.TwoStage(11, 20, 23, 40), 41, p0=0.5), "cannot be more"),
    (lambda: trial.two_stage_path(trial.TwoStage(11, 20, 23, 40), [0] * 21), "stopped after 20"),
])  # fmt: skip
def test_contradictions_are_refused(call, words):
    with pytest.raises(UseError) as refused:
        call()
    assert words in str(refused.value)
