"""The page shows the numbers of the frames, and its pictures show them in the right place."""

from __future__ import annotations

import math
import re
import sys
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import Case, row, text_of, write

from biomarkers.genotype import call_genotypes, cohort_quality, quality
from biomarkers.genotype.decide import REASONS
from biomarkers.genotype.quality import Quality
from biomarkers.genotype.quality_page import balance_picture, depth_picture, quality_page

LEFT, RIGHT, TOP, FLOOR = 46.0, 552.0, 10.0, 226.0  # the drawing area in units of the picture


def one(tmp_path: Path, cells: list[str], keys: str = "GT:AD", people: pd.DataFrame | None = None) -> Quality:
    case = Case("", [row(*cells, keys=keys)], [""] * len(cells))
    (found,) = cohort_quality(call_genotypes(write(tmp_path / "x.vcf", text_of(case, "GRCh38"), "text")), people)
    return found


def numbers(pattern: str, svg: str) -> np.ndarray:
    return np.array([[float(x) for x in found.groups()] for found in re.finditer(pattern, svg)])


CIRCLE, SQUARE = (
    r'circle class="c0" cx="([\d.]+)" cy="([\d.]+)" r="2.6"',
    r'rect class="c1" x="([\d.]+)" y="([\d.]+)" width="5" height="5"',
)
TRIANGLE, CROSS = (
    r'path class="c2" d="M([\d.]+) ([\d.]+)l3 5.4h-6z"',
    r'path class="no" d="M([\d.]+) ([\d.]+)l5.2 5.2m0-5.2l-5.2 5.2"',
)


def test_every_sample_stands_at_its_depth_and_share(tmp_path: Path) -> None:
    reads = {"0/0": [(20, 0), (40, 2)], "0/1": [(10, 10), (30, 20)], "1/1": [(0, 30), (1, 39)], "no": [(4, 4), (35, 5)]}
    cells = [f"{'0/1' if gt == 'no' else gt}:{a},{b}" for gt, pairs in reads.items() for a, b in pairs]
    found = one(tmp_path, cells)
    assert found.balance["call"].tolist() == ["F/F", "F/F", "V/F", "V/F", "V/V", "V/V", "", ""]
    svg, words = balance_picture(found)
    deepest, shallow = 50, 8 * 0.8
    for gt, pattern, dx, dy in (
        ("0/0", CIRCLE, 0, 0),
        ("0/1", SQUARE, 2.5, 2.5),
        ("1/1", TRIANGLE, 0, 3.2),
        ("no", CROSS, 2.6, 2.6),
    ):
        at = numbers(pattern, svg) + np.array([dx, dy])
        depth, share = np.array([(a + b, b / (a + b)) for a, b in reads[gt]]).T
        scale = (np.log10(depth) - math.log10(shallow)) / (math.log10(deepest * 1.1) - math.log10(shallow))
        assert at[:, 0] == pytest.approx(LEFT + scale * (RIGHT - LEFT), abs=0.06), gt
        assert at[:, 1] == pytest.approx(FLOOR - share * (FLOOR - TOP), abs=0.06), gt
    assert words == (
        "○ F/F, ■ V/F, ▲ V/V, × no call. 8 samples with their reads counted, 2 of them without a call; the heterozygotes' "
        "median share is 0.45. Grey holds what the caller takes for V/F, amber where it flags the call; a centre of 0.3 to 0.4 "
        "is the paralog's mark."
    )


def test_limits_and_depths_are_ruled_where_they_are(tmp_path: Path) -> None:
    svg, _ = balance_picture(one(tmp_path, ["0/1:10,10", "0/1:60,60"]))
    lines = dict(
        zip(
            re.findall(r'class="e" x="40" y="[\d.]+">([\d.]+)<', svg),
            numbers(r'class="rule" d="M46 ([\d.]+)H552"', svg)[:, 0],
            strict=True,
        )
    )
    for name, y in lines.items():
        assert y == pytest.approx(FLOOR - float(name) * (FLOOR - TOP), abs=0.06)
    assert set(lines) == {"0", "0.2", "0.35", "0.5", "0.8", "1"}
    zone, low = numbers(r'rect class="(?:zone|low)" x="46" y="([\d.]+)" width="506" height="([\d.]+)"', svg)
    assert zone == pytest.approx([FLOOR - 0.8 * 216, 0.6 * 216], abs=0.06)
    assert low == pytest.approx([FLOOR - 0.35 * 216, 0.15 * 216], abs=0.06)
    ticks = dict(re.findall(r'<text x="([\d.]+)" y="241">(\d+)<', svg))
    assert list(ticks.values()) == ["20", "30", "50", "100"]
    for x, name in ticks.items():
        assert float(x) == pytest.approx(
            LEFT + (math.log10(float(name)) - math.log10(16)) / math.log10(132 / 16) * 506, abs=0.06
        )
    assert "reads (log scale)" in svg
    assert "V share of reads" in svg
    assert 'viewBox="0 0 560 260"' in svg


