"""Are planted effects found, and planted nulls not, by the product itself? Studies regenerated with other seeds, at trial size.

Each study is made by `sample_data/make_br1801.py`, read as any study is (limits of detection, readers, missing tubes and all),
and asked the questions of its plan. Printed per question: the share of studies with P < 0.05 for the row that pools the
cohorts, the mean hazard ratio beside the planted one on that scale, and the power that the generator's own true values give.
Nulls must stay near 5 %; the Monte-Carlo error at 200 studies is 1.5 points there.

    python benchmarks/planted_truths.py --studies 200 --jobs 2
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


def one_study(seed: int) -> list[dict[str, object]]:
    """Every question asked of one regenerated study."""
    sys.path.insert(0, str(SAMPLES))
    import make_br1801

    with tempfile.TemporaryDirectory() as place:
        make_br1801.make(Path(place), seed=seed)
        study = bm.read_study(Path(place) / "study.toml")
        rows = []
        for name, (fields, _, _) in QUESTIONS.items():
            question = replace(Analysis(marker=str(fields["marker"]), permutations=999, seed=seed), **fields)
            table = question.run(study).table
            term = "marker:arm" if "interaction" in fields else None
            asked = table["term"] == term if term else table["estimand"] == "hazard ratio"
            pooled = table[(table["cohort"] == "all") & asked]
            row = pooled[~pooled["contrast"].str.contains(", in ")].iloc[0]
            rows.append({"question": name, "p": row["p_value"], "estimate": row["estimate"], "n": row["n"]})
    return rows


def main() -> None:
    """Regenerate, ask, and print the rates."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--studies", type=int, default=200)
    parse.add_argument("--jobs", type=int, default=2)
    parse.add_argument("--first-seed", type=int, default=90_000_000)
    given = parse.parse_args()
    seeds = [(given.first_seed + i,) for i in range(given.studies)]
    table = pd.DataFrame([row for rows in in_order(one_study, seeds, jobs=given.jobs) for row in rows])
    print(f"{given.studies} studies; rejected at 0.05, Monte-Carlo error, power with true values; mean HR, planted HR")
    for name, (_, planted, power) in QUESTIONS.items():
        part = table[table["question"] == name]
        rate = float((part["p"] < 0.05).mean())
        error = math.sqrt(max(rate * (1 - rate), 0.05 * 0.95) / len(part))
        mean = math.exp(pd.Series(part["estimate"]).astype(float).map(math.log).mean())
        said = "null" if power is None else f"{100 * power:.0f} %"
        print(f"{name:<28} {100 * rate:5.1f} %  ±{100 * error:.1f}   {said:>5}    {mean:5.3f}  {planted:5.3f}   "
              f"n {part['n'].mean():.0f}")


if __name__ == "__main__":
    main()
