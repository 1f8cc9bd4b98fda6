"""`reproduce.R`: the rows of a result table computed again by R's survival from the exported data, and the differences.

The script is plain R for a statistician to read. The test and the interval are those of the package: the likelihood ratio
of one coefficient and the points where it falls to the cut, t-squared on events minus parameters degrees of freedom; Rubin's
rules over the exported imputations where values lay below a limit. Permutation P values and gated rows are not computed
again; the script names every row that it leaves out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

Block = Callable[["_Row"], list[str] | str]

MODEL = re.compile(r"Cox, Efron ties(?:; strata (?P<strata>[^;]+))?(?:; adjusted for (?P<adjust>[^;]+))?")
_WITHIN = re.compile(r"Kaplan-Meier(?:; within (?P<strata>[^;]+))?")

_HEAD = r"""# Computes the rows of results.csv again from admk.csv with R's survival package, and compares.
#   Rscript reproduce.R [FOLDER]        exit status 0: every number within the tolerance
# AVAL counts the start as day 1; ENTRY is the day from which a subject is at risk (blank: from the start).
# X is the marker as the model saw it, CLASSN its class where it has two, FEATURE the number of a serial marker from which
# X or the class was made. EVENT is 1 for the event.
suppressPackageStartupMessages(library(survival))
args <- commandArgs(trailingOnly = TRUE)
folder <- if (length(args)) args[1] else "."
tolerance <- 1e-6
data <- read.csv(file.path(folder, "admk.csv"), colClasses = c(<classes>), na.strings = "")
imputations <- read.csv(file.path(folder, "admi.csv"), na.strings = "", stringsAsFactors = FALSE)
expected <- read.csv(file.path(folder, "results.csv"), na.strings = "", stringsAsFactors = FALSE)
data$ENTRY[is.na(data$ENTRY)] <- 0
control <- coxph.control(eps = 1e-12, toler.chol = 1e-14, iter.max = 100)

cox <- function(d, terms) {
  left <- if (length(unique(d$ENTRY)) == 1) "Surv(AVAL, EVENT)" else "Surv(ENTRY, AVAL, EVENT)"
  coxph(as.formula(paste(left, "~", paste(terms, collapse = " + "))), data = d, ties = "efron", control = control)
}

# One coefficient, with its likelihood-ratio test and profile interval; t-squared cut-off on events - parameters.
refit <- function(d, term, others, level) {
  height <- function(b) {        # log-likelihood with the coefficient held at b, the others at their best
    d$SHIFT <- b * d[[term]]
    f <- cox(d, c("offset(SHIFT)", others))
    f$loglik[length(f$loglik)]
  }
  fit <- cox(d, c(term, others))
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
  list(estimate = exp(beta), std_error = se, conf_low = exp(limit(-1)), conf_high = exp(limit(1)),
       statistic = sign(beta) * sqrt(lr), p_value = 2 * pt(-sqrt(lr), df), n = nrow(d), n_events = sum(d$EVENT))
}

# The same coefficient over the imputations, by Rubin's rules with the degrees of freedom of Barnard and Rubin.
pooled <- function(d, analysis, second, term, others, level, parameters) {
  mine <- imputations[imputations$ANALYSIS == analysis, ]
  m <- max(mine$IMPUTID); beta <- numeric(m); variance <- numeric(m)
  for (k in seq_len(m)) {
    one <- mine[mine$IMPUTID == k, ]
    d$X <- one$X[match(d$USUBJID, one$USUBJID)]
    if (length(second)) d$XSECOND <- d$X * (d[[second[1]]] == second[2])
    fit <- cox(d, c(term, others))
    beta[k] <- coef(fit)[term]; variance[k] <- vcov(fit)[term, term]
  }
  within <- mean(variance); extra <- (1 + 1 / m) * var(beta); total <- within + extra; r <- extra / within
  complete <- max(sum(d$EVENT) - parameters, 1)
  old <- (m - 1) * (1 + 1 / r)^2
  seen <- (complete + 1) / (complete + 3) * complete * within / total
  df <- if (r == 0) complete else old * seen / (old + seen)
  b <- mean(beta); se <- sqrt(total); t <- qt((1 + level) / 2, df)
  list(estimate = exp(b), std_error = se, conf_low = exp(b - t * se), conf_high = exp(b + t * se), statistic = b / se,
       p_value = 2 * pt(-abs(b / se), df), n = nrow(d), n_events = sum(d$EVENT))
}

