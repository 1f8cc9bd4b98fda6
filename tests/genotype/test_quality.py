"""Hardy-Weinberg to the last digits, and a cohort whose faults are known must be found to have them."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from fractions import Fraction
from math import factorial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import Case, block, row, text_of, write

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import LOCI
from biomarkers.genotype import call_genotypes, cohort_quality, hardy_weinberg
from biomarkers.genotype.command import run_genotype, run_genotype_qc
from biomarkers.genotype.equilibrium import expected_f, subjects_needed
from biomarkers.genotype.quality import read_people
from biomarkers.genotype.quality_page import quality_page
from biomarkers.kernels.hardy_weinberg import hardy_weinberg as kernel
from biomarkers.kernels.hardy_weinberg import heterozygote_distribution


def enumerated(ff: int, vf: int, vv: int) -> tuple[Fraction, Fraction]:
    """Exact p and mid-p in whole numbers."""
    n, a, b = ff + vf + vv, 2 * ff + vf, 2 * vv + vf
    chance = {h: Fraction(factorial(n) * 2**h * factorial(a) * factorial(b),
                          factorial((a - h) // 2) * factorial(h) * factorial((b - h) // 2) * factorial(2 * n))
              for h in range(a % 2, min(a, b) + 1, 2)}
    assert sum(chance.values()) == 1
    p = sum(x for x in chance.values() if x <= chance[vf])
    return p, p - chance[vf] / 2


@settings(max_examples=150, deadline=None)
@given(*[st.integers(0, 70)] * 3)
def test_exact_p_and_mid_p_equal_enumeration_in_whole_numbers(ff: int, vf: int, vv: int) -> None:
    if ff + vf + vv:
        p, mid = enumerated(ff, vf, vv)
        found = kernel(ff, vf, vv)
        assert abs(found.p_value - p) < 1e-12
        assert abs(found.p_mid - mid) < 1e-12


def test_exact_p_and_mid_p_equal_r() -> None:
    with Path(__file__).with_name("hardy_weinberg.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 14
    for r in rows:
        found = kernel(int(r["n_ff"]), int(r["n_vf"]), int(r["n_vv"]))
        assert abs(found.p_value - float(r["p_value"])) < 1e-10
        assert abs(found.p_mid - float(r["p_mid"])) < 1e-10


def test_the_shared_reference_values(shared: Path) -> None:
    for r in json.loads((shared / "reference" / "genotype" / "hwe.json").read_text())["rows"]:
        found = hardy_weinberg(r["n_ff"], r["n_vf"], r["n_vv"])
        assert abs(found.p_value - r["p_exact"]) < 1e-12
        assert abs(found.p_mid - r["p_mid"]) < 1e-12
        assert math.isnan(found.f) if r["f"] is None else abs(found.f - r["f"]) < 1e-12


def test_one_monomorphic_site_by_hand() -> None:
    found = kernel(7, 0, 0)
    assert (found.p_value, found.p_mid) == (1.0, 0.5)
    assert math.isnan(found.f)
    assert math.isnan(kernel(0, 0, 0).p_value)


def test_two_subjects_by_hand() -> None:
    """n = 2, two copies each: h = 0 in 1 of 3 tables, h = 2 in 2 of 3."""
    h, p = heterozygote_distribution(2, 2)
    assert h.tolist() == [0, 2]
    assert np.allclose(p, [1 / 3, 2 / 3], atol=1e-15)
    assert kernel(1, 0, 1).p_value == pytest.approx(1 / 3, abs=1e-15)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_the_interval_of_f_holds_f_is_symmetric_and_narrows_with_n(ff: int, vf: int, vv: int) -> None:
    one, other, many = kernel(ff, vf, vv), kernel(vv, vf, ff), kernel(10 * ff, 10 * vf, 10 * vv)
    assert one.f_low - 1e-9 <= one.f <= one.f_high + 1e-9
    assert one.f_low == pytest.approx(other.f_low, abs=1e-6)
    assert one.f_high == pytest.approx(other.f_high, abs=1e-6)
    assert many.f == pytest.approx(one.f, abs=1e-12)
    assert many.f_high - many.f_low < one.f_high - one.f_low


@pytest.mark.parametrize("counts", [(10, 0, 10), (0, 10, 0), (100, 1, 0), (0, 1, 100), (5, 5, 0)])
def test_the_interval_ends_where_f_ends(counts: tuple[int, int, int]) -> None:
    found = kernel(*counts)
    assert -1.0 <= found.f_low <= found.f + 1e-9
    assert found.f - 1e-9 <= found.f_high <= 1.0


def test_the_interval_of_f_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    q, f, n, hits, draws = 0.33, 0.1, 120, 0, 400
    chances = [(1 - q) ** 2 + q * (1 - q) * f, 2 * q * (1 - q) * (1 - f), q * q + q * (1 - q) * f]
    for counts in rng.multinomial(n, chances, size=draws):
        found = kernel(*map(int, counts))
        hits += found.f_low <= f <= found.f_high
    assert abs(hits / draws - 0.95) < 4 * math.sqrt(0.95 * 0.05 / draws)


@pytest.mark.parametrize("bad", [(-1, 2, 3), (1.5, 2, 3), ("a", 2, 3)])
def test_counts_that_are_none_are_refused(bad: tuple) -> None:
    with pytest.raises(UseError):
        hardy_weinberg(*bad)


@pytest.mark.parametrize(("lost", "gained", "f", "n"), [(0.05, 0, 0.033, 7195), (0.1, 0, 0.066, 1791), (0.2, 0, 0.133, 441),
                                                         (0.37, 0, 0.253, 122), (0.5, 0, 0.355, 62), (0, 0.05, -0.034, 6989),
                                                         (0, 0.1, -0.067, 1742), (0, 0.2, -0.135, 430)])
def test_what_a_reading_error_does_to_f(lost: float, gained: float, f: float, n: int) -> None:
    """Values of Hardy-Weinberg under misreading at q = 0.33, derived by the closed form 1 - (1-l)/((1-pl)(1+ql))."""
    found = expected_f(0.33, v_lost=lost, v_gained=gained)
    assert found == pytest.approx(f, abs=6e-4)
    if lost:
        assert found == pytest.approx(1 - (1 - lost) / ((1 - 0.67 * lost) * (1 + 0.33 * lost)), abs=1e-12)
    assert abs(subjects_needed(found) - n) <= max(1, 0.003 * n)


# ---------------------------------------------------------------------- a cohort with known faults
@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """160 subjects on two platforms; the exome reads 12 V/F as F/F; ER+ was read on the array, ER- on the exome."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(3)
    n_v = rng.binomial(2, 0.4, 160)
    words = np.array(["0/0", "0/1", "1/1"])
    exome = n_v.copy()
    exome[np.flatnonzero(n_v[60:] == 1)[:12] + 60] = 0
    people = []
    for name, values, who in (("array", n_v, range(120)), ("exome", exome, range(60, 160))):
        cells = [f"{words[values[i]]}:{(40, 20, 0)[values[i]]},{(0, 20, 40)[values[i]]}:40" for i in who]
        cells[0] = "./.:.:."
        case = Case("", [row(*cells, keys="GT:AD:DP")], [""] * len(cells), samples=[f"P{i:03d}{name[0]}" for i in who])
        write(folder / f"{name}.vcf.gz", text_of(case, "GRCh38"), "tbi")
        people += [{"sample": f"P{i:03d}{name[0]}", "subject": f"P{i:03d}", "platform": name,
                    "cohort": "ER+" if i < 85 else "ER-", "time": 10 + i % 37, "event": int(i % 3 > 0), "born": "1970-01-01"}
                   for i in who]
    pd.DataFrame(people).to_csv(folder / "people.csv", index=False)
    run_genotype([folder / "array.vcf.gz", folder / "exome.vcf.gz"], folder / "calls.tsv", said=io.StringIO())
    return folder / "calls.tsv", folder / "people.csv"


