"""Faults put into the genotype caller one at a time: how many do its tests notice?

    python benchmarks/genotype_mutants.py trace trace.json tests/genotype [--coverage coverage.data]
    python benchmarks/genotype_mutants.py run trace.json found.jsonl [--files decide,record] [--share 0.1] [--minutes 5]
    python benchmarks/genotype_mutants.py table found.jsonl [--survivors]

The harness, and what a mutant is, are those of `kernel_mutants`; here it looks at biomarkers/genotype. A test that starts a
process of its own runs the unchanged code there, so what only such tests look at counts as survived.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import kernel_mutants as harness  # beside this file

harness.KERNELS = harness.ROOT / "biomarkers" / "genotype"
harness.PACKAGE = "biomarkers.genotype"

if __name__ == "__main__":
    if sys.argv[1:2] == ["trace"]:
        sys.argv += ["--rooms", "genotype"]
    raise SystemExit(harness.main())
