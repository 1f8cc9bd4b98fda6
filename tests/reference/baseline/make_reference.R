# The rows of a baseline association as R survival gives them: per cohort, pooled, and the ratio between cohorts.
# Run:  Rscript make_reference.R      (reads frame.csv, writes expected.csv; R 4.2, survival 3.5)
library(survival)
frame <- read.csv("frame.csv")
frame$arm <- factor(frame$arm, levels = c("T-DM1", "T-DM1 + abemaciclib"))
frame$l2 <- log2(frame$value)
frame$high <- as.numeric(frame$value >= 200)
tight <- coxph.control(eps = 1e-14, iter.max = 60, toler.chol = 1e-14)

# Profile-likelihood limit of one coefficient against the t-squared cut-off with events - p degrees of freedom.
limits <- function(time, event, x, others, strata, fit, level = 0.95) {
  p <- length(coef(fit)); b <- coef(fit)[["x"]]; top <- fit$loglik[2]
  cut <- qt(1 - (1 - level) / 2, sum(event) - p)^2
  drop <- function(v) {
    f <- if (ncol(others)) coxph(Surv(time, event) ~ others + strata(strata) + offset(v * x), control = tight)
         else coxph(Surv(time, event) ~ strata(strata) + offset(v * x), control = tight)
    2 * (top - tail(f$loglik, 1)) - cut
  }
  se <- sqrt(vcov(fit)["x", "x"])
  c(uniroot(drop, c(b - 8 * se, b), tol = 1e-13)$root, uniroot(drop, c(b, b + 8 * se), tol = 1e-13)$root, cut)
}

row <- function(name, keep, x, others, strata) {
  time <- frame$time[keep]; event <- frame$event[keep]; x <- x[keep]; strata <- strata[keep]
  others <- others[keep, , drop = FALSE]
  fit <- if (ncol(others)) coxph(Surv(time, event) ~ x + others + strata(strata), control = tight)
         else coxph(Surv(time, event) ~ x + strata(strata), control = tight)
  null <- if (ncol(others)) tail(coxph(Surv(time, event) ~ others + strata(strata), control = tight)$loglik, 1) else fit$loglik[1]
  ci <- limits(time, event, x, others, strata, fit)
  lr <- 2 * (fit$loglik[2] - null)
  p <- 2 * pt(-sqrt(lr), sum(event) - length(coef(fit)))
  data.frame(row = name, n = fit$n, n_events = fit$nevent, coef = coef(fit)[["x"]], std_error = sqrt(vcov(fit)["x", "x"]),
             low = ci[1], high = ci[2], statistic = sign(coef(fit)[["x"]]) * sqrt(lr), p_value = p)
}

arm <- as.matrix(as.numeric(frame$arm == "T-DM1 + abemaciclib"))
everyone <- rep(TRUE, nrow(frame))
both <- interaction(frame$cohort, frame$liver)
out <- list()
for (marker in c("l2", "high")) {
  x <- frame[[marker]]
  for (cohort in c("ER+", "ER-")) out[[length(out) + 1]] <- row(paste(marker, cohort), frame$cohort == cohort, x, arm, frame$liver)
  out[[length(out) + 1]] <- row(paste(marker, "all"), everyone, x, arm, both)
  out[[length(out) + 1]] <- row(paste(marker, "difference"), everyone, x * (frame$cohort == "ER-"), cbind(x, arm), both)
  out[[length(out) + 1]] <- row(paste(marker, "crude"), everyone, x, arm[, 0, drop = FALSE], rep(1, nrow(frame)))
}
out <- do.call(rbind, out)
out[sapply(out, is.double)] <- lapply(out[sapply(out, is.double)], format, digits = 17)
write.csv(out, "expected.csv", row.names = FALSE, quote = FALSE)
