"""Every refusal is reached and says what is wrong: files, lists, journals, tables, targets, options."""

from __future__ import annotations

import io
import json
import os
import struct
import sys
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import CALLS, SITE, SITE_2A, Case, block, row, sv, text_of, write

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import LOCI, find_loci
from biomarkers.genotype import __main__, batch, call_genotypes, cohort_quality, merge_calls, read_calls, reader
from biomarkers.genotype import index as indexes
from biomarkers.genotype.calls import COLUMNS, call_file, printable, refuse_file
from biomarkers.genotype.command import ARGUMENTS, ascii_safe, run_genotype, run_genotype_qc
from biomarkers.genotype.decide import FILE_REASONS, NOTES, REASONS, note_of, parse_gt
from biomarkers.genotype.index import (
    EOF_BLOCK,
    bgzip,
    find_index,
    index_fits,
    inflate_block,
    inflate_blocks,
    inflate_from,
    read_index,
)
from biomarkers.genotype.inputs import find_files
from biomarkers.genotype.journal import Entry, Journal, size_of, state_of
from biomarkers.genotype.options import Options
from biomarkers.genotype.outputs import about_locus, check_target, format_of
from biomarkers.genotype.reader import FileProblem, read_lines
from biomarkers.genotype.table import frame_of, frame_of_tsv
from biomarkers.genotype.tsv import rows_of_tsv, tsv_lines, untext
from biomarkers.parallel import Died

NOBODY = 65534  # the user without rights, where the tests run as root
ONE = find_loci(["FCGR3A-158"])
PLAIN = Case("plain", [row("0/1", "1/1")], ["V/F", "V/V"])


def calls(path: Path | str, lane: str = "auto", **options: object) -> list[dict]:
    found = call_file(str(path), ONE, Options(**options), lane=lane)
    return [dict(zip(COLUMNS, r, strict=True)) for c in found for r in c.rows()]


def plain(path: Path, case: Case = PLAIN, mode: str = "text") -> Path:
    return write(path, text_of(case, "GRCh38"), mode)


def quiet(files: object, out: Path, **options: object) -> int:
    return run_genotype(files, out, said=io.StringIO(), **options)


# ---------------------------------------------------------------------- files
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"PK\3\4zip",
        b"\x1f\x8b",
        b"\x1f\x8b\x08\x00",
        b"BCF\2\2",
        b"BCF",
        bgzip(b"BCF\2\2rest"),
        bgzip(b""),
        EOF_BLOCK,
        bgzip(b"nothing"),
        b"##fileformat=VCFv4.2",
        b"##fileformat=VCFv4.2\n" * 3,
    ],
)
def test_what_is_no_vcf_is_a_file_error_with_words(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.vcf.gz").write_bytes(data)
    for lane in ("auto", "index", "scan"):
        (found,) = calls(tmp_path / "x.vcf.gz", lane)
        assert (found["reason"], found["sample"], found["call"]) == ("FILE_ERROR", "", "")
        assert found["note"]


def test_a_file_that_is_not_there_and_a_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "link.vcf").symlink_to(tmp_path / "gone.vcf")
    assert calls(tmp_path / "gone.vcf")[0]["note"] == "not found"
    assert calls(tmp_path / "link.vcf")[0]["note"] == "not found: a link whose target is missing"
    assert calls(tmp_path)[0]["note"] == "a directory, not a regular file"
    assert calls("/dev/null")[0]["note"] == "a pipe, socket or device, not a regular file"


def test_a_file_that_may_not_be_read_says_so() -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "x.vcf"
        plain(path).chmod(0)
        root = os.geteuid() == 0    # may read every file, so the call is made as nobody
        if root:
            os.seteuid(NOBODY)
        try:
            assert calls(path)[0]["note"] == "Permission denied"
        finally:
            if root:
                os.seteuid(0)


def test_damage_behind_a_header_costs_every_sample(tmp_path: Path) -> None:
    """Where the header could be read by the index lane, each of its samples has its row."""
    wide = Case("", [row(*["0/1"] * 3000)], [""] * 3000)
    data = bytearray(plain(tmp_path / "x.vcf.gz", wide, "tbi").read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "x.vcf.gz").write_bytes(bytes(data))
    found = calls(tmp_path / "x.vcf.gz", "index")
    assert {r["reason"] for r in found} == {"FILE_ERROR"}
    assert len(found) in (1, 3000)


def test_a_line_or_header_without_end_is_refused_before_memory_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_LONGEST_LINE", 3000)
    monkeypatch.setattr(reader, "_CHUNK", 1000)
    text = text_of(PLAIN, "GRCh38")
    (tmp_path / "line.vcf").write_text(text + "chr2\t" + "x" * 9000)
    assert calls(tmp_path / "line.vcf")[0]["note"] == "a line is too long for a VCF"
    (tmp_path / "fits.vcf").write_text(text + "chr2\t1\t.\tA\tC\t.\t.\tX=" + "x" * 1500 + "\tGT\t0/1\t0/1\n")
    assert [r["call"] for r in calls(tmp_path / "fits.vcf")] == ["V/F", "V/V"]
    monkeypatch.setattr(reader, "_LONGEST_HEADER", 2000)
    (tmp_path / "head.vcf").write_text(text.replace("#CHROM", "##x=" + "y" * 5000 + "\n#CHROM"))
    assert calls(tmp_path / "head.vcf")[0]["note"].startswith("the header does not end")


@pytest.mark.parametrize("chunk", [1, 7, 64, 65, 1000])
def test_a_text_is_read_alike_in_pieces_of_any_size(chunk: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "_CHUNK", chunk)
    for mode in ("text", "gzip"):
        for case in (PLAIN, CALLS[0]):
            found = calls(plain(tmp_path / f"{mode}.vcf", case, mode))
            assert [r["call"] for r in found] == [a.split(" ")[0] for a in case.answers]
            assert not any("UNSORTED" in r["note"] for r in found)


def test_a_position_that_is_none_refuses_its_contig(tmp_path: Path) -> None:
    text = text_of(PLAIN, "GRCh38")
    for bad in ("x", "", "99999999999", "-5"):
        broken = text + f"chr1\t{bad}\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/1\n"
        found = calls(write(tmp_path / "x.vcf", broken, "text"))
        assert [(r["call"], r["reason"]) for r in found] == [("", "BAD_RECORD")] * 2
        assert found[0]["note"] == f"chr1: POS {bad!r} is no position on it"
        elsewhere = text + f"chr2\t{bad}\t.\tA\tC\t.\t.\t.\tGT\t0/1\t0/1\n"
        assert [r["call"] for r in calls(write(tmp_path / "y.vcf", elsewhere, "text"))] == ["V/F", "V/V"]