def test_a_lost_allele_is_found_with_its_direction(cohort: tuple[Path, Path]) -> None:
    from biomarkers.genotype import read_calls

    (found,) = cohort_quality(read_calls(cohort[0]), read_people(cohort[1]))
    (pair,) = found.pairs.to_dict("records")
    assert (pair["first"], pair["second"], pair["n"], pair["v_lost"], pair["v_gained"]) == ("array", "exome", 60, 12, 0)
    assert pair["p_value"] == pytest.approx(2 * 0.5**12)
    assert pair["suggests"].startswith("the second loses V")
    assert found.table.loc["V/F", "F/F"] == 12
    assert found.table.to_numpy().sum() == 60
    assert any("platform goes with cohort" in w for w in found.warnings)
    rates = found.rates.set_index(["group", "level"])
    assert rates.loc[("platform", "array"), ["n", "n_called"]].tolist() == [120, 119]
    # one call per subject: who is called differently on the two platforms has none
    readings = found.rows.groupby("subject")["call"].agg(lambda x: {c for c in x if c})
    assert found.hardy_weinberg.iloc[0][["n_ff", "n_vf", "n_vv"]].sum() == (readings.map(len) == 1).sum()
    assert (readings.map(len) == 2).sum() == 12


def test_no_loss_leaves_the_hazard_ratio_and_losses_move_it(cohort: tuple[Path, Path]) -> None:
    from biomarkers.genotype import read_calls
    from biomarkers.kernels.cox import cox

    calls, people = read_calls(cohort[0]), read_people(cohort[1])
    (found,) = cohort_quality(calls, people, seed=1)
    (again,) = cohort_quality(calls, people, seed=1)
    pd.testing.assert_frame_equal(found.what_if, again.what_if)
    once = found.what_if.iloc[0]
    joined = found.rows[found.rows["call"] != ""]
    agreed = joined[joined.groupby("subject")["call"].transform("nunique") == 1].drop_duplicates("subject")
    direct = cox(agreed["time"].astype(float), agreed["event"].astype(int), agreed["n_v"].astype(float),
                 stratum=agreed["cohort"])
    assert once["hazard_ratio"] == pytest.approx(math.exp(direct.coef[0]), rel=1e-12)
    assert found.what_if["hazard_ratio"].nunique() > 5
    assert (found.what_if["conf_high"] - found.what_if["conf_low"]).iloc[5] > once["conf_high"] - once["conf_low"]


