"""Exchanged samples are named where the loci can show it, and nothing is claimed where they cannot."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import SITE_2A, Case, row, text_of, write

from biomarkers.genotype import call_genotypes, cohort_quality, who_is_who
from biomarkers.genotype.command import run_genotype, run_genotype_qc
from biomarkers.readers.sdtm import _loci

LOCI = ["FCGR3A-158", "FCGR2A-131"]
WORDS = np.array(["0/0", "0/1", "1/1"])


def written(path: Path, names: list[str], of_3a: list[int], of_2a: list[int], missing: tuple[int, ...] = ()) -> Path:
    cells = [["./." if i in missing else str(WORDS[x]) for i, x in enumerate(xs)] for xs in (of_3a, of_2a)]
    case = Case("", [row(*cells[0]), row(*cells[1], alt="G", pos=SITE_2A["GRCh38"])], [""] * len(names), samples=names)
    return write(path, text_of(case, "GRCh38"), "text")


def identity(*files: Path, people: pd.DataFrame | None = None):
    return who_is_who(cohort_quality(call_genotypes(list(files), loci=LOCI), people))


def test_two_exchanged_samples_are_named_and_a_misread_allele_is_not_called_an_exchange(tmp_path: Path) -> None:
    names = list("ABCDEF")
    first = [0, 1, 2, 0, 1, 2], [2, 0, 1, 1, 0, 0]
    second = [1, 0, 2, 0, 1, 1], [0, 2, 1, 1, 0, 0]  # A and B exchanged; F loses one V
    found = identity(written(tmp_path / "array.vcf", names, *first), written(tmp_path / "exome.vcf", names, *second))
    (swap,) = found.swaps.to_dict("records")
    assert swap == {"first": "array.vcf", "second": "exome.vcf", "subject": "A", "other": "B", "n_loci": 2, "n_discordant": 4,
                    "alternatives": 0}
    rows = found.repeated.set_index("subject")
    assert rows["n_discordant"].to_dict() == {"A": 2, "B": 2, "C": 0, "D": 0, "E": 0, "F": 1}
    assert rows.loc["F", "differ"] == "FCGR3A-158 V/V, V/F"
    assert rows["readings"].unique().tolist() == ["array.vcf, exome.vcf"]
    assert found.warnings[:3] == [
        "3 subjects of 6 that were read more than once differ from themselves: A, B, F",
        "2 subjects differ at more than one locus, which misread alleles seldom do: A, B: another person's sample?",
        "exchanged names would explain A and B in exome.vcf"]


def test_a_missing_call_neither_makes_nor_hides_a_difference(tmp_path: Path) -> None:
    a = written(tmp_path / "a.vcf", ["A", "B"], [0, 1], [0, 1], missing=(0,))
    b = written(tmp_path / "b.vcf", ["A", "B"], [2, 1], [1, 0])
    found = identity(a, b)
    rows = found.repeated.set_index("subject")
    assert rows[["n_loci", "n_discordant"]].to_dict("index") == {"A": {"n_loci": 0, "n_discordant": 0},
                                                               "B": {"n_loci": 2, "n_discordant": 1}}
    assert found.swaps.empty


def test_several_partners_that_fit_are_said_to_be_alternatives(tmp_path: Path) -> None:
    names = list("ABC")
    a = written(tmp_path / "a.vcf", names, [0, 2, 2], [0, 2, 2])
    b = written(tmp_path / "b.vcf", names, [2, 0, 0], [2, 0, 0])
    found = identity(a, b)
    assert found.swaps[["subject", "other", "alternatives"]].values.tolist() == [["A", "B", 1], ["A", "C", 1]]
    assert "and 1 further pair" in found.warnings[-1]


def test_the_chance_that_strangers_agree_by_hand(tmp_path: Path) -> None:
    """Genotypes 2 : 1 : 1 and 1 : 3 : 0 of four: (4 + 1 + 1) / 16 x (1 + 9) / 16."""
    found = identity(written(tmp_path / "a.vcf", list("ABCD"), [0, 0, 1, 2], [0, 1, 1, 1]))
    assert found.chance == pytest.approx(6 / 16 * 10 / 16, abs=1e-15)
    assert found.repeated.empty
    assert found.swaps.empty
    assert found.warnings == []


def test_names_shifted_by_one_are_noticed(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    g, h = rng.integers(0, 3, 40).tolist(), rng.integers(0, 3, 40).tolist()
    names = [f"P{i:02d}" for i in range(40)]
    a = written(tmp_path / "a.vcf", names, g, h)
    b = written(tmp_path / "b.vcf", [*names[1:], names[0]], g, h)
    found = identity(a, b)
    assert sum("agree hardly better than strangers" in w for w in found.warnings) == 2
    same = identity(a, written(tmp_path / "c.vcf", names, g, h))
    assert same.warnings == []
    assert same.repeated["n_discordant"].eq(0).all()


def test_subjects_are_compared_across_platforms_whatever_their_samples_are_called(tmp_path: Path) -> None:
    a = written(tmp_path / "a.vcf", ["A1", "B1"], [0, 2], [0, 2])
    b = written(tmp_path / "b.vcf", ["A2", "B2"], [2, 0], [2, 0])
    people = pd.DataFrame({"sample": ["A1", "A2", "B1", "B2"], "subject": ["A", "A", "B", "B"],
                           "platform": ["array", "exome"] * 2})
    found = identity(a, b, people=people)
    assert found.repeated["readings"].tolist() == ["array, exome"] * 2
    assert found.swaps[["first", "second", "subject", "other"]].values.tolist() == [["array", "exome", "A", "B"]]
    one = people.assign(platform="array")
    assert identity(a, b, people=one).repeated["readings"].tolist() == ["array, array (2)"] * 2


def test_the_page_and_its_tables_say_who_is_who(tmp_path: Path) -> None:
    names = list("AB")
    written(tmp_path / "in" / "a.vcf", names, [0, 2], [0, 2])
    written(tmp_path / "in" / "b.vcf", names, [2, 0], [2, 0])
    run_genotype([tmp_path / "in"], tmp_path / "calls.tsv", loci=",".join(LOCI), said=io.StringIO())
    said = io.StringIO()
    run_genotype_qc(tmp_path / "calls.tsv", tmp_path / "qc", said=said)
    assert "▲ exchanged names would explain A and B in b.vcf" in said.getvalue()
    page = (tmp_path / "qc" / "genotype-qc.html").read_text()
    assert "Who is who" in page
    assert "2 subjects were read more than once; 2 of them differ from themselves" in page
    assert "at 2 loci (FCGR3A-158, FCGR2A-131), two unrelated people agree in 25.0% of cases" in page
    assert pd.read_csv(tmp_path / "qc" / "swaps.csv").loc[0, ["subject", "other"]].tolist() == ["A", "B"]
    assert pd.read_csv(tmp_path / "qc" / "repeated.csv")["n_discordant"].tolist() == [2, 2]


def test_a_gene_name_alone_never_means_the_paralogs_own_base() -> None:
    """FCGR3B in a laboratory's table means its NA1/NA2 system."""
    names = _loci()
    assert "fcgr3b" not in names
    assert names["fcgr3a"] == "FCGR3A-158"
    assert "" not in names