def test_standard_input_of_any_container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for mode in ("text", "bare", "gzip"):
        data = plain(tmp_path / "x.vcf", mode=mode).read_bytes()
        monkeypatch.setattr(sys, "stdin", type("In", (), {"buffer": io.BytesIO(data)}))
        found = calls("-")
        assert [(r["call"], r["file"]) for r in found] == [("V/F", "-"), ("V/V", "-")]


def test_the_lines_of_a_long_record_are_one_and_of_a_doubled_record_two(tmp_path: Path) -> None:
    long = Case(
        "",
        [
            block("0/0:35:90:31", start=-60_000, end=60_000),
            row("0/1:30:60", keys="GT:DP:GQ"),
            row("0/1:30:60", keys="GT:DP:GQ"),
        ],
        [""],
    )
    path = plain(tmp_path / "x.vcf.gz", long, "tbi")
    for lane in ("index", "scan"):
        found = call_file(str(path), find_loci(["FCGR3A-158", "FCGR2A-131"]), Options(), lane=lane)
        rows = [dict(zip(COLUMNS, r, strict=True)) for c in found for r in c.rows()]
        assert [(r["call"], r["note"]) for r in rows] == [
            ("V/F", "DUPLICATE_SAME"),
            ("H/H", f"HOMREF_BLOCK;block chr1:{SITE['GRCh38'] - 60_000}-{SITE['GRCh38'] + 60_000} with its least depth"),
        ]


# ---------------------------------------------------------------------- blocks and indexes
def test_a_block_that_lies_about_itself_is_corrupt() -> None:
    good = bgzip(b"hello world")
    assert inflate_block(good, 0) == (b"hello world", len(good) - 28)
    for at, words in (
        (0, "no BGZF block"),
        (3, "no BGZF block"),
        (12, "no BGZF block"),
        (len(good) - 29, "corrupt BGZF block"),
        (20, "corrupt BGZF block"),
    ):
        bad = bytearray(good)
        bad[at] ^= 1
        with pytest.raises(ValueError, match=words):
            inflate_block(bytes(bad), 0)
    with pytest.raises(ValueError, match="truncated in the middle"):
        inflate_block(good[:20], 0)
    with pytest.raises(ValueError, match="truncated in the middle"):
        inflate_block(good[:16] + b"\x05\x00" + good[18:], 0)
    assert inflate_blocks(good + good[:-28] + good) == b"hello world" * 3
    assert inflate_blocks(b"") == b""
    assert inflate_blocks(good, most=11) == b"hello world"
    with pytest.raises(ValueError, match="too large"):
        inflate_blocks(good, most=10)


def test_blocks_between_offsets_are_cut_to_them(tmp_path: Path) -> None:
    parts = [bytes([65 + i]) * 1000 for i in range(6)]
    blocks = [bgzip(p)[:-28] for p in parts]
    (tmp_path / "x").write_bytes(b"".join(blocks) + EOF_BLOCK)
    starts = np.cumsum([0, *map(len, blocks)]).tolist()
    handle = os.open(tmp_path / "x", os.O_RDONLY)
    try:
        for i, a in ((0, 0), (1, 10), (2, 999)):
            for j, b in ((2, 1000), (3, 5), (4, 0)):
                found = b"".join(inflate_from(handle, starts[i] << 16 | a, starts[j] << 16 | b))
                assert found == b"".join(parts[i : j + 1])[a : (j - i) * 1000 + b]
        assert b"".join(inflate_from(handle, starts[4] << 16 | 7)) == b"".join(parts[4:])[7:]
        assert b"".join(inflate_from(handle, starts[6] << 16)) == b""
    finally:
        os.close(handle)


def test_bgzip_makes_blocks_of_the_usual_size() -> None:
    data = os.urandom(65280 * 2 + 1)
    packed = bgzip(data)
    sizes, at = [], 0
    while at < len(packed):
        part, at = inflate_block(packed, at)
        sizes.append(len(part))
    assert sizes == [65280, 65280, 1, 0]
    assert packed.endswith(EOF_BLOCK)


@pytest.mark.parametrize("mode", ["tbi", "csi"])
def test_an_index_that_lies_is_damaged(mode: str, tmp_path: Path) -> None:
    path = plain(tmp_path / "x.vcf.gz", mode=mode)
    beside = Path(f"{path}.{mode}")
    inner = (
        zlib.decompress(beside.read_bytes(), 31) if mode == "tbi" else b"".join(inflate_from(os.open(beside, os.O_RDONLY), 0))
    )
    assert read_index(str(beside)).is_vcf
    for cut in (4, 12, 30, len(inner) - (9 if mode == "tbi" else 30)):
        beside.write_bytes(bgzip(inner[:cut]))
        with pytest.raises(ValueError, match=r"damaged|no BGZF|unpack"):
            read_index(str(beside))
    for name, start, value in (
        ("magic", 0, b"XYZ\1"),
        ("interval or depth", 8 if mode == "csi" else len(inner), b"\xff\xff\xff\x7f"),
    ):
        beside.write_bytes(bgzip(inner[:start] + value + inner[start + 4 :]))
        if start < len(inner):
            with pytest.raises(ValueError, match=r"neither a tabix|damaged"):
                read_index(str(beside))
        assert name
    with pytest.raises(ValueError, match="damaged index"):
        read_index(str(tmp_path / "none.tbi"))


def test_an_index_ends_where_its_file_ends(tmp_path: Path) -> None:
    path = plain(tmp_path / "x.vcf.gz", mode="tbi")
    found = read_index(f"{path}.tbi")
    size = path.stat().st_size
    assert index_fits(found, str(path), size)
    assert not index_fits(replace(found, end=None), str(path), size)
    assert not index_fits(replace(found, end=found.end + 1), str(path), size)
    assert not index_fits(replace(found, end=found.end - 1), str(path), size)
    assert not index_fits(replace(found, end=(size + 5) << 16), str(path), size)
    assert index_fits(replace(found, end=(size - 28) << 16), str(path), size)
    assert not index_fits(replace(found, end=(size - 28) << 16 | 1), str(path), size)
    assert find_index(str(path)) == f"{path}.tbi"
    Path(f"{path}.csi").write_bytes(b"")
    assert find_index(str(path)) == f"{path}.csi"
    assert find_index(str(tmp_path / "none")) is None


