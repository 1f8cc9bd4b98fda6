"""What the package states of itself, one sentence each; every one is checked by the kit, and every check serves one."""

from __future__ import annotations

REQUIREMENTS: dict[str, str] = {
    "R-001": "The installed files are those of the release, the libraries it needs are present in versions it supports, and "
             "the arithmetic is IEEE double precision.",
    "R-002": "Cox models give the likelihood, score and estimates that can be written out by hand on a few rows.",
    "R-003": "Cox models agree with R survival: coefficients, standard errors, likelihoods and score test, by Efron and "
             "Breslow, with strata, late entry and clusters.",
    "R-004": "An estimate that is infinite is said to be infinite and given its one-sided limit, never a number.",
    "R-005": "Survival curves, their limits and medians agree with R survival, and with the product written out by hand.",
    "R-006": "Log-rank tests, stratified and weighted, and the test of proportional hazards agree with R survival.",
    "R-007": "Adjustment for many tests (Holm, Benjamini-Hochberg, Benjamini-Yekutieli) agrees with R.",
    "R-008": "Exact limits of a proportion, the exact Hardy-Weinberg test and Simon's designs give their closed-form or "
             "published values.",
    "R-009": "The same seed gives the same permutation P-value, and another seed another stream.",
    "R-010": "A landmark analysis knows nothing that happened after its landmark, and who left before it is not at risk.",
    "R-011": "A question that would use the future, or read a chosen group as an effect, is refused with the way to ask it.",
    "R-012": "Too few events give a description and no P-value.",
    "R-013": "Every subject is in an analysis or is counted as lost with a reason; the counts add up.",
    "R-014": "Faulty input stops the work before anything is written, and the message names file, line, column, value and "
             "remedy.",
    "R-015": "Identifiers are text: leading zeros are kept, and NA may be somebody's name.",
    "R-016": "A value below a limit is a value, a missing value is neither zero nor negative.",
    "R-017": "Columns that were not declared are not read and appear in no output.",
    "R-018": "Genotypes are read by allele letters at a verified position; whatever is doubtful is no call, with its reason.",
    "R-019": "The same inputs give the same bytes.",
    "R-020": "Every file of a run is hashed; an altered, missing or added file is found.",
    "R-021": "A run that fails in writing leaves the earlier result whole and nothing half-written.",
    "R-022": "Every test that was run is counted in the ledger with its family; a plan with an unknown key is refused by line.",
    "R-023": "Text from the data is never run: not as markup in a page, not as a formula in a spreadsheet.",
    "R-024": "On request subject identifiers are replaced by keyed pseudonyms, the same in every run with the same key, and "
             "the key is in no output.",
    "R-025": "On request counts below a minimum cell size are not shown, nor can they be had by subtraction in the same row.",
}
"""Identifier to statement. An identifier, once given, is never given to another statement."""
