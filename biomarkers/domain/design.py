"""The design of a study: its cohorts, arms and strata in the order in which the trial names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from biomarkers.domain.errors import UseError
from biomarkers.domain.marker import Marker
from biomarkers.domain.nearest import did_you_mean
from biomarkers.domain.privacy import Privacy
from biomarkers.domain.times import Endpoint, Visit
from biomarkers.domain.trial import Trial

Noun = TypeVar("Noun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What study.toml says about the trial itself.

    Parameters
    ----------
    name : str
    time_zero : str
        What day 0 is: registration, randomisation, cessation.
    cohorts, arms : tuple of str
        In the order of the design, which every table and figure keeps.
    strata, covariates : tuple of str
        Declared columns of `subjects`. Undeclared columns are never read.
    cohort_assignment : {"randomised", "chosen", "by disease"}
        A chosen cohort is never an effect.
    drug_effect : mapping of marker name to arms
        Markers that the drug itself moves, by arm: on treatment they show the drug.
    endpoints : mapping of str to Endpoint
    visits : mapping of str to Visit
    markers : mapping of str to Marker
        The registry with this study's overrides, plus markers defined in the study.
    trial : Trial, optional
        What the trial states about its own endpoints; without it a report holds the markers alone.
    notes : tuple of str
        Facts about the study a report prints as they stand.
    privacy : Privacy
        Whether identifiers are replaced, and below which size a count is not shown.
    """

    name: str
    time_zero: str = "time zero"
    cohorts: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    cohort_assignment: Literal["randomised", "chosen", "by disease"] = "by disease"
    drug_effect: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    visits: Mapping[str, Visit] = field(default_factory=dict)
    markers: Mapping[str, Marker] = field(default_factory=dict)
    trial: Trial | None = None
    notes: tuple[str, ...] = ()
    privacy: Privacy = field(default_factory=Privacy)

    def marker(self, name: str) -> Marker:
        """The marker of this name.

        Raises
        ------
        UseError
            The study has none; the nearest known names are given.
        """
        return _named(name, self.markers, "marker")

    def endpoint(self, name: str) -> Endpoint:
        """The endpoint of this name, matched without regard to case."""
        return _named(name.lower(), {key.lower(): value for key, value in self.endpoints.items()}, "endpoint")

    def visit(self, name: str) -> Visit:
        """The visit of this name."""
        return _named(name, self.visits, "visit")


def _named(name: str, known: Mapping[str, Noun], what: str) -> Noun:
    if name in known:
        return known[name]
    raise UseError(f"{what} {name!r} is not in this study; {did_you_mean(name, known)}")
