"""Every spelling that laboratories send has one reading, or is refused with what to do."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomarkers.domain import vocabulary as words
from biomarkers.domain.flow import MISSING_REASONS
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.source import Spelling
from biomarkers.readers.cells import Cell, parse_cell
from biomarkers.readers.numbers import decimal_mark, read_number

TK1, TIL, CTC, MRD, GENE = (MARKERS[name] for name in ("tk1_dul", "stil", "ctc", "mrd", "fcgr3a_158"))
QUANTITATIVE = [marker for marker in MARKERS.values() if marker.quantitative]


def read(text: str, name: str, **declared: object) -> Cell:
    return parse_cell(text, MARKERS[name], Spelling(**declared))  # type: ignore[arg-type]


# ---- below and above a limit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["<20", "< 20", "≤20", "<=20", "<LOD", "<LLOQ", "BLQ", "bql", "LLOD", "not detected", "neg", " <20 "]
)
def test_below_the_limit_is_a_bound_and_no_number(text: str) -> None:
    cell = read(text, "tk1_dul")
    assert (cell.status, cell.censor, cell.lower, cell.upper) == ("below", "left", 0.0, 20.0)
    assert math.isnan(cell.value)


def test_the_limit_of_the_row_counts_before_that_of_the_registry() -> None:
    assert parse_cell("<LOD", TK1, lod=35.0).upper == 35.0


def test_without_a_known_limit_below_is_ambiguous_and_not_zero() -> None:
    cell = read("BLQ", "ctdna_mtm")
    assert (cell.status, cell.code) == ("ambiguous", "no_limit")
    assert "lod" in cell.remedy


def test_below_one_per_cent_of_a_marker_whose_zero_is_real_lies_between_zero_and_one() -> None:
    cell = read("<1", "stil")
    assert (cell.status, cell.lower, cell.upper) == ("below", 0, 1.0)


def test_below_the_lowest_possible_value_is_out_of_range_and_not_called_a_fraction() -> None:
    cell = read("<0", "ctc")
    assert (cell.status, cell.code) == ("invalid", "out_of_range")
    assert read("2.5", "ctc").code == "not_whole"


@pytest.mark.parametrize(("text", "lower"), [(">2000", 2000.0), (">= 5000", 5000.0), ("≥5000", 5000.0)])
def test_above_the_limit_is_a_bound(text: str, lower: float) -> None:
    cell = read(text, "tk1_dul")
    assert (cell.status, cell.censor, cell.lower) == ("above", "right", lower)


def test_too_numerous_to_count_is_above_the_upper_limit_or_missing_where_there_is_none() -> None:
    assert parse_cell("TNTC", CTC, uloq=1000.0).lower == 1000.0
    assert read("TNTC", "ctc").status == "missing"


# ---- ranges, approximations, numeric dress ---------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "low", "high"), [("5-10", 5, 10), ("5–10", 5, 10), ("5 to 10", 5, 10), ("11-40%", 11, 40)])
def test_a_range_is_an_interval_without_a_midpoint(text: str, low: float, high: float) -> None:
    cell = read(text, "stil")
    assert (cell.censor, cell.lower, cell.upper, cell.status) == ("interval", low, high, "measured")
    assert math.isnan(cell.value)


@pytest.mark.parametrize("text", ["~15", "ca. 15", "15?", "approx 15", "ca 15"])
def test_an_approximate_value_is_measured_and_flagged(text: str) -> None:
    cell = read(text, "stil")
    assert (cell.value, cell.flags) == (15.0, ("approximate",))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("35 %", 35.0),
        ("1.2E+01", 12.0),
        ("12.5 H", 12.5),
        ("12.5*", 12.5),
        ("12#", 12.0),
        ("+5", 5.0),
        (".5", 0.5),
        ("12\u00a0", 12.0),
    ],
)
def test_numeric_dress_is_taken_off_and_noted(text: str, value: float) -> None:
    assert read(text, "stil").value == value


@pytest.mark.parametrize(
    ("text", "value"), [("1 234", 1234.0), ("1'234", 1234.0), ("1\u00a0234", 1234.0), ("1,234,567", 1234567.0)]
)
def test_thousands_that_can_only_be_thousands_are_read(text: str, value: float) -> None:
    assert read(text, "tk1_dul").value == value


@pytest.mark.parametrize("text", ["292,5", "1,234", "1.234,5"])
def test_a_decimal_comma_is_refused_until_the_file_declares_it(text: str) -> None:
    assert read(text, "tk1_dul").status == "invalid"
    assert read(text, "tk1_dul", decimal=",").status == "measured"


def test_one_and_234_is_read_by_the_declared_mark_alone() -> None:
    assert read("1,234", "tk1_dul", decimal=",").value == 1.234
    assert read("1,234", "tk1_dul", decimal=".").value == 1234.0
    seen = parse_cell("1,234", TK1, decimal_seen=",")
    assert seen.status == "invalid", "other commas of the file do not tell what this one means"


def test_a_point_under_a_declared_comma_is_refused() -> None:
    assert "point" in read("292.5", "tk1_dul", decimal=",").problem


def test_a_file_whose_every_fraction_has_a_comma_needs_no_declaration() -> None:
    assert parse_cell("0,35", MARKERS["ctdna_vaf"], decimal_seen=decimal_mark(["0,35", "0,2", "1"])).value == 0.35
    assert decimal_mark(["0,35", "0.2"]) is None


@pytest.mark.parametrize(
    "text",
    [
        "inf",
        "-inf",
        "1_000",
        "0x1F",
        "１２",
        "1e999",
        "12 34",
        "7/8",
        "1.2.3",
        "--5",
        "abc",
        "5..",
        "1,2,3",
        "#N/A",
        "=A1",
        "12\x00",
    ],
)
def test_what_python_or_pandas_would_swallow_is_refused(text: str) -> None:
    cell = read(text, "tk1_dul")
    assert cell.status == "invalid"
    assert cell.problem
    assert cell.remedy


@pytest.mark.parametrize(
    ("text", "likely"), [("5-Oct", "5-10"), ("20-Oct", "10-20"), ("Oct-10", "10-10"), ("10.05.", "10.5"), ("2023-03", "")]
)
def test_a_spreadsheet_date_names_what_was_probably_typed(text: str, likely: str) -> None:
    cell = read(text, "stil")
    assert cell.code == "spreadsheet_date"
    assert likely in cell.remedy


# ---- legal values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "hint"),
    [
        ("140", "stil", "H-score"),
        ("2+", "vimentin_pct", "intensity"),
        ("3.5", "ctc", "unit"),
        ("-1", "ctc", "unit"),
        ("35", "ctdna_vaf", "per cent"),
    ],
)
def test_an_impossible_value_is_refused_with_its_likely_cause(text: str, name: str, hint: str) -> None:
    cell = read(text, name)
    assert cell.status == "invalid"
    assert hint in cell.remedy


def test_zero_is_a_measurement_only_where_it_can_be_one() -> None:
    assert read("0", "ctc").value == 0.0
    assert read("0", "tk1_dul").status == "ambiguous"
    assert read("0", "tk1_dul", zero="below_limit").upper == 20.0
    assert read("0", "tk1_dul", zero="missing").status == "missing"


def test_a_declared_zero_without_a_limit_is_below_an_unknown_one() -> None:
    cell = read("0.0", "ctdna_mtm", zero="below_limit")
    assert cell.status == "below"
    assert math.isnan(cell.upper)
    assert cell.flags == ("limit unknown",)


def test_a_unit_is_converted_by_the_registry_or_refused() -> None:
    assert parse_cell("64", MARKERS["ctdna_tf"], unit="%").value == pytest.approx(0.64)
    refused = parse_cell("100", TK1, unit="DuA")
    assert refused.code == "unit"
    assert "two units" in refused.problem


def test_a_per_cent_sign_in_a_fraction_column_converts_and_in_a_concentration_is_refused() -> None:
    assert read("35 %", "ctdna_vaf").value == pytest.approx(0.35)
    assert read("35 %", "tk1_dul").status == "invalid"


# ---- missing, ambiguous, calls ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("text", "reason"), sorted(words.MISSING.items()))
def test_every_word_for_missing_keeps_its_reason_and_is_never_a_level(text: str, reason: str) -> None:
    assert reason in MISSING_REASONS
    for marker in (CTC, MRD, GENE):
        if text in words.BELOW or (marker is MRD and text in words.CALLS):
            continue
        cell = parse_cell(text.upper(), marker)
        assert (cell.status, cell.reason, cell.call) == ("missing", reason, "")


@pytest.mark.parametrize("text", ["", " ", "NA", "N/A", ".", "NaN", "NULL"])
def test_a_blank_is_missing_without_a_reason_for_every_marker(text: str) -> None:
    for marker in MARKERS.values():
        assert (parse_cell(text, marker).status, parse_cell(text, marker).reason) == ("missing", "not_given")


def test_nd_is_refused_until_the_file_says_what_it_means() -> None:
    assert read("ND", "tk1_dul").status == "ambiguous"
    assert read("ND", "tk1_dul", nd="not_detected").status == "below"
    assert read("ND", "tk1_dul", nd="not_done").reason == "not_collected"
    assert read("ND", "mrd").status == "ambiguous"
    assert read("nd", "mrd", nd="not_detected").call == "not_detected"


@pytest.mark.parametrize("text", ["0*", "+/-", "Pos?"])
def test_what_the_laboratory_left_open_stays_open(text: str) -> None:
    assert read(text, "ctc").status == "ambiguous"


def test_negative_in_a_flow_panel_is_ambiguous() -> None:
    assert read("neg", "pbmc_cd4").status == "ambiguous"


@pytest.mark.parametrize("text", ["Pos", "MRD+", "ctDNA detected", "Detected", "POSITIVE"])
def test_spellings_of_a_detected_call(text: str) -> None:
    assert (read(text, "mrd").call, read(text, "mrd").value) == ("detected", 1.0)


@pytest.mark.parametrize("text", ["Neg", "neg ", "MRD-", "Not detected"])
def test_spellings_of_a_call_of_not_detected(text: str) -> None:
    assert (read(text, "mrd").call, read(text, "mrd").value) == ("not_detected", 0.0)


@pytest.mark.parametrize("text", ["+", "-", "1", "0"])
def test_a_sign_or_a_digit_is_no_call_until_declared(text: str) -> None:
    assert read(text, "mrd").status == "ambiguous"
    assert read(text, "mrd", words={text: "detected"}).call == "detected"


def test_an_unknown_call_is_a_problem_that_shows_how_to_declare_it() -> None:
    cell = read("reactive", "mrd")
    assert cell.status == "invalid"
    assert "words = " in cell.remedy


@pytest.mark.parametrize(
    ("text", "call"), [("VV", "V/V"), ("V/V ", "V/V"), ("FV", "V/F"), ("Val/Phe", "V/F"), ("158V/V", "V/V"), ("f|f", "F/F")]
)
def test_amino_acid_spellings_of_a_genotype(text: str, call: str) -> None:
    assert read(text, "fcgr3a_158").call == call


@pytest.mark.parametrize("text", ["GG", "TT", "A/C", "0/0", "0/1", "HH", "V/X", "V"])
def test_nucleotides_indices_and_other_genes_are_refused(text: str) -> None:
    assert read(text, "fcgr3a_158").status == "invalid"


def test_a_missing_genotype_is_missing_and_never_the_reference() -> None:
    assert read("./.", "fcgr3a_158").status == "missing"


# ---- contracts over the whole registry -------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", MARKERS.values(), ids=lambda m: m.name)
def test_every_marker_refuses_what_lies_outside_its_bounds(marker: object) -> None:
    if not marker.quantitative:  # type: ignore[attr-defined]
        assert parse_cell("zebra", marker).status == "invalid"  # type: ignore[arg-type]
        return
    low, high = marker.legal  # type: ignore[attr-defined]
    assert parse_cell(repr(low - 1), marker).status == "invalid"  # type: ignore[arg-type]
    if math.isfinite(high):
        assert parse_cell(repr(high * 1.01 + 1), marker).status == "invalid"  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=12), marker=st.sampled_from(list(MARKERS.values())))
def test_any_text_has_one_status_and_a_problem_where_it_has_no_value(text: str, marker: object) -> None:
    cell = parse_cell(text, marker)  # type: ignore[arg-type]
    assert cell.raw_value == text
    assert (cell.status in ("invalid", "ambiguous")) == bool(cell.problem)
    assert (cell.status == "missing") == bool(cell.reason)
    if cell.status == "measured" and cell.censor == "none":
        assert cell.lower == cell.value == cell.upper


@settings(max_examples=300, deadline=None)
@given(value=st.floats(min_value=0.001, max_value=1e9))
def test_a_number_written_by_python_is_read_back_exactly(value: float) -> None:
    assert read_number(repr(value)).value == value  # type: ignore[union-attr]


def test_no_spelling_has_two_readings() -> None:
    groups = [
        words.BELOW,
        words.ABOVE,
        words.NEGATIVE,
        set(words.MISSING),
        words.BLANK,
        words.DASHES,
        set(words.AMBIGUOUS),
        words.SHEET_ERRORS,
    ]
    seen: set[str] = set()
    for group in groups:
        assert not seen & set(group)
        seen |= set(group)
    assert all(word == word.casefold() for word in seen)
