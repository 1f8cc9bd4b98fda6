"""The specification's own VCF files: no valid one raises, and no invalid header or site line yields a call.

    python benchmarks/genotype_conformance.py FOLDER      # hts-specs/test/vcf: VERSION/passed/*.vcf, VERSION/failed/*.vcf

The files of samtools/hts-specs lie on no locus of ours. So every data line that can be placed gets a locus of its own, with
its REF base and its first ALT base, its contig as the chromosome and the length that the header gives; depth, quality and
filter are not demanded. Each file is then called as text and bgzipped. Prints the counts, every invalid file that still
gives a call with the rule of ours that allows it, and every valid one that gives none, with its reasons. Exit code 1: a call
that no rule allows.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections import Counter
from pathlib import Path

from biomarkers.domain.loci import Assembly, Chromosome, Locus
from biomarkers.genotype.calls import call_file
from biomarkers.genotype.index import bgzip
from biomarkers.genotype.options import Options

# Files whose fault is not in the header and not in the line of the site that is called, or that our own rules answer.
ALLOWED = {
    "failed_body_contiguous": ("the lines are valid, their order is not: called from the whole file and noted", "UNSORTED"),
    "failed_body_unsorted": ("the lines are valid, their order is not: called from the whole file and noted", "UNSORTED"),
    "failed_body_duplicated": ("each line is valid; equal records of a site are one call (DUPLICATE_SAME), others none", ""),
    "failed_body_info_036": ("the lines with AC=-1 give no call; the other two are valid", ""),
    "failed_body_format_007": ("the line with G%3AS gives no call; the others are valid", ""),
}
OPTIONS = Options(build="GRCh38", min_dp=0, min_gq=0, min_gp=0, ignore_filter=True)
LONGEST = 2**31 - 1


def loci_of(data: bytes) -> list[Locus]:
    """A locus at every line of a file that has a readable place and a base."""
    text = data.decode("latin-1")
    lengths = {}
    for m in re.finditer(r"##contig=<(.*)>", text):
        name, n = re.search(r"ID=([^,>]*)", m[1]), re.search(r"length=(\d+)", m[1])
        if name and n:
            lengths[name[1]] = int(n[1])
    found: dict[tuple[str, int], Locus] = {}
    for line in text.splitlines():
        fields = re.split(r"[\t ]", line)
        if line.startswith("#") or len(fields) < 5 or not fields[1].isdigit() or not 0 < int(fields[1]) <= LONGEST:
            continue
        name, p, ref = fields[0], int(fields[1]), fields[3][:1].upper()
        alt = fields[4][:1].upper()
        if ref not in set("ACGT") or (name, p) in found:
            continue
        other = alt if alt in set("ACGT") - {ref} else next(b for b in "CA" if b != ref)
        chromosome = Chromosome(name, {"GRCh38": Assembly((name,), lengths.get(name, LONGEST), name)}, {})
        found[name, p] = Locus(f"L{len(found)}", chromosome, {"GRCh38": p}, ref, other, ("r", "a"), ("r/r", "r/a", "a/a"),
                               verified=True)
    return list(found.values())


def call(path: Path, loci: list[Locus], lane: str) -> tuple[list[str], Counter[str], Counter[str]]:
    """Notes of the rows with a call, reasons of the others, and their notes."""
    rows = [row for c in call_file(str(path), loci, OPTIONS, lane=lane) for row in c.rows()]
    assert rows
    notes = Counter(f"{row[10]}: {row[-1]}" for row in rows if not row[4])
    return [row[-1] for row in rows if row[4]], Counter(row[10] for row in rows if not row[4]), notes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--verbose", action="store_true", help="print what every file gives")
    asked = parser.parse_args()
    counts: Counter[str] = Counter()
    fallback = [*loci_of(b"chr\n1\t10\t.\tA\tC\n")]
    with tempfile.TemporaryDirectory() as scratch:
        for path in sorted(asked.folder.rglob("*.vcf")):
            kind, version = path.parent.name, path.parent.parent.name
            data = path.read_bytes()
            packed = Path(scratch) / "x.vcf.gz"
            packed.write_bytes(bgzip(data))
            loci = loci_of(data)
            answers = [call(p, loci or fallback, "auto") for p in (path, packed)]
            assert len(answers[0][0]) == len(answers[1][0]), path
            called, reasons, notes = answers[0]
            counts[f"{kind}: files"] += 1
            counts[f"{kind}: with a call"] += bool(called)
            said = notes.most_common(1)[0][0] if notes else ""
            if kind == "failed" and called:
                why, code = next((rule for name, rule in ALLOWED.items() if path.name.startswith(name)), ("", ""))
                allowed = why and all(not code or code in note.split(";") for note in called)
                counts["failed: with a call that no rule allows"] += not allowed
                said = why if allowed else f"NO RULE ALLOWS THIS; {said}"
            if asked.verbose or (kind == "failed") == bool(called):
                print(f"{kind} {version} {path.name}: {len(called)} calls; {dict(reasons)} {said}")
    for what, n in sorted(counts.items()):
        print(f"{what:42}{n:6,}")
    return 1 if counts["failed: with a call that no rule allows"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
