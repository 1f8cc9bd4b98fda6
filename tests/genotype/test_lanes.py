"""Two lanes, one answer: the index lane returns what htslib returns, and a wrong index is never believed."""

from __future__ import annotations

import os
import random
import shutil
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import CALLS, LENGTH, SITE, Case, row, text_of, write

from biomarkers.domain.loci import LOCI, find_loci
from biomarkers.genotype import cells, index
from biomarkers.genotype.calls import COLUMNS, call_file
from biomarkers.genotype.cells import CellReader, read_column
from biomarkers.genotype.index import EOF_BLOCK, bgzip, inflate_blocks, read_index
from biomarkers.genotype.options import Options
from biomarkers.genotype.reader import FileProblem, Region, read_lines
from biomarkers.genotype.record import parse_record, view_record

BOTH = find_loci(["FCGR3A-158", "FCGR2A-131"])


class Asked:
    """A plan that wants one region, whatever the header says."""

    def __init__(self, start: int, end: int) -> None:
        self.regions = [Region(frozenset({"chr1"}), start, end)]

    def everything(self) -> list[Region]:
        return self.regions

    def first(self, _header: bytes) -> list[Region]:
        return self.regions

    def then(self, _lines: object) -> list[Region]:
        return []


def random_vcf(rng: random.Random, n: int, wide: int = 1) -> str:
    head = text_of(Case("", [], [""] * wide, background=False), "GRCh38")
    lines = []
    for _ in range(n):
        pos = rng.choice([rng.randint(1, 3_000_000), rng.randint(1_000_000, 1_040_000)])
        kind = rng.randrange(8)
        ref, alt, info = "A", "C", "."
        if kind == 0:
            ref = "A" * rng.randint(2, 40)
            alt = "A"
        elif kind == 1:
            alt, info = "<NON_REF>", f"END={pos + rng.choice([0, 10, 500, 20_000, 300_000])}"
        elif kind == 2:
            alt, info = "<DEL>", f"SVTYPE=DEL;END={pos + rng.randint(1, 200_000)}"
        lines.append((pos, f"chr1\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}\tGT\t" + "\t".join(["0/1"] * wide)))
    for contig in ("chr10", "chr2"):
        cells = "\t".join(["0/1"] * wide)
        lines.append((10**9 if contig == "chr2" else 10**8 * 9, f"{contig}\t500\t.\tA\tC\t.\t.\t.\tGT\t{cells}"))
    return head + "".join(line + "\n" for _, line in sorted(lines))


@pytest.mark.parametrize("mode", ["tbi", "csi"])
@pytest.mark.parametrize("wide", [1, 3000])
def test_the_index_lane_returns_what_htslib_returns(mode: str, wide: int, tmp_path: Path) -> None:
    rng = random.Random(7)
    path = write(tmp_path / "x.vcf.gz", random_vcf(rng, 700 if wide == 1 else 250, wide), mode)
    n_found = 0
    with pysam.TabixFile(str(path), index=f"{path}.{mode}") as table:
        for _ in range(150):
            start = rng.choice([rng.randint(1, 3_000_000), rng.randint(1_000_000, 1_040_000)])
            end = start + rng.choice([0, 5, 190, 20_000])
            want = sorted(line.encode() for line in table.fetch("chr1", start - 1, end))
            for lane in ("index", "scan"):
                found = sorted(line for *_, line in read_lines(str(path), Asked(start, end), lane=lane).found)
                assert found == want, (start, end, lane)
            n_found += len(want)
    assert n_found > 500