def test_an_index_of_negative_counts_is_damaged() -> None:
    head = b"TBI\1" + struct.pack("<8i", 1, 2, 1, 2, 0, 35, 0, 2) + b"1\0"
    with pytest.raises(ValueError, match="interval count"):
        indexes._tbi(head + struct.pack("<i", 0) + struct.pack("<i", -1))
    empty = indexes._tbi(head + struct.pack("<2i", 0, 0))
    assert (empty.end, empty.names, empty.is_vcf) == (None, ["1"], True)
    assert empty.chunks("1", 1, 100) == []


# ---------------------------------------------------------------------- inputs
def test_names_of_files_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.txt").write_text("# nothing\n\n")
    for named, words in (
        ("empty", "a directory without any file that ends in .vcf, .vcf.gz"),
        ("@list.txt", "the list names no file"),
        ("@none.txt", "the list of files cannot be read"),
        ("*.vcf", "no file matches '\\*.vcf'"),
        ([], "no file named"),
    ):
        with pytest.raises(UseError, match=words):
            find_files(named)
    (tmp_path / "list.bin").write_bytes(b"\xff\xfe")
    with pytest.raises(UseError, match="cannot be read"):
        find_files("@list.bin")


def test_files_come_once_in_the_order_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("d/b.vcf", "d/a.vcf.gz", "d/sub/c.bcf", "d/x.txt", "z.vcf", "odd[1].vcf", "@at.vcf", "e.gvcf.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text("x")
    assert find_files(["z.vcf", "d", "./z.vcf", "d/b.vcf"]) == ["z.vcf", "d/a.vcf.gz", "d/b.vcf", "d/sub/c.bcf"]
    assert find_files("odd[1].vcf") == ["odd[1].vcf"]
    assert find_files("@at.vcf") == ["@at.vcf"]
    assert find_files(["-", "-", "none.vcf"]) == ["-", "none.vcf"]
    assert find_files("[dz]*") == ["d/a.vcf.gz", "d/b.vcf", "d/sub/c.bcf", "z.vcf"]
    assert find_files(Path("e.gvcf.gz")) == ["e.gvcf.gz"]
    (tmp_path / "d" / "list.txt").write_text("b.vcf\n ../z.vcf \n#no\n")
    assert find_files("@d/list.txt") == ["d/b.vcf", "d/../z.vcf"]


# ---------------------------------------------------------------------- journal
def test_a_journal_line_of_any_damage_is_dropped_with_all_that_follow(tmp_path: Path) -> None:
    path = tmp_path / "j"
    book = Journal(path, "run", resume=True)
    for i in range(3):
        book.add(Entry(f"f{i}", [1, 2], f"row{i}\n", {"OK": 1}))
    book.close()
    lines = path.read_bytes().splitlines(keepends=True)
    for damage, left in (
        (b"not json\n", 1),
        (b"[1]\n", 1),
        (b"{}\n", 1),
        (lines[2][:-1], 1),
        (lines[2].replace(b"row1", b"rowX"), 1),
        (lines[2], 3),
    ):
        path.write_bytes(b"".join([*lines[:2], damage, lines[3]]))
        again = Journal(path, "run", resume=True)
        assert len(again.entries) == left
        again.close()
    path.write_bytes(b"".join(lines))
    Journal(path, "run", resume=True).close()
    assert path.read_bytes() == b"".join(lines)
    other = Journal(path, "another run", resume=True)
    assert other.entries == {}
    other.close()
    path.write_bytes(b"".join(lines))
    fresh = Journal(path, "run", resume=False)
    assert fresh.entries == {}
    fresh.close()
    assert path.read_bytes() == lines[0]


def test_a_journal_that_cannot_be_written_is_an_error_of_use(tmp_path: Path) -> None:
    with pytest.raises(UseError, match="the journal cannot be written: No such file or directory"):
        Journal(tmp_path / "none" / "j", "run", resume=True)


def test_the_state_of_a_file_is_its_size_and_time_and_those_of_its_index(tmp_path: Path) -> None:
    path = plain(tmp_path / "x.vcf.gz", mode="tbi")
    os.utime(path, ns=(7, 7))
    os.utime(f"{path}.tbi", ns=(9, 9))
    assert state_of(str(path)) == [path.stat().st_size, 7, ".tbi", Path(f"{path}.tbi").stat().st_size, 9]
    assert state_of(str(tmp_path / "none")) is None
    assert size_of(str(path)) == path.stat().st_size
    assert size_of(str(tmp_path / "none")) == 0


# ---------------------------------------------------------------------- the batch
@pytest.mark.parametrize("jobs", [0, -2, True, 1.5, "2"])
def test_jobs_must_be_a_number_of_processes(jobs: object, tmp_path: Path) -> None:
    with pytest.raises(UseError, match="a whole number of processes is needed, or -1 for every core"):
        call_genotypes(plain(tmp_path / "x.vcf"), jobs=jobs)


def test_a_process_that_dies_costs_its_file_and_the_others_are_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [str(plain(tmp_path / f"{i}.vcf", replace(PLAIN, samples=[f"a{i}", f"b{i}"]))) for i in range(9)]
    asked = []

    def some_die(work: object, units: list, **_: object):
        asked.append([len(u) for u in units])
        for k, unit in enumerate(units):
            yield k, Died("SIGKILL") if files[4] in unit else work(unit)

    monkeypatch.setattr(batch, "share_out", some_die)
    monkeypatch.setattr(batch, "_chunks", lambda numbers, *_: [numbers[:3], numbers[3:6], numbers[6:]])
    seen = []
    frame = call_genotypes(files)
    assert asked == [[3, 3, 3], [1, 1, 1]]
    dead = frame[frame["file"] == files[4]]
    assert dead[["reason", "note", "sample"]].values.tolist() == [
        ["FILE_ERROR", "the process that read the file was killed (SIGKILL)", ""]
    ]
    assert frame[frame["file"] != files[4]]["call"].tolist() == ["V/F", "V/V"] * 8
    assert frame["file"].tolist() == [f for f in files for _ in range(1 if f == files[4] else 2)]
    quiet(files, tmp_path / "c.tsv", progress_callback=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 9), (3, 9), (6, 9), (7, 9), (8, 9), (9, 9)]
    assert read_calls(tmp_path / "c.tsv")["reason"].tolist() == frame["reason"].tolist()


