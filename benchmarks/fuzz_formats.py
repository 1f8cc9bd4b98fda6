"""Random edits of trial files: every one must end as a table or a problem, never as a traceback, a hang or a signal.

The seeds are the exports of the synthetic BR-1801 study: its ADTTE as a transport file, Dataset-JSON (one object, one record a
line, compressed) and CSV; a REDCap export and a cBioPortal file of a few rows. Edits change, delete, insert and cut bytes, half
of them in the first kilobytes, where the headers are.

Run: python benchmarks/fuzz_formats.py --edits 5000 --seed 2
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import biomarkers as bm
from biomarkers.domain.source import Source
from biomarkers.readers.table import READERS
from biomarkers.report.exports import adtte, dataset_json
from biomarkers.report.folder import csv_text

REDCAP = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,sex,person_complete,lab,conc,lab_complete\n"
    + "".join(f"{i},base_arm_1,,,1,2,,,\n{i},base_arm_1,lab,1,,,TK1,{i}.5,2\n" for i in range(20))
)
PORTAL = "#a\tb\tc\n#a\tb\tc\n#a\tb\tc\n#1\t1\t1\nPATIENT_ID\tOS_MONTHS\tOS_STATUS\n" + "".join(
    f"P{i}\t{i}.5\t{i % 2}:{'DECEASED' if i % 2 else 'LIVING'}\n" for i in range(20)
)

DECLARED = Source(table="outcomes", paramcd={"PFS": "pfs", "OS": "os"})


def seeds(folder: Path) -> list[tuple[str, str, bytes]]:
    """Format, file name and bytes of each seed."""
    study = bm.load_example("br1801")
    data = adtte(study)
    whole = dataset_json(data, study.design).encode()
    parsed = json.loads(whole)
    lines = [{k: v for k, v in parsed.items() if k != "rows"}, *parsed["rows"]]
    made = [
        ("adam-adtte", "adtte.csv", csv_text(data.rows).encode()),
        ("adam-adtte", "adtte.json", whole),
        ("adam-adtte", "adtte.ndjson", "\n".join(json.dumps(line) for line in lines).encode()),
        ("adam-adtte", "adtte.json.gz", gzip.compress(whole, mtime=0)),
        ("redcap", "export.csv", REDCAP.encode()),
        ("cbioportal-patient", "data_clinical_patient.txt", PORTAL.encode()),
    ]
    try:
        import pyreadstat
    except ImportError:
        print("pyreadstat is not installed: transport files are left out")
        return made
    frame = data.rows.astype({c: float for c in data.rows if data.rows[c].dtype.kind == "i"})
    pyreadstat.write_xport(frame, str(folder / "seed.xpt"), file_format_version=5, table_name="ADTTE")
    return [*made, ("adam-adtte", "adtte.xpt", (folder / "seed.xpt").read_bytes())]


def edited(data: bytes, rng: random.Random) -> bytes:
    """A copy with one to twenty edits."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        if not out:
            break
        place = rng.randrange(len(out)) if rng.random() < 0.5 else rng.randrange(min(len(out), 4000))
        edit = rng.random()
        if edit < 0.5:
            out[place] = rng.randrange(256)
        elif edit < 0.7:
            del out[place : place + rng.randrange(1, 200)]
        elif edit < 0.95:
            out[place:place] = rng.randbytes(rng.randrange(1, 30))
        else:
            del out[place + 1 :]
    return bytes(out) or b"x"


def main() -> int:
    """Edit, read, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    rng, counts, slowest, lost = random.Random(asked.seed), Counter[tuple[str, str]](), 0.0, 0
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = seeds(folder)
        for _ in range(asked.edits):
            format, file, data = rng.choice(files)
            path = folder / file
            path.write_bytes(edited(data, rng))
            start = time.perf_counter()
            try:
                table = READERS[format].read(path, name=file, source=DECLARED, wanted=None)
            except Exception:
                lost += 1
                print(file, traceback.format_exc(limit=-3), file=sys.stderr)
                continue
            slowest = max(slowest, time.perf_counter() - start)
            errors = any(problem.severity == "error" for problem in table.problems)
            counts[file, "a problem" if errors else "a table"] += 1
    for (file, ending), n in sorted(counts.items()):
        print(f"{file:28} {ending:10} {n:6}")
    print(f"{asked.edits - lost} of {asked.edits} a table or a problem; {lost} tracebacks; slowest read {slowest:.2f} s; "
          f"{time.perf_counter() - begun:.0f} s in all")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
