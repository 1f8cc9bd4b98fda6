"""Every example in this room's docstrings runs and prints what it says."""

import doctest
from importlib import import_module

import pytest

KERNELS = [
    "event_count", "sequential", "three_plus_three", "binomial", "fourfold", "simon", "trial_simulation", "one_sample", "mmrm",
    "survival_two_stage", "correlative_power",
]
TRIAL = [
    "sizing", "simulate", "escalation", "twostage", "rates", "adverse_events", "comparison", "single_arm", "endpoints",
    "decisions", "outcomes_reported", "longitudinal", "designs_file", "derivations", "command", "survival_twostage",
    "correlative",
]


@pytest.mark.parametrize("name", [*(f"kernels.{k}" for k in KERNELS), *(f"trial.{t}" for t in TRIAL)])
def test_examples_print_what_they_say(name):
    module = import_module(f"biomarkers.{name}")
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert found.failed == 0


def test_no_public_name_is_hidden_by_a_file_of_the_same_name():
    from pathlib import Path

    import biomarkers.trial as room

    files = {p.stem for p in Path(room.__file__).parent.glob("*.py")}
    assert not files & set(room.__all__)


def test_the_namespace_is_light_and_complete():
    import subprocess
    import sys

    code = ("import sys, biomarkers.trial as t\nheavy = [m for m in ('pandas', 'scipy', 'statsmodels') if m in sys.modules]\n"
            "bare = [n for n in t.__all__ if not getattr(t, n).__doc__]\nprint(heavy, bare, len(t.__all__) > 30)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] [] True"
