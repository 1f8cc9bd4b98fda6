"""How long does a whole correlative plan take? Every marker, both cohorts: baseline, interaction, landmark, sensitivity.

The synthetic BR-1801 study; each baseline marker with its marker-by-arm interaction and its specification curve, each blood
marker at week 6 as value and as change with its specification curve, added value, a supermodel, a time-dependent model and the
progression draw; max-T within families, 2,000 permutations each, a detectable hazard ratio simulated for each row.

    python benchmarks/br1801_plan.py --jobs 2
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import biomarkers as bm

BLOOD = ("ctc", "ctdna_mtm", "tk1_dul", "pbmc_cd4", "pbmc_cd8", "pbmc_nk", "pbmc_b", "pbmc_treg")
TISSUE = ("stil", "vimentin_pct", "cd8", "foxp3", "cd8_foxp3")


def plan_text(permutations: int, sensitivity: bool) -> str:
    """The plan as TOML."""
    lines = ['title = "Whole plan"', 'multiplicity = "maxt"', f"permutations = {permutations}", "seed = 1801"]

    def ask(name: str, **keys: str) -> None:
        lines.extend(["", "[[analysis]]", f'id = "{name}"', *(f"{key} = {value}" for key, value in keys.items())])

    flag = "true" if sensitivity else "false"
    for marker in (*TISSUE, *BLOOD, "fcgr3a_158"):
        family = "tissue" if marker in TISSUE else "germline" if marker.startswith("fcgr") else "blood baseline"
        ask(f"{marker}_baseline", marker=f'"{marker}"', interaction='"arm"', family=f'"{family}"', sensitivity=flag)
    for marker in BLOOD:
        ask(f"{marker}_week6", marker=f'"{marker}"', at='"week6"', family='"blood on treatment"', sensitivity=flag)
        ask(f"{marker}_change", marker=f'"{marker}"', at='"week6"', feature='"change"', family='"blood on treatment"')
    ask("ctdna_added", kind='"added_value"', marker='"ctdna_mtm"', standard='["arm", "age"]', family='"added value"')
    ask("ctc_super", kind='"supermodel"', marker='"ctc"', landmarks="[28, 42, 56]", window="84", max_age="56",
        family='"serial"')
    ask("ctc_current", kind='"time_dependent"', marker='"ctc"', max_age="90", family='"serial"')
    ask("tk1_progression", kind='"progression"', marker='"tk1_dul"', family='"progression"')
    return "\n".join([*lines, ""])


def used() -> float:
    """CPU seconds of this process and of those it waited for."""
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def main() -> None:
    """Run the plan and print its times."""
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--jobs", type=int, default=2)
    parse.add_argument("--permutations", type=int, default=2000)
    parse.add_argument("--no-sensitivity", action="store_true")
    given = parse.parse_args()
    study = bm.load_example("br1801")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plan.toml"
        path.write_text(plan_text(given.permutations, not given.no_sensitivity), encoding="utf-8")
        wall, cpu = time.perf_counter(), used()
        results = bm.Plan.read(path).run(study, jobs=given.jobs)
        wall = time.perf_counter() - wall
    print(f"{results.table['analysis'].nunique()} analyses, {len(results.table)} rows, {len(results.ledger)} tests, "
          f"{len(results.sensitivity)} rows of specification curves, {len(results.detectable)} detectable hazard ratios")
    print(f"jobs {given.jobs}: {wall:.1f} s; CPU of the finished processes {used() - cpu:.1f} s "
          "(workers that joblib keeps alive are not counted: measure CPU with --jobs 1)")


if __name__ == "__main__":
    main()
