"""Nobody is named and few are counted: pseudonyms under a key, small counts hidden in every file, canaries found nowhere."""

import csv
import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

import biomarkers as bm
from biomarkers.domain import numbers
from biomarkers.domain.errors import DataProblem, UseError
from biomarkers.domain.privacy import pseudonym
from biomarkers.plan.plan import Plan
from biomarkers.qualify import practice
from biomarkers.report.small_cells import table_protected, written
from biomarkers.study.study import example_folder

KEY = "f" * 20 + "not to be found anywhere"
CELL = 5
NAMES = [f"Q{i:03d}" for i in range(1, 91)]


def folder_text(folder):
    return "\n".join(p.read_text(encoding="utf-8", errors="replace") for p in sorted(folder.rglob("*")) if p.is_file())


def named(text):
    return [name for name in NAMES if re.search(rf"(?<!\w){name}(?!\w)", text)]


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text(KEY + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The qualification study."""
    return practice.study_in(tmp_path_factory.mktemp("privacy") / "study")


def command(*words, cwd):
    return subprocess.run([sys.executable, "-m", "biomarkers.cli", *map(str, words)], cwd=cwd, capture_output=True, text=True,
                          timeout=300, check=False)


def test_no_identifier_and_no_key_is_in_any_file_message_or_notebook(place, key, tmp_path):
    (tmp_path / "s").mkdir()
    shutil.copytree(place, tmp_path / "s" / "study")
    done = command("run", "study/plan.toml", "--out", "out", "--pseudonyms", key, cwd=tmp_path / "s")
    assert done.returncode == 0, done.stderr
    exported = command("export", "study/plan.toml", "--out", "data", "--pseudonyms", key, cwd=tmp_path / "s")
    assert exported.returncode == 0, exported.stderr
    checked = command("check", "study/study.toml", "--pseudonyms", key, cwd=tmp_path / "s")
    told = "".join(x.stdout + x.stderr for x in (done, exported, checked))
    study = bm.read_study(place / "study.toml", pseudonyms=key)
    notebook = study._repr_html_() + "".join(t.to_csv() for t in study.tables.values()) + repr(study)
    for text in (told, folder_text(tmp_path / "s" / "out"), folder_text(tmp_path / "s" / "data"), notebook):
        assert not named(text)
        assert KEY not in text
        assert key.name not in re.findall(r"\S+", text)
    adsl = pd.read_csv(tmp_path / "s" / "data" / "adsl.csv")
    assert set(adsl["USUBJID"]) == {pseudonym(name, KEY.encode()) for name in NAMES}


def test_the_same_key_gives_the_same_names_and_another_key_others(place, key, tmp_path):
    other = tmp_path / "other"
    other.write_text("another secret of some length", encoding="utf-8")
    one, again, apart = (set(bm.read_study(place / "study.toml", pseudonyms=k).subjects["subject"]) for k in (key, key, other))
    assert one == again
    assert len(one) == 90
    assert not one & apart


def test_pseudonyms_change_no_number(place, key):
    plan = Plan.read(place / "plan.toml")
    plain, hidden = (plan.run(plan.read_study(pseudonyms=k)).table for k in (None, key))
    pd.testing.assert_frame_equal(plain, hidden)


def test_an_error_names_the_pseudonym_of_its_subject(place, key, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(place, broken)
    sheet = (broken / "sheet.csv").read_text(encoding="utf-8")
    (broken / "sheet.csv").write_text(re.sub(r"(Q010,.*),V/F,|(Q010,.*),[FV]/[FV],", r"\1\2,V/X,", sheet), encoding="utf-8")
    with pytest.raises(DataProblem) as refused:
        bm.read_study(broken / "study.toml", pseudonyms=key)
    assert not named(str(refused.value))
    assert pseudonym("Q010", KEY.encode()) in str(refused.value)
    assert "sheet.csv:11:genotype" in str(refused.value)


def test_a_study_that_asks_for_pseudonyms_is_not_read_without_a_key(place, tmp_path):
    asks = tmp_path / "asks"
    shutil.copytree(place, asks)
    text = (asks / "study.toml").read_text(encoding="utf-8")
    (asks / "study.toml").write_text(text + "\n[privacy]\npseudonyms = true\n", encoding="utf-8")
    with pytest.raises(UseError, match="--pseudonyms KEYFILE"):
        bm.read_study(asks / "study.toml")


@pytest.mark.parametrize(("content", "said"), [(b"short", "too few"), (None, "no such file")])
def test_a_key_that_could_be_guessed_or_is_absent_is_refused(place, tmp_path, content, said):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UseError, match=said):
        bm.read_study(place / "study.toml", pseudonyms=path)


# -- small cells -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A run whose study asks for cells of at least five, and whose third genotype has few carriers."""
    def change(line):
        return re.sub(r",V/V,", ",V/F,", line) if int(line[1:4]) > 30 else line

    study = practice.STUDY + f"\n[privacy]\nminimum_cell_size = {CELL}\n"
    folder = tmp_path_factory.mktemp("small")
    practice.study_in(folder / "study", change, study=study)
    done = command("run", "study/plan.toml", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_no_file_holds_a_count_below_the_size_nor_one_that_is_not_rounded(small):
    seen = 0
    for path in sorted((small / "out").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                for name, cell in row.items():
                    if name in ("n", "n_events", "n_excluded", "n_left", "total", "n_risk", "n_event", "n_censor", "n_total",
                                "n_known", "n_unknown", "expected", "collected", "evaluable") and cell not in ("", "<5"):
                        seen += 1
                        assert float(cell) % CELL == 0, (path.name, name, cell)
    assert seen > 200
    assert "<5" in folder_text(small / "out")


def test_no_page_and_no_figure_says_how_few(small):
    out = small / "out"
    for path in [*out.rglob("*.html"), *out.rglob("*.svg")]:
        text = re.sub(r"<style.*?</style>|<[^>]+>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = text.replace("\u00a0", " ")
        told = re.findall(r"(?<![\d.<,])\b([1-4]) (?:events?|patients?|subjects?|deaths?)\b", text)
        told += re.findall(r"(?<![\d.<])\b(\d*[1-46-9]) (?:events|patients|subjects|deaths)\b", text)
        assert not told, (path.name, told)


def test_the_boxes_of_a_landmark_s_flow_hold_no_count_of_few(tmp_path):
    shutil.copytree(example_folder("stop_her2"), tmp_path / "s")
    with (tmp_path / "s" / "study.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[privacy]\nminimum_cell_size = {CELL}\n")
    plan = 'title = "t"\npermutations = 0\npower_replicates = 0\n[[analysis]]\nid = "a"\nmarker = "mrd"\nat = "week30"\n'
    (tmp_path / "s" / "plan.toml").write_text(plan, encoding="utf-8")
    done = command("run", "s/plan.toml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    boxes = [count for path in (tmp_path / "out").rglob("*.html")
             for flow in re.findall(r'<ol class="flow">.*?</ol>', path.read_text(encoding="utf-8"), flags=re.DOTALL)
             for count in re.findall(r"<b>([^<]*)</b>", flow)]
    assert "&lt;5" in boxes
    assert [box for box in boxes if box != "&lt;5" and int(box) % CELL] == []


def test_a_row_per_patient_is_neither_drawn_nor_exported(small):
    done = command("export", "study/plan.toml", "--out", "data", cwd=small)
    assert done.returncode == 2
    assert "minimum cell size" in done.stderr
    assert not (small / "data").exists()


def test_estimates_are_those_of_the_run_without_the_switch(small, tmp_path):
    plan = Plan.read(small / "study" / "plan.toml")
    table = plan.run(plan.read_study()).table
    shown = pd.read_csv(small / "out" / "results.csv")
    pd.testing.assert_series_equal(table["p_value"].reset_index(drop=True).astype(float), shown["p_value"].astype(float))
    assert json.loads((small / "out" / "run.json").read_text(encoding="utf-8"))["outputs"]


def test_a_hidden_count_cannot_be_had_from_its_neighbours():
    """38 patients of whom 3 are lost: 35 left and 38 in all would say it; 40, "<5" and 35 do not."""
    flow = pd.DataFrame({"n_excluded": [0, 3], "n_left": [38, 35], "total": [38, 38]})
    shown = written(table_protected(flow, CELL), CELL)
    assert shown.to_numpy().tolist() == [[0, 40, 40], ["<5", 35, 40]]
    for few in (1, 2, 3, 4):
        same = pd.DataFrame({"n_excluded": [few], "n_left": [38 - few], "total": [38]})
        assert written(table_protected(same, CELL), CELL)["n_excluded"].tolist() == ["<5"]


def test_every_small_count_is_written_alike():
    with numbers.minimum_cell(CELL):
        assert {numbers.count(n) for n in (1, 2, 3, 4)} == {"<5"}
        assert numbers.count(0) == "0"
        assert {numbers.n_percent(n, 38) for n in (1, 2, 3, 4)} == {"<5"}
        assert numbers.n_percent(36, 38) == f"35{numbers.NBSP}({numbers.NONE})"
        assert numbers.plural(3, "test") == "3 tests"
    assert numbers.count(3) == "3"


def test_a_marker_s_value_is_no_count_and_stands_as_it_was_measured():
    with numbers.minimum_cell(20):
        assert [numbers.value(x) for x in (15, 233.4, -12)] == ["15", "233", f"{numbers.MINUS}12"]


@pytest.mark.parametrize(("said", "shown"), [
    ("descriptive only: 3 events in detected; 33 of 38 patients", "descriptive only: <5 events in detected; 35 of 40 patients"),
    ("descriptive only: 2 events in 3 detected", "descriptive only: <5 events in <5 detected"),
    ("1 assay failed; 12 indeterminate", "<5 assay failed; 10 indeterminate"),
    ("11 of 52 censored before; 2 at risk", "10 of 50 censored before; <5 at risk"),
    ("4 not followed to the time count as failures", "<5 not followed to the time count as failures"),
    ("n = 3; 1,234 of 2,001 rows", "n = <5; 1235 of 2000 rows"),
    ("95 % interval; 2 cohorts; 1 degree of freedom", "95 % interval; 2 cohorts; 1 degree of freedom"),
    ("landmark day 146 (days 105 to 146); values 6 to 32 days old, median 19; B = 99; 9,999 permutations; 2.5 to 3.1",) * 2,
])  # fmt: skip
def test_a_number_in_a_note_is_one_of_people_unless_it_says_what_else(said, shown):
    assert table_protected(pd.DataFrame({"note": [said]}), CELL)["note"].tolist() == [shown]


def test_a_protected_problem_names_no_row_and_no_day_of_a_patient():
    problem = "a draw on day 158, the day of the event (43 cells, rows 5, 11 and 41 more)"
    table = pd.DataFrame({"severity": ["note"], "problem": [problem], "remedy": ["check day 158"], "subject": ["S1"],
                          "value": ["158"]})
    shown = table_protected(table, CELL).iloc[0]
    assert "158" not in "".join(shown)
    assert shown["problem"] == "a draw on a day, the day of the event (45 cells)"
