"""Kill a batch of 2,000 files at 200 random moments; every resumed run must give the bytes of an uninterrupted one.

    python benchmarks/genotype_kill.py [--files 2000] [--kills 200] [--jobs 1] [--seed 1]

Each round starts from nothing, is killed with SIGKILL after a random part of the time that a whole run takes, and is run
again with --resume; the table and its provenance are compared with those of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "genotype"))

from make_cases import Case, row, text_of, write


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for flag, default in (("--files", 2000), ("--kills", 200), ("--jobs", 1), ("--seed", 1)):
        parser.add_argument(flag, type=int, default=default)
    asked = parser.parse_args()
    rng, seen = random.Random(asked.seed), Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for i in range(asked.files):
            case = Case("", [row(f"{rng.choice(['0/0', '0/1', '1/1', './.'])}:{rng.randint(5, 60)}", keys="GT:DP")], [""],
                        samples=[f"P{i:05d}"])
            write(folder / "vcf" / f"p{i:05d}.vcf.gz", text_of(case, "GRCh38"), "bare")
        table = folder / "out" / "calls.tsv"

        def command(out: Path) -> list[str]:
            return [sys.executable, "-m", "biomarkers.genotype", str(folder / "vcf"), "--out", str(out), "--resume",
                    "--jobs", str(asked.jobs)]

        start = time.perf_counter()
        subprocess.run(command(table), check=True, stderr=subprocess.DEVNULL)
        whole = time.perf_counter() - start
        wanted = table.read_bytes(), Path(f"{table}.json").read_bytes()
        same = 0
        for _ in range(asked.kills):
            for old in (folder / "out").iterdir():
                old.unlink()
            process = subprocess.Popen(command(table), stderr=subprocess.DEVNULL, start_new_session=True)
            time.sleep(rng.uniform(0.1 * whole, 1.02 * whole))
            process.send_signal(signal.SIGKILL)
            process.wait()
            journal = Path(f"{table}.journal")
            done = max(0, journal.read_bytes().count(b"\n") - 1) if journal.exists() else 0
            seen["before the journal" if not done else "after the table" if table.exists() else "in the middle"] += 1
            again = subprocess.run(command(table), stderr=subprocess.PIPE, check=False)
            found = table.read_bytes(), Path(f"{table}.json").read_bytes()
            same += again.returncode == 0 and found == wanted
    print(f"{asked.files:,} files, jobs {asked.jobs}, a whole run {whole:.2f} s: {same} of {asked.kills} killed runs resumed "
          f"to the same bytes; killed {dict(seen)}")
    return 0 if same == asked.kills else 1


if __name__ == "__main__":
    raise SystemExit(main())
