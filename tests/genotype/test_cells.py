"""What one cell says: every number at its border, every malformed field by name."""

from __future__ import annotations

import numpy as np
import pytest

from biomarkers.domain.loci import LOCI
from biomarkers.genotype import cells
from biomarkers.genotype.cells import CellReader, Column, Facts, Numbers, band, combine, read_column
from biomarkers.genotype.options import Options
from biomarkers.genotype.record import parse_record, view_record

SITE = LOCI["FCGR3A-158"]
P = SITE.position["GRCh38"]


def reader(
    keys: str,
    ref: str = "A",
    alt: str = "C",
    *,
    phred: bool = False,
    pos: int = P,
    info: str = ".",
    texts: str = "0/1",
    **options: object,
) -> CellReader:
    chosen = Options(**options)
    record = parse_record(f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}\t{keys}\t{texts}".encode(), texts.count("\t") + 1)
    view = next(v for v in view_record(record, SITE, P, chosen) if v.kind in ("site", "block"))
    return CellReader(view, P, chosen, gp_is_phred=phred)


def test_bands_in_whole_numbers() -> None:
    found = {
        (alt, both): band(alt, both)
        for alt, both in (
            (0, 0),
            (0, 10),
            (1, 10),
            (2, 10),
            (3, 20),
            (7, 20),
            (36, 100),
            (80, 100),
            (81, 100),
            (89, 100),
            (90, 100),
            (10, 50),
            (5, -1),
        )
    }
    assert found == {
        (0, 0): cells.BAND_NONE,
        (0, 10): cells.BAND_REF,
        (1, 10): cells.BAND_REF,
        (2, 10): cells.BAND_LOW,
        (3, 20): cells.BAND_FEW,
        (7, 20): cells.BAND_LOW,
        (36, 100): cells.BAND_HET,
        (80, 100): cells.BAND_HET,
        (81, 100): cells.BAND_MOST,
        (89, 100): cells.BAND_MOST,
        (90, 100): cells.BAND_ALT,
        (10, 50): cells.BAND_LOW,
        (5, -1): cells.BAND_NONE,
    }


