"""Contract of the registry: every entry, found unasked, is complete and does what it says."""

import pickle

import numpy as np
import pytest

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker, define
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.scales import SCALES

ALL = pytest.mark.parametrize("marker", MARKERS.values(), ids=MARKERS)
NUMBERS = pytest.mark.parametrize("marker", [m for m in MARKERS.values() if m.quantitative],
                                  ids=[m.name for m in MARKERS.values() if m.quantitative])


@ALL
def test_it_has_a_name_a_label_and_a_family(marker):
    assert marker.name.isidentifier()
    assert marker.label
    assert marker.family != "other"
    assert marker.table in ("tissue_reads", "blood", "genotypes")


@NUMBERS
def test_values_outside_the_legal_range_are_refused(marker):
    low, high = marker.legal
    assert not marker.is_legal(low - 1)
    assert not marker.is_legal(np.nan)
    if np.isfinite(high):
        assert not marker.is_legal(high + 1)
        assert marker.is_legal(high)
    assert marker.is_legal(low) is (not marker.low_open)
    if marker.integer:
        assert not marker.is_legal(low + 0.5)


@NUMBERS
def test_the_model_scale_goes_there_and_back(marker):
    low, high = marker.legal
    raw = np.array([low + 0.1, low + 1, low + 0.4 * (min(high, 1000) - low)])
    raw = raw[raw < high]
    np.testing.assert_allclose(marker.to_raw_scale(marker.to_model_scale(raw, 0.5), 0.5), raw, rtol=1e-12)


@NUMBERS
def test_the_effect_is_readable_and_true(marker):
    assert marker.effect.startswith("per ")
    a, b = marker.to_model_scale([10.0, 20.0], 0.0)
    if marker.effect == "per doubling" and SCALES[marker.scale].offset is None:
        assert b - a == pytest.approx(1)
    if marker.scale == "identity":
        assert b - a == pytest.approx(10 / marker.step)


@ALL
def test_a_cut_has_a_citation(marker):
    for cut in (marker.cut, *marker.cuts):
        assert cut is None or cut.citation


@ALL
def test_the_limit_of_detection_has_a_path(marker):
    """A marker whose zero is no measurement says where its limit comes from."""
    if marker.quantitative and not marker.zero_is_real:
        assert marker.lod_rule != "none"
    if marker.lod_rule == "registry":
        assert marker.lod > 0


@ALL
def test_levels_are_never_empty_strings(marker):
    assert all(marker.levels) or marker.quantitative


@ALL
def test_it_prints_and_travels(marker):
    assert marker.label in str(marker)
    assert pickle.loads(pickle.dumps(marker)) == marker


@ALL
def test_a_unit_converts_to_itself(marker):
    if marker.unit and marker.kind not in ("genotype",):
        assert marker.convertible[marker.unit] == 1.0


def test_tk1_scales_are_never_converted_into_each_other():
    assert "Du/L" not in MARKERS["tk1_dua"].convertible
    assert "DuA" not in MARKERS["tk1_dul"].convertible


def test_a_study_defines_a_further_marker_in_full():
    pd_l1 = define("pd_l1", {"label": "PD-L1 (22C3) TPS", "kind": "continuous", "unit": "%", "legal": [0, 100], "step": 10})
    assert pd_l1.effect == "per 10 points"
    assert pd_l1.to_model_scale(35) == 3.5


def test_a_study_overrides_a_field_for_its_assay():
    assert MARKERS["tk1_dul"].override({"lod": 18.0}).lod == 18.0
    assert MARKERS["tk1_dul"].lod == 20.0


@pytest.mark.parametrize(("given", "words"), [
    ({"label": "x"}, "give kind"),
    ({"label": "x", "kind": "continous"}, "continous"),
    ({"label": "x", "kind": "continuous", "stepp": 10}, "did you mean 'step'"),
    ({"label": "x", "kind": "continuous", "legal": [5]}, "two numbers"),
    ({"label": "x", "kind": "continuous", "legal": [5, 1]}, "empty"),
    ({"label": "x", "kind": "continuous", "scale": "log10"}, "log10"),
    ({"label": "x", "kind": "continuous", "step": 0}, "positive"),
    ({"label": "x", "kind": "continuous", "cut": {"value": 5}}, "citation"),
])
def test_a_definition_that_cannot_be_used_says_why(given, words):
    with pytest.raises(UseError, match=words):
        define("x", given)


def test_missing_stays_missing_on_every_scale():
    for marker in MARKERS.values():
        if marker.quantitative:
            assert np.isnan(marker.to_model_scale(np.nan))


def test_a_marker_is_frozen():
    with pytest.raises(AttributeError):
        MARKERS["stil"].step = 1
    assert isinstance(MARKERS["stil"], Marker)