def test_undeclared_columns_of_people_are_never_read(cohort: tuple[Path, Path]) -> None:
    assert "born" not in read_people(cohort[1])


def test_the_page_is_the_same_bytes_escapes_names_and_loads_nothing(cohort: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run_genotype_qc(cohort[0], tmp_path / name, samples=cohort[1], said=io.StringIO()) == 0
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert files == ["genotype-qc.html", "hardy_weinberg.csv", "notes.csv", "pairs.csv", "rates.csv", "reasons.csv",
                     "repeated.csv", "swaps.csv", "what_if.csv"]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    page = (tmp_path / "a" / "genotype-qc.html").read_text()
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    assert "1970" not in page
    assert "the second loses V" in page


def test_hostile_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "=1+1", "a\u202eb"]
    case = Case("", [row("0/1:5,5", "0/0:9,1", "1/1:0,30", keys="GT:AD")], [""] * 3, samples=names)
    file = write(tmp_path / "x.vcf", text_of(case, "GRCh38"), "text")
    page = quality_page(cohort_quality(call_genotypes(file)), source="<b>x</b>.tsv")
    assert "<script>" not in page
    assert "&lt;b&gt;" in page


def test_a_sample_in_two_files_is_compared_by_what_it_was(tmp_path: Path) -> None:
    for name, gt in (("a", "1/1"), ("b", "0/1")):
        case = Case("", [row(gt, "0/1")], ["", ""], samples=["P1", f"only {name}"])
        write(tmp_path / f"{name}.vcf", text_of(case, "GRCh38"), "text")
    calls = call_genotypes([tmp_path / "a.vcf", tmp_path / "b.vcf"])
    (found,) = cohort_quality(calls)
    (pair,) = found.pairs.to_dict("records")
    assert (pair["first"], pair["second"], pair["v_lost"], pair["v_gained"]) == ("a.vcf", "b.vcf", 1, 0)
    assert found.hardy_weinberg.iloc[0]["n_vf"] == 2


def test_a_cohort_without_a_single_call_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "x.vcf", text_of(Case("", [], ["", ""]), "GRCh38"), "text")
    (found,) = cohort_quality(call_genotypes(file))
    assert found.warnings == ["nobody was called: ABSENT, no record at the site and no reference block over it"]
    assert "nobody was called" in quality_page([found], source="x")


@pytest.mark.parametrize(("text", "words"), [("subject\nA\n", "no column 'sample'"), ("sample\nS1\nS1\n", "more than once"),
                                             ("", "cannot be read")])
def test_a_list_of_people_that_cannot_be_used_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(text)
    file = write(tmp_path / "x.vcf", text_of(Case("", [row("0/1", "0/0")], ["", ""]), "GRCh38"), "text")
    with pytest.raises(UseError, match=words):
        cohort_quality(call_genotypes(file), read_people(tmp_path / "p.csv"))


