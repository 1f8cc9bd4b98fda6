"""`reproduce.R`: every Cox row of a result table refitted by survival::coxph from the exported data, and the differences.

The script is plain R for a statistician to read. The test and the interval are those of the package: the likelihood ratio
of one coefficient and the points where it falls to the cut, t-squared on events minus parameters degrees of freedom.
Permutation P values and gated rows are not refitted; the script says which.
"""

from __future__ import annotations

import re

import pandas as pd

from biomarkers.domain.design import Design

_MODEL = re.compile(r"Cox, Efron ties(?:; strata (?P<strata>[^;]+))?(?:; adjusted for (?P<adjust>[^;]+))?")
REFITTED = ("hazard ratio", "ratio of hazard ratios", "proportional hazards test")

_HEAD = r"""# Refits every Cox row of results.csv from admk.csv with survival::coxph, and compares.
#   Rscript reproduce.R [FOLDER]        exit status 0: every number within the tolerance
# AVAL counts the start as day 1; ENTRY is the day from which a subject is at risk (blank: from the start).
# X is the marker as the model saw it. EVENT is 1 for the event.
suppressPackageStartupMessages(library(survival))
args <- commandArgs(trailingOnly = TRUE)
folder <- if (length(args)) args[1] else "."
tolerance <- 1e-6
data <- read.csv(file.path(folder, "admk.csv"), colClasses = c(%(classes)s), na.strings = "")
expected <- read.csv(file.path(folder, "results.csv"), na.strings = "", stringsAsFactors = FALSE)
data$ENTRY[is.na(data$ENTRY)] <- 0
control <- coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100)

# One coefficient, with its likelihood-ratio test and profile interval; t-squared cut-off on events - parameters.
refit <- function(d, term, others, level) {
  left <- if (all(d$ENTRY == 0)) "Surv(AVAL, EVENT)" else "Surv(ENTRY, AVAL, EVENT)"
  fit_of <- function(terms)
    coxph(as.formula(paste(left, "~", paste(terms, collapse = " + "))), data = d, ties = "efron", control = control)
  height <- function(b) {        # log-likelihood with the coefficient held at b, the others at their best
    d$SHIFT <<- b * d[[term]]
    f <- fit_of(c("offset(SHIFT)", others))
    f$loglik[length(f$loglik)]
  }
  fit <- fit_of(c(term, others))
  beta <- unname(coef(fit)[term]); se <- sqrt(vcov(fit)[term, term]); top <- fit$loglik[2]
  df <- max(sum(d$EVENT) - sum(!is.na(coef(fit))), 1)
  cut <- qt((1 + level) / 2, df)^2
  lr <- max(2 * (top - height(0)), 0)
  limit <- function(side) {
    gap <- function(b) 2 * (top - height(b)) - cut
    far <- beta + side * 2 * sqrt(cut) * se
    while (gap(far) < 0) far <- beta + 2 * (far - beta)
    uniroot(gap, sort(c(beta, far)), tol = 1e-12)$root
  }
  list(fit = fit, estimate = exp(beta), std_error = se, conf_low = exp(limit(-1)), conf_high = exp(limit(1)),
       statistic = sign(beta) * sqrt(lr), p_value = 2 * pt(-sqrt(lr), df), n = nrow(d), n_events = sum(d$EVENT))
}

worst <- 0; refitted <- 0
compare <- function(row, got, columns) {
  for (column in columns) {
    wanted <- as.numeric(expected[row, column])
    if (is.na(wanted)) next
    off <- abs(got[[column]] - wanted) / max(1, abs(wanted))
    worst <<- max(worst, off)
    if (!is.finite(off) || off > tolerance)
      cat(sprintf("DIFFERS row %%d %%s %%s %%s: %%s R %%.10g, table %%.10g\n", row, expected$analysis[row],
                  expected$cohort[row], expected$term[row], column, got[[column]], wanted))
  }
  refitted <<- refitted + 1
}
all_numbers <- c("estimate", "std_error", "conf_low", "conf_high", "statistic", "p_value", "n", "n_events")
but_p <- setdiff(all_numbers, "p_value")
"""

_TAIL = r"""
cat(sprintf("%d of %d rows refitted; largest relative difference %.3g (tolerance %.0e)\n",
            refitted, nrow(expected), worst, tolerance))
cat(not_refitted, sep = "\n")
quit(status = if (is.finite(worst) && worst <= tolerance) 0 else 1)
"""


