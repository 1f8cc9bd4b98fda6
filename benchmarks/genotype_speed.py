"""Genotype calling beside `bcftools query -r`: the same sites of the same files in one run, wall and CPU, best of n.

    python benchmarks/genotype_speed.py [--folder KEEP_FILES_HERE]

bcftools only prints the genotypes of the two sites; here every check of the decision table is done and the 20-column table
is made. Process start is in bcftools' time and not in ours, since ours is one process for any number of files; the last
line gives the whole command with its start. The files are random genotypes and worse to compress than real ones.
"""

from __future__ import annotations

import argparse
import io
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from biomarkers.genotype import call_genotypes
from biomarkers.genotype.command import run_genotype

LOCI = ("FCGR3A-158", "FCGR2A-131")
SITES = {161544752: b"C", 161509955: b"G"}
REGIONS = "chr1:161544752,chr1:161509955"


def header(names: list[str]) -> bytes:
    keys = (("GT", "1", "String"), ("AD", "R", "Integer"), ("DP", "1", "Integer"), ("GQ", "1", "Integer"))
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr1,length=248956422>"]
    lines += [f'##FORMAT=<ID={k},Number={n},Type={t},Description="{k}">' for k, n, t in keys]
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names]
    return ("\n".join(lines) + "\n" + "\t".join(columns) + "\n").encode()


def cells(rng: np.random.Generator, n: int, full: bool) -> bytes:
    words, g = (b"0/0", b"0/1", b"1/1"), rng.choice(3, n, p=[0.45, 0.42, 0.13])
    if not full:
        return b"\t".join(np.array(words)[g].tolist())
    dp = np.maximum(rng.poisson(35, n), 12)
    alt = np.where(g == 0, 0, np.where(g == 1, rng.binomial(dp, 0.5), dp))
    gq = rng.integers(20, 99, n)
    return b"\t".join(b"%s:%d,%d:%d:%d" % (words[a], d - y, y, d, q)
                      for a, d, y, q in zip(g.tolist(), dp.tolist(), alt.tolist(), gq.tolist(), strict=True))


def make(path: Path, names: list[str], n_records: int, full: bool, seed: int, span: tuple[int, int]) -> None:
    import pysam

    rng = np.random.default_rng(seed)
    places = sorted({*rng.integers(*span, n_records).tolist(), *SITES})
    keys = b"GT:AD:DP:GQ" if full else b"GT"
    with pysam.BGZFile(str(path), "w") as file:
        file.write(header(names))
        for p in places:
            row = cells(rng, len(names), full)
            file.write(b"chr1\t%d\t.\tA\t%s\t50\tPASS\t.\t%s\t%s\n" % (p, SITES.get(p, b"C"), keys, row))
    pysam.tabix_index(str(path), preset="vcf", force=True)


def best(work: Callable[[], None], n: int, who: int) -> tuple[float, float]:
    walls, cpus = [], []
    for _ in range(n):
        before, start = resource.getrusage(who), time.perf_counter()
        work()
        after = resource.getrusage(who)
        walls.append(time.perf_counter() - start)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(cpus)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    if shutil.which("bcftools") is None:
        print("bcftools is not installed: nothing to compare with")
        return 1
    print(subprocess.run(["bcftools", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0])
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        wide, stretch = (160_000_000, 163_000_000), (161_400_000, 161_700_000)
        jobs = (("2,504 samples, GT", "a.vcf.gz", 2504, 20_000, False, 15, 0.8),
                ("2,504 samples, GT:AD:DP:GQ", "b.vcf.gz", 2504, 3000, True, 15, 1.1),
                ("200,000 samples, GT", "c.vcf.gz", 200_000, 200, False, 5, 0.4))
        print(f"{'':28}{'bcftools wall':>14}{'CPU':>9}{'ours wall':>12}{'CPU':>9}{'ratio wall':>12}{'CPU':>7}{'goal':>7}")
        for k, (title, name, n, records, full, times, goal) in enumerate(jobs):
            path = folder / name
            if not path.exists():
                make(path, [f"HG{i:06d}" for i in range(n)], records, full, k, wide)
            compare(title, [path], full, times, goal)
        small = folder / "small"
        small.mkdir(exist_ok=True)
        paths = [small / f"p{i:04d}.vcf.gz" for i in range(2000)]
        for i, path in enumerate(paths):
            if not path.exists():
                make(path, [f"P{i:04d}"], 20, True, i, stretch)
        compare("200 small files, each", paths[:200], True, 5, 0.3)
        whole_command(paths, folder)
    return 0


def compare(title: str, paths: list[Path], full: bool, times: int, goal: float) -> None:
    fields = "[%SAMPLE\t%GT\t%AD\t%DP\t%GQ\n]" if full else "[%SAMPLE\t%GT\n]"

    def theirs() -> None:
        for path in paths:
            subprocess.run(["bcftools", "query", "-r", REGIONS, "-f", fields, path], stdout=subprocess.DEVNULL, check=True)

    def ours() -> None:
        frame = call_genotypes(paths, loci=LOCI)
        assert (frame["reason"] == "OK").all()

    ours()
    (bw, bc), (ow, oc) = best(theirs, times, resource.RUSAGE_CHILDREN), best(ours, times, resource.RUSAGE_SELF)
    n = len(paths)
    print(f"{title:28}{bw / n * 1e3:11.2f} ms{bc / n * 1e3:6.2f} ms{ow / n * 1e3:9.2f} ms{oc / n * 1e3:6.2f} ms{ow / bw:12.2f}"
          f"{oc / bc:7.2f}{goal:7.1f}")


def whole_command(paths: list[Path], folder: Path) -> None:
    for jobs in (1, 2):
        start = time.perf_counter()
        run_genotype(paths, folder / "calls.tsv", loci=",".join(LOCI), jobs=jobs, said=io.StringIO())
        warm = time.perf_counter() - start
        start = time.perf_counter()
        command = [sys.executable, "-m", "biomarkers.genotype", f"{folder}/small", "--out", f"{folder}/calls.tsv"]
        subprocess.run([*command, "--loci", ",".join(LOCI), "--jobs", str(jobs)], check=True, stderr=subprocess.DEVNULL)
        cold = time.perf_counter() - start
        print(f"the command on {len(paths):,} single-sample files, --jobs {jobs}: {len(paths) / warm:,.0f} files/s once "
              f"running, {len(paths) / cold:,.0f} files/s with the start of the process")


if __name__ == "__main__":
    raise SystemExit(main())