@pytest.mark.parametrize("mode", ["tbi", "csi"])
def test_a_small_index_finds_every_line_at_its_ends_and_nothing_else(mode: str, tmp_path: Path) -> None:
    """Records in every bin of a contig: at both ends of the smallest bins, and reaching over all larger ones."""
    head = text_of(Case("", [], [""], background=False), "GRCh38")
    starts = [1, *(2**k + d for k in (14, 17, 20, 23, 26) for d in (0, 1)), 150_000_000]
    lines = [f"chr1\t{p}\t.\tA\tC\t.\t.\t.\tGT\t0/1" for p in starts]
    lines += [f"chr1\t{p}\t.\tA\t<NON_REF>\t.\t.\tEND={p + n}\tGT\t0/0"
              for p in (16_000, 131_000, 1_048_000, 8_388_000, 67_108_000) for n in (10, 2000, 300_000)]
    lines.sort(key=lambda line: int(line.split("\t")[1]))
    path = write(tmp_path / "x.vcf.gz", head + "\n".join(lines) + "\n", mode)
    between = {16_500, 140_000, 1_100_000, 8_500_000, 67_200_000, 149_000_000}
    for p in sorted({q + d for q in starts for d in (-1, 0, 1)} | between):
        if p > 0:
            want = [line.encode() for line in lines if int(line.split("\t")[1]) <= p
                    <= max(int(line.split("\t")[1]), int(line.split("END=")[1].split("\t")[0]) if "END" in line else 0)]
            found = [line for *_, line in read_lines(str(path), Asked(p, p), lane="index").found]
            assert sorted(found) == sorted(want), p
            chunks = read_index(f"{path}.{mode}").chunks("chr1", p, p)
            assert all(a < b for a, b in chunks)


def test_every_block_boundary_gives_the_same_lines(tmp_path: Path) -> None:
    """A line may be cut by a block anywhere, also inside its position."""
    text = random_vcf(random.Random(3), 40).encode()
    whole = write(tmp_path / "whole.vcf.gz", text, "bare")
    want = read_lines(str(whole), Asked(1, 3_000_000), lane="scan").found
    for size in (37, 61, 127, 500):
        path = tmp_path / f"{size}.vcf.gz"
        path.write_bytes(b"".join(bgzip(text[i:i + size])[:-28] for i in range(0, len(text), size)) + EOF_BLOCK)
        pysam.tabix_index(str(path), preset="vcf", force=True)
        assert read_lines(str(path), Asked(1, 3_000_000), lane="scan").found == want
        assert sorted(read_lines(str(path), Asked(1, 3_000_000), lane="index").found) == sorted(want)


def test_bgzip_is_undone_by_inflate_and_readable_by_htslib(tmp_path: Path) -> None:
    data = os.urandom(200_000) + b"x" * 100_000
    assert inflate_blocks(bgzip(data)) == data
    (tmp_path / "x.gz").write_bytes(bgzip(data))
    with pysam.BGZFile(str(tmp_path / "x.gz")) as file:
        assert file.read() == data