def test_files_are_shared_out_in_runs_and_a_large_one_goes_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "size_of", lambda name: 65 << 20 if name == "big" else 1000)
    names = ["s"] * 30 + ["big"] + ["s"] * 9
    chunks = batch._chunks(list(range(40)), names, 1, None)
    assert [i for c in chunks for i in c] == list(range(40))
    assert [30] in chunks
    assert max(map(len, chunks)) == 10
    assert [len(c) for c in batch._chunks(list(range(40)), ["s"] * 40, 2, None)] == [5] * 8
    assert len(batch._chunks(list(range(4000)), ["s"] * 4000, 1, None)[0]) == 100
    assert [len(c) for c in batch._chunks([3, 4], ["s"] * 5, 4, None)] == [1, 1]
    assert len(batch._chunks(list(range(320)), ["s"] * 320, 1, "tcp://x")[0]) == 10


def test_progress_is_written_to_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    call_genotypes([plain(tmp_path / "x.vcf"), tmp_path / "none.vcf"], progress=True)
    assert capsys.readouterr().err == "\r0 of 2 files\r1 of 2 files\r2 of 2 files\n"


def test_the_bar_is_drawn_on_a_terminal_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with __main__._bar() as show:
        show(1, 3)
        show(3, 3)
    assert screen.getvalue() == f"\r{'━' * 10}{'─' * 20} 1 of 3 files\r{'━' * 30} 3 of 3 files\r\x1b[K"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with __main__._bar() as nothing:
        assert nothing is None


def test_the_command_line_explains_itself(capsys: pytest.CaptureFixture) -> None:
    for words, code in ((["--help"], 0), (["x.vcf"], 2), (["--out", "o"], 2), (["x", "--out", "o", "--build", "hg38"], 2)):
        with pytest.raises(SystemExit) as end:
            __main__.main(words, prog="biomarkers genotype")
        assert end.value.code == code
    assert ascii_safe("every option is told") == "every option is told"
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith("usage: biomarkers genotype")
    assert "FILE [FILE ...]" in told
    assert "Call FCGR3A-158 and other loci from VCFs. positional" in told
    for words in (
        "FILE files, folders, globs, @list.txt, or - for standard input options:",
        "--out OUT the table: .tsv, .jsonl, .parquet, .vcf or .vcf.gz",
        "--build {GRCh37,GRCh38} genome build, where the files do not tell",
        "--jobs JOBS processes; -1 for every core --dask",
        "--loci LOCI locus ids or TOML files, separated by commas --build",
        "--strict write nothing when a file is itself wrong",
        "--fasta FASTA your reference: every locus is compared with it before a file is read",
    ):
        assert words in told, words
    for argument in ARGUMENTS:
        assert argument.help in told


def test_the_how_to_explains_every_option() -> None:
    text = (Path(__file__).resolve().parent.parent.parent / "docs" / "genotyping.md").read_text(encoding="utf-8")
    assert not [a.flag for a in ARGUMENTS if a.flag not in text]
    defaults = {a.flag: a.default for a in ARGUMENTS}
    assert "| `--min-dp --min-gq --min-gp` | 10, 20, 0.9 |" in text
    assert [defaults[f] for f in ("--min-dp", "--min-gq", "--min-gp", "--absent", "--loci", "--jobs")] == [
        10,
        20,
        0.9,
        "no_call",
        "FCGR3A-158",
        1,
    ]


def test_the_defaults_of_the_command_are_those_of_the_options() -> None:
    defaults = {a.name: a.default for a in ARGUMENTS}
    assert {k: defaults[k] for k in Options().as_dict()} == Options().as_dict()
    choices = {a.name: a.choices for a in ARGUMENTS if a.choices}
    assert choices == {
        "build": ("GRCh37", "GRCh38"),
        "absent": ("no_call", "hom_ref"),
        "ref_mismatch": ("resolve", "strict"),
        "paralog": ("flag", "strict"),
        "format": ("tsv", "jsonl", "parquet", "vcf"),
    }


def test_an_interrupted_run_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    def stopped(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "run_genotype", stopped)
    assert __main__.main(["x.vcf", "--out", str(tmp_path / "c.tsv")]) == 130
    assert capsys.readouterr().err == "interrupted; the journal is kept: the same command with --resume goes on\n"
    with pytest.raises(SystemExit) as end:
        __main__._stop(15, None)
    assert end.value.code == 143


# ---------------------------------------------------------------------- tables
def test_a_table_that_was_edited_is_refused_by_line(tmp_path: Path) -> None:
    quiet([plain(tmp_path / "x.vcf")], tmp_path / "c.tsv")
    text = (tmp_path / "c.tsv").read_text()
    (tmp_path / "a.tsv").write_text(text.replace("\tcall\t", "\tCall\t"))
    with pytest.raises(UseError, match=r"a.tsv:1: not a calls table of `biomarkers genotype`; column 'call' is missing"):
        read_calls(tmp_path / "a.tsv")
    lines = text.split("\n")
    (tmp_path / "b.tsv").write_text("\n".join([*lines[:2], lines[2] + "\tmore", *lines[3:]]))
    with pytest.raises(UseError, match=r"b.tsv:3: 21 columns, the header has 20; was the file edited\?"):
        read_calls(tmp_path / "b.tsv")
    (tmp_path / "d.tsv").write_text("\t".join(reversed(COLUMNS)) + "\n")
    with pytest.raises(UseError, match=r"d.tsv:1: not a calls table of `biomarkers genotype`$"):
        read_calls(tmp_path / "d.tsv")


def test_frames_have_fixed_types_also_when_empty() -> None:
    empty = frame_of([])
    assert list(empty.columns) == list(COLUMNS)
    assert len(frame_of_tsv("")) == 0
    types = empty.dtypes.astype(str).to_dict()
    assert {k for k, v in types.items() if v == "Int64"} == {"n_copies", "n_v", "dp", "ad_ref", "ad_alt", "pos"}
    assert {k for k, v in types.items() if v == "float64"} == {"dosage", "gq"}
    assert (types["phased"], types["sample"]) == ("bool", "str")


