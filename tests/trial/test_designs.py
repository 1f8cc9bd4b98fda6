"""The two design registries say what the knowledge found, computed anew; a wrong file is answered with its line."""

import json
from pathlib import Path

import pytest

from biomarkers import trial
from biomarkers.domain.errors import UseError
from biomarkers.trial import command, derivations
from biomarkers.trial.designs_file import check_design, read_design

FOLDER = Path(__file__).resolve().parents[2] / "sample_data" / "designs"


def verdicts(name):
    return check_design(read_design(FOLDER / name)).set_index("id")["verdict"].to_dict()


def test_br1801_verdicts():
    found = verdicts("br1801.toml")
    assert {k for k, v in found.items() if v == "reproduced"} == {
        "ER+ patients", "ER- patients", "ER+ power", "ER- power", "ER+ accrual"}
    assert {k for k, v in found.items() if v == "ambiguous"} == {"phase I rule", "ER+ events", "ER- events", "total"}
    assert {k for k, v in found.items() if v == "inconsistent"} == {"ER+ futility look", "ER- futility look", "ER- accrual"}
    assert {k for k, v in found.items() if v == "stated"} == {"primary test", "follow-up", "secondary", "tissue", "blood"}


def test_stop_her2_verdicts():
    found = verdicts("stop_her2.toml")
    assert found["two stages"] == "ambiguous"
    assert found["patients who stop"] == "not reproduced"
    assert {v for k, v in found.items() if k not in ("two stages", "patients who stop")} == {"stated"}


def test_64_and_50_are_freedmans_alone():
    table = check_design(read_design(FOLDER / "br1801.toml")).set_index("id")
    assert table.loc["ER+ patients", "reproduced_by"] == "Freedman 63.27 → 64"
    assert table.loc["ER- patients", "reproduced_by"] == "Freedman 48.75 → 50"


def test_a_changed_number_changes_its_verdict(tmp_path):
    text = (FOLDER / "br1801.toml").read_text()
    changed = tmp_path / "changed.toml"
    said = 'says = "64 eligible patients, 32 per arm"\nvalue = '
    changed.write_text(text.replace(f"{said}64", f"{said}62"))
    assert check_design(read_design(changed)).set_index("id").loc["ER+ patients", "verdict"] == "not reproduced"


def test_the_printed_registry_shows_the_true_size_and_ends_well():
    text, code = command.run_design(FOLDER / "br1801.toml", n_trials=4000)
    assert code == 0
    assert "17 statements: 5 reproduced, 4 ambiguous, 3 inconsistent, 5 stated." in text
    assert "size (nominal 0.10) 0.10" in text
    assert "58 are 97 % of them" in text
    assert max(map(len, text.splitlines())) <= 118


def test_a_given_look_is_simulated(tmp_path):
    text = (FOLDER / "br1801.toml").read_text().replace("# look = { events = 29", "look = { events = 29")
    path = tmp_path / "look.toml"
    path.write_text(text)
    printed, code = command.run_design(path, n_trials=2000)
    assert code == 0
    assert "with the futility look obeyed" in printed


@pytest.mark.parametrize(("rule", "words"), [
    ("{ r1 = 11, n1 = 20, r = 23, n = 40 }", "type I error 0.0987 at 0.5, power 0.8022 at 0.68, expected n 25.03"),
    ("{ r1 = 11, n1 = 20, r = 22, n = 40 }", "this exceeds the stated type I error 0.1"),
    ("{ r1 = 13, n1 = 20, r = 25, n = 40 }", "this falls short of the stated power 0.8"),
])  # fmt: skip
def test_a_given_two_stage_rule_prints_the_error_rates_it_has(tmp_path, rule, words):
    text = (FOLDER / "stop_her2.toml").read_text()
    path = tmp_path / "rule.toml"
    path.write_text(text.replace("# design = { r1 = 11, n1 = 20, r = 23, n = 40 }", f"design = {rule}"))
    printed, code = command.run_design(path)
    assert code == 0
    assert words in printed


def test_json_holds_every_statement_and_its_derivations():
    text, code = command.run_design(FOLDER / "stop_her2.toml", as_json=True)
    found = json.loads(text)
    assert code == 0
    assert [s["id"] for s in found["statements"]][:2] == ["two stages", "patients who stop"]
    assert found["statements"][0]["derivations"][0]["value"] == 40