def test_both_inflaters_give_the_same_bytes_and_refuse_the_same_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("isal", reason="ISA-L has no wheel for this machine")
    rng = random.Random(2)
    good = bgzip(random_vcf(rng, 60).encode())
    damaged = [good, good[:-29], good[:len(good) // 2], good + b"x"]
    for _ in range(300):
        bad = bytearray(good)
        bad[rng.randrange(len(bad) - 28)] ^= 1 << rng.randrange(8)
        damaged.append(bytes(bad))

    def answer(data: bytes) -> bytes | str:
        try:
            return inflate_blocks(data)
        except ValueError as error:
            return type(error).__name__

    fast = [answer(data) for data in damaged]
    monkeypatch.setattr(index, "_inflater", zlib)
    assert [answer(data) for data in damaged] == fast
    assert fast[0] == inflate_blocks(good)
    assert fast.count("ValueError") > 250


def calls(path: Path, lane: str = "auto", **options: object) -> list[dict]:
    found = call_file(str(path), BOTH[:1], Options(**options), lane=lane)
    return [dict(zip(COLUMNS, r, strict=True)) for c in found for r in c.rows()]


PLAIN = Case("plain", [row("0/1", "1/1")], ["V/F", "V/V"])


@pytest.mark.parametrize("lane", ["auto", "index"])
@pytest.mark.parametrize("absent", ["no_call", "hom_ref"])
def test_an_index_of_an_earlier_version_is_not_believed(lane: str, absent: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.vcf.gz", text_of(Case("", [], ["", ""]), "GRCh38"), "tbi")
    old = Path(f"{path}.tbi").read_bytes()
    write(path, text_of(PLAIN, "GRCh38"), "tbi")
    Path(f"{path}.tbi").write_bytes(old)
    os.utime(f"{path}.tbi")  # newer than the file, as after a copy
    found = calls(path, lane, absent=absent)
    assert [r["call"] for r in found] == ["V/F", "V/V"]
    assert all("STALE_INDEX" in r["note"].split(";") for r in found)


def test_a_file_without_an_index_says_that_it_was_read_whole(tmp_path: Path) -> None:
    for mode in ("bare", "tbi", "csi", "bcf_bare", "bcf", "text", "gzip"):
        said = "NO_INDEX" if mode.endswith("bare") else ""
        path = write(tmp_path / mode / "x.vcf.gz", text_of(PLAIN, "GRCh38"), mode)
        assert [(r["call"], r["note"]) for r in calls(path)] == [("V/F", said), ("V/V", said)], mode
    path = write(tmp_path / "old" / "x.bcf", text_of(PLAIN, "GRCh38"), "bcf")
    Path(f"{path}.csi").write_bytes(b"damaged")
    assert [(r["call"], r["note"]) for r in calls(path)] == [("V/F", "STALE_INDEX"), ("V/V", "STALE_INDEX")]


@pytest.mark.parametrize("packed", ["bgzf", "raw"])
@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("1", ""),
        ("52147483648", "a BCF header with an impossible number: 'IDX=52147483648'"),
        (" +52147483648", "a BCF header with an impossible number: 'IDX= +52147483648'"),
        ("12345678", "a BCF header with an impossible number: 'IDX=12345678'"),
    ],
)
def test_a_bcf_header_that_counts_too_far_is_refused_before_htslib_counts(
    number: str, why: str, packed: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.bcf", text_of(PLAIN, "GRCh38"), "bcf_bare")
    good = inflate_blocks(path.read_bytes())
    length = int.from_bytes(good[5:9], "little")
    assert b"IDX=1>" in good[9 : 9 + length]
    header = good[9 : 9 + length].replace(b"IDX=1>", b"IDX=%s>" % number.encode(), 1)
    bad = good[:5] + len(header).to_bytes(4, "little") + header + good[9 + length :]
    path.write_bytes(bgzip(bad) if packed == "bgzf" else bad)
    found = calls(path)
    if why:
        assert {(r["reason"], r["note"]) for r in found} == {("FILE_ERROR", why)}
    else:
        assert [r["call"] for r in found] == ["V/F", "V/V"]


def test_an_index_that_is_merely_older_is_used(tmp_path: Path) -> None:
    path = write(tmp_path / "x.vcf.gz", text_of(PLAIN, "GRCh38"), "tbi")
    os.utime(f"{path}.tbi", (10**9, 10**9))
    assert [(r["call"], r["note"]) for r in calls(path, "index")] == [("V/F", ""), ("V/V", "")]


@pytest.mark.parametrize("damage", ["random", "empty", "cut", "other file", "bed preset"])
def test_a_damaged_or_foreign_index_is_noted_and_the_file_scanned(damage: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.vcf.gz", text_of(PLAIN, "GRCh38"), "tbi")
    beside = Path(f"{path}.tbi")
    if damage == "random":
        beside.write_bytes(random.Random(1).randbytes(300))
    elif damage == "empty":
        beside.write_bytes(b"")
    elif damage == "cut":
        beside.write_bytes(beside.read_bytes()[:-30])
    elif damage == "bed preset":
        pysam.tabix_index(str(path), seq_col=0, start_col=1, end_col=1, force=True)
    else:
        shutil.copy(f"{write(tmp_path / 'y.vcf.gz', random_vcf(random.Random(1), 400), 'tbi')}.tbi", beside)
    found = calls(path, "index")
    assert [(r["call"], r["note"]) for r in found] == [("V/F", "STALE_INDEX"), ("V/V", "STALE_INDEX")]


def test_damage_is_never_an_absence(tmp_path: Path) -> None:
    good = write(tmp_path / "good.vcf.gz", random_vcf(random.Random(5), 3000), "tbi")
    data = good.read_bytes()
    for name, bad in {"no end block": data[:-28], "cut": data[:len(data) // 2], "behind": data + b"more",
                      "flipped": data[:len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1:]}.items():
        path = tmp_path / f"{name}.vcf.gz"
        path.write_bytes(bad)
        found = calls(path, absent="hom_ref")
        assert {(r["call"], r["reason"]) for r in found} == {("", "FILE_ERROR")}, name


def test_a_cut_text_or_gzip_file_is_an_error(tmp_path: Path) -> None:
    text = text_of(PLAIN, "GRCh38")
    cut = write(tmp_path / "cut.vcf", text[:-9], "text")
    assert {r["reason"] for r in calls(cut)} == {"FILE_ERROR"}
    whole = write(tmp_path / "x.vcf.gz", text, "gzip").read_bytes()
    for bad in (whole[:-5], whole + b"tail", whole[:60]):
        (tmp_path / "bad.vcf.gz").write_bytes(bad)
        assert {r["reason"] for r in calls(tmp_path / "bad.vcf.gz")} == {"FILE_ERROR"}
    (tmp_path / "two.vcf.gz").write_bytes(write(tmp_path / "a", text[:400], "gzip").read_bytes()
                                          + write(tmp_path / "b", text[400:], "gzip").read_bytes())
    assert [r["call"] for r in calls(tmp_path / "two.vcf.gz")] == ["V/F", "V/V"]


def test_pipes_devices_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.vcf")
    for path in (tmp_path / "pipe.vcf", Path("/dev/zero"), tmp_path):
        with pytest.raises(FileProblem, match="not a regular file"):
            read_lines(str(path), Asked(1, 2))


def test_lines_out_of_order_are_found_by_the_scan(tmp_path: Path) -> None:
    lines = text_of(PLAIN, "GRCh38").splitlines(keepends=True)
    head, body = [x for x in lines if x.startswith("#")], [x for x in lines if not x.startswith("#")]
    path = write(tmp_path / "x.vcf", "".join(head + body[::-1]), "text")
    assert [r["call"] for r in calls(path)] == ["V/F", "V/V"]


def test_the_same_rows_with_crlf_and_without_a_last_line_end(tmp_path: Path) -> None:
    text = text_of(PLAIN, "GRCh38")
    for other in (text.replace("\n", "\r\n"), text[:-1]):
        assert [r["call"] for r in calls(write(tmp_path / "x.vcf", other, "text"))] == ["V/F", "V/V"]


# ---------------------------------------------------------------------- cells
def column_of(keys: str, texts: list[str], ref: str = "A", alt: str = "C") -> tuple[CellReader, bytes]:
    p = SITE["GRCh38"]
    line = f"chr1\t{p}\t.\t{ref}\t{alt}\t.\t.\t.\t{keys}\t".encode() + "\t".join(texts).encode()
    record = parse_record(line, len(texts))
    assert not record.problem
    options = Options()
    (view,) = [v for v in view_record(record, LOCI["FCGR3A-158"], p, options) if v.kind == "site"]
    return CellReader(view, p, options, gp_is_phred=False), record.cells


def expand(column: cells.Column) -> list[tuple]:
    n = len(column.codes)
    if isinstance(column.numbers, dict):
        empty = [None] * n
        numbers = [tuple(t) for t in zip(*(column.numbers[k].tolist() if k in column.numbers else empty
                                           for k in cells.Numbers._fields), strict=True)]
    else:
        numbers = [tuple(t) for t in column.numbers or [cells.NO_NUMBERS] * n]
    return [(column.facts[int(c)], t) for c, t in zip(column.codes, numbers, strict=True)]


GT = st.sampled_from(["0/0", "0/1", "1/1", "0|1", "1|0", "1|1"])
COUNT = st.integers(0, 120)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(GT, COUNT, COUNT, COUNT, COUNT), min_size=64, max_size=90), st.booleans())
def test_reading_a_record_as_arrays_is_reading_it_cell_by_cell(rows: list[tuple], swapped: bool) -> None:
    texts = [f"{gt}:{a},{b}:{dp}:{gq}" for gt, a, b, dp, gq in rows]
    reader, raw = column_of("GT:AD:DP:GQ", texts, *(("C", "A") if swapped else ("A", "C")))
    fast = cells._integers(reader, raw, len(texts))
    assert fast is not None
    assert expand(fast) == expand(cells._one_by_one(reader, raw, len(texts)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["0/0", "0/1", "1/1", "./.", "0|1", ".", "1", "0/10", "", "0/1:3", "A/C"]),
                min_size=64, max_size=90))
def test_genotypes_of_any_width_are_read_alike(texts: list[str]) -> None:
    reader, raw = column_of("GT", texts)
    assert expand(read_column(reader, len(texts))) == expand(cells._one_by_one(reader, raw, len(texts)))


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["0/1:3,4:7", "./.:.:.", "0/1:3,4:", "0/1::7", "0/1:3:7", "0/1:3,4", "0/1:3,4:99999999999",
                                 "0/1:-3,4:7", "12/1:3,4:7", "0/1:3,4:7.5"]), min_size=64, max_size=80))
