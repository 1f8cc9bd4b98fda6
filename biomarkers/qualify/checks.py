"""The checks of the kit, in the order in which they are carried out and reported."""

from __future__ import annotations

from biomarkers.qualify import installation, numerics, practice
from biomarkers.qualify.check import Check

_HAND = "derived by hand; the derivation is the check's own text"
_BOOK = "Therneau's hand-worked validation set for Cox models, six rows, closed form"
_R = "R's numbers, made by reference/make_reference.R in the package"
_OWN = "the package's stated behaviour, on a study written for the check"

INSTALLATION: tuple[Check, ...] = (
    Check("IQ-1", ("R-001",), "The installed files are those of the release.", "hashes recorded by the installer (RECORD)",
          installation.files),
    Check("IQ-2", ("R-001",), "Python and the libraries are present in supported versions.", "the package's own metadata",
          installation.libraries),
    Check("IQ-3", ("R-001",), "Arithmetic is IEEE double precision.", "IEEE 754", installation.arithmetic),
)
OPERATION: tuple[Check, ...] = (
    Check("OQ-01", ("R-002",), "A Cox model of six rows has the values that can be written out.", _BOOK, numerics.cox_by_hand),
    Check("OQ-02", ("R-003",), "Cox models give R's numbers.", _R, numerics.cox_like_r),
    Check("OQ-03", ("R-004",), "An infinite estimate is said to be infinite.", _HAND, numerics.infinite_estimates),
    Check("OQ-04", ("R-005",), "A survival curve of six rows is the product written out.", _HAND, numerics.curves_by_hand),
    Check("OQ-05", ("R-005",), "Survival curves, limits and medians give R's numbers.", _R, numerics.curves_like_r),
    Check("OQ-06", ("R-006",), "Log-rank tests give R's numbers.", _R, numerics.logrank_like_r),
    Check("OQ-07", ("R-006",), "The test of proportional hazards gives R's numbers.", _R, numerics.proportional_hazards_like_r),
    Check("OQ-08", ("R-007",), "Adjusted P-values are R's.", _R, numerics.adjustment_like_r),
    Check("OQ-09", ("R-008",), "Exact limits of a proportion are R's and the closed form.", _R, numerics.proportions),
    Check("OQ-10", ("R-008",), "The exact Hardy-Weinberg test counts every arrangement.", _HAND,
          numerics.hardy_weinberg_by_hand),
    Check("OQ-11", ("R-008",), "Simon's designs are the published ones.",
          "R. Simon, Controlled Clinical Trials 1989;10:1-10; D. Schoenfeld, Biometrika 1981;68:316-319",
          numerics.simon_as_published),
    Check("OQ-12", ("R-009",), "One seed, one stream.", _OWN, numerics.permutations),
    Check("OQ-13", ("R-010",), "A landmark sees nothing later.", _HAND, numerics.landmark_sees_nothing_later),
    Check("OQ-14", ("R-011",), "What uses the future is refused.", _OWN, practice.the_future_is_refused),
    Check("OQ-15", ("R-012",), "Few events are described, not tested.", _OWN, practice.few_events_are_described),
    Check("OQ-16", ("R-013",), "Everybody is counted.", _OWN, practice.everybody_is_counted),
    Check("OQ-17", ("R-014",), "A fault in a cell is named and stops the work.", _OWN, practice.faults_are_named),
    Check("OQ-18", ("R-015",), "Identifiers are text.", _OWN, practice.identifiers_are_text),
    Check("OQ-19", ("R-016",), "Below a limit is measured, empty is missing.", _OWN, practice.limits_and_gaps),
    Check("OQ-20", ("R-017",), "Undeclared columns are read nowhere and written nowhere.", _OWN,
          practice.undeclared_columns_are_not_read),
    Check("OQ-21", ("R-018",), "Genotypes are read by letters.", "dbSNP rs396991: GRCh38 chr1:161544752 A>C",
          practice.genotypes_by_letters),
    Check("OQ-22", ("R-019", "R-020"), "The same bytes twice, and every changed byte found.", _OWN,
          practice.same_bytes_and_every_byte_hashed),
    Check("OQ-23", ("R-020",), "The record of a run names every file by hash, and no machine.", _OWN, practice.provenance),
    Check("OQ-24", ("R-021",), "A failed write leaves the earlier run whole.", _OWN, practice.a_failed_write_changes_nothing),
    Check("OQ-25", ("R-007", "R-022"), "Every test is in the ledger, adjusted in its family.", _OWN,
          practice.every_test_is_in_the_ledger),
    Check("OQ-26", ("R-023",), "Text of the data is never run.", _OWN, practice.text_is_never_run),
    Check("OQ-27", ("R-024",), "Under a key nobody is named.", _OWN, practice.pseudonyms_hold),
    Check("OQ-28", ("R-025",), "Under a minimum cell size few are not counted.", _OWN, practice.few_are_not_counted),
)
CHECKS: tuple[Check, ...] = (*INSTALLATION, *OPERATION)
"""Installation first, then operation."""
