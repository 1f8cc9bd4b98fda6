"""Are planted effects found, and planted nulls not, by the product itself? Studies regenerated with other seeds, at trial size.

Each study is made by `sample_data/make_br1801.py` or `make_stop_her2.py`, read as any study is (limits of detection, readers,
missing tubes and all), and asked the questions of its plan. Printed per question: the share of studies with P < 0.05 for the
row that pools the cohorts, its distance from what is expected in Monte-Carlo errors, the share of studies whose row is
descriptive (too few events in a class: no P), and the mean hazard ratio beside the planted one on that scale. Expected is the
power that the generator's own true values give, measured with 600 other studies, and 5 % for a null; a marker read with error
or not at all in some patients stays below it. Nulls must stay near 5 %; the Monte-Carlo error at 200 studies is 1.5 points
there. A planted truth whose power is not tabled has no z.

    python benchmarks/planted_truths.py --studies 200 --jobs 2

In pieces that add up: each writes its rows, and the last command prints them together.

    python benchmarks/planted_truths.py --studies 50 --first-seed 90000000 --rows a.csv
    python benchmarks/planted_truths.py --studies 50 --first-seed 90000050 --rows b.csv
    python benchmarks/planted_truths.py --add a.csv b.csv
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

import biomarkers as bm
from biomarkers.domain.times import Landmark
from biomarkers.parallel import in_order
from biomarkers.plan.analysis import Analysis

SAMPLES = Path(__file__).resolve().parent.parent / "sample_data"
# question: marker, further fields, planted hazard ratio (observed clock, one marker with arm; 1 = null), power with true values
QUESTIONS = {
    "TK1, per doubling": ({"marker": "tk1_dul"}, 1.197, 0.97),
    "ctDNA, per doubling": ({"marker": "ctdna_mtm"}, 1.078, 0.81),
    "CTC, per doubling": ({"marker": "ctc"}, 1.104, 0.60),
    "stromal TIL, per 10 points": ({"marker": "stil"}, 0.907, 0.29),
    "FCGR3A-158, per V allele": ({"marker": "fcgr3a_158"}, 1 / 1.122, 0.08),
    "vimentin (null)": ({"marker": "vimentin_pct"}, 1.0, None),
    "CD8 (null)": ({"marker": "cd8"}, 1.0, None),
    "FOXP3 (null)": ({"marker": "foxp3"}, 1.0, None),
    "PBMC CD4 (null)": ({"marker": "pbmc_cd4"}, 1.0, None),
    "PBMC NK (null)": ({"marker": "pbmc_nk"}, 1.0, None),
    "TIL x arm": ({"marker": "stil", "interaction": "arm"}, 0.866, 0.18),
    "vimentin x arm (null)": ({"marker": "vimentin_pct", "interaction": "arm"}, 1.0, None),
    "ctDNA change at week 6": ({"marker": "ctdna_mtm", "at": "week6", "feature": "change"}, 1.196, 0.71),
}


STOP_QUESTIONS = {
    "MRD, current status": (8.25, None),
    "MRD at day 62 (landmark)": (3.34, None),
    "MRD at baseline": (3.02, None),
}


def one_study(seed: int) -> list[dict[str, object]]:
    """Every question asked of one regenerated pair of studies."""
    sys.path.insert(0, str(SAMPLES))
    import make_br1801
    import make_stop_her2

    rows = []
    with tempfile.TemporaryDirectory() as place:
        make_br1801.make(Path(place), seed=seed)
        study = bm.read_study(Path(place) / "study.toml")
        for name, (fields, _, _) in QUESTIONS.items():
            question = replace(Analysis(marker=str(fields["marker"]), permutations=999, seed=seed), **fields)
            term = "marker:arm" if "interaction" in fields else ""
            rows.append(_pooled(name, question.run(study).table, term))
    with tempfile.TemporaryDirectory() as place:
        make_stop_her2.make(Path(place), seed=seed)
        study = bm.read_study(Path(place) / "study.toml")
        found = {
            "MRD, current status": bm.time_dependent(study, "mrd", max_age=math.inf, lags=()),
            "MRD at day 62 (landmark)": bm.associate(study, "mrd", at=Landmark(day=62, since=-28), permutations=999, seed=seed),
            "MRD at baseline": bm.associate(study, "mrd", permutations=999, seed=seed),
        }
        rows += [_pooled(name, answer.table, "") for name, answer in found.items()]
    return [{"seed": seed} | row for row in rows]


def _pooled(name: str, table: pd.DataFrame, term: str) -> dict[str, object]:
    """The row that pools the cohorts: of a term, or the hazard ratio."""
    asked = table["term"] == term if term else table["estimand"] == "hazard ratio"
    row = table[(table["cohort"] == "all") & asked & ~table["contrast"].str.contains(", in ")].iloc[0]
    return {"question": name, "p": row["p_value"], "estimate": row["estimate"], "n": row["n"]}


def printed(table: pd.DataFrame) -> None:
    """The rates of all studies together."""
    n = table["seed"].nunique()
    print(f"{n} studies: rejected at 0.05, Monte-Carlo error, expected, z; descriptive; mean HR, planted HR; mean n")
    expected = {name: (hr, power) for name, (_, hr, power) in QUESTIONS.items()} | STOP_QUESTIONS
    for name, (planted, power) in expected.items():
        part = table[table["question"] == name]
        rate = float((part["p"] < 0.05).mean())
        null = planted == 1.0
        aim = 0.05 if null else power
        error = math.sqrt((max(rate * (1 - rate), 0.05 * 0.95) if aim is None else aim * (1 - aim)) / len(part))
        said = "" if aim is None else f"{100 * aim:.0f} %"
        z = "" if aim is None else f"{(rate - aim) / error:+.1f}"
        logs = part["estimate"].astype(float).dropna()
        mean = math.exp(logs.map(math.log).mean())
        bare = 100 * float(part["p"].isna().mean())
        print(f"{name:<28} {100 * rate:5.1f} %  ±{100 * error:.1f}  {said:>5} {z:>5}   {bare:5.1f} %   "
              f"{mean:5.3f}  {planted:5.3f}   n {part['n'].mean():.0f}")


def main() -> None:
    """Regenerate, ask, and print the rates."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--studies", type=int, default=200)
    parse.add_argument("--jobs", type=int, default=2)
    parse.add_argument("--first-seed", type=int, default=90_000_000)
    parse.add_argument("--rows", type=Path, help="write the rows of this piece here")
    parse.add_argument("--add", type=Path, nargs="+", help="print the rows of these pieces together")
    given = parse.parse_args()
    if given.add:
        return printed(pd.concat([pd.read_csv(path) for path in given.add], ignore_index=True))
    seeds = [(given.first_seed + i,) for i in range(given.studies)]
    table = pd.DataFrame([row for rows in in_order(one_study, seeds, jobs=given.jobs) for row in rows])
    if given.rows:
        table.to_csv(given.rows, index=False)
    return printed(table)


if __name__ == "__main__":
    main()