def test_irregular_cells_are_read_alike(texts: list[str]) -> None:
    reader, raw = column_of("GT:AD:DP", texts)
    assert expand(read_column(reader, len(texts))) == expand(cells._one_by_one(reader, raw, len(texts)))


def test_bands_and_their_array_twin_agree_at_every_border() -> None:
    for both in range(1, 61):
        texts = [f"0/1:{both - alt},{alt}" for alt in range(both + 1)]
        texts += texts[:1] * max(0, 64 - len(texts))
        reader, raw = column_of("GT:AD", texts)
        assert expand(cells._integers(reader, raw, len(texts))) == expand(cells._one_by_one(reader, raw, len(texts)))


def test_a_wide_file_gives_the_rows_of_its_narrow_slices(tmp_path: Path) -> None:
    """The answer for a sample does not depend on who else is in the file."""
    rng = np.random.default_rng(2)
    pool = [c for c in CALLS if c == Case(c.id, c.rows, c.answers) and 0 < len(c.rows) <= 2 and not c.id.startswith("columns")]
    assert len(pool) > 40
    for case in pool:
        n = len(case.answers)
        order = rng.integers(0, n, 150)
        wide = Case("wide", [replace(r, cells=[r.cells[i] for i in order]) for r in case.rows], [""] * 150)
        narrow = calls(write(tmp_path / "n.vcf", text_of(case, "GRCh38"), "text"))
        found = calls(write(tmp_path / "w.vcf", text_of(wide, "GRCh38"), "text"))
        for r, i in zip(found, order, strict=True):
            assert {k: v for k, v in r.items() if k not in ("file", "sample")} == \
                   {k: v for k, v in narrow[i].items() if k not in ("file", "sample")}, case.id