@pytest.mark.parametrize(
    "names", [[f"S{i:04d}" for i in range(1200)], [f"S{i}" for i in range(1200)], [f"é{i}" for i in range(1200)]]
)
def test_many_names_become_the_same_column_as_few(names: list[str], tmp_path: Path) -> None:
    case = Case("", [row(*["0/1:11", "./.:3", "1/1:.", "0/0:20"] * 300, keys="GT:DP")], [""] * 1200, samples=names)
    file = plain(tmp_path / "x.vcf", case)
    frame = call_genotypes(file, loci=["FCGR3A-158", "FCGR2A-131"])
    rows = [r for c in call_file(str(file), find_loci(["FCGR3A-158", "FCGR2A-131"]), Options()) for r in c.rows()]
    assert frame["sample"].tolist() == names * 2
    assert frame["dp"].tolist()[:3] == [11, 3, pd.NA]
    assert frame["dosage"].tolist()[:4] == [1.0, pytest.approx(np.nan, nan_ok=True), 2.0, 0.0]
    pd.testing.assert_frame_equal(frame.astype("str"), frame_of(rows).astype("str"))


def test_a_wide_file_of_imputed_cells_keeps_their_dosage(tmp_path: Path) -> None:
    cells = ["0/1:1.1", "0/0:0.2", "./.:.", "1/1:1.9"] * 20
    case = Case("", [row(*cells, keys="GT:DS")], [""] * 80)
    frame = call_genotypes(plain(tmp_path / "x.vcf", case))
    assert frame["dosage"].tolist()[:2] == [1.1, 0.2]
    assert np.isnan(frame["dosage"][2])
    other = plain(tmp_path / "y.vcf", Case("", [row("0/0")], [""], samples=["S1"]))
    both = call_genotypes([tmp_path / "x.vcf", other])
    assert both.loc[both["sample"] == "S1", "reason"].tolist() == ["SAMPLE_DUP_DISCORDANT"] * 2
    assert both.loc[both["sample"] == "S1", "dosage"].isna().all()
    assert both["dosage"].tolist()[1] == 0.2


def test_numbers_come_from_the_record_each_sample_rests_on(tmp_path: Path) -> None:
    """One sample by a block, another by the record: two records, two depths, with and without arrays."""
    for n in (1, 40):
        case = Case(
            "",
            [
                block(*["0/0:35:90:31", "0/0:35:90:30"] * n, start=-400),
                row(*["1", "0/1"] * n, at=-9, ref="G", alt="T"),
                row(*["0/1:12:50", "1/1:13:60"] * n, keys="GT:DP:GQ"),
            ],
            [""] * 2 * n,
        )
        found = calls(plain(tmp_path / f"{n}.vcf", case))
        assert [(r["call"], r["dp"], r["gq"], r["pos"]) for r in found] == [
            ("V/F", 12, 50, SITE["GRCh38"]),
            ("V/V", 13, 60, SITE["GRCh38"]),
        ] * n
        split = Case(
            "",
            [block(*["0/0:35:90:31:300", "0/0:35:90:30:500"] * n, start=-400, end=-399, alt="<*>", keys="GT:DP:GQ:MIN_DP:LEN")],
            [""] * 2 * n,
        )
        found = calls(plain(tmp_path / f"s{n}.vcf", split))
        assert [(r["reason"], r["dp"], r["pos"]) for r in found] == [
            ("ABSENT", None, None),
            ("OK", 30, SITE["GRCh38"] - 400),
        ] * n


def test_numbers_of_one_sample_come_from_one_record_though_others_rest_on_none(tmp_path: Path) -> None:
    """Carriers of a deletion rest on its record; who has no record keeps no numbers. Few samples and many."""
    for n in (2, 50):
        case = Case("", [sv("DEL", *["0/1:17", "0/0:18"] * n, keys="GT:DP")], [""] * 2 * n)
        found = calls(plain(tmp_path / f"{n}.vcf", case))
        here = SITE["GRCh38"] - 30_000
        assert [(r["reason"], r["dp"], r["pos"], r["alt"]) for r in found] == [
            ("CNV_OVERLAP", 17, here, "<DEL>"),
            ("ABSENT", None, None, ""),
        ] * n


# ---------------------------------------------------------------------- text of cells
def test_cells_of_the_table_by_type() -> None:
    (found,) = tsv_lines(refuse_file("a b", ONE, "FILE_ERROR", "=x;-1")).splitlines()
    assert found.split("\t") == [
        "a b",
        "",
        "FCGR3A-158",
        "",
        "",
        "",
        "",
        "",
        "",
        "False",
        "FILE_ERROR",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "'=x;-1",
    ]
    assert untext("'=x") == "=x"
    (found,) = tsv_lines(refuse_file("-", ONE, "FILE_ERROR", "+")).splitlines()
    assert (found.split("\t")[0], found.split("\t")[-1]) == ("-", "+")
    assert untext("a\\tb\\x3cc\\\\d") == "a\tb<c\\d"
    assert rows_of_tsv("") == []
    assert ascii_safe("a\u202e\x1b[2Jé") == "a\\u202e\\x1b[2Jé"
    assert printable("a\udcffb") == "a\\udcffb"


def test_notes_stand_in_their_order() -> None:
    assert note_of({"UNSORTED", "MNP", "ASSUMED_REF"}, "words") == "ASSUMED_REF;MNP;UNSORTED;words"
    assert note_of(set(), "") == ""
    assert set(REASONS) >= FILE_REASONS
    assert all([*NOTES.values(), *REASONS.values()])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (b"0", ((0,), False)),
        (b".", ((None,), False)),
        (b"|1", ((1,), False)),
        (b"10|2", ((10, 2), True)),
        (b"0/1|2", ((0, 1, 2), False)),
        (b"", None),
        (b"/", None),
        (b"0/", None),
        (b"01/1", None),
        (b"0//1", None),
        (b"0/1 ", None),
        (b"A/C", None),
        (b"-1/0", None),
        (b"123456/0", None),
        (b"12345/0", ((12345, 0), False)),
        (b"/".join([b"0"] * 200), ((0,) * 200, False)),
        (b"/".join([b"0"] * 201), None),
    ],
)
def test_a_genotype_is_allele_numbers_and_nothing_else(text: bytes, answer: object) -> None:
    assert parse_gt(text) == answer