@pytest.mark.parametrize(
    ("keys", "cell", "facts", "numbers"),
    [
        ("GT", "0/1", Facts(b"0/1"), Numbers()),
        ("GT:DP", "0/1:9", Facts(b"0/1", low_dp=True), Numbers(dp=9)),
        ("GT:DP", "0/1:10", Facts(b"0/1"), Numbers(dp=10)),
        ("GT:MIN_DP:DP", "0/0:8:40", Facts(b"0/0", low_dp=True), Numbers(dp=8)),
        ("GT:DP:MIN_DP", "0/0:40:.", Facts(b"0/0"), Numbers(dp=40)),
        ("GT:GQ:RGQ", "0/1:19.99:50", Facts(b"0/1", low_gq=True), Numbers(gq=19.99)),
        ("GT:GQ:RGQ", "0/1:.:20", Facts(b"0/1"), Numbers(gq=20)),
        ("GT:AD", "0/1:4,5", Facts(b"0/1", low_dp=True, band=cells.BAND_HET), Numbers(dp=9, ad_ref=4, ad_alt=5)),
        ("GT:AD", "0/1:.,5", Facts(b"0/1"), Numbers()),
        ("GT:AD", "0/1:5", Facts(b"0/1"), Numbers()),
        ("GT:AD", "0/1:.", Facts(b"0/1"), Numbers()),
        ("GT:AD:DP", "0/1:4,16:30", Facts(b"0/1", band=cells.BAND_HET), Numbers(dp=30, ad_ref=4, ad_alt=16)),
        ("GT:CN", "0/1:3", Facts(b"0/1", cn=3.0), Numbers()),
        ("GT:CN", "0/1:.", Facts(b"0/1"), Numbers()),
        ("GT:FT", "0/1:PASS", Facts(b"0/1"), Numbers()),
        ("GT:FT", "0/1:low", Facts(b"0/1", ft_failed=True), Numbers()),
        ("GT:DS", "0/1:0.5", Facts(b"0/1", ds=0b011, imputed=True), Numbers(dosage=0.5)),
        ("GT:DS", "0/1:1.51", Facts(b"0/1", ds=0b100, imputed=True), Numbers(dosage=1.51)),
        ("GT:DS", "0/1:2.01", Facts(b"0/1", ds=0b100, imputed=True), Numbers(dosage=2.01)),
        ("GT:DS", "0/1:2.02", Facts(b"0/1", ds=8, imputed=True), Numbers()),
        ("GT:DS", "0/1:-0.01", Facts(b"0/1", ds=0b001, imputed=True), Numbers(dosage=-0.01)),
        ("GT:DS", "0/1:-0.02", Facts(b"0/1", ds=8, imputed=True), Numbers()),
        ("GT:DS", "0/1:1,0", Facts(b"0/1"), Numbers()),
        ("GT:DS", "0/1:.", Facts(b"0/1"), Numbers()),
        ("GT:GP", "0/1:0.05,0.9,0.05", Facts(b"0/1", ds=0b010, gp=1, imputed=True), Numbers(dosage=1.0)),
        ("GT:GP", "0/1:0.05,0.89,0.06", Facts(b"0/1", ds=0b010, gp=9, imputed=True), Numbers(dosage=1.01)),
        ("GP", "0,0,1", Facts(None, gp=2, imputed=True), Numbers(dosage=2.0)),
        ("GP", "0.97,0.051,0", Facts(None, gp=0, imputed=True), Numbers(dosage=0.051)),
        ("GP", "0.97,0.052,0", Facts(None, gp=-1, imputed=True), Numbers()),
        ("GP", "1,0", Facts(None, gp=-1, imputed=True), Numbers()),
        ("GP", "1,0,.", Facts(None, gp=-1, imputed=True), Numbers()),
        ("GP", ".,.,.", Facts(None), Numbers()),
        ("GP", ".", Facts(None), Numbers()),
        ("GP", "1.02,-0.02,0", Facts(None, gp=-1, imputed=True), Numbers()),
        ("GT:DS:GP", "0/1:1.2:0.1,0.9,0", Facts(b"0/1", ds=0b010, gp=1, imputed=True), Numbers(dosage=1.2)),
    ],
)
def test_a_cell_becomes_facts_and_numbers(keys: str, cell: str, facts: Facts, numbers: Numbers) -> None:
    found = reader(keys).read(cell.encode())
    assert found[0] == facts
    for name, value in numbers._asdict().items():
        assert getattr(found[1], name) == (value if value is None else pytest.approx(value, abs=1e-12)), name


@pytest.mark.parametrize(
    ("keys", "cell", "words"),
    [
        ("GT", "0/1:3", "more fields than FORMAT has keys"),
        ("GT:DP", "0/1:3:4", "more fields than FORMAT has keys"),
        ("GT:DP", "0/1:x", "DP 'x' is no count"),
        ("GT:DP", "0/1:-1", "DP '-1' is no count"),
        ("GT:DP", "0/1:1.5", "DP '1.5' is no count"),
        ("GT:DP", "0/1:12345678901", "DP '12345678901' is no count"),
        ("GT:DP", "0/1:", "DP '' is no count"),
        ("GT:AD", "0/1:1,x", "AD 'x' is no count"),
        ("GT:GQ", "0/1:x", "GQ 'x' is no number"),
        ("GT:GQ", "0/1:-3", "GQ '-3' is no quality"),
        ("GT:GQ", "0/1:1e999", "GQ '1e999' is no number"),
        ("GT:CN", "0/1:two", "CN 'two' is no number"),
        ("GT:CN", "0/1:1e999", "CN '1e999' is no number"),
        ("GT:CN", "0/1:1000000", "CN '1000000' is no number"),
        ("GT:DS", "0/1:-1e999", "DS '-1e999' is no number"),
        ("GT:DS", "0/1:x", "DS 'x' is no number"),
        ("GT:GP", "0/1:1,0,x", "GP 'x' is no number"),
        ("GT:DP", "0/1:" + "9x" * 15, "DP '9x9x9x9x9x9x9x9x9x9x' is no count"),
    ],
)
def test_a_malformed_field_is_named(keys: str, cell: str, words: str) -> None:
    facts, numbers = reader(keys).read(cell.encode())
    assert facts.bad == words
    assert numbers == Numbers()


