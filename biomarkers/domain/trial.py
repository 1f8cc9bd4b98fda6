"""What a trial states about its own endpoints: its level, the days it asks about, and the question of each cohort.

These are inputs. A trial level is stated in study.toml or there is none; nothing here is assumed from the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from biomarkers.domain import limits
from biomarkers.domain.errors import UseError

if TYPE_CHECKING:
    from biomarkers.kernels.simon import TwoStage

RESPONSES = ("CR", "PR", "SD", "PD", "NE")
"""Best first."""
RELATED = ("possible", "probable", "definite")
"""Attribution that counts, from "possible" upwards."""
ATTRIBUTIONS = ("unrelated", "unlikely", *RELATED)
Direction = Literal["high is better", "high is worse"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
TIMES: Mapping[str, tuple[int, ...]] = MappingProxyType({"pfs": (182, 365), "os": (365, 1096)})
"""Days at which survival is given where nothing else is asked: half a year, one year, three years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortQuestion:
    """What the trial asks of one cohort.

    Parameters
    ----------
    endpoint : str
        Code of the primary endpoint.
    n : int, optional
        Patients planned.
    events : int, optional
        Events at the final analysis of a randomised comparison.
    day : int, optional
        Day at which a cohort without arms is asked for its event-free share.
    null, alternative : float, optional
        Shares under the two hypotheses; without `null` the cohort is estimated, not tested.
    two_stage : TwoStage, optional
        The boundary of a two-stage design.

    Raises
    ------
    UseError
        Shares outside 0 to 1 or in the wrong order, more events than patients, hypotheses without a day.
    """

    endpoint: str = "pfs"
    n: int | None = None
    events: int | None = None
    day: int | None = None
    null: float | None = None
    alternative: float | None = None
    two_stage: TwoStage | None = None

    def __post_init__(self) -> None:
        for name, count in (("n", self.n), ("events", self.events), ("day", self.day)):
            if count is not None:
                limits.count(count, name, least=1)
        for name, share in (("null", self.null), ("alternative", self.alternative)):
            if share is not None:
                limits.share(share, name)
        if self.n is not None and self.events is not None and self.events > self.n:
            raise UseError(f"{self.events} events of {self.n} patients: there cannot be more")
        if self.null is not None and self.alternative is not None and self.null >= self.alternative:
            raise UseError(f"null {self.null:g} and alternative {self.alternative:g}: the alternative must be the larger share")
        if self.day is None and (self.null is not None or self.alternative is not None or self.two_stage is not None):
            raise UseError("a share is event-free at a day: give day")
        if self.events is not None and self.day is not None:
            raise UseError("give events (a randomised comparison) or day (a cohort by itself), not both")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a score means: its name, which end is good, and the smallest difference that patients notice.

    Parameters
    ----------
    label : str
    direction : {"high is better", "high is worse"}
    minimal_difference : float, optional
        With its source in the study's documents; without it no change is called one.
    """

    label: str
    direction: Direction = "high is better"
    minimal_difference: float | None = None

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise UseError(f"direction {self.direction!r} must be {DIRECTIONS[0]!r} or {DIRECTIONS[1]!r}")
        if self.minimal_difference is not None:
            limits.positive(self.minimal_difference, "minimal_difference")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The `[trial]` of a study.toml.

    Parameters
    ----------
    alpha : float, optional
        One-sided level of the primary comparison: its interval is 1 - 2 alpha. Needed where arms are compared.
    level : float
        Confidence level of every other interval.
    times : mapping of endpoint to days
        Where survival is given.
    benefit_days : int
        Stable disease at least this long is clinical benefit.
    severe : int
        From which grade on an adverse event is severe.
    cohorts : mapping of cohort to CohortQuestion
    instruments : mapping of str to Instrument
        By the name in the pros table.

    Examples
    --------
    >>> Trial(alpha=0.10).trial_level
    0.8
    """

    alpha: float | None = None
    level: float = 0.95
    times: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: dict(TIMES))
    benefit_days: int = 168
    severe: int = 3
    cohorts: Mapping[str, CohortQuestion] = field(default_factory=dict)
    instruments: Mapping[str, Instrument] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.alpha is not None:
            limits.one_sided(self.alpha)
        limits.confidence(self.level)
        limits.count(self.benefit_days, "benefit_days", least=1)
        if limits.count(self.severe, "severe", least=1) > 5:
            raise UseError(f"severe = {self.severe}: CTCAE grades end at 5")
        for endpoint, days in self.times.items():
            for day in days:
                limits.count(day, f"times of {endpoint}", least=1)

    @property
    def trial_level(self) -> float | None:
        """The confidence level that goes with the one-sided alpha."""
        return None if self.alpha is None else round(1 - 2 * self.alpha, 12)
