"""How a marker enters, and when a hazard ratio is not given."""

import numpy as np
import pandas as pd
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.domain.markers import MARKERS
from biomarkers.kernels.power import conditional_variance, detectable_hazard_ratio
from biomarkers.models.exposure import Exposure, departs, entering, exposure
from biomarkers.models.gates import gate


def rows(values, censor="none", c=0.0):
    n = len(values)
    return pd.DataFrame({"value": np.asarray(values, float), "c": c, "lost": "", "detail": "",
                         "censor": [censor] * n if isinstance(censor, str) else censor})


def test_a_marker_enters_in_steps_of_its_model_scale():
    np.testing.assert_allclose(exposure(rows([50, 100]), MARKERS["stil"]).x, [5, 10])
    np.testing.assert_allclose(np.diff(exposure(rows([40, 80]), MARKERS["tk1_dul"]).x), [1])
    np.testing.assert_allclose(exposure(rows([0, 3]), MARKERS["ctc"]).x, [0, 2])


def test_a_registry_cut_carries_its_citation_and_needs_one():
    ctc = exposure(rows([4, 5, 6]), MARKERS["ctc"], cut="registry")
    assert ctc.x.tolist() == [0, 1, 1]
    assert "CellSearch" in " ".join(ctc.notes)
    assert ctc.contrast == "≥ 5 cells/7.5 mL against < 5"
    with pytest.raises(UseError, match="no registry cut"):
        exposure(rows([4, 5, 6]), MARKERS["vimentin_pct"], cut="registry")


def test_a_cut_above_keeps_the_border_below():
    assert exposure(rows([0.1, 0.11]), MARKERS["ctdna_tf"], cut="registry").x.tolist() == [0, 1]


def test_a_cut_without_a_source_is_stamped():
    assert any(n.startswith("sensitivity") for n in exposure(rows([1, 9]), MARKERS["stil"], cut=7).notes)
    assert not any(n.startswith("sensitivity") for n in exposure(rows([1, 30]), MARKERS["stil"], cut=20).notes)


def test_below_the_median_is_strict():
    low = exposure(rows([1, 2, 3]), MARKERS["ctdna_mtm"], cut="below median")
    assert low.x.tolist() == [1, 0, 0]


def test_values_at_their_limit_are_counted_where_they_are():
    faced = exposure(rows([20, 20, 400], ["left", "left", "none"]), MARKERS["tk1_dul"])
    assert "2 values below the limit" in faced.assumed[-1]
    assert faced.part(np.array([True, False, True])).assumed[-1].startswith("1 value below")
    assert faced.part(np.array([False, False, True])).assumed == []


def test_a_value_below_an_unknown_limit_never_becomes_a_number_in_silence():
    values = rows([np.nan, 5.0], ["left", "none"])
    assert entering(values, MARKERS["ctdna_mtm"])["lost"].tolist() == ["not_evaluable", ""]
    plus_one, _ = departs(MARKERS["ctdna_mtm"], scale="log2(x+1)", cut=None, zero=None)
    assert entering(values, plus_one)["value"].tolist() == [0.0, 5.0]


def test_a_zero_on_a_logarithm_leaves_with_its_reason():
    assert entering(rows([0.0, 5.0]), MARKERS["tk1_dul"])["lost"].tolist() == ["not_evaluable", ""]


def events(*groups):
    """(name, n, events) per class, as event vector and exposure."""
    names = np.concatenate([[g[0]] * g[1] for g in groups])
    event = np.concatenate([[1] * g[2] + [0] * (g[1] - g[2]) for g in groups])
    value = np.concatenate([[float(i)] * g[1] for i, g in enumerate(groups)])
    return event, names, value


def two(k_low, k_high, n=20):
    event = np.r_[np.ones(k_low), np.zeros(n - k_low), np.ones(k_high), np.zeros(n - k_high)].astype(int)
    return event, exposure(rows([0] * n + [9] * n), MARKERS["ctc"], cut="registry")


def test_fewer_than_five_events_in_a_group_is_descriptive():
    event, faced = two(15, 4)
    assert gate(event, faced, n_parameters=1).descriptive == "4 events in 20 with ≥ 5 cells/7.5 mL"
    event, faced = two(15, 5)
    assert gate(event, faced, n_parameters=1).descriptive == ""