# ---------------------------------------------------------------------- targets, formats, merging
def test_a_target_that_cannot_be_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(UseError, match=r"a folder; give the name of the table, such as .*calls\.tsv"):
        check_target(tmp_path, [], "tsv")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UseError, match="not a regular file"):
        check_target(tmp_path / "pipe", [], "tsv")
    quiet([plain(tmp_path / "x.vcf")], tmp_path / "c.tsv")
    Path(tmp_path / "c.tsv.json").unlink()
    check_target(tmp_path / "c.tsv", [], "tsv")
    with pytest.raises(UseError, match="exists and is no table"):
        check_target(tmp_path / "c.tsv", [], "jsonl")
    (tmp_path / "empty.tsv").write_text("")
    check_target(tmp_path / "empty.tsv", ["-", "none"], "tsv")
    (tmp_path / "file").write_text("")
    with pytest.raises(UseError, match="the folder cannot be made"):
        quiet([tmp_path / "x.vcf"], tmp_path / "file" / "c.tsv")


def test_the_format_is_asked_for_or_told_by_the_ending() -> None:
    names = {
        "a.tsv": "tsv",
        "a.txt": "tsv",
        "a.jsonl": "jsonl",
        "a.ndjson.gz": "jsonl",
        "a.parquet": "parquet",
        "a.vcf.gz": "vcf",
        "a": "tsv",
        "a.csv": "tsv",
    }
    assert {name: format_of(name, None) for name in names} == names
    assert format_of("a.vcf", "jsonl") == "jsonl"
    with pytest.raises(UseError, match="choose one of tsv, jsonl, parquet, vcf"):
        format_of("a", "xml")


def test_compressed_tables_are_bgzipped(tmp_path: Path) -> None:
    quiet([plain(tmp_path / "x.vcf")], tmp_path / "c.jsonl")
    quiet([tmp_path / "x.vcf"], tmp_path / "d.jsonl.gz")
    assert inflate_blocks((tmp_path / "d.jsonl.gz").read_bytes()) == (tmp_path / "c.jsonl").read_bytes()
    first = json.loads((tmp_path / "c.jsonl").read_text().splitlines()[0])
    assert list(first) == list(COLUMNS)
    assert (first["call"], first["n_v"], first["dp"], first["phased"]) == ("V/F", 1, None, False)


def test_the_provenance_says_what_was_read_and_with_what(tmp_path: Path) -> None:
    path = plain(tmp_path / "x.vcf.gz", mode="tbi")
    os.utime(path, ns=(7, 7))
    os.utime(f"{path}.tbi", ns=(9, 9))
    quiet([path, tmp_path / "none.vcf"], tmp_path / "c.tsv", min_dp=3)
    about = json.loads((tmp_path / "c.tsv.json").read_text())
    assert about["inputs"] == [
        {
            "file": str(path),
            "size": path.stat().st_size,
            "mtime_ns": 7,
            "index": [{"ending": ".tbi", "size": Path(f"{path}.tbi").stat().st_size, "mtime_ns": 9}],
        },
        {"file": str(tmp_path / "none.vcf")},
    ]
    assert about["counts"] == {"files": 2, "rows": 3, "reasons": {"FILE_ERROR": 1, "OK": 2}}
    assert about["reasons"] == {"FILE_ERROR": REASONS["FILE_ERROR"], "OK": "called"}
    assert about["options"]["min_dp"] == 3
    assert set(about["versions"]) == {"biomarkers", "pysam", "htslib", "locus definitions"}
    assert about["loci"]["FCGR3A-158"] == json.loads(json.dumps(about_locus(ONE[0])))
    assert about["loci"]["FCGR3A-158"]["spdi"] == {
        "GRCh37": "NC_000001.10:161514541:A:C",
        "GRCh38": "NC_000001.11:161544751:A:C",
    }
    assert about["output"]["file"] == "c.tsv"
    assert "reference" not in about


def test_the_annotated_vcf_names_files_where_samples_repeat_and_says_what_was_lost(tmp_path: Path) -> None:
    for name in ("a", "b"):
        plain(tmp_path / f"{name}.vcf", Case("", [row("0/1:20:9,11", keys="GT:DP:AD")], [""], samples=["P"]))
    quiet([tmp_path / "a.vcf", tmp_path / "b.vcf", tmp_path / "none.vcf"], tmp_path / "o.vcf")
    text = (tmp_path / "o.vcf").read_text()
    head, line = text.splitlines()[-2:]
    assert head.split("\t")[9:] == ["P@a.vcf", "P@b.vcf"]
    assert line.split("\t")[:9] == [
        "chr1",
        "161544752",
        "rs396991",
        "A",
        "C",
        ".",
        ".",
        "LOCUS=FCGR3A-158;SPDI=NC_000001.11:161544751:A:C",
        "GT:NC:NV:DS:DP:GQ:AD:RS:NT:BD",
    ]
    assert (
        line.split("\t")[9] == "0/1:2:1:1:20:.:9,11:OK:NO_INDEX:GRCh38"
        or line.split("\t")[9] == "0/1:2:1:1:20:.:9,11:OK:.:GRCh38"
    )
    assert "##biomarkers_not_called=<File=" in text
    assert "Reason=FILE_ERROR,Locus=FCGR3A-158>" in text
    (tmp_path / "d").mkdir()
    plain(tmp_path / "d" / "a.vcf", Case("", [row("0/1")], [""], samples=["P"]))
    with pytest.raises(UseError, match="two files of one name hold the same sample"):
        quiet([tmp_path / "a.vcf", tmp_path / "d" / "a.vcf"], tmp_path / "p.vcf")
    old = write(
        tmp_path / "old.vcf", text_of(Case("", [row("1|0", ref="a", alt="c")], [""], samples=["x y"]), "GRCh37"), "text"
    )
    quiet([old], tmp_path / "q.vcf")
    assert (tmp_path / "q.vcf").read_text().splitlines()[-1].startswith("1\t161514542\trs396991")
    assert "\t1|0:2:1:1:.:.:.:OK:.:GRCh37" in (tmp_path / "q.vcf").read_text()


def test_a_merge_says_how_much_it_put_together(tmp_path: Path) -> None:
    quiet([plain(tmp_path / "x.vcf")], tmp_path / "a.tsv")
    quiet([plain(tmp_path / "y.vcf", Case("", [row("./.")], [""], samples=["Y"]))], tmp_path / "b.tsv")
    said = io.StringIO()
    assert run_genotype([tmp_path / "a.tsv", tmp_path / "b.tsv"], tmp_path / "m.tsv", said=said) == 0
    assert said.getvalue() == "2 tables merged; 3 rows: 2 called\n"
    about = json.loads((tmp_path / "m.tsv.json").read_text())
    assert about["counts"] == {"files": 2, "reasons": {"MISSING_GT": 1, "OK": 2}, "rows": 3}
    assert [Path(i["file"]).name for i in about["inputs"]] == ["x.vcf", "y.vcf"]
    assert about["output"]["file"] == "m.tsv"
    assert about["reasons"] == {"MISSING_GT": REASONS["MISSING_GT"], "OK": "called"}


