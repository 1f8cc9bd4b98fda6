"""Random byte mutations of small VCF and BCF files: nothing may crash, hang, raise, or lose a row.

    python benchmarks/genotype_fuzz.py --n 100000 --seed 1 [--folder FOLDER_OF_VCFS]

Each mutation replaces, inserts, deletes or repeats one to four stretches of a file of the project's own case generator (or
of a folder), and calls it in both lanes. A crash of htslib would kill a child process and is counted; so is a call slower
than ten seconds. Prints the counts, and every file that failed in hexadecimal.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from biomarkers.domain.loci import find_loci
from biomarkers.genotype.calls import call_file
from biomarkers.genotype.decide import REASONS
from biomarkers.genotype.index import bgzip, inflate_blocks
from biomarkers.genotype.options import Options

LOCI = find_loci(["FCGR3A-158", "FCGR2A-131"])
INTERESTING = [b"", b"\0", b"\t", b"\n", b"\r\n", b":", b"/", b"|", b",", b".", b"0", b"9" * 30, b"-1", b"<", b">", b"<DEL>",
               b"chr1\t", b"END=", b"\xff", b"\xc3\x28", b"##", b"#CHROM", b"GT:", b"1e400", b"nan", b"./.", b"2147483648"]


def mutate(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1) if out else 0
        kind = rng.randrange(6)
        if kind == 0 and out:
            out[min(at, len(out) - 1)] = rng.randrange(256)
        elif kind == 1:
            out[at:at] = bytes([rng.randrange(256)])
        elif kind == 2:
            del out[at:at + rng.randint(1, 8)]
        elif kind == 3:
            out[at:at] = out[at:at + rng.randint(1, 60)]
        elif kind == 4:
            piece = rng.choice(INTERESTING)
            out[at:at + len(piece)] = piece
        else:
            out[at:at] = rng.choice(INTERESTING)
    return bytes(out)


def mutate_inside(data: bytes, rng: random.Random) -> bytes:
    """The same behind the compression: what is wrong is then the VCF or BCF itself, not its container."""
    if data[:2] != b"\x1f\x8b":
        return mutate(data, rng)
    try:
        inner = mutate(inflate_blocks(data), rng)
    except ValueError:
        return mutate(data, rng)
    return bgzip(inner) if inner[:3] == b"BCF" or rng.random() < 0.3 else inner


def child(seed: int, n: int, bases: list[tuple[str, bytes]], folder: str, queue) -> None:
    faulthandler.enable()
    rng, counts = random.Random(seed), Counter()
    options = [Options(), Options(absent="hom_ref"), Options(allow_flip=True, min_gp=0.5),
               Options(build="GRCh38", ignore_filter=True)]

    def too_long(*_):
        raise TimeoutError("hang")

    signal.signal(signal.SIGALRM, too_long)
    path = Path(folder) / f"m{seed}.vcf"
    for _ in range(n):
        name, data = rng.choice(bases)
        mutated = mutate_inside(data, rng) if rng.random() < 0.8 else mutate(data, rng)
        path.write_bytes(mutated)
        queue.put(("about", mutated)) if name.endswith(".bcf") else None
        signal.alarm(10)
        try:
            calls = call_file(str(path), LOCI, rng.choice(options), lane=rng.choice(["auto", "scan"]))
            rows = [row for c in calls for row in c.rows()]
            good = rows and all((row[4] != "") == (row[10] == "OK") and row[10] in REASONS for row in rows)
            counts["called" if any(row[4] for row in rows) else "no call"] += 1
            if not good:
                queue.put(("rows", mutated))
        except Exception as error:
            queue.put((f"{type(error).__name__}: {error}", mutated))
        signal.alarm(0)
    queue.put(("done", counts))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    start, counts, failed = time.time(), Counter(), Counter()
    with tempfile.TemporaryDirectory() as folder:
        if asked.folder is None:
            sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "genotype"))
            from make_cases import write_cases

            asked.folder = Path(folder) / "cases"
            write_cases(asked.folder)
        files = sorted(f for f in asked.folder.rglob("*.*") if f.suffix in (".vcf", ".gz", ".bcf"))
        files = [f for f in files if 0 < f.stat().st_size < 20_000]
        bases = [(f.name, f.read_bytes()) for f in files]
        left, seed = asked.n, asked.seed
        while left > 0:
            n = min(left, 5000)
            queue = multiprocessing.Queue()
            process = multiprocessing.Process(target=child, args=(seed, n, bases, folder, queue))
            process.start()
            last = b""
            while True:
                try:
                    what, data = queue.get(timeout=30)
                except Exception:
                    what, data = "crash" if not process.is_alive() else "hang", last
                if what == "about":
                    last = data
                elif what == "done":
                    counts += data
                    break
                else:
                    failed[what] += 1
                    print(what, data.hex() if len(data) < 4000 else f"{len(data)} bytes", flush=True)
                    if what in ("crash", "hang"):
                        process.kill()
                        break
            process.join()
            left, seed = left - n, seed + 1
    took = time.time() - start
    print(f"{asked.n:,} mutations of {len(bases)} files in {took:.0f} s: {dict(counts)}; failed: {dict(failed) or 'none'}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
