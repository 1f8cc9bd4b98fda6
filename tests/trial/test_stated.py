"""What a trial states in study.toml is read as stated; what contradicts itself is refused with its line."""

import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem, UseError
from biomarkers.domain.trial import CohortQuestion, Instrument, Trial
from biomarkers.readers.study_file import read_study_file

HEAD = 'name = "A"\ncohorts = ["A", "B"]\narms = ["x", "y"]\n[tables]\nsubjects = "s.csv"\n'


@pytest.fixture
def stated(tmp_path):
    (tmp_path / "s.csv").write_text("subject\n1\n")

    def read(text):
        (tmp_path / "study.toml").write_text(HEAD + text)
        return read_study_file(tmp_path / "study.toml").design.trial

    return read


def test_a_study_that_states_nothing_has_no_trial(stated):
    assert stated("") is None


def test_everything_stated_arrives(stated):
    trial = stated(
        "[trial]\nalpha = 0.1\ntimes = { PFS = [84] }\n[trial.cohorts.A]\nevents = 58\nn = 64\n[trial.cohorts.B]\nday = 365\n"
        "null = 0.5\nalternative = 0.68\ntwo_stage = { r1 = 11, n1 = 20, r = 23, n = 40 }\n"
        '[trial.instruments.qol]\nlabel = "Quality of life"\nminimal_difference = 10\n'
    )
    assert trial.trial_level == 0.8
    assert trial.times["pfs"] == (84,)
    assert (trial.cohorts["A"].events, trial.cohorts["B"].two_stage.n1) == (58, 20)
    assert trial.instruments["qol"] == Instrument(label="Quality of life", minimal_difference=10.0)


@pytest.mark.parametrize(("text", "said"), [
    ("[trial]\n", "study.toml:6:trial: arms are compared, and no one-sided level is given"),
    ("[trial]\nalpha = 0.5\n", "must lie between 0 and 0.5"),
    ("[trial]\nalpha = 0.1\nalfa = 1\n", "study.toml:8:trial.alfa: unknown key 'alfa' → did you mean 'alpha'?"),
    ("[trial]\nalpha = 0.1\n[trial.cohorts.C]\nday = 1\n", "unknown cohort 'C'"),
    ("[trial]\nalpha = 0.1\n[trial.cohorts.A]\nendpoint = 'dfs'\n", "unknown endpoint 'dfs'"),
    ("[trial]\nalpha = 0.1\ntimes = { dfs = [1] }\n", "unknown endpoint 'dfs'"),
    ("[trial]\nalpha = 0.1\n[trial.cohorts.A]\nn = 5\nevents = 6\n", "6 events of 5 patients: there cannot be more"),
    ("[trial]\nalpha = 0.1\n[trial.cohorts.A]\nday = 9\nnull = 0.7\nalternative = 0.5\n", "must be the larger share"),
    ("[trial]\nalpha = 0.1\n[trial.cohorts.A]\nnull = 0.7\n", "give day"),
    ("[trial]\nalpha = 0.1\n[trial.cohorts.A]\nday = 9\ntwo_stage = { r1 = 9, n1 = 8, r = 23, n = 40 }\n", "0 <= r1 < n1 < n"),
    ("[trial]\nalpha = 0.1\n[trial.instruments.q]\nminimal_difference = 0\n", "must be a positive number"),
    ("[trial]\nalpha = 0.1\n[trial.instruments.q]\ndirection = 'up'\n", "high is better"),
    ("[trial]\nalpha = 0.1\nsevere = 6\n", "CTCAE grades end at 5"),
    ("[trial]\nalpha = 0.1\nlevel = 95\n", "must lie between 0 and 1"),
])  # fmt: skip
def test_a_contradiction_is_refused_with_its_place(stated, text, said):
    with pytest.raises(DataProblem) as refused:
        stated(text)
    assert said in str(refused.value)


def test_events_and_a_day_are_two_questions():
    with pytest.raises(UseError, match="not both"):
        CohortQuestion(events=58, day=365)


def test_without_a_level_there_is_no_trial_interval():
    assert Trial().trial_level is None


@pytest.mark.parametrize("name", ["br1801", "stop_her2"])
def test_the_sample_studies_state_what_their_design_registries_do(name):
    from biomarkers.trial import load_design

    design, stated = load_design(name), bm.load_example(name).design.trial
    for question in (*design.comparisons, *design.single_arms):
        mine = stated.cohorts[question.cohort]
        assert (mine.n, mine.endpoint) == (question.n, question.endpoint)
        assert mine.events == getattr(question, "events", None)
        assert (mine.day, mine.null) == (getattr(question, "day", None), getattr(question, "null", None))
        assert question.alpha in (None, stated.alpha)
