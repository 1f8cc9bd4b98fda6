"""Allele balance: one mark per sample, the caller's own limits, and a reason beside what was not called."""

import pandas as pd
import pytest

from biomarkers.domain.loci import LOCI
from biomarkers.figures.allele_balance import LABELS, PLATES, SUNK, allele_balance, allele_balance_figure
from biomarkers.figures.style import new_figure
from biomarkers.genotype.cells import BAND_HET, BAND_LOW, BAND_NONE, band

FCGR3A = LOCI["FCGR3A-158"]


def hand():
    rows = [(30, 0.0, "F/F", "OK"), (40, 0.5, "V/F", "OK"), (44, 0.3, "V/F", "OK"), (35, 1.0, "V/V", "OK"),
            (4, 0.5, "", "LOW_DP"), (None, None, "", "NO_GT")]
    return pd.DataFrame(rows, columns=["dp", "v_fraction", "call", "reason"])


def drawn(table, **more):
    return allele_balance(table, ax=new_figure(100, 100).add_axes((0.2, 0.3, 0.6, 0.6)), **more)


def marks(ax, marker):
    return sorted((x, y) for line in ax.lines if line.get_marker() == marker and line.get_transform() == ax.transData
                  for x, y in zip(*line.get_data(), strict=True))


def words(ax):
    return [t.get_text().strip() for t in ax.texts]


def test_every_sample_with_reads_is_one_mark_of_its_call():
    ax = drawn(hand(), locus=FCGR3A)
    assert marks(ax, "o") == [(30, 0.0)]
    assert marks(ax, "s") == [(40, 0.5), (44, 0.3)]
    assert marks(ax, "^") == [(35, 1.0)]
    assert marks(ax, "x") == [(4, 0.5)]
    assert "LOW_DP" in words(ax)
    assert "1 sample without reads of both alleles" in words(ax)


def test_the_plates_are_the_limits_of_the_caller():
    def stands(share, n):
        return band(round(share * 1000), 1000), n

    assert band(*(100, 1000)) != band(*(101, 1000)), "0.1 closes the first plate"
    assert PLATES[0][1] == 0.1
    assert {band(k, 1000) for k in range(200, 801)} == {BAND_LOW, BAND_HET}
    assert band(199, 1000) not in (BAND_LOW, BAND_HET)
    assert band(801, 1000) != BAND_HET
    assert PLATES[1] == (0.2, 0.8)
    assert band(899, 1000) != band(900, 1000)
    assert PLATES[2][0] == 0.9
    assert {band(k, 1000) for k in range(200, 351)} == {BAND_LOW}
    assert SUNK == (0.2, 0.35)
    assert stands(0.5, 1)[0] != BAND_NONE


def test_calls_are_named_by_the_locus_or_by_the_share_of_their_reads():
    assert "V/V" in words(drawn(hand(), locus=FCGR3A))
    swapped = hand().replace({"call": {"F/F": "H/H", "V/F": "H/R", "V/V": "R/R"}})
    bold = [t.get_text() for t in drawn(swapped).texts if t.get_fontweight() == "bold"]
    assert bold == ["H/H", "H/R", "R/R"]


def test_the_reason_of_a_cross_hides_no_other_sample():
    """Its ground once veiled a heterozygote at the same share."""
    def reason(table):
        ax = drawn(table, locus=FCGR3A)
        (text,) = [t for t in ax.texts if t.get_text().strip() == "LOW_DP"]
        at = ax.transData.transform((4, 0.5))[1]
        return text, (text.get_transform().transform(text.get_position())[1] - at) / ax.figure.dpi * 72

    free, beside = reason(hand())
    assert beside == pytest.approx(0)
    assert free.get_bbox_patch() is not None
    crowded, beside = reason(pd.concat([hand(), hand().iloc[[1]].assign(dp=12.0)]))
    assert beside == pytest.approx(8)
    assert crowded.get_bbox_patch() is None
    both, beside = reason(pd.concat([hand(), hand().iloc[[1, 1]].assign(dp=12.0, v_fraction=[0.5, 0.54])]))
    assert beside == pytest.approx(-8)
    assert both.get_bbox_patch() is None


def test_many_without_a_call_are_counted_by_reason_in_the_key():
    many = pd.concat([hand(), *[hand().iloc[[4]].assign(dp=k) for k in range(2, 2 + LABELS)]])
    ax = drawn(many, locus=FCGR3A)
    assert f"LOW_DP {LABELS + 1}" in words(ax)
    assert "LOW_DP" not in words(ax)


def test_equal_samples_without_a_call_are_named_once_with_their_number():
    assert "LOW_DP, 3 samples" in words(drawn(pd.concat([hand(), hand().iloc[[4, 4]]]), locus=FCGR3A))


@pytest.mark.parametrize(("deepest", "logged"), [(200, False), (4000, True)])
def test_deep_panels_have_a_logarithmic_axis_with_plain_numbers(deepest, logged):
    ax = drawn(pd.concat([hand(), hand().iloc[[1]].assign(dp=deepest)]))
    assert (ax.get_xscale() == "log") is logged
    assert all("10^" not in t.get_text() and "math" not in t.get_text() for t in ax.get_xticklabels())


def test_without_reads_the_figure_says_so():
    figure = allele_balance_figure(hand().assign(v_fraction=None), locus=FCGR3A)
    assert "no record gives the reads of both alleles" in [t.get_text() for t in figure.axes[0].texts]