def test_nothing_is_accepted_unasked(tmp_path: Path) -> None:
    """The defaults of the Python function are the cautious ones."""
    flipped = plain(tmp_path / "flip.vcf", Case("", [row("0/1", ref="T", alt="G")], [""]))
    assert call_genotypes(flipped)["reason"].tolist() == ["STRAND_FLIPPED"]
    assert call_genotypes(flipped, allow_flip=True)["call"].tolist() == ["V/F"]
    failed = plain(tmp_path / "filter.vcf", Case("", [row("0/1", filter="q10")], [""]))
    assert call_genotypes(failed)["reason"].tolist() == ["FILTERED"]
    assert call_genotypes(failed, ignore_filter=True)["call"].tolist() == ["V/F"]
    absent = plain(tmp_path / "absent.vcf", Case("", [], [""]))
    assert call_genotypes(absent)["reason"].tolist() == ["ABSENT"]
    swapped = plain(tmp_path / "swap.vcf", Case("", [row("0/1", ref="C", alt="A")], [""]))
    assert call_genotypes(swapped)["note"].tolist() == ["REF_MISMATCH_RESOLVED"]
    thin = plain(tmp_path / "thin.vcf", Case("", [row("0/1:9:30", "0/1:10:19", "0/1:10:20", keys="GT:DP:GQ")], [""] * 3))
    assert call_genotypes(thin)["reason"].tolist() == ["LOW_DP", "LOW_GQ", "OK"]
    imputed = plain(tmp_path / "gp.vcf", Case("", [row("0.1,0.89,0.01", "0.05,0.9,0.05", keys="GP")], [""] * 2))
    assert call_genotypes(imputed)["reason"].tolist() == ["LOW_GP", "OK"]