def test_many_samples_are_thinned_and_said_to_be(tmp_path: Path) -> None:
    found = one(tmp_path, ["0/1:10,10"] * 3001)
    svg, words = balance_picture(found)
    assert len(numbers(SQUARE, svg)) == 1501
    assert words.endswith("a centre of 0.3 to 0.4 is the paralog's mark. 1,501 of 3,001 samples are drawn.")
    svg, words = balance_picture(one(tmp_path, ["0/0:20,0"] * 10))
    assert len(numbers(CIRCLE, svg)) == 10
    assert "heterozygotes" not in words
    assert "are drawn" not in words


def test_nothing_to_draw_says_so(tmp_path: Path) -> None:
    found = one(tmp_path, ["0/1", "0/0"], keys="GT")
    assert balance_picture(found) == ("", "No record gives the reads of both alleles (AD).")
    assert depth_picture(found.balance) == ("", "No record gives a depth.")


def test_bars_are_as_high_as_their_samples_are_many(tmp_path: Path) -> None:
    depths = [10] * 4 + [11] * 2 + [30] + [9] * 3
    svg, words = depth_picture(one(tmp_path, [f"0/1:{d}" for d in depths], keys="GT:DP").balance)
    bars = numbers(r'rect class="bar" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    top = int(np.quantile(depths, 0.99)) + 5
    step = (RIGHT - LEFT) / (top + 1)
    assert bars[:, 0] == pytest.approx([LEFT + d * step + 0.5 for d in (9, 10, 11, 30)], abs=0.06)
    assert bars[:, 2] == pytest.approx([step - 1] * 4, abs=0.06)
    assert bars[:, 3] == pytest.approx(np.array([3, 4, 2, 1]) / 4 * 216, abs=0.06)
    assert bars[:, 1] + bars[:, 3] == pytest.approx([FLOOR] * 4, abs=0.11)
    assert ">reads</text>" in svg
    assert ">samples</text>" in svg
    assert words == "10 samples: median 10, 3 below 10; the last bar holds all deeper ones."
    assert re.findall(r'class="e" x="40" y="[\d.]+">(\d+)<', svg) == ["0", "1", "2", "3", "4"]
    assert re.findall(r'y="241">(\d+)<', svg) == ["0", "10", "20", "30"]


def test_deep_samples_share_the_last_bar_and_wide_ranges_have_wider_bars(tmp_path: Path) -> None:
    depths = [30] * 150 + [100_000]
    svg, _ = depth_picture(one(tmp_path, [f"0/1:{d}" for d in depths], keys="GT:DP").balance)
    bars = numbers(r'rect class="bar" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    assert len(bars) == 2
    assert bars[1, 0] < RIGHT
    spread = list(range(10, 410))
    svg, _ = depth_picture(one(tmp_path, [f"0/1:{d}" for d in spread], keys="GT:DP").balance)
    bars = numbers(r'rect class="bar" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', svg)
    assert 35 <= len(bars) <= 41
    assert re.findall(r'y="241">(\d+)<', svg)[:3] == ["0", "50", "100"]
    svg, _ = depth_picture(one(tmp_path, ["0/1:30"] * 17, keys="GT:DP").balance)
    assert re.findall(r'class="e" x="40" y="[\d.]+">(\d+)<', svg) == ["0", "5", "10", "15"]


# ---------------------------------------------------------------------- the words and tables
def tables(page: str) -> dict[str, list[list[str]]]:
    found = {}
    for caption, body in re.findall(r"<table><caption>(.*?)</caption>.*?<tbody>(.*?)</tbody>", page, re.S):
        rows = [
            [unescape(re.sub("<.*?>", "", c)).replace("\xa0", " ") for c in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", r)]
            for r in re.findall(r"<tr>(.*?)</tr>", body)
        ]
        found[unescape(caption)] = rows
    return found


@pytest.fixture
def shown(tmp_path: Path) -> tuple[Quality, dict[str, list[list[str]]], str]:
    cells = ["0/0:40"] * 45 + ["0/1:40"] * 42 + ["1/1:40"] * 13 + ["0/1:3"] * 4 + ["./.:."]
    people = pd.DataFrame(
        {
            "sample": [f"S{i + 1}" for i in range(105)],
            "cohort": ["ER+", "ER-", "ER+"] * 35,
            "time": [10 + i % 37 for i in range(105)],
            "event": [int(i % 3 > 0) for i in range(105)],
        }
    )
    found = one(tmp_path, cells, keys="GT:DP", people=people)
    page = quality_page(
        [found],
        source="calls.tsv",
        about={
            "versions": {"a": "1"},
            "options": {"min_dp": 10},
            "counts": {"files": 1, "rows": 105},
            "output": {"sha256": "f00"},
        },
    )
    return found, tables(page), page


def test_the_tables_of_the_page_are_the_frames(shown: tuple) -> None:
    found, seen, page = shown
    rates = seen["Samples with a call, with Wilson's 95% interval"]
    assert [r[0] for r in rates] == ["all", "cohort ER+", "cohort ER−"]
    assert rates[0] == ["all", "105", "100 (95.2%)", "89.3% to 97.9%"]
    reasons = seen["Every row of the calls by its reason"]
    assert reasons == [
        ["all", "OK", "100", "called"],
        ["all", "LOW_DP", "4", REASONS["LOW_DP"]],
        ["all", "MISSING_GT", "1", REASONS["MISSING_GT"]],
    ]
    tests = seen["Exact test on one call per subject; F above zero means too few heterozygotes"]
    assert tests[0][:5] == ["all", "45", "42", "13", "0.34"]
    test = found.hardy_weinberg.iloc[0]
    assert tests[0][7] == f"{test['f']:+.3f}".replace("-", "−")
    assert tests[0][8] == f"{test['f_low']:+.3f} to {test['f_high']:+.3f}".replace("-", "−")
    what_if = next(
        rows
        for caption, rows in seen.items()
        if caption.startswith("What an error of this size would do to F, and to the hazard")
    )
    assert [r[0] for r in what_if] == [
        "as called",
        "5% of V/F read as F/F",
        "10% of V/F read as F/F",
        "20% of V/F read as F/F",
        "37% of V/F read as F/F",
        "50% of V/F read as F/F",
        "5% of F/F read as V/F",
        "10% of F/F read as V/F",
        "20% of F/F read as V/F",
    ]
    for line, frame in zip(what_if, found.what_if.to_dict("records"), strict=True):
        assert line[1] == f"{frame['f']:+.3f}".replace("-", "−")
        assert line[3].startswith(f"{frame['hazard_ratio']:.2f}")
    assert what_if[0][2] == "–"
    assert int(what_if[4][2]) == math.ceil(7.8489 / found.what_if["f"][4] ** 2)
    facts = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page)
    assert [
        (a, re.sub("<.*?>", " ", b).replace("\xa0", " ").strip())
        for a, b in facts
        if a in ("Samples", "Called", "F/F", "V/F", "V/V", "V frequency")
    ] == [
        ("Samples", "105 in 1 files"),
        ("Called", "95.2% 100 of 105"),
        ("F/F", "45"),
        ("V/F", "42"),
        ("V/V", "13"),
        ("V frequency", "0.34 among those called"),
    ]
    assert [(a, b) for a, b in facts if a in ("versions", "options", "table")] == [
        ("versions", "a 1"),
        ("options", "min_dp = 10"),
        ("table", "1 files, 105 rows, sha256 f00"),
    ]


def test_frames_are_the_plainest_expressions_of_the_calls(shown: tuple) -> None:
    found, _, _ = shown
    rows = found.rows
    for _, rate in found.rates.iterrows():
        part = rows if rate["group"] == "all" else rows[rows[rate["group"]] == rate["level"]]
        assert (rate["n"], rate["n_called"]) == (len(part), (part["call"] != "").sum())
        assert rate["conf_low"] < rate["rate"] < rate["conf_high"]
    for _, test in found.hardy_weinberg.iterrows():
        part = rows if test["group"] == "all" else rows[rows[test["group"]] == test["level"]]
        counts = [(part["call"] == word).sum() for word in ("F/F", "V/F", "V/V")]
        assert test[["n_ff", "n_vf", "n_vv"]].tolist() == counts
        q = (counts[1] + 2 * counts[2]) / (2 * sum(counts))
        assert test["q"] == pytest.approx(q, abs=1e-15)
        assert test["f"] == pytest.approx(1 - counts[1] / (2 * sum(counts) * q * (1 - q)), abs=1e-12)
    assert found.what_if["v_lost"].tolist() == [0, 0.05, 0.1, 0.2, 0.37, 0.5, 0, 0, 0]
    assert found.what_if["v_gained"].tolist() == [0] * 6 + [0.05, 0.1, 0.2]


def test_agreement_of_two_readings_by_hand(tmp_path: Path) -> None:
    """Ten subjects: F/F 4 agree, V/F 3 agree, 2 lost, 1 missing. Kappa from the margins."""
    first = ["0/0"] * 4 + ["0/1"] * 5 + ["0/1"]
    second = ["0/0"] * 4 + ["0/1"] * 3 + ["0/0"] * 2 + ["./."]
    for name, cells in (("a", first), ("b", second)):
        write(tmp_path / "in" / f"{name}.vcf", text_of(Case("", [row(*cells)], [""] * 10), "GRCh38"), "text")
    (found,) = cohort_quality(call_genotypes(tmp_path / "in"))
    (pair,) = found.pairs.to_dict("records")
    expected = (4 * 6 + 5 * 3) / 81
    assert (pair["first"], pair["second"], pair["n"], pair["n_both"], pair["v_lost"], pair["v_gained"]) == (
        "a.vcf",
        "b.vcf",
        10,
        9,
        2,
        0,
    )
    assert pair["concordance"] == pytest.approx(7 / 9)
    assert pair["kappa"] == pytest.approx((7 / 9 - expected) / (1 - expected))
    assert pair["p_value"] == pytest.approx(0.5)
    assert found.table.loc["V/F"].tolist() == [2, 3, 0, 1]
    assert found.table.index.tolist() == ["F/F", "V/F", "V/V", "no call"]
    assert any(w.startswith("a.vcf and b.vcf differ in 2 of 9 subjects") for w in found.warnings)
    page = quality_page([found], source="x")
    assert tables(page)["a.vcf in rows, b.vcf in columns"][1] == ["V/F", "2", "3", "0", "1"]
    line = next(rows for caption, rows in tables(page).items() if caption.startswith("Agreement of two readings"))[0]
    assert line[:8] == ["a.vcf", "b.vcf", "9 of 10 (90%)", "77.8%", "0.57", "2", "0", "0.50"]


def test_one_locus_is_one_locus_and_nobody_read_twice_says_so(tmp_path: Path) -> None:
    page = quality_page([one(tmp_path, ["0/0", "0/1"], keys="GT")], source="x")
    assert "at 1 locus (FCGR3A-158), two unrelated people agree in 50.0% of cases" in page
    assert "No subject was read more than once, so nothing can be said about exchanged samples." in page


def test_files_of_many_samples_stand_for_platforms(tmp_path: Path) -> None:
    def reasons(sizes: list[int]) -> list:
        folder = tmp_path / "-".join(map(str, sizes))
        for i, n in enumerate(sizes):
            case = Case("", [row(*["0/1"] * n)], [""] * n, samples=[f"P{i}-{j}" for j in range(n)])
            write(folder / f"{i}.vcf", text_of(case, "GRCh38"), "text")
        return cohort_quality(call_genotypes(folder))[0].reasons[["platform", "n"]].values.tolist()

    assert reasons([5, 6]) == [["0.vcf", 5], ["1.vcf", 6]]
    assert reasons([5, 4]) == [["all", 9]]
    assert reasons([12]) == [["all", 12]]
    assert reasons([1] * 32) == [["all", 32]]
    assert reasons([6] * 31) == [["all", 186]]


@pytest.mark.parametrize(("lost", "gained"), [(0.2, 0.0), (0.0, 0.1)])
def test_misread_genotypes_are_drawn_back_as_often_as_the_error_says(
    lost: float, gained: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 600 F/F, 0.2 / 0.8 x 300 = 75 were V/F; of 300 V/F, 0.1 / 0.9 x 600 = 66.7 were F/F."""
    n_v = np.repeat([0.0, 1.0, 2.0], [600, 300, 100])
    frame = pd.DataFrame({"time": np.arange(1000) % 97 + 1, "event": 1, "n_v": n_v, "stratum": ""})
    drawn = []
    real = quality.cox

    def watched(time: np.ndarray, event: np.ndarray, x: np.ndarray, **about: object) -> object:
        drawn.append(x.copy())
        return real(time, event, x, **about)

    monkeypatch.setattr(quality, "cox", watched)
    ratio = quality._hazard_ratio(frame, [600, 300, 100], lost, gained, 1)
    up = np.mean([(x[n_v == 0] == 1).sum() for x in drawn])
    down = np.mean([(x[n_v == 1] == 0).sum() for x in drawn])
    assert len(drawn) == 100
    assert up == pytest.approx(75.0 if lost else 0.0, abs=3.5)
    assert down == pytest.approx(600 * 0.1 / 0.9 if gained else 0.0, abs=3.5)
    assert all((x[n_v == 2] == 2).all() for x in drawn)
    assert ratio["conf_low"] < ratio["hazard_ratio"] < ratio["conf_high"]


def test_many_files_are_compared_as_first_and_second_reading(tmp_path: Path) -> None:
    for i in range(12):
        for copy, gt in (("x", "0/1"), ("y", "0/0")):
            case = Case("", [row(gt)], [""], samples=[f"P{i}"])
            write(tmp_path / "in" / f"{copy}{i:02d}.vcf", text_of(case, "GRCh38"), "text")
    (found,) = cohort_quality(call_genotypes(tmp_path / "in"))
    (pair,) = found.pairs.to_dict("records")
    assert (pair["first"], pair["second"], pair["n_both"], pair["v_lost"], pair["v_gained"]) == ("first", "second", 12, 12, 0)
