# Scaled Schoenfeld residuals of x, the curve of plot.cox.zph with its band of two standard errors, and the test, per scale of
# time. Rscript make_reference.R, in this folder; R 4, survival 3.5.
library(survival); library(splines)
frame <- read.csv("frame.csv")
fit <- coxph(Surv(entry, time, event) ~ x + arm + strata(site), frame,
             control = coxph.control(eps = 1e-11, toler.chol = 1e-13, iter.max = 60))
out <- NULL
for (scale in c("km", "rank", "identity", "log")) {
  z <- cox.zph(fit, transform = scale, terms = FALSE)
  xx <- z$x; yy <- z$y[, 1]
  grid <- seq(min(xx), max(xx), length = 41)
  basis <- ns(c(grid, xx), df = 4, intercept = TRUE)
  P <- basis[1:41, ]; q <- qr(basis[-(1:41), ])
  bk <- backsolve(q$qr[1:4, 1:4], diag(4))
  value <- P %*% qr.coef(q, yy)
  half <- 2 * sqrt(z$var[1, 1] * ((P %*% (bk %*% t(bk))) * P) %*% rep(1, 4))
  out <- rbind(out,
    data.frame(scale, part = "residual", place = xx, value = yy, low = NA, high = NA, p = z$table[1, 3])[order(xx, yy), ],
    data.frame(scale, part = "smooth", place = grid, value, low = value - half, high = value + half, p = z$table[1, 3]))
}
exact <- function(v) if (is.numeric(v)) trimws(formatC(v, digits = 16, format = "g")) else v
write.csv(as.data.frame(lapply(out, exact)), "expected.csv", row.names = FALSE, quote = FALSE)
