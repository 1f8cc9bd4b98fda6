"""Figures: tidy tables in, matplotlib axes out; the only room in which matplotlib is at home.

Every entry of `FIGURES` has one function for one axes (``f(table, *, ax=None, ...) -> Axes``) and one that composes a whole
figure at journal size. Being in the dict is all it takes: the contract tests find it here.

Examples
--------
>>> FIGURES["km"].compose.__name__, FIGURES["swimmer"].columns
('kaplan_meier', ('subject', 'day', 'mark', 'late'))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from biomarkers.figures.allele_balance import COLUMNS as BALANCE_COLUMNS
from biomarkers.figures.allele_balance import allele_balance, allele_balance_figure
from biomarkers.figures.arm_effect import COLUMNS as ARM_COLUMNS
from biomarkers.figures.arm_effect import arm_effect, arm_effect_figure
from biomarkers.figures.calibration import COLUMNS as CALIBRATION_COLUMNS
from biomarkers.figures.calibration import calibration, calibration_figure
from biomarkers.figures.consort import COLUMNS as CONSORT_COLUMNS
from biomarkers.figures.consort import consort, consort_figure
from biomarkers.figures.distributions import COLUMNS as DISTRIBUTION_COLUMNS
from biomarkers.figures.distributions import distribution_figure, distributions
from biomarkers.figures.flow import COLUMNS as FLOW_COLUMNS
from biomarkers.figures.flow import flow, flow_figure
from biomarkers.figures.forest import COLUMNS as FOREST_COLUMNS
from biomarkers.figures.forest import forest, forest_figure
from biomarkers.figures.genotype_outcome import COLUMNS as GENOTYPE_COLUMNS
from biomarkers.figures.genotype_outcome import genotype_outcome, genotype_outcome_figure
from biomarkers.figures.km import COLUMNS as KM_COLUMNS
from biomarkers.figures.km import kaplan_meier, km
from biomarkers.figures.losses import COLUMNS as LOSS_COLUMNS
from biomarkers.figures.losses import landmark_figure, losses, losses_figure
from biomarkers.figures.pro_trajectories import COLUMNS as PRO_COLUMNS
from biomarkers.figures.pro_trajectories import pro_figure, pro_trajectories
from biomarkers.figures.schoenfeld import COLUMNS as SCHOENFELD_COLUMNS
from biomarkers.figures.schoenfeld import schoenfeld, schoenfeld_figure
from biomarkers.figures.simon_makuch import COLUMNS as STATE_COLUMNS
from biomarkers.figures.simon_makuch import simon_makuch, simon_makuch_figure
from biomarkers.figures.specification import COLUMNS as SPECIFICATION_COLUMNS
from biomarkers.figures.specification import specification_curve, specification_figure
from biomarkers.figures.spider import COLUMNS as SPIDER_COLUMNS
from biomarkers.figures.spider import spider, spider_figure
from biomarkers.figures.spline import COLUMNS as SPLINE_COLUMNS
from biomarkers.figures.spline import spline, spline_figure
from biomarkers.figures.state_occupation import COLUMNS as OCCUPATION_COLUMNS
from biomarkers.figures.state_occupation import state_occupation, state_occupation_figure
from biomarkers.figures.svg import both, journal, themed
from biomarkers.figures.swimmer import COLUMNS as SWIMMER_COLUMNS
from biomarkers.figures.swimmer import swimmer, swimmer_figure
from biomarkers.figures.toxicity import COLUMNS as TOXICITY_COLUMNS
from biomarkers.figures.toxicity import toxicity, toxicity_figure
from biomarkers.figures.trajectories import COLUMNS as TRAJECTORY_COLUMNS
from biomarkers.figures.trajectories import trajectories, trajectory_figure
from biomarkers.figures.two_stage_path import COLUMNS as PATH_COLUMNS
from biomarkers.figures.two_stage_path import two_stage_figure, two_stage_path
from biomarkers.figures.waterfall import COLUMNS as WATERFALL_COLUMNS
from biomarkers.figures.waterfall import waterfall, waterfall_figure

__all__ = [
    "FIGURES",
    "Drawing",
    "allele_balance",
    "allele_balance_figure",
    "arm_effect",
    "arm_effect_figure",
    "both",
    "calibration",
    "calibration_figure",
    "consort",
    "consort_figure",
    "distribution_figure",
    "distributions",
    "flow",
    "flow_figure",
    "forest",
    "forest_figure",
    "genotype_outcome",
    "genotype_outcome_figure",
    "journal",
    "kaplan_meier",
    "km",
    "landmark_figure",
    "losses",
    "losses_figure",
    "pro_figure",
    "pro_trajectories",
    "schoenfeld",
    "schoenfeld_figure",
    "simon_makuch",
    "simon_makuch_figure",
    "specification_curve",
    "specification_figure",
    "spider",
    "spider_figure",
    "spline",
    "spline_figure",
    "state_occupation",
    "state_occupation_figure",
    "swimmer",
    "swimmer_figure",
    "themed",
    "toxicity",
    "toxicity_figure",
    "trajectories",
    "trajectory_figure",
    "two_stage_figure",
    "two_stage_path",
    "waterfall",
    "waterfall_figure",
]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A kind of figure.

    Parameters
    ----------
    name : str
    draw : callable
        ``draw(table, *, ax=None, ...) -> Axes``: draws one tidy table, computes nothing.
    compose : callable
        The whole figure at its final size in millimetres.
    description : str
        What it shows and why it is composed so.
    columns : tuple of str
        What its table must have.
    """

    name: str
    draw: Callable[..., Any]
    compose: Callable[..., Any]
    description: str
    columns: tuple[str, ...]


