"""Files of every shape that the grammar of VCF allows, and many that it does not: a row for each sample, never an exception.

Byte mutations rarely build these: sixty alleles, a hundred copies, numbers beyond a float or an integer, definitions that
demand a billion values.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from biomarkers.domain.loci import find_loci
from biomarkers.genotype.batch import call_genotypes
from biomarkers.genotype.calls import call_file
from biomarkers.genotype.decide import REASONS
from biomarkers.genotype.options import Options
from biomarkers.genotype.tsv import rows_of_tsv, tsv_lines

LOCI = find_loci(["FCGR3A-158", "FCGR2A-131"])
P, Q = (locus.position["GRCh38"] for locus in LOCI)
KEYS = ["DP", "GQ", "AD", "PL", "GP", "DS", "CN", "FT", "LEN", "MIN_DP", "RGQ", "GL", "XX", "X_Y"]
NUMBERS = ["1", "A", "R", "G", ".", "0", "2", "999999999", "-1", "1000000000000"]
TYPES = ["Integer", "Float", "String", "Flag", "Character"]
USUAL_VALUES = ["0", "1", "2", "20", "30", "40", "99", "0.5", "."]
ODD_VALUES = ["1e5", "-3", "-9999", "nan", "inf", "1e999", "9" * 12, "9" * 50, "9" * 5000, "x", "PASS", ""]
USUAL_ALTS = ["C", "G", "<NON_REF>"]
ODD_ALTS = ["A", "T", "AC", "ACGT", "<DEL>", "<DUP>", "<CN0>", "<CNV>", "<*>", "*", "<*:DEL>", "N", "A]chr1:5]", "CA" * 300]
INFOS = [*f". . . END={P + 300} SVLEN=-100 SVLEN=5,, SVLEN=- SVLEN=10000000000000 AC=1;DP=3 CN=2,2".split(), "R2=" + "9" * 5000]


def genotype(rng: random.Random, n_alts: int) -> str:
    ploidy = rng.choice([2] * 15 + [1, 3, 4, 10, 60, 150])
    return rng.choice("/|").join(rng.choice(["0", "0", "1", "1", str(rng.randrange(n_alts + 1)), "."]) for _ in range(ploidy))


def mixed(rng: random.Random, usual: list[str], odd: list[str], n: int, share: float) -> list[str]:
    return [rng.choice(odd if rng.random() < share else usual) for _ in range(n)]


def line(rng: random.Random, pos: int, n_samples: int) -> str:
    n = rng.choice([1, 1, 1, 1, 0, 2, 3, 12, 60])
    keys = ["GT"] * (rng.random() < 0.9) + rng.sample(KEYS, rng.choice([0, 0, 1, 2, 4, 7])) or ["XX"]
    lengths = [rng.choice([1, 1, n + 1, n or 1, 3, (n + 1) * (n + 2) // 2 if n < 13 else 2]) for _ in keys]
    odd = rng.choice([0, 0, 0.1, 0.5])
    cells = []
    for _ in range(n_samples):
        lists = [",".join(mixed(rng, USUAL_VALUES, ODD_VALUES, length, odd)) for length in lengths]
        fields = [genotype(rng, n) if key == "GT" else values for key, values in zip(keys, lists, strict=True)]
        cells.append(":".join(fields[: rng.randint(1, len(fields))] if rng.random() < 0.1 else fields))
    alt = ",".join(mixed(rng, USUAL_ALTS, ODD_ALTS, n, odd)) or "."
    ref = rng.choice(["A", "A", "A", "A", "A", "C", "N", "AA", "ACGTACGT", "R", "T"])
    filters, qual, id = (
        rng.choice(["PASS", "PASS", ".", "q10", "a;b"]),
        rng.choice([".", "50", "1e9"]),
        rng.choice([".", "rs396991"]),
    )
    return "\t".join(["chr1", str(pos), id, ref, alt, qual, filters, rng.choice(INFOS), ":".join(keys), *cells])


def vcf(rng: random.Random, n_samples: int) -> str:
    defined = rng.choice([0, 0.1, 0.5])
    head = [f"##fileformat=VCFv4.{rng.randrange(6)}", "##contig=<ID=chr1,length=248956422>"]
    for kind, keys in (("FORMAT", ["GT", *KEYS]), ("INFO", ["AC", "END", "SVLEN", "DP", "R2", "CN"])):
        for key in keys:
            number, type, said = rng.choice(NUMBERS), rng.choice(TYPES), rng.choice(["x", "phred"])
            if rng.random() < defined:
                head.append(f'##{kind}=<ID={key},Number={number},Type={type},Description="{said}">')
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *(f"S{i}" for i in range(n_samples))]
    near = [P, P, Q, Q, P - 1, P - rng.randrange(300), P + rng.randrange(90), 1, 0, 2147483647]
    places = sorted(rng.choices(near, k=rng.randint(1, 4)))
    return "\n".join([*head, "\t".join(columns), *(line(rng, pos, n_samples) for pos in places)]) + "\n"


@pytest.mark.parametrize("seed", range(4))
def test_no_shape_of_a_file_raises_or_loses_a_sample(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    paths = [tmp_path / f"{i}.vcf" for i in range(100)]
    for path in paths:
        n = rng.choice([1, 1, 2, 3, 70])
        path.write_text(vcf(rng, n))
        options = Options(
            absent=rng.choice(["no_call", "hom_ref"]), allow_flip=rng.random() < 0.5, ignore_filter=rng.random() < 0.5
        )
        calls = call_file(str(path), LOCI, options)
        rows = [row for found in calls for row in found.rows()]
        assert [row[1] for row in rows] == [f"S{k}" for k in range(n)] * 2
        assert all(row[10] in REASONS and (row[4] != "") == (row[10] == "OK") for row in rows)
        assert len(rows_of_tsv(tsv_lines(calls))) == 2 * n
    frame = call_genotypes(paths, loci=LOCI)
    assert not frame["note"].str.contains("unforeseen").any()
    assert (frame["reason"] == "OK").any()
