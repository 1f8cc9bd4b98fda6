"""Genotype calling beside `bcftools query -r`: the same sites of the same files in one run, taking turns, wall and CPU.

    python benchmarks/genotype_speed.py [--folder KEEP_FILES_HERE]

bcftools only prints the genotypes of the two sites; here every check of the decision table is done and the 20-column table
is made, once with zlib and once with ISA-L where it is installed. Best of n. Process start is in bcftools' time and not
in ours, since ours is one process for any number of files; the last lines give the whole command with its start. The files
are random genotypes and worse to compress than real ones.
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
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from biomarkers.genotype import call_genotypes, index
from biomarkers.genotype.command import run_genotype

LOCI = ("FCGR3A-158", "FCGR2A-131")
SITES = {161544752: b"C", 161509955: b"G"}
REGIONS = "chr1:161544752,chr1:161509955"
TURN = 3  # runs of one program before it is the other's turn
INFLATERS = {"zlib": zlib} | ({} if index._inflater is zlib else {"ISA-L": index._inflater})


def header(names: list[str], n_contigs: int) -> bytes:
    keys = (("GT", "1", "String"), ("AD", "R", "Integer"), ("DP", "1", "Integer"), ("GQ", "1", "Integer"))
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr1,length=248956422>"]
    lines += [f"##contig=<ID=HLA-A*{i:05d},length={3000 + i}>" for i in range(n_contigs - 1)]
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


def make(path: Path, names: list[str], n_records: int, full: bool, seed: int, span: tuple[int, int],
         n_contigs: int = 1) -> None:
    import pysam

    rng = np.random.default_rng(seed)
    places = sorted({*rng.integers(*span, n_records).tolist(), *SITES})
    keys = b"GT:AD:DP:GQ" if full else b"GT"
    with pysam.BGZFile(str(path), "w") as file:
        file.write(header(names, n_contigs))
        for p in places:
            row = cells(rng, len(names), full)
            file.write(b"chr1\t%d\t.\tA\t%s\t50\tPASS\t.\t%s\t%s\n" % (p, SITES.get(p, b"C"), keys, row))
    pysam.tabix_index(str(path), preset="vcf", force=True)


def cost(work: Callable[[], object], who: int) -> tuple[float, float]:
    """Wall and CPU seconds."""
    before, start = resource.getrusage(who), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(who)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


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
        jobs = (("2,504 samples, GT", "a.vcf.gz", 2504, 20_000, False, 10, 0.8),
                ("2,504 samples, GT:AD:DP:GQ", "b.vcf.gz", 2504, 3000, True, 10, 1.1),
                ("200,000 samples, GT", "c.vcf.gz", 200_000, 200, False, 2, 0.4))
        print(f"{'':34}{'bcftools wall':>14}{'CPU':>9}{'ours wall':>12}{'CPU':>9}{'ratio wall':>12}{'CPU':>7}{'goal':>7}")
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
        compare("200 small files, each", paths[:200], True, 2, 0.3)
        many = [folder / f"c{i:04d}.vcf.gz" for i in range(50)]
        for i, path in enumerate(many):
            if not path.exists():
                make(path, [f"P{i:04d}"], 20, True, i, stretch, n_contigs=3366)
        compare("50 with 3,366 contigs, each", many, True, 2, 0.3)
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
    n = len(paths)
    bcftools: list[tuple[float, float]] = []
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in INFLATERS}
    for _ in range(times):
        for name, index._inflater in INFLATERS.items():
            bcftools += [cost(theirs, resource.RUSAGE_CHILDREN) for _ in range(TURN)]
            seen[name] += [cost(ours, resource.RUSAGE_SELF) for _ in range(TURN)]
    bw, bc = (min(values) / n for values in zip(*bcftools, strict=True))
    for name, costs in seen.items():
        ow, oc = (min(values) / n for values in zip(*costs, strict=True))
        print(f"{title:28}{name:6}{bw * 1e3:11.2f} ms{bc * 1e3:6.2f} ms{ow * 1e3:9.2f} ms{oc * 1e3:6.2f} ms{ow / bw:12.2f}"
              f"{oc / bc:7.2f}{goal:7.1f}")


def whole_command(paths: list[Path], folder: Path) -> None:
    n, out = len(paths), folder / "calls.tsv"
    for jobs in (1, 2):
        here = partial(run_genotype, paths, out, loci=",".join(LOCI), jobs=jobs, said=io.StringIO())
        warm = min(cost(here, resource.RUSAGE_SELF)[0] for _ in range(3))
        command = [sys.executable, "-m", "biomarkers.genotype", f"{folder}/small", "--out", out, "--loci", ",".join(LOCI)]
        run = partial(subprocess.run, [*command, "--jobs", str(jobs)], check=True, stderr=subprocess.DEVNULL)
        cold, cpu = cost(run, resource.RUSAGE_CHILDREN)
        print(f"the command on {n:,} single-sample files, --jobs {jobs}: {n / warm:,.0f} files/s once running, {n / cold:,.0f} "
              f"files/s with the start of the process, {n / cpu:,.0f} files per second of CPU with it")


if __name__ == "__main__":
    raise SystemExit(main())