proportional <- function(d, others) {
  z <- cox.zph(cox(d, c("X", others)), transform = "km", terms = FALSE, global = FALSE)$table["X", ]
  list(statistic = unname(z["chisq"]), p_value = unname(z["p"]), n = nrow(d), n_events = sum(d$EVENT))
}

# Restricted cubic spline with knots at the 10th, 50th and 90th centile, against the straight line.
linearity <- function(d, others) {
  k <- quantile(d$X, c(0.1, 0.5, 0.9), names = FALSE)
  cubed <- function(knot) pmax(d$X - knot, 0)^3
  d$BEND <- (cubed(k[1]) - cubed(k[2]) * (k[3] - k[1]) / (k[3] - k[2]) + cubed(k[3]) * (k[2] - k[1]) / (k[3] - k[2])) /
    (k[3] - k[1])^2
  lr <- max(2 * (cox(d, c("X", "BEND", others))$loglik[2] - cox(d, c("X", others))$loglik[2]), 0)
  list(statistic = lr, p_value = pchisq(lr, 1, lower.tail = FALSE), n = nrow(d), n_events = sum(d$EVENT))
}

# Without the subject that moves the coefficient most.
influence <- function(d, others, level) {
  moved <- as.matrix(residuals(cox(d, c("X", others)), type = "dfbeta"))[, 1]
  d <- d[-which.max(abs(moved)), ]
  fit <- cox(d, c("X", others)); b <- unname(coef(fit)["X"]); se <- sqrt(vcov(fit)["X", "X"]); z <- qnorm((1 + level) / 2)
  list(estimate = exp(b), std_error = se, conf_low = exp(b - z * se), conf_high = exp(b + z * se), n = nrow(d),
       n_events = sum(d$EVENT))
}

# Days gained by the second class to the last day on which every class is followed; strata averaged by their subjects.
days_gained <- function(d, within, level) {
  d$DAY <- d$AVAL - 1
  groups <- if (length(within)) interaction(d[within], drop = TRUE) else factor(rep("all", nrow(d)))
  tau <- min(tapply(d$DAY, list(groups, d$CLASSN), max))
  area <- function(part) {       # area to tau, and its Greenwood standard error
    f <- survfit(Surv(DAY, EVENT) ~ 1, data = part)
    at <- f$time < tau; t <- f$time[at]; s <- f$surv[at]; d <- f$n.event[at]; n <- f$n.risk[at]
    pieces <- diff(c(0, t, tau)) * c(1, s)
    after <- rev(cumsum(rev(pieces)))[-1]
    terms <- ifelse(d > 0 & n > d, after^2 * d / (n * (n - d)), 0)
    c(sum(pieces), sqrt(sum(terms)))
  }
  by_group <- sapply(split(d, groups), function(part) {
    one <- area(part[part$CLASSN == 1, ]); zero <- area(part[part$CLASSN == 0, ])
    c(nrow(part), one[1] - zero[1], one[2]^2 + zero[2]^2)
  })
  share <- by_group[1, ] / sum(by_group[1, ])
  gain <- sum(share * by_group[2, ]); se <- sqrt(sum(share^2 * by_group[3, ])); z <- qnorm((1 + level) / 2)
  list(estimate = gain, std_error = se, conf_low = gain - z * se, conf_high = gain + z * se, n = nrow(d),
       n_events = sum(d$EVENT))
}