def test_tables_that_cannot_be_merged_say_why(tmp_path: Path) -> None:
    with pytest.raises(UseError, match="no table named"):
        merge_calls([], tmp_path / "m.tsv")
    (tmp_path / "x.tsv").write_text("a\tb\n")
    with pytest.raises(UseError, match=r"x\.tsv: not a calls table"):
        merge_calls([tmp_path / "x.tsv"], tmp_path / "m.tsv")
    quiet([plain(tmp_path / "x.vcf")], tmp_path / "c.tsv")
    with pytest.raises(UseError, match="cannot be written"):
        merge_calls([tmp_path / "c.tsv"], tmp_path / "none" / "m.tsv")
    (tmp_path / "c.tsv.json").write_text("[]")
    with pytest.raises(UseError, match="not the provenance of a calls table"):
        merge_calls([tmp_path / "c.tsv"], tmp_path / "m.tsv")
    with pytest.raises(UseError, match="not the provenance of a calls table"):
        run_genotype_qc(tmp_path / "c.tsv", tmp_path / "qc", said=io.StringIO())
    (tmp_path / "c.tsv.json").write_text("{")
    with pytest.raises(UseError, match="cannot be read"):
        run_genotype_qc(tmp_path / "c.tsv", tmp_path / "qc", said=io.StringIO())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"allow_flip": 1}, "allow_flip=1: True or False is needed"),
        ({"ignore_filter": "yes"}, "ignore_filter='yes'"),
        ({"min_dp": -1}, "min_dp=-1: a number from 0 is needed"),
        ({"min_gq": True}, "min_gq=True"),
        ({"min_gp": 1.01}, "min_gp=1.01: a number from 0 to 1 is needed"),
        ({"min_dp": "x"}, "min_dp='x'"),
        ({"min_gq": float("nan")}, "min_gq=nan"),
        ({"absent": "ref"}, "absent='ref': choose one of no_call, hom_ref"),
        ({"paralog": "x"}, "choose one of flag, strict"),
        ({"ref_mismatch": None}, "choose one of resolve, strict"),
        ({"build": 38}, "build=38: supported are GRCh37, GRCh38"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(options: dict, words: str) -> None:
    with pytest.raises(UseError, match=words):
        Options(**options)


def test_options_at_their_ends_are_accepted() -> None:
    assert Options(min_dp=0, min_gq=0.0, min_gp=1, build="GRCh37").as_dict() == {
        "build": "GRCh37",
        "absent": "no_call",
        "min_dp": 0,
        "min_gq": 0.0,
        "min_gp": 1,
        "allow_flip": False,
        "ref_mismatch": "resolve",
        "ignore_filter": False,
        "paralog": "flag",
    }
    assert Options().as_dict()["min_dp"] == 10
    assert (Options().min_gq, Options().min_gp, Options().build) == (20, 0.9, None)


def test_the_summary_names_wrong_files_up_to_ten(tmp_path: Path) -> None:
    files = [plain(tmp_path / "good.vcf")] + [tmp_path / f"none{i:02d}.vcf" for i in range(12)]
    said = io.StringIO()
    assert run_genotype(files, tmp_path / "c.tsv", said=said) == 1
    lines = said.getvalue().splitlines()
    assert lines[0] == "13 files; 14 rows: 2 called"
    assert lines[1] == "         12  FILE_ERROR: the file cannot be read, or not to its end"
    assert lines[2:12] == [f"{f}: FILE_ERROR: not found" for f in files[1:11]]
    assert lines[12] == "... and 2 more files that are themselves wrong; their rows say how"
    said = io.StringIO()
    run_genotype(files[:12], tmp_path / "c.tsv", said=said, resume=True)
    assert len([x for x in said.getvalue().splitlines() if "not found" in x]) == 10
    assert "more files" in said.getvalue()
    said = io.StringIO()
    run_genotype(files[:1], tmp_path / "c.tsv", said=said, resume=True)
    assert said.getvalue() == "1 files, 1 of them unchanged since the journal was written; 2 rows: 2 called\n"
    assert run_genotype(files, tmp_path / "d.tsv", said=said, strict=True) == 1
    assert "--strict: 12 rows of files that are themselves wrong; nothing written" in said.getvalue()


def test_nothing_usable_named_is_an_error_of_use(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.vcf")
    (tmp_path / "link.vcf").symlink_to(tmp_path / "gone")
    for files, words in (
        ([tmp_path / "pipe.vcf"], "pipe.vcf: not a regular file$"),
        ([tmp_path / "link.vcf"], "a link whose target is missing$"),
        ([tmp_path / "a.vcf", tmp_path / "b.vcf", tmp_path / "c.vcf"], "a.vcf: no such file; nor is any of the 2 others"),
    ):
        with pytest.raises(UseError, match=words):
            quiet(files, tmp_path / "c.tsv")
    with pytest.raises(UseError, match="no such file"):
        run_genotype_qc(tmp_path / "c.tsv", tmp_path / "qc", said=io.StringIO())


# ---------------------------------------------------------------------- quality
def quality(tmp_path: Path, cells: list[str], **about: object) -> list:
    case = Case("", [row(*cells, **about), row(*cells, alt="G", pos=SITE_2A["GRCh38"])], [""] * len(cells))
    return cohort_quality(call_genotypes(plain(tmp_path / "x.vcf", case), loci=["FCGR3A-158", "FCGR2A-131"]))


def test_nobody_with_the_other_allele_is_a_question(tmp_path: Path) -> None:
    found = quality(tmp_path, ["0/0"] * 20)
    assert found[0].warnings == ["nobody carries V: is the site in the file at all, or its letters exchanged?"]
    assert quality(tmp_path, ["0/0"] * 19)[0].warnings == []
    assert quality(tmp_path, ["0/0"] * 20 + ["0/1"])[0].warnings == []


def test_signs_of_the_paralog_are_counted(tmp_path: Path) -> None:
    case = Case("", [row("0/1:26,14", "0/1:26,14", "0/1:20,20", keys="GT:AD")], [""] * 3)
    (found,) = cohort_quality(call_genotypes(plain(tmp_path / "x.vcf", case)))
    assert found.warnings == ["2 calls with a sign of the paralog (few V reads, or its bases around the site)"]
    assert found.notes.values.tolist() == [["PARALOG_V_LOSS", 2, NOTES["PARALOG_V_LOSS"]]]
    assert found.balance["v_fraction"].tolist() == [14 / 40, 14 / 40, 0.5]


def test_missing_calls_that_go_with_a_group_are_said(tmp_path: Path) -> None:
    cells = ["./."] * 12 + ["0/0"] * 8 + ["0/0", "0/1"] * 10
    case = Case("", [row(*cells)], [""] * 40)
    people = pd.DataFrame({"sample": [f"S{i + 1}" for i in range(40)], "arm": ["A"] * 20 + ["B"] * 20})
    (found,) = cohort_quality(call_genotypes(plain(tmp_path / "x.vcf", case)), people)
    assert any(w.startswith("missing calls go with arm (call rate: A 40%, B 100%; Cramer's V 0.65") for w in found.warnings)
    rates = found.rates.set_index(["group", "level"])
    assert rates.loc[("arm", "A"), ["n", "n_called", "rate"]].tolist() == [20, 8, 0.4]
    assert found.reasons[["reason", "n"]].values.tolist() == [["OK", 28], ["MISSING_GT", 12]]


def test_who_has_no_platform_says_nothing_about_platforms(tmp_path: Path) -> None:
    file = plain(tmp_path / "x.vcf", Case("", [row(*["0/0", "0/1"] * 20)], [""] * 40))
    people = pd.DataFrame({"sample": [f"S{i + 1}" for i in range(40)], "cohort": ["A"] * 20 + ["B"] * 20})
    known = people.assign(platform=["one"] * 10 + ["two"] * 10 + ["one"] * 10 + ["two"] * 10)
    half = known.assign(platform=["one"] * 10 + ["two"] * 10 + [""] * 20)
    mixed = people.assign(platform=["one"] * 19 + ["two"] + ["one"] + ["two"] * 19)
    for who, said in ((known, False), (half, False), (mixed, True)):
        (found,) = cohort_quality(call_genotypes(file), who)
        assert (
            any(w.startswith("platform goes with cohort (share of platform one: A 95%, B 5%") for w in found.warnings) == said
        )
        assert any("platform goes" in w for w in found.warnings) == said


def test_the_direction_of_discordance_is_said_for_a_locus_without_paralog(tmp_path: Path) -> None:
    for name, second, words in (
        ("few", ["0/0"] * 8, "the second reads fewer R"),
        ("more", ["1/1"] * 8, "the second reads more R"),
    ):
        folder = tmp_path / name
        for file, cells in (("a", ["0/1"] * 8), ("b", second)):
            plain(folder / f"{file}.vcf", Case("", [row(*cells, alt="G", pos=SITE_2A["GRCh38"])], [""] * 8))
        (found,) = cohort_quality(call_genotypes(folder, loci=["FCGR2A-131"]))
        assert found.pairs["suggests"].tolist() == [words]
    for name, second, words in (
        ("gain", ["0/1"] * 8, "the second gains V: primers or probes that catch FCGR3B"),
        ("none", ["0/0"] * 8, "no discordant pair"),
        ("little", ["0/1"] * 2 + ["0/0"] * 6, "no direction"),
    ):
        folder = tmp_path / name
        for file, cells in (("a", ["0/0"] * 8), ("b", second)):
            plain(folder / f"{file}.vcf", Case("", [row(*cells)], [""] * 8))
        (found,) = cohort_quality(call_genotypes(folder))
        assert found.pairs["suggests"][0].startswith(words)


def test_no_calls_and_unknown_loci_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UseError, match="the calls table has no rows"):
        cohort_quality(frame_of([]))
    frame = call_genotypes(plain(tmp_path / "x.vcf"))
    frame["locus"] = "MINE-1"
    with pytest.raises(UseError, match="locus 'MINE-1' of the table is not known"):
        cohort_quality(frame)
    assert cohort_quality(frame, loci=[replace(LOCI["FCGR3A-158"], id="MINE-1")])[0].locus.id == "MINE-1"


def test_a_damaged_file_raises_file_problems_and_nothing_else(tmp_path: Path) -> None:
    class Everything:
        def everything(self) -> list:
            return []

        first = then = lambda self, _: []

    (tmp_path / "x.vcf").write_bytes(b"\x1f\x8b\x08\x00garbage")
    with pytest.raises(FileProblem):
        read_lines(str(tmp_path / "x.vcf"), Everything())