def test_the_page_says_what_calls_rest_on(tmp_path: Path) -> None:
    blocks = Case("", [block("0/0:35:90:31", "0/0:35:90:31")], ["", ""])
    write(tmp_path / "a.vcf", text_of(blocks, "GRCh38"), "text")
    imputed = Case("", [row("0/1:1", keys="GT:DS", info="R2=0.3")], [""], samples=["X"])
    write(tmp_path / "b.vcf", text_of(imputed, "GRCh38"), "text")
    gap = Case("", [block("0/0:35:90:31", end=-1)], [""], samples=["Y"])
    write(tmp_path / "c.vcf", text_of(gap, "GRCh38"), "text")
    (found,) = cohort_quality(call_genotypes(tmp_path, absent="hom_ref"))
    assert dict(zip(found.notes["note"], found.notes["n"], strict=True)) == {
        "ASSUMED_REF": 1, "GVCF_GAP": 1, "HOMREF_BLOCK": 2, "IMPUTED": 1, "LOW_R2": 1}
    said = " / ".join(found.warnings)
    for words in ("1 call by the assertion that an absent record means F/F", "1 call of these in a file with reference blocks",
                  "2 calls on a reference block", "1 call imputed with a quality below 0.8"):
        assert words in said
    page = quality_page([found], source="x")
    assert "What stands beside calls" in page
    assert "imputed with a quality (R2 or INFO) below 0.8" in page


def test_carriers_of_the_paralogs_base_are_said_and_nobody_else_is_expected(tmp_path: Path) -> None:
    there = LOCI["FCGR3B-158"].position["GRCh38"]
    cells = ["0/0"] * 30 + ["0/1"] * 2
    case = Case("", [row(*["0/1"] * 32), row(*cells, ref="C", alt="A", pos=there)], [""] * 32)
    file = write(tmp_path / "x.vcf", text_of(case, "GRCh38"), "text")
    here, paralog = cohort_quality(call_genotypes(file, loci=["FCGR3A-158", "FCGR3B-158"]))
    assert any(w.startswith("2 calls with the locus' reference base called in the paralog") for w in here.warnings)
    assert "2 samples with a variant where none is established: reads of the paralogous gene?" in paralog.warnings
    nobody = Case("", [row(*["0/0"] * 32, ref="C", alt="A", pos=there)], [""] * 32)
    file = write(tmp_path / "y.vcf", text_of(nobody, "GRCh38"), "text")
    (paralog,) = cohort_quality(call_genotypes(file, loci=["FCGR3B-158"]))
    assert paralog.warnings == []


def test_groups_keep_the_order_of_the_design_and_files_lose_their_folder(tmp_path: Path) -> None:
    file = write(tmp_path / "x.vcf", text_of(Case("", [row("0/1", "0/0", "1/1")], [""] * 3), "GRCh38"), "text")
    people = pd.DataFrame({"sample": ["S1", "S2", "S3"], "cohort": ["zebra", "ape", "ape"]})
    assert cohort_quality(call_genotypes(file), people)[0].rates["level"].tolist() == ["all", "zebra", "ape"]
    people["cohort"] = pd.Categorical(people["cohort"], categories=["ape", "zebra"])
    (found,) = cohort_quality(call_genotypes(file), people)
    assert found.rates["level"].tolist() == ["all", "ape", "zebra"]
    assert found.hardy_weinberg["n_ff"].tolist() == [1, 1, 0]
    assert set(found.rows["file"]) == {"x.vcf"}


def test_the_direction_of_hardy_weinberg_is_said_as_it_is(tmp_path: Path) -> None:
    for name, cells, words in (("few", ["0/0"] * 30 + ["1/1"] * 20, "too few heterozygotes: V lost"),
                               ("many", ["0/1"] * 40 + ["0/0"] * 2, "too many heterozygotes: V gained")):
        file = write(tmp_path / f"{name}.vcf", text_of(Case("", [row(*cells)], [""] * len(cells)), "GRCh38"), "text")
        (found,) = cohort_quality(call_genotypes(file))
        assert len(found.warnings) == 1
        assert words in found.warnings[0]
        assert found.warnings[0].startswith("Hardy-Weinberg: mid-p ")
        assert found.warnings[0].endswith("or chance (1 group tested)")