def test_thresholds_are_the_users() -> None:
    strict = reader("GT:DP:GQ:GP", min_dp=31, min_gq=41, min_gp=0.99).read(b"0/1:30:40:0.01,0.98,0.01")[0]
    assert (strict.low_dp, strict.low_gq, strict.gp) == (True, True, 9)
    loose = reader("GT:DP:GQ:GP", min_dp=0, min_gq=0, min_gp=0).read(b"0/1:0:0:0.3,0.4,0.3")[0]
    assert (loose.low_dp, loose.low_gq, loose.gp) == (False, False, 1)


def test_exchanged_letters_count_reads_and_dosage_by_base() -> None:
    facts, numbers = reader("GT:AD:DS", "C", "A").read(b"0/1:18,2:0.25")
    assert (facts.band, numbers.ad_ref, numbers.ad_alt, numbers.dosage) == (cells.BAND_ALT, 18, 2, 1.75)
    assert facts.ds == 0b100


def test_further_alleles_are_left_out_of_balance_and_counted_in_depth() -> None:
    facts, numbers = reader("GT:AD:DS:GP", "A", "T,C").read(b"0/2:10,80,10:0.1,0.9:0,0,0,1,0,0")
    assert (facts.band, numbers.dp, numbers.ad_ref, numbers.ad_alt, numbers.dosage) == (cells.BAND_HET, 100, 10, 10, 0.9)
    assert facts.gp == 1
    other = reader("GP", "A", "T,C").read(b"0,1,0,0,0,0")
    assert (other[0].gp, other[1].dosage) == (-2, 0.0)
    both = reader("DS", "A", "C,T").read(b"1.5,0.6")[0]
    assert both.ds == 8
    assert reader("DS", "A", "C,T").read(b"-0.5,1")[0].ds == 8
    assert reader("DS", "A", "C,T").read(b"1,1")[0].ds == 0b010


def test_phred_probabilities_are_turned_into_probabilities_and_are_no_imputation() -> None:
    facts, numbers = reader("GT:GP", phred=True).read(b"0/1:30,0,30")
    assert (facts.gp, facts.imputed) == (1, False)
    assert numbers.dosage == pytest.approx(1.0, abs=1e-9)
    assert reader("GT:GP:DS", phred=True).read(b"0/1:30,0,30:1")[0].imputed
    assert reader("GP", phred=True).read(b"9999,9999,9999")[0].gp == -1
    assert reader("GP", phred=True).read(b"-9999,0,20")[0].gp == -1
    facts, numbers = reader("GP", phred=True).read(b"20,10,10")  # shares 1 : 10 : 10, whatever their sum
    assert facts.gp == 1 + 8
    assert numbers.dosage == pytest.approx(30 / 21)


def test_a_block_covers_as_far_as_the_samples_own_length() -> None:
    block = reader("GT:LEN", "T", "<*>", pos=P - 100, info=f"END={P}")
    assert [block.read(f"0/0:{n}".encode())[0].covered for n in (100, 101, 102)] == [False, True, True]
    assert block.read(b"0/0:.")[0].covered
    assert block.read(b"0/0:x")[0].bad == "LEN 'x' is no count"


