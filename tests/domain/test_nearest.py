"""A misspelt name finds the one that was meant, or nothing."""

import pytest

from biomarkers.domain.nearest import did_you_mean, nearest


@pytest.mark.parametrize(("typed", "known", "meant"), [
    ("cohort", ["arms", "cohorts"], "cohorts"),
    ("HOLM", ["bh", "holm"], "holm"),
    ("event_iss", ["event", "event_is"], "event_is"),
    ("cutpoint", ["endpoint", "cut"], "cut"),
    ("markr", ["marker", "endpoint"], "marker"),
    ("V/X", ["V/V", "V/F"], "V/V"),
    ("zzz", ["marker", "endpoint"], None),
    ("", ["marker"], None),
])
def test_the_nearest_name_is_the_one_that_was_meant(typed, known, meant):
    assert nearest(typed, known) == meant


def test_names_that_differ_by_case_alone_keep_the_first():
    assert nearest("pfs", ["PFS", "Pfs"]) == "PFS"


def test_without_a_near_name_the_known_ones_are_said_or_what_else_there_is_to_say():
    assert did_you_mean("zzz", ["a1", "b2"]) == "known: a1, b2"
    assert did_you_mean("zzz", []) == "known: none"
    assert did_you_mean("zzz", ["a1"], "look at the header") == "look at the header"
    assert did_you_mean("a2", ["a1"], "look at the header", cutoff=0.5) == "did you mean 'a1'?"