FIGURES: dict[str, Drawing] = {
    drawing.name: drawing
    for drawing in (
        Drawing(
            "forest", forest, forest_figure,
            "Hazard ratios with n, events and P on one row coordinate, plain-number log axis, a place for rows without a model",
            FOREST_COLUMNS,
        ),
        Drawing(
            "km", km, kaplan_meier,
            "Kaplan-Meier curves per cohort with numbers at risk and cumulative events under their own tick",
            ("cohort", *KM_COLUMNS),
        ),
        Drawing(
            "flow", flow, flow_figure, "Who came in, who left and why, down to the n of the model",
            FLOW_COLUMNS,
        ),
        Drawing(
            "distributions", distributions, distribution_figure,
            "One mark per patient on the analysed scale, raw-unit ticks, a band for values below the limit",
            ("marker", "cohort", "arm", *DISTRIBUTION_COLUMNS),
        ),
        Drawing(
            "spline", spline, spline_figure,
            "Hazard ratio along a marker with its band, the straight line beside it, the reference, and a rug of events",
            ("cohort", *SPLINE_COLUMNS),
        ),
        Drawing(
            "arm_effect", arm_effect, arm_effect_figure,
            "The arm's hazard ratio in overlapping groups ordered by the marker, with the spline by arm; a shape, not a test",
            ("cohort", *ARM_COLUMNS),
        ),
        Drawing(
            "schoenfeld", schoenfeld, schoenfeld_figure,
            "Scaled Schoenfeld residuals with their smooth curve: is the hazard ratio the same early and late",
            ("cohort", *SCHOENFELD_COLUMNS),
        ),
        Drawing(
            "calibration", calibration, calibration_figure,
            "Observed against predicted survival at one time, in groups of like prediction",
            ("cohort", *CALIBRATION_COLUMNS),
        ),
        Drawing(
            "simon_makuch", simon_makuch, simon_makuch_figure,
            "Survival by the state a patient is in now, with numbers at risk that may rise",
            ("cohort", *STATE_COLUMNS),
        ),
        Drawing(
            "trajectories", trajectories, trajectory_figure,
            "Every value by its day, aligned at time zero; the limit as a line, late draws in a strip of their own",
            TRAJECTORY_COLUMNS,
        ),
        Drawing(
            "swimmer", swimmer, swimmer_figure,
            "One lane per patient: calls filled and open, how it ended, what came too late to be evidence in grey",
            SWIMMER_COLUMNS,
        ),
        Drawing(
            "waterfall", waterfall, waterfall_figure,
            "The best change of each patient, control open and contrast filled, who could not be measured counted",
            WATERFALL_COLUMNS,
        ),
        Drawing(
            "spider", spider, spider_figure, "Each patient's change from baseline over time, late draws on a hair",
            SPIDER_COLUMNS,
        ),
        Drawing(
            "genotype_outcome", genotype_outcome, genotype_outcome_figure,
            "Kaplan-Meier curves by genotype, with those who have none as groups of their own",
            GENOTYPE_COLUMNS,
        ),
        Drawing(
            "allele_balance", allele_balance, allele_balance_figure,
            "Share of reads with the second allele by depth, on the caller's limits; a sample without a call with its reason",
            BALANCE_COLUMNS,
        ),
        Drawing(
            "losses", losses, losses_figure,
            "Every patient of a group as one bar: analysed, without a value, censored or with an event before the landmark",
            LOSS_COLUMNS,
        ),
        Drawing(
            "state_occupation", state_occupation, state_occupation_figure,
            "The share of patients in each state over time, stacked to one or as lines with their intervals",
            OCCUPATION_COLUMNS,
        ),
        Drawing(
            "specification_curve", specification_curve, specification_figure,
            "One prespecified analysis under every alternative, which keep their place where they could not be asked",
            SPECIFICATION_COLUMNS,
        ),
        Drawing(
            "consort", consort, consort_figure,
            "The trial's own flow: registered, assigned, who left and why, analysed with events; a column per arm",
            CONSORT_COLUMNS,
        ),
        Drawing(
            "toxicity", toxicity, toxicity_figure,
            "Worst grades by term, control to the left and experimental to the right of one middle, counts at the ends",
            TOXICITY_COLUMNS,
        ),
        Drawing(
            "two_stage_path", two_stage_path, two_stage_figure,
            "Successes by evaluable patients against what stops the trial and what it takes to succeed",
            PATH_COLUMNS,
        ),
        Drawing(
            "pro_trajectories", pro_trajectories, pro_figure,
            "Reported scores over time: means with intervals, the minimal important difference, who still answers",
            PRO_COLUMNS,
        ),
    )
}