worst <- 0; again <- 0
compare <- function(row, got, but = character()) {
  for (column in setdiff(names(got), but)) {
    wanted <- as.numeric(expected[row, column])
    if (is.na(wanted)) next
    off <- abs(got[[column]] - wanted) / max(1, abs(wanted))
    worst <<- max(worst, off)
    if (!is.finite(off) || off > tolerance)
      cat(sprintf("DIFFERS row %d %s %s %s: %s R %.10g, table %.10g\n", row, expected$analysis[row],
                  expected$cohort[row], expected$term[row], column, got[[column]], wanted))
  }
  again <<- again + 1
}
"""

_TAIL = r"""
cat(sprintf("%d of %d rows computed again; largest relative difference %.3g (tolerance %.0e)\n",
            again, nrow(expected), worst, tolerance))
cat(left_out, sep = "\n")
quit(status = if (is.finite(worst) && worst <= tolerance) 0 else 1)
"""


def r_script(results: pd.DataFrame, analysed: pd.DataFrame, named: Mapping[str, str], arms: Sequence[str]) -> str:
    """The script for these rows.

    Parameters
    ----------
    results : DataFrame
        The result table, in the order in which `results.csv` has it.
    analysed : DataFrame
        The rows of `admk.csv`.
    named : mapping of str to str
        Column of an analysis to its column in `admk.csv`.
    arms : sequence of str
        Arms of the design, for rows of one arm.
    """
    numbers = {column for column in analysed.columns if pd.api.types.is_numeric_dtype(analysed[column])}
    kinds = ", ".join(f'{column} = "{"numeric" if column in numbers else "character"}"' for column in analysed.columns)
    blocks, left = [], []
    for place, line in enumerate(results.to_dict("records"), start=1):
        made = _Row(place, line, named, analysed, arms).block()
        if isinstance(made, str):
            left.append(f"row {place} {line['analysis']} {line['cohort']} {line['term']}: {made}")
        else:
            blocks += made
    said = ",\n  ".join(quoted(text) for text in left)
    reasons = f"left_out <- c({said})\n" if left else 'left_out <- "no row was left out"\n'
    return "\n".join([_HEAD.replace("<classes>", kinds), *blocks, reasons, _TAIL.lstrip("\n")])


class _Row:
    """One row of the table on its way to a few lines of R."""

    def __init__(
        self, place: int, line: Mapping[str, Any], named: Mapping[str, str], analysed: pd.DataFrame, arms: Sequence[str]
    ) -> None:
        self.place, self.line, self.named, self.analysed, self.arms = place, line, named, analysed, arms
        self.method, self.contrast = str(line["method"]), str(line["contrast"])
        self.level = repr(float(line["conf_level"]))

    def block(self) -> list[str] | str:
        """The lines, or why there are none."""
        if self.method == "none":
            return f"not fitted: {self.line['note']}"
        if not self.line["finite"]:
            return f"no finite estimate: {self.line['note']}"
        if str(self.line["analysis"]) not in self.with_values("ANALYSIS"):
            return f"{self.line['model']}, {self.method}: no row per subject is exported"
        make = BLOCKS.get(str(self.line["estimand"]))
        return make(self) if make is not None else f"{self.line['estimand']}, {self.method}"

    def terms(self) -> tuple[list[str], int] | str:
        """The other terms of the model as R writes them, and how many adjusters there are."""
        model = MODEL.fullmatch(str(self.line["model"]))
        if model is None:
            return f"{self.line['model']}, {self.method}"
        strata, adjust = names(model["strata"]), names(model["adjust"])
        unknown = [name for name in (*strata, *adjust) if name not in self.named]
        if unknown:
            return f"{unknown[0]} is not among the exported columns"
        others = [f"strata({', '.join(self.named[s] for s in strata)})"] if strata else []
        for column in (self.named[name] for name in adjust):
            number = pd.api.types.is_numeric_dtype(self.analysed[column])
            others.append(column if number else f"factor({column})")
        return others, len(adjust)

    def with_values(self, column: str) -> set[str]:
        """Analyses that have a value in an exported column."""
        if column not in self.analysed:
            return set()
        return set(self.analysed.loc[self.analysed[column].notna(), "ANALYSIS"])

    def subset(self) -> list[str]:
        """The rows of the analysis, the cohort and the arm."""
        lines = [f"d <- subset(data, ANALYSIS == {quoted(str(self.line['analysis']))})"]
        if self.line["cohort"] != "all":
            lines.append(f"d <- subset(d, COHORT == {quoted(str(self.line['cohort']))})")
        arm = next((a for a in sorted(self.arms, key=len, reverse=True) if self.contrast.endswith(f", in {a}")), None)
        return lines if arm is None else [*lines, f"d <- subset(d, ARM == {quoted(arm)})"]

    def compared(self, call: str) -> list[str]:
        """The comparison; a P value by permutation is no matter for R's tests."""
        but = ', but = "p_value"' if self.method.startswith("permutation") else ""
        return [f"compare({self.place}, {call}{but})"]


