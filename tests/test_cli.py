"""The command line as a person meets it: exit codes, one clear line per fault, nothing half-written, the same bytes twice."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

BR1801 = Path(__file__).parent.parent / "sample_data" / "br1801"
BIOMARKERS = [sys.executable, "-W", "error", "-m", "biomarkers.cli"]


def call(*words, cwd=None, env=None):
    return subprocess.run([*BIOMARKERS, *map(str, words)], capture_output=True, text=True, timeout=300, check=False, cwd=cwd,
                          env={**os.environ, "NO_COLOR": "1", **(env or {})})


def hashes(folder):
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "run.log"}


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The sample study with a short plan."""
    folder = tmp_path_factory.mktemp("study") / "br1801"
    shutil.copytree(BR1801, folder)
    (folder / "plan.toml").write_text("""
title = "Three questions"
permutations = 199
[[analysis]]
id = "tk1"
marker = "tk1_dul"
family = "blood"
[[analysis]]
id = "ctc"
marker = "ctc"
cut = "registry"
family = "blood"
[[analysis]]
id = "fcgr3a"
marker = "fcgr3a_158"
family = "germline"
""", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(study, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run"
    done = call("run", study / "plan.toml", "--out", out)
    assert done.returncode == 0, done.stderr
    return out


def test_help_is_quick_and_loads_nothing_heavy():
    begun = time.process_time()
    done = call("--help")
    assert done.returncode == 0
    for command in ("demo", "check", "run", "verify"):
        assert command in done.stdout
    code = "import sys, biomarkers.cli; print([m for m in ('numpy', 'pandas', 'scipy', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    assert time.process_time() - begun < 5


def test_check_reads_everything_and_finds_nothing_wrong_with_the_sample_study(study):
    done = call("check", study / "study.toml", "--strict")
    assert done.returncode == 0, done.stdout
    assert "error" not in done.stdout
    assert "114 rows" in done.stdout


def test_check_as_json_is_json(study):
    read = json.loads(call("check", study / "study.toml", "--json").stdout)
    assert read["subjects"] == 114
    assert {p["severity"] for p in read["problems"]} == {"note"}


def test_a_run_leaves_a_complete_folder(run):
    names = {p.relative_to(run).as_posix() for p in run.rglob("*") if p.is_file()}
    assert {"report.html", "cohorts/er-plus/report.html", "cohorts/er-minus/report.html", "results.csv", "flow.csv",
            "ledger.csv", "run.json", "run.log"} <= names
    assert not list(run.parent.glob(".*"))


def test_run_json_holds_every_hash_and_no_clock_or_machine(run, study):
    text = (run / "run.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert {entry["path"] for entry in record["outputs"]} == set(hashes(run)) - {"run.json"}
    assert {entry["path"] for entry in record["inputs"]} >= {"study.toml", "subjects.csv", "outcomes.csv"}
    assert str(study) not in text
    assert str(Path.home()) not in text
    assert "202" not in json.dumps(record["counts"])


def test_the_same_inputs_give_the_same_bytes_whatever_the_jobs_the_folder_and_the_hash_seed(run, study, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.copytree(study, moved)
    done = call("run", "plan.toml", "--out", tmp_path / "again", "--jobs", 2, cwd=moved,
                env={"PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    assert hashes(tmp_path / "again") == hashes(run)


def test_an_earlier_run_is_replaced_only_with_force(run, study, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    before = hashes(out)
    done = call("run", study / "plan.toml", "--out", out)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert hashes(out) == before
    assert call("run", study / "plan.toml", "--out", out, "--force").returncode == 0


def test_a_folder_with_other_things_in_it_is_never_touched(study, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    done = call("run", study / "plan.toml", "--out", tmp_path, "--force")
    assert done.returncode == 2
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_verify_finds_an_altered_a_missing_and_an_extra_file(run, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    assert call("verify", out).returncode == 0
    (out / "results.csv").write_bytes((out / "results.csv").read_bytes().replace(b"0", b"1", 1))
    (out / "flow.csv").unlink()
    (out / "note.txt").write_text("x", encoding="utf-8")
    done = call("verify", out)
    assert done.returncode == 2
    for words in ("results.csv: altered", "flow.csv: missing", "note.txt: not part of the run"):
        assert words in done.stdout
    (out / "run.json").unlink()
    assert "no finished run" in call("verify", out).stderr


def test_a_run_made_again_is_the_same_to_the_byte(run, study):
    done = call("verify", run, "--rerun", study / "plan.toml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "same bytes"


def test_a_first_study_file_is_drafted_and_an_existing_one_never_replaced(study, tmp_path):
    out = study / "draft.toml"
    assert call("init", study, "--out", out).returncode == 0
    text = out.read_text(encoding="utf-8")
    assert "# ?" in text
    done = call("init", study, "--out", out)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert out.read_text(encoding="utf-8") == text
    out.unlink()


def test_the_schema_of_the_plan_is_json():
    assert "analysis" in json.loads(call("plan-schema").stdout)["properties"]


def test_genotypes_are_called_and_judged(study, tmp_path):
    done = call("genotype", study / "vcf", "--out", tmp_path / "calls.tsv")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls.tsv").read_text(encoding="utf-8").count("\n") == 115
    assert call("genotype-qc", tmp_path / "calls.tsv", "--out", tmp_path / "qc").returncode == 0
    assert (tmp_path / "qc" / "genotype-qc.html").is_file()


def one_line(done, code, *words):
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    said = done.stderr.strip() or done.stdout.strip()
    for word in words:
        assert word in said
    return said


def test_bad_paths_get_one_clear_line_each(tmp_path):
    empty = tmp_path / "empty.toml"
    empty.touch()
    for path, word in ((tmp_path / "absent.toml", "absent.toml"), (tmp_path, tmp_path.name), (empty, "empty.toml")):
        said = one_line(call("check", path), 2, word)
        assert len([line for line in said.splitlines() if path.name in line]) == 1


def test_a_misspelt_key_of_study_toml_names_the_line_and_the_right_one(study, tmp_path):
    folder = tmp_path / "s"
    shutil.copytree(study, folder)
    text = (folder / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(text.replace("cohorts =", "cohort =", 1), encoding="utf-8")
    one_line(call("check", folder / "study.toml"), 2, "study.toml:", "cohort", "cohorts")


def test_a_misspelt_key_of_plan_toml_exits_3(study, tmp_path):
    plan = study / "bad_plan.toml"
    plan.write_text('title = "x"\n[[analysis]]\nid = "a"\nmarkr = "ctc"\n', encoding="utf-8")
    one_line(call("run", plan, "--out", tmp_path / "o"), 3, "bad_plan.toml:4", "did you mean 'marker'")
    assert not (tmp_path / "o").exists()


def test_a_plan_that_names_what_the_study_lacks_exits_3(study, tmp_path):
    plan = study / "unknown.toml"
    plan.write_text('title = "x"\n[[analysis]]\nid = "a"\nmarker = "stils"\n', encoding="utf-8")
    one_line(call("run", plan, "--out", tmp_path / "o"), 3, "unknown.toml:4", "did you mean 'stil'")


def test_bad_data_stop_the_run_before_anything_is_written(study, tmp_path):
    folder = tmp_path / "s"
    shutil.copytree(study, folder)
    text = (folder / "outcomes.csv").read_text(encoding="utf-8").splitlines()
    cells = text[3].split(",")
    text[3] = ",".join([cells[0], cells[1], "-5", *cells[3:]])
    (folder / "outcomes.csv").write_text("\n".join(text), encoding="utf-8")
    one_line(call("run", folder / "plan.toml", "--out", tmp_path / "o"), 2, "outcomes.csv:4", "-5", "Nothing was analysed")
    assert not (tmp_path / "o").exists()


def test_the_demo_writes_the_study_and_its_report(tmp_path):
    done = call("demo", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "demo" / "report" / "report.html").is_file()
    assert "report.html" in done.stdout
    assert call("check", tmp_path / "demo" / "study" / "study.toml").returncode == 0


def test_a_closed_pipe_is_no_error(study):
    done = subprocess.run(f"{' '.join(BIOMARKERS)} check {study / 'study.toml'} | head -1", shell=True, capture_output=True,
                          text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr
    assert done.stdout