# ---------------------------------------------------------------------- many cells at once
def expand(column: Column) -> list[tuple[Facts, tuple]]:
    n = len(column.codes)
    if isinstance(column.numbers, dict):
        numbers = list(
            zip(*(column.numbers[k].tolist() if k in column.numbers else [None] * n for k in Numbers._fields), strict=True)
        )
    else:
        numbers = [tuple(t) for t in column.numbers or [Numbers()] * n]
    return [(column.facts[int(c)], t) for c, t in zip(column.codes, numbers, strict=True)]


@pytest.mark.parametrize("keys", ["GT", "GT:DP", "GT:AD:DP:GQ", "GT:GQ:PL", "GT:AD:GQ:RGQ"])
@pytest.mark.parametrize("n", [1, 63, 64, 65, 200])
def test_any_number_of_cells_reads_like_one(keys: str, n: int) -> None:
    rng = np.random.default_rng(n)
    made = {
        "GT": lambda: rng.choice(["0/0", "0|1", "1/1", "1|0"]),
        "DP": lambda: rng.integers(0, 60),
        "GQ": lambda: rng.integers(0, 99),
        "AD": lambda: f"{rng.integers(0, 40)},{rng.integers(0, 40)}",
        "PL": lambda: "0,10,20",
        "RGQ": lambda: 7,
    }
    texts = [":".join(str(made[k]()) for k in keys.split(":")) for _ in range(n)]
    for odd in (None, "./.", "0/1:1:1:1:1:1:1", "0/11", ""):
        if odd is not None:
            texts[n // 2] = odd
        one = reader(keys, texts="\t".join(texts))
        column = read_column(one, n)
        assert len(column.codes) == n
        assert [f for f, _ in expand(column)] == [one.read(t.encode())[0] for t in texts]
        assert [t for _, t in expand(column)] == [tuple(one.read(t.encode())[1]) for t in texts]


@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 6, 7, 8, 9])
def test_genotypes_of_one_width_are_told_apart_whatever_the_width(width: int) -> None:
    pool = [f"{'0' * 0}{a}/{b}".ljust(width, "1")[:width] for a in range(10) for b in range(10)][:37]
    texts = (pool * 3)[:90]
    one = reader("GT", texts="\t".join(texts))
    assert expand(read_column(one, 90)) == expand(cells._one_by_one(one, "\t".join(texts).encode(), 90))


def test_more_than_forty_different_genotypes_are_read_one_by_one() -> None:
    texts = [f"{i % 9}/{i // 9}" for i in range(81)]
    one = reader("GT", texts="\t".join(texts))
    assert cells._equal_width(one, "\t".join(texts).encode(), 81) is None
    assert cells._equal_width(one, "\t".join(texts[:40] * 2).encode(), 80) is not None
    assert [f.gt for f, _ in expand(read_column(one, 81))] == [t.encode() for t in texts]


@pytest.mark.parametrize("n", [5, 100])
def test_combinations_of_records_are_distinct_and_in_step(n: int) -> None:
    rng = np.random.default_rng(1)
    columns = [
        Column(
            rng.integers(0, 3, n).tolist() if n < 64 else rng.integers(0, 3, n),
            [Facts(b"%d" % (10 * k + i)) for i in range(3)],
            None,
        )
        for k in range(3)
    ]
    codes, combinations = combine(columns, n)
    assert len(set(combinations)) == len(combinations)
    assert [combinations[c] for c in codes] == [tuple(c.facts[int(c.codes[j])] for c in columns) for j in range(n)]


def test_combinations_too_many_for_a_table_are_still_right() -> None:
    n = 3000
    columns = [Column(np.arange(n) * k % n, [Facts(b"%d" % i) for i in range(n)], None) for k in (1, 7)]
    codes, combinations = combine(columns, n)
    assert [combinations[c] for c in codes] == [(columns[0].facts[j], columns[1].facts[7 * j % n]) for j in range(n)]