def test_a_cut_between_genotypes_is_named_by_genotypes():
    carriers = exposure(rows([0, 1, 2, 2]), MARKERS["fcgr3a_158"], cut=0.5)
    assert carriers.contrast == "V/F or V/V against F/F"
    assert carriers.x.tolist() == [0, 1, 1, 1]
    homozygous = exposure(rows([0, 1, 2, 2]), MARKERS["fcgr3a_158"], cut=1.5)
    assert homozygous.contrast == "V/V against F/F or V/F"
    assert homozygous.groups.tolist() == ["F/F or V/F", "F/F or V/F", "V/V", "V/V"]
    with pytest.raises(UseError, match="leaves all genotypes of FCGR3A-158 on one side"):
        exposure(rows([0, 1, 2]), MARKERS["fcgr3a_158"], cut=2.5)


def test_more_parameters_than_events_over_ten_is_descriptive_unless_overridden_in_writing():
    event, faced = two(9, 10)
    assert gate(event, faced, n_parameters=2).descriptive == "19 events for 2 parameters"
    assert gate(event, faced, n_parameters=1).descriptive == ""
    verdict = gate(event, faced, n_parameters=2, override=("events_per_parameter",))
    assert not verdict.descriptive
    assert "flag: override events_per_parameter" in verdict.notes[0]


def test_no_events_and_a_constant_marker_are_said():
    event, faced = two(0, 0)
    assert gate(event, faced, n_parameters=1).descriptive == "0 events among 40"
    constant = exposure(rows([7] * 30), MARKERS["stil"])
    assert "constant" in gate(np.ones(30, int), constant, n_parameters=1).descriptive


@pytest.mark.parametrize(("n_high", "leads"), [(9, True), (10, False)])
def test_a_rare_group_makes_the_permutation_p_lead(n_high, leads):
    n = 40
    event = np.ones(n, int)
    faced = exposure(rows([0] * (n - n_high) + [9] * n_high), MARKERS["ctc"], cut="registry")
    assert bool(gate(event, faced, n_parameters=1).permute) is leads


def test_a_heavily_skewed_covariate_makes_the_permutation_p_lead():
    x = np.exp(np.random.default_rng(1).normal(0, 2, 60))
    assert "skewness" in gate(np.ones(60, int), exposure(rows(x), MARKERS["vimentin_pct"]), n_parameters=1).permute
    assert not gate(np.ones(60, int), exposure(rows(x), MARKERS["tk1_dul"]), n_parameters=1).permute


def test_few_homozygotes_stay_in_the_additive_model_and_are_named():
    value = np.r_[np.zeros(20), np.ones(20), [2, 2]]
    faced = exposure(rows(value), MARKERS["fcgr3a_158"])
    verdict = gate(np.ones(42, int), faced, n_parameters=1)
    assert not verdict.descriptive
    assert verdict.notes == ("V/V: 2 subjects, 2 events, descriptive",)


@pytest.mark.parametrize(("d", "v", "expected"), [
    (48, 1, 1.50), (58, 1, 1.45), (106, 1, 1.31), (26, 1, 1.73), (48, 0.25, 2.25), (58, 0.21, 2.23), (106, 0.12 * 0.88, 2.31),
    (48, 0.1 * 0.9, 3.85), (58, 2 * 0.4 * 0.6, 1.70), (48, 0.25 * 0.25, 5.04), (106, 0.25, 1.72),
])
def test_detectable_hazard_ratios_are_those_of_the_published_formula(d, v, expected):
    assert detectable_hazard_ratio(d, v) == pytest.approx(expected, abs=0.006)


def test_variance_given_the_adjusters_is_what_they_leave():
    rng = np.random.default_rng(2)
    z = rng.normal(size=4000)
    x = 0.6 * z + 0.8 * rng.normal(size=4000)
    assert conditional_variance(x, z[:, None]) == pytest.approx(0.64, rel=0.05)
    assert conditional_variance(x, np.empty((4000, 0))) == pytest.approx(x.var())


def test_a_thin_genotype_names_its_smallest_group_first():
    groups = np.array(["F/F"] * 13 + ["V/F"])
    given = Exposure(x=np.r_[np.zeros(13), 1.0], term="g", contrast="per V allele", groups=groups, order=("F/F", "V/F", "V/V"))
    said = gate(np.ones(14, dtype=int), given, n_parameters=1).descriptive
    assert said == "0 events in V/V; 1 event in V/F; 13 events in F/F"