def _hazard(row: _Row) -> list[str] | str:
    return _coefficient(row, "X", [])


def _ratio(row: _Row) -> list[str] | str:
    """The product with the second group of two."""
    column = str(row.line["term"]).partition(":")[2]
    second = re.search(r", (.+) against (.+)$", row.contrast)
    if second is None or column not in row.named:
        return f"{row.contrast}: no single ratio"
    return _coefficient(row, "XSECOND", [row.named[column], second[1]])


def _coefficient(row: _Row, term: str, second: list[str]) -> list[str] | str:
    found = row.terms()
    if isinstance(found, str):
        return found
    others = [*(["X"] if second else []), *found[0]]
    lines = row.subset()
    if second:
        lines.append(f"d$XSECOND <- d$X * (d${second[0]} == {quoted(second[1])})")
    if row.method.startswith("multiple imputation") and "Rubin" in row.method:
        group = f'c("{second[0]}", {quoted(second[1])})' if second else "character()"
        analysis = quoted(str(row.line["analysis"]))
        call = f'pooled(d, {analysis}, {group}, "{term}", {vector(others)}, {row.level}, {1 + found[1]})'
    elif row.method.startswith(("likelihood ratio, t", "permutation")):
        call = f'refit(d, "{term}", {vector(others)}, {row.level})'
    else:
        return row.method
    return [*lines, *row.compared(call)]


def _companion(function: str, *, level: bool) -> Block:
    """A row beside the hazard ratio, from the same rows and terms."""

    def make(row: _Row) -> list[str] | str:
        found = row.terms()
        if isinstance(found, str):
            return found
        more = f", {row.level}" if level else ""
        return [*row.subset(), *row.compared(f"{function}(d, {vector(found[0])}{more})")]

    return make


def _days(row: _Row) -> list[str] | str:
    within = _WITHIN.fullmatch(str(row.line["model"]))
    if within is None:
        return f"{row.line['model']}, {row.method}"
    columns = [row.named.get(name, "") for name in names(within["strata"])]
    analysis = str(row.line["analysis"])
    lines = row.subset()
    if row.contrast == "upper against lower half" and analysis in row.with_values("FEATURE"):
        lines.append("d$CLASSN <- as.numeric(d$FEATURE >= median(d$FEATURE))")
    elif analysis not in row.with_values("CLASSN"):
        return f"{row.contrast}: the classes are not among the exported columns"
    if "" in columns:
        return "a stratum is not among the exported columns"
    return [*lines, *row.compared(f"days_gained(d, {vector(columns)}, {row.level})")]


BLOCKS: dict[str, Block] = {
    "hazard ratio": _hazard,
    "ratio of hazard ratios": _ratio,
    "proportional hazards test": _companion("proportional", level=False),
    "linearity test": _companion("linearity", level=False),
    "influence of one subject": _companion("influence", level=True),
    "restricted mean survival difference": _days,
}
"""Estimand to the lines of R that compute it again."""


def names(text: str | None) -> tuple[str, ...]:
    """Names of columns in the words of a model."""
    return tuple(text.split(", ")) if text else ()


def vector(texts: Sequence[str]) -> str:
    """A character vector of R; these are column names and terms, not cells."""
    return f"c({', '.join(_string(text) for text in texts)})" if texts else "character()"


def quoted(text: str) -> str:
    """A cell as a string of R; the mark that `csv_text` puts before a formula is part of the exported cell."""
    return _string(f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text)


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return f'"{escaped}"'