def strata_columns(design: Design) -> dict[str, str]:
    """Stratum or covariate of the design to its exported column: STRAT1R, STRAT2R ... and COV1, COV2 ..."""
    named = {name: f"STRAT{i}R" for i, name in enumerate(design.strata, start=1)}
    return named | {name: f"COV{i}" for i, name in enumerate((c for c in design.covariates if c not in named), start=1)}


def r_script(results: pd.DataFrame, analysed: pd.DataFrame, design: Design) -> str:
    """The script for these rows.

    Parameters
    ----------
    results : DataFrame
        The result table, in the order in which `results.csv` has it.
    analysed : DataFrame
        The rows of `admk.csv`, for the kind of each column.
    design : Design
    """
    named = {**strata_columns(design), "cohort": "COHORT", "arm": "ARM"}
    numbers = {column for column in analysed.columns if pd.api.types.is_numeric_dtype(analysed[column])}
    classes = ", ".join(f'{column} = "{"numeric" if column in numbers else "character"}"' for column in analysed.columns)
    blocks, left = [], []
    for place, line in enumerate(results.to_dict("records"), start=1):
        made = _block(place, line, named, numbers, design)
        if made.startswith("#"):
            left.append(f"row {place} {line['analysis']} {line['cohort']} {line['term']}: {made[2:]}")
        else:
            blocks.append(made)
    said = ",\n  ".join(_quoted(text) for text in left)
    reasons = f"not_refitted <- c({said})\n" if left else 'not_refitted <- "every row was refitted"\n'
    return "\n".join([_HEAD % {"classes": classes}, *blocks, reasons, _TAIL.lstrip("\n")])


def _block(place: int, line: dict[str, object], named: dict[str, str], numbers: set[str], design: Design) -> str:
    """The lines of R for one row, or a comment that says why there are none."""
    model = _MODEL.fullmatch(str(line["model"]))
    if line["method"] == "none":
        return f"# not fitted: {line['note']}"
    if model is None or line["estimand"] not in REFITTED:
        return f"# {line['estimand']} by {line['model']}, {line['method']}"
    if not line["finite"]:
        return f"# no finite estimate: {line['note']}"
    strata, adjust = _names(model["strata"]), _names(model["adjust"])
    unknown = [name for name in (*strata, *adjust) if name not in named]
    if unknown:
        return f"# {unknown[0]} is not among the exported columns"
    lines = [f"d <- subset(data, ANALYSIS == {_quoted(str(line['analysis']))})"]
    if line["cohort"] != "all":
        lines.append(f"d <- subset(d, COHORT == {_quoted(str(line['cohort']))})")
    others = [f"strata({', '.join(named[s] for s in strata)})"] if strata else []
    others += [named[a] if named[a] in numbers else f"factor({named[a]})" for a in adjust]
    words, term = str(line["contrast"]), "X"
    if line["estimand"] == "ratio of hazard ratios":
        column = str(line["term"]).partition(":")[2]
        second = re.search(r", (.+) against (.+)$", words)
        if second is None or column not in named:
            return f"# {words}: no single ratio"
        lines.append(f"d$XSECOND <- d$X * (d${named[column]} == {_quoted(second[1])})")
        term, others = "XSECOND", ["X", *others]
    elif inside := _subgroup(words, design):
        lines.append(f"d <- subset(d, ARM == {_quoted(inside)})")
    level = float(line["conf_level"])  # type: ignore[arg-type]
    arguments = f'd, "{term}", c({", ".join(_quoted(o) for o in others)}), {level!r}'
    if line["estimand"] == "proportional hazards test":
        lines.append(f"got <- refit({arguments})")
        lines.append('z <- cox.zph(got$fit, transform = "km", terms = FALSE, global = FALSE)$table["X", ]')
        lines.append(
            f'compare({place}, list(statistic = unname(z["chisq"]), p_value = unname(z["p"]), n = got$n, '
            'n_events = got$n_events), c("statistic", "p_value", "n", "n_events"))'
        )
        return "\n".join(lines)
    which = "all_numbers" if str(line["method"]).startswith("likelihood ratio") else "but_p"
    lines.append(f"compare({place}, refit({arguments}), {which})")
    return "\n".join(lines)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(", ")) if text else ()


def _subgroup(contrast: str, design: Design) -> str:
    """The arm of a subgroup row, whose contrast ends in ", in <arm>"."""
    return next((arm for arm in sorted(design.arms, key=len, reverse=True) if contrast.endswith(f", in {arm}")), "")


def _quoted(text: str) -> str:
    """A string of R; the mark that `csv_text` puts before a formula is part of the exported cell."""
    if text.startswith(("=", "+", "-", "@", "\t", "\r")):
        text = f"'{text}"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'
