# Makes expected.json beside this file: censored normal regression and Aalen-Johansen state occupation, by R package survival.
library(survival)
js <- function(v) if (is.matrix(v)) paste0("[", paste(apply(v, 1, js), collapse = ","), "]") else
  paste0("[", paste(if (is.character(v)) paste0("\"", v, "\"") else formatC(v, digits = 17, format = "g"), collapse = ","), "]")
obj <- function(l) paste0("{", paste(paste0("\"", names(l), "\":", sapply(l, function(e) if (is.list(e)) obj(e) else js(e))), collapse = ",\n"), "}")
set.seed(7)
n <- 40; x <- round(rnorm(n), 3); y <- round(1 + 0.8 * x + rnorm(n, 0, 0.7), 3)
status <- ifelse(y < 0.2, -1, ifelse(y > 2.6, 1, 0)); v <- pmin(pmax(y, 0.2), 2.6)
lo <- ifelse(status == -1, NA, v); hi <- ifelse(status == 1, NA, v)
f <- survreg(Surv(lo, hi, type = "interval2") ~ x, dist = "gaussian", control = list(rel.tolerance = 1e-13, maxiter = 200))
# three states (0, 1, 2 = absorbing), back and forth, late entries, censoring
id <- start <- stop <- from <- to <- NULL
for (i in 1:30) {
  t <- sample(c(0, 0, 0, 2, 5), 1); s <- rbinom(1, 1, 0.3)
  repeat {
    d <- t + sample(1:15, 1); u <- runif(1)
    nxt <- if (u < 0.15) s else if (u < 0.35) 2 else 1 - s      # 0.15: censored
    id <- c(id, i); start <- c(start, t); stop <- c(stop, d); from <- c(from, s); to <- c(to, nxt)
    if (nxt == s || nxt == 2) break
    t <- d; s <- nxt
  }
}
ev <- factor(ifelse(to == from, "censor", paste0("s", to)), c("censor", "s0", "s1", "s2"))
sf <- survfit(Surv(start, stop, ev) ~ 1, id = id, istate = paste0("s", from), start.time = 0)
at <- c(3, 8, 15, 25, 40); ss <- summary(sf, times = at, extend = TRUE)
write(obj(list(
  tobit = list(x = x, v = v, status = status, coef = unname(coef(f)), scale = f$scale, loglik = f$loglik[2], var = unname(f$var)),
  states = list(id = id, start = start, stop = stop, from = from, to = to, times = at, names = sf$states, p = unname(ss$pstate),
                p0 = unname(sf$p0)))), "expected.json")