def test_the_index_names_the_contigs_and_the_end(tmp_path: Path) -> None:
    for mode in ("tbi", "csi"):
        path = write(tmp_path / f"{mode}.vcf.gz", text_of(PLAIN, "GRCh38"), mode)
        found = read_index(f"{path}.{mode}")
        assert found.names == ["chr1"]
        assert found.is_vcf
        assert found.end is not None
        assert found.chunks("chr1", 1, LENGTH["GRCh38"])


@pytest.mark.parametrize("width", [3, 7, 8, 9, 15, 16, 17, 24])
def test_a_name_that_occurs_twice_among_thousands_is_found(width: int) -> None:
    """Names of one width are compared as numbers, rising or not; others as a set."""
    import re

    from biomarkers.genotype.header import HeaderProblem, parse_header

    rng = random.Random(width)
    names = [np.base_repr(i, 36).rjust(width, "x") for i in range(3000)]
    head = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
    for order in (names, sorted(names), rng.sample(names, 3000), [*names, "longer than the others"]):
        header = parse_header((head + "\t".join(order) + "\n").encode())
        assert list(header.samples) == list(order)
        for twice in ([*order, order[17]], [order[-2], *order], [*order[:9], order[8], *order[9:]]):
            with pytest.raises(HeaderProblem, match="named twice"):
                parse_header((head + "\t".join(twice) + "\n").encode())
    with pytest.raises(HeaderProblem, match=re.escape("has no name")):
        parse_header((head + "\t".join([*names[:1500], "", *names[1500:]]) + "\n").encode())


def test_latin1_names_are_read_as_such(tmp_path: Path) -> None:
    text = text_of(Case("", [row("0/1", "1/1")], ["", ""], samples=["S\u00e9", "\u00c5"]), "GRCh38")
    for encoding in ("latin-1", "utf-8"):
        found = calls(write(tmp_path / f"{encoding}.vcf", text.encode(encoding), "text"))
        assert [(r["sample"], r["call"]) for r in found] == [("S\u00e9", "V/F"), ("\u00c5", "V/V")]
