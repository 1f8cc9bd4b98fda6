"""Visits are windows; landmarks cannot look ahead."""

import math

import pytest

from biomarkers.domain.errors import UseError
from biomarkers.domain.times import DAYS_PER, Endpoint, Landmark, Visit

WEEK6 = Visit("week6", day=42, window=(-7, 7))


def test_a_week_is_seven_days_and_a_month_the_mean_month():
    assert DAYS_PER["weeks"] == 7
    assert DAYS_PER["month"] == 30.4375


def test_both_ends_of_a_window_are_inside():
    assert [WEEK6.contains(d) for d in (34, 35, 49, 50)] == [False, True, True, False]


def test_a_window_that_misses_its_own_day_is_refused():
    with pytest.raises(UseError, match="day 42 itself"):
        Visit("week6", 42, (3, 7))


def test_a_landmark_before_the_last_admissible_draw_does_not_exist():
    with pytest.raises(UseError, match=r"day=49 or later"):
        Landmark(day=42, visit=WEEK6)
    assert Landmark(day=49, visit=WEEK6).oldest == 35


@pytest.mark.parametrize("given", [{}, {"since": 1, "max_age": 5}, {"visit": WEEK6, "since": 1}])
def test_a_landmark_needs_exactly_one_limit_on_the_age_of_its_value(given):
    with pytest.raises(UseError, match="exactly one"):
        Landmark(day=49, **given)


def test_since_is_open_and_max_age_closed():
    """In integer days (since, L] is the same as max_age = L - since - 1."""
    assert Landmark(day=42, since=21).oldest == Landmark(day=42, max_age=20).oldest == 22


def test_unlimited_age_has_to_be_said_and_shows():
    assert Landmark(day=42, max_age=math.inf).oldest == -math.inf
    assert "any age" in str(Landmark(day=42, max_age=math.inf))


@pytest.mark.parametrize("given", [{"day": 42, "since": 42}, {"day": -1, "max_age": 5}, {"day": 42, "max_age": -1}])
def test_impossible_landmarks_are_refused(given):
    with pytest.raises(UseError):
        Landmark(**given)


def test_an_endpoint_in_an_unknown_unit_is_refused():
    with pytest.raises(UseError, match="fortnight"):
        Endpoint("pfs", "PFS", unit="fortnight")