def test_a_terminal_that_knows_ascii_only_gets_ascii():
    text, code = command.run_design(FOLDER / "br1801.toml", n_trials=0, encoding="ascii")
    assert code == 0
    assert text.isascii()
    assert "Freedman 63.27 -> 64" in text
    assert "!= Schoenfeld" in text


def test_printing_is_deterministic():
    once = command.run_design(FOLDER / "br1801.toml", n_trials=1000)
    assert once == command.run_design(FOLDER / "br1801.toml", n_trials=1000)


@pytest.mark.parametrize(("old", "new", "words"), [
    ("median_control = 12", "median_controll = 12", "did you mean 'median_control'"),
    ("alpha = 0.10                                  # one-sided", "alpha = 0.6", "between 0 and 0.5"),
    ("events = 58", "events = 70", "70 events from 64 patients"),
    ("# look = { events = 29, bound = 0.0 }", "look = { events = 58, bound = 0.0 }", "the last event analysed is number 58"),
    ("# look = { events = 29, bound = 0.0 }", "look = { after = 29 }", "look needs events"),
    ('{ by = "sample_size", method = "schoenfeld" }', '{ by = "samplesize" }', "did you mean 'sample_size'"),
    ('about = "ER+"\nsays = "64', 'about = "ER"\nsays = "64', "is nothing in this file"),
    ("n = 64", "n = 63", "odd"),
    ("n = 64", 'n = "64"', "'64' is not a whole number"),
    ("power = 0.90", "power = true", "True is not a number"),
    ('strata = ["liver_mets"]', 'strata = "liver_mets"', "is not a list"),
    ("[escalation]", "[escalations]", "did you mean 'escalation'"),
    ('trial = "ACCRU-BR-1801"', "trial = 7", "name of its trial"),
    ("power = 0.90\naccrual", "power = 0.90 0\naccrual", "Expected newline"),
])  # fmt: skip
def test_a_wrong_file_is_answered_with_file_line_and_remedy(tmp_path, old, new, words):
    text = (FOLDER / "br1801.toml").read_text()
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new, 1))
    said, code = command.run_design(path, n_trials=0)
    assert code == 2
    assert "wrong.toml" in said
    assert words in said


def test_no_damage_to_a_line_ends_in_a_traceback(tmp_path):
    lines = (FOLDER / "br1801.toml").read_text().splitlines()
    path, codes = tmp_path / "damaged.toml", []
    for i, line in enumerate(lines):
        if not line.strip() or line.startswith("#"):
            continue
        changed = ("", line.replace("=", "= -", 1), line.replace("5", "50000"), line[: len(line) // 2])[i % 4]
        path.write_text("\n".join([*lines[:i], changed, *lines[i + 1 :]]))
        said, code = command.run_design(path, n_trials=0)
        codes.append(code)
        assert code in (0, 2)
        assert said
    assert codes.count(2) > 30


def test_every_problem_of_a_file_is_named_at_once(tmp_path):
    text = (FOLDER / "br1801.toml").read_text().replace("n = 64", "n = 63").replace("n = 50", "n = 51")
    path = tmp_path / "two.toml"
    path.write_text(text)
    with pytest.raises(UseError) as refused:
        read_design(path)
    assert str(refused.value).count("odd") == 2


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    said, code = command.run_design(tmp_path / "none.toml")
    assert (said, code) == ("none.toml: no such file or directory", 2)


def test_every_derivation_is_used_and_documented():
    files = [read_design(FOLDER / name) for name in ("br1801.toml", "stop_her2.toml")]
    used = {derivation["by"] for file in files for statement in file.statements for derivation in statement.derivation}
    assert used == set(derivations.DERIVATIONS)
    assert all(function.__doc__ for function in derivations.DERIVATIONS.values())


def test_the_files_look_times_are_inputs():
    design = read_design(FOLDER / "br1801.toml")
    assert [c.futility for c in design.comparisons] == [None, None]
    assert trial.read_design(FOLDER / "stop_her2.toml").single_arm("stop").two_stage() is None


def test_52_patients_are_no_simon_design_but_others_reach_it():
    table = check_design(read_design(FOLDER / "stop_her2.toml"))
    hints = table.attrs["derivations"].query("id == 'patients who stop' and hint")
    assert any("10/21 then 30/52" in text for text in hints["text"])
    assert any("9/18 then 30/52" in text for text in hints["text"])
    assert any("alpha 0.0972 and power 0.9045" in text for text in hints["text"])
