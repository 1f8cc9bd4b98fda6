"""A batch gives the same bytes whatever the number of processes, and wherever it was interrupted."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path

import joblib
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from make_cases import CALLS, Case, row, text_of, write

from biomarkers.domain.errors import UseError
from biomarkers.domain.loci import find_loci
from biomarkers.genotype import call_genotypes, read_calls
from biomarkers.genotype.batch import call_to_text, mark_discordant, mark_discordant_text
from biomarkers.genotype.calls import call_file
from biomarkers.genotype.command import run_genotype
from biomarkers.genotype.journal import Journal
from biomarkers.genotype.options import Options
from biomarkers.genotype.tsv import rows_of_tsv, tsv_lines
from biomarkers.parallel import Died, share_out

LOCI = ["FCGR3A-158", "FCGR2A-131"]


def small(folder: Path, n: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    files = []
    for i in range(n):
        gt = rng.choice(["0/0", "0/1", "1/1", "./."])
        case = Case("", [row(f"{gt}:{rng.randint(5, 60)}", keys="GT:DP")], [""], samples=[f"P{i:04d}"])
        files.append(str(write(folder / f"p{i:04d}.vcf.gz", text_of(case, "GRCh38"), "tbi" if i % 50 == 0 else "bare")))
    return files


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("many")
    files = small(folder, 60)
    files.insert(7, str(folder / "missing.vcf.gz"))
    (folder / "broken.vcf.gz").write_bytes(Path(files[0]).read_bytes()[:-28])
    files.insert(30, str(folder / "broken.vcf.gz"))
    return files


def run(files: list[str], out: Path, **options: object) -> tuple[int, bytes, bytes, str]:
    said = StringIO()
    code = run_genotype(files, out, loci=",".join(LOCI), said=said, **options)
    return code, out.read_bytes(), Path(f"{out}.json").read_bytes(), said.getvalue()


@pytest.fixture(scope="module")
def plain(many: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[int, bytes, bytes, str]:
    return run(many, tmp_path_factory.mktemp("plain") / "calls.tsv")


def test_every_file_has_its_rows_and_the_exit_code_tells_of_wrong_files(many: list[str], plain: tuple) -> None:
    code, table, about, said = plain
    assert code == 1
    rows = rows_of_tsv(table.decode().split("\n", 1)[1])
    assert len(rows) == 2 * len(many)
    assert [r[0] for r in rows[::2]] == many
    assert {r[10] for r in rows if r[0].endswith(("missing.vcf.gz", "broken.vcf.gz"))} == {"FILE_ERROR"}
    assert json.loads(about)["counts"]["rows"] == 124
    assert "missing.vcf.gz: FILE_ERROR: not found" in said


@pytest.mark.parametrize("jobs", [2, 3])
def test_processes_do_not_change_a_byte(many: list[str], plain: tuple, jobs: int, tmp_path: Path) -> None:
    assert run(many, tmp_path / "calls.tsv", jobs=jobs)[:3] == plain[:3]


def test_the_frame_is_the_table(many: list[str], plain: tuple, tmp_path: Path) -> None:
    (tmp_path / "calls.tsv").write_bytes(plain[1])
    frame = call_genotypes(many, loci=LOCI)
    for other in (read_calls(tmp_path / "calls.tsv"), call_genotypes(many, loci=LOCI, jobs=2),
                  call_genotypes(many, loci=LOCI, resume=tmp_path / "j")):
        pd.testing.assert_frame_equal(frame, other, check_categorical=False)


def test_a_joblib_backend_chosen_from_outside_is_used(many: list[str]) -> None:
    with joblib.parallel_config(backend="threading"):
        pd.testing.assert_frame_equal(call_genotypes(many, jobs=2), call_genotypes(many), check_categorical=False)


def test_a_dask_cluster_gives_the_same_bytes(many: list[str], plain: tuple, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed", reason="a Dask cluster needs the extra `distributed`")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        found = run(many, tmp_path / "calls.tsv", dask=cluster.scheduler_address)
    assert found[:3] == plain[:3]


def test_no_dask_scheduler_is_an_error_of_use(many: list[str], tmp_path: Path) -> None:
    with pytest.raises(UseError, match="no Dask scheduler answers"):
        run(many[:2], tmp_path / "calls.tsv", dask="tcp://127.0.0.1:9")


# ---------------------------------------------------------------------- the journal
def journal_of(files: list[str], path: Path, **options: object) -> list[str]:
    batch = call_to_text(files, find_loci(LOCI), Options(**options), path, resume=True)
    batch.journal.close()
    return batch.texts


@pytest.mark.parametrize("cut", [0, 1, 30, 1000, 5001, 10_000])
def test_a_journal_cut_anywhere_resumes_to_the_same_bytes(many: list[str], plain: tuple, cut: int, tmp_path: Path) -> None:
    out = tmp_path / "calls.tsv"
    run(many, out, resume=True)
    journal = Path(f"{out}.journal")
    journal.write_bytes(journal.read_bytes()[:cut])
    out.unlink()
    assert run(many, out, resume=True)[:3] == plain[:3]


def test_resume_reads_only_what_is_new_or_changed(many: list[str], tmp_path: Path) -> None:
    files = [shutil.copy2(f, tmp_path) for f in many if Path(f).exists()]
    journal_of(files, tmp_path / "j")
    text = text_of(Case("", [row("1/1")], [""], samples=["P0003"]), "GRCh38")
    changed = write(tmp_path / Path(files[3]).name, text, "bare")
    os.utime(changed, ns=(1, 1))
    batch = call_to_text(files, find_loci(LOCI), Options(), tmp_path / "j", resume=True)
    batch.journal.close()
    assert batch.n_reused == len(files) - 1
    assert "\tV/V\t" in batch.texts[3]


def test_other_options_and_other_loci_are_another_run(many: list[str], tmp_path: Path) -> None:
    journal_of(many, tmp_path / "j")
    texts = journal_of(many, tmp_path / "j", min_dp=50)
    assert texts == journal_of(many, tmp_path / "fresh", min_dp=50)
    assert any("LOW_DP" in t for t in texts)


def test_a_line_changed_by_hand_fails_its_checksum(many: list[str], tmp_path: Path) -> None:
    texts = journal_of(many, tmp_path / "j")
    data = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(data.replace(b"V/F", b"V/V"))
    assert journal_of(many, tmp_path / "j") == texts


def test_two_runs_do_not_write_one_journal(tmp_path: Path) -> None:
    first = Journal(tmp_path / "j", "run", resume=True)
    with pytest.raises(UseError, match="another run is writing"):
        Journal(tmp_path / "j", "run", resume=True)
    first.close()
    Journal(tmp_path / "j", "run", resume=True).close(remove=True)
    assert not (tmp_path / "j").exists()


def test_the_journal_goes_when_the_table_is_complete_unless_resume_was_asked(many: list[str], tmp_path: Path) -> None:
    run(many[:3], tmp_path / "a.tsv")
    run(many[:3], tmp_path / "b.tsv", resume=True)
    assert not (tmp_path / "a.tsv.journal").exists()
    assert (tmp_path / "b.tsv.journal").exists()


def test_killed_at_random_moments_a_batch_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    """The full run (2,000 files, 200 kills) is benchmarks/genotype_kill.py."""
    files = small(tmp_path / "vcf", 400)
    run_genotype(files, tmp_path / "whole.tsv", said=StringIO())
    (tmp_path / "list.txt").write_text("\n".join(files))
    command = [sys.executable, "-m", "biomarkers.genotype", f"@{tmp_path / 'list.txt'}", "--out", str(tmp_path / "calls.tsv"),
               "--resume"]
    rng = random.Random(11)
    n_killed = 0
    for _ in range(10):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        journal = tmp_path / "calls.tsv.journal"
        deadline = time.monotonic() + 30
        while not journal.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        n_killed += process.wait() == -signal.SIGKILL
        assert subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0
        assert (tmp_path / "calls.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
        for leftover in tmp_path.glob("*.partial"):
            leftover.unlink()
        (tmp_path / "calls.tsv").unlink()
        journal.unlink()
    assert n_killed


# ---------------------------------------------------------------------- workers that die
def test_a_worker_that_is_killed_costs_its_own_unit_only() -> None:
    def work(unit: int) -> int:
        import os
        import signal

        if unit == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return unit * unit

    found = dict(share_out(work, list(range(12)), jobs=2))
    assert found.pop(5) == Died("SIGKILL")
    assert found == {i: i * i for i in range(12) if i != 5}


# ---------------------------------------------------------------------- one sample in two files
def test_discordant_samples_lose_their_calls_in_frame_and_text_alike(tmp_path: Path) -> None:
    cells = (("GT", ["0/1", "1/1", "0/0"]), ("GT", ["1|0", "0/1", "./."]), ("GT:DS", ["0/1:1.1", "0/0:0.1", "0/0:0.2"]))
    texts = [text_of(Case("", [row(*gts, keys=keys)], [""] * 3, samples=list("ABC")), "GRCh38") for keys, gts in cells]
    files = [str(write(tmp_path / f"{i}.vcf", text, "text")) for i, text in enumerate(texts)]
    results = [call_file(f, find_loci(["FCGR3A-158"]), Options()) for f in files]
    lines = [tsv_lines(calls) for calls in results]
    mark_discordant(results)
    changed, n = mark_discordant_text(lines)
    assert changed == [tsv_lines(calls) for calls in results]
    assert n == 3
    rows = [r for text in changed for r in rows_of_tsv(text)]
    assert {(r[1], r[10]) for r in rows} == {("A", "OK"), ("B", "SAMPLE_DUP_DISCORDANT"), ("C", "OK"), ("C", "MISSING_GT")}
    struck = [r for r in rows if r[1] == "B"]
    assert all(r[4] == "" and r[5] is None and r[6] is None and r[8] is None for r in struck)
    assert struck[0][-1] == "was V/V: V/V in 0.vcf, V/F in 1.vcf, F/F in 2.vcf"


def test_a_discordant_sample_among_many_keeps_the_others(tmp_path: Path) -> None:
    names = [f"N{i:03d}" for i in range(100)]
    cells = ["0/1"] * 100
    a = write(tmp_path / "a.vcf", text_of(Case("", [row(*cells)], [""] * 100, samples=names), "GRCh38"), "text")
    b = write(tmp_path / "b.vcf", text_of(Case("", [row("0/0")], [""], samples=["N042"]), "GRCh38"), "text")
    frame = call_genotypes([a, b])
    assert frame["reason"].value_counts().to_dict() == {"OK": 99, "SAMPLE_DUP_DISCORDANT": 2}
    assert frame.loc[frame["sample"] == "N042", ["dosage", "n_v"]].isna().all(axis=None)


# ---------------------------------------------------------------------- shapes
def test_large_and_small_files_in_one_frame_keep_types_and_order(tmp_path: Path) -> None:
    wide = write(tmp_path / "w.vcf", text_of(Case("", [row(*["0/1:12"] * 80, keys="GT:DP")], [""] * 80), "GRCh37"), "text")
    other = write(tmp_path / "o.vcf", text_of(replace(CALLS[0], samples=list("abcdef")), "GRCh38"), "text")
    frame = call_genotypes([other, wide, tmp_path / "none.vcf"], loci=LOCI)
    alone = pd.concat([call_genotypes(f, loci=LOCI).astype(dict.fromkeys(("file", "build", "call", "reason", "note"), "str"))
                       for f in (other, wide, tmp_path / "none.vcf")], ignore_index=True)
    pd.testing.assert_frame_equal(frame.astype("str"), alone.astype("str"))
    assert frame.dtypes.astype(str).to_dict() | {"sample": "str"} == frame.dtypes.astype(str).to_dict()
    assert str(frame["n_v"].dtype) == "Int64"
    assert len(frame) == 2 * (6 + 80 + 1)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from biomarkers.genotype import batch

    file = write(tmp_path / "x.vcf", text_of(CALLS[0], "GRCh38"), "text")
    real = batch.call_file

    def slow(*arguments: object) -> object:
        found = real(*arguments)
        os.utime(file, ns=(5, 5))
        return found

    monkeypatch.setattr(batch, "call_file", slow)
    code, table, _, _ = run([str(file)], tmp_path / "calls.tsv")
    assert code == 1
    assert b"\tthe file changed while it was read\n" in table


def test_an_error_nobody_foresaw_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from biomarkers.genotype import batch

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(batch, "call_file", broken)
    frame = call_genotypes([tmp_path / "x.vcf"], loci=LOCI)
    assert frame["reason"].tolist() == ["FILE_ERROR"] * 2
    assert frame["note"].tolist() == ["unforeseen RuntimeError: a bug"] * 2


# ---------------------------------------------------------------------- workflows that run file by file
def test_tables_made_one_by_one_merge_to_the_table_of_all(many: list[str], plain: tuple, tmp_path: Path) -> None:
    tables = []
    for i, file in enumerate(many):
        if Path(file).exists():
            run([file], tmp_path / f"{i:03d}.tsv")
            tables.append(tmp_path / f"{i:03d}.tsv")
    run(["@" + str(_list(tmp_path, [f for f in many if Path(f).exists()]))], tmp_path / "whole.tsv")
    assert run_genotype(tables, tmp_path / "merged.tsv", said=StringIO()) == 1
    assert (tmp_path / "merged.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
    whole, merged = (json.loads((tmp_path / f"{n}.tsv.json").read_text()) for n in ("whole", "merged"))
    for about in (whole, merged):
        about["output"].pop("file")
    assert merged == whole


def _list(folder: Path, files: list[str]) -> Path:
    (folder / "files.txt").write_text("\n".join(files))
    return folder / "files.txt"


def test_a_merge_finds_the_sample_that_two_files_call_differently(tmp_path: Path) -> None:
    for name, gt in (("a", "0/1"), ("b", "1/1")):
        file = write(tmp_path / f"{name}.vcf", text_of(Case("", [row(gt)], [""], samples=["P1"]), "GRCh38"), "text")
        run_genotype([file], tmp_path / f"{name}.tsv", said=StringIO())
    run_genotype([tmp_path / "a.tsv", tmp_path / "b.tsv"], tmp_path / "both.tsv", said=StringIO())
    assert read_calls(tmp_path / "both.tsv")["reason"].tolist() == ["SAMPLE_DUP_DISCORDANT"] * 2


@pytest.mark.parametrize("fault", ["options", "twice", "provenance"])
def test_tables_that_do_not_belong_together_are_not_merged(fault: str, many: list[str], tmp_path: Path) -> None:
    run([many[0]], tmp_path / "a.tsv")
    run([many[0] if fault == "twice" else many[1]], tmp_path / "b.tsv", **({"min_dp": 3} if fault == "options" else {}))
    if fault == "provenance":
        (tmp_path / "b.tsv.json").unlink()
    words = {"options": "different options", "twice": "more than one table", "provenance": "provenance"}[fault]
    with pytest.raises(UseError, match=words):
        run_genotype([tmp_path / "a.tsv", tmp_path / "b.tsv"], tmp_path / "both.tsv", said=StringIO())
    assert not (tmp_path / "both.tsv").exists()
