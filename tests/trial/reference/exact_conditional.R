# Exact conditional odds ratio of stratified fourfold tables as in R's mantelhaen.test(exact = TRUE), whose own uniroot stops
# at its default tolerance (1.2e-4): here the same equations are solved to 1e-13. Writes exact_conditional.csv.
# Run: Rscript exact_conditional.R > exact_conditional.csv        (R 4.2.2)
tables <- list(
  c(0,12,0,14,3,10,0,9),
  c(14,14,9,12,8,8,7,9),
  c(4,11,6,19,8,18,4,10),
  c(6,9,3,10,3,12,1,20),
  c(9,18,2,17,6,15,4,11),
  c(11,18,7,16,3,12,5,9),
  c(6,16,3,12,4,13,3,18),
  c(7,16,7,17,7,14,0,10),
  c(11,20,5,15,5,10,0,18),
  c(9,20,3,19,3,10,1,15),
  c(4,11,6,10,6,15,4,20),
  c(7,18,5,13,9,20,1,9),
  c(10,17,2,9,2,8,2,19),
  c(4,13,8,19,3,14,7,18),
  c(5,14,5,13,5,10,3,15),
  c(8,13,8,20,3,8,2,10)
)
cat("case,odds_ratio,low,high\n")
for (i in seq_along(tables)) {
  t <- matrix(tables[[i]], ncol = 4, byrow = TRUE)          # x1, n1, x0, n0
  m <- t[, 2]; n <- t[, 4]; k <- t[, 1] + t[, 3]; s <- sum(t[, 1])
  lo <- sum(pmax(0, k - n)); hi <- sum(pmin(k, m)); support <- lo:hi
  dc <- 1
  for (j in seq_along(m)) {
    u <- max(0, k[j] - n[j]):min(k[j], m[j])
    dc <- convolve(dc, rev(dhyper(u, m[j], n[j], k[j])), type = "open")
  }
  dc <- log(pmax(dc, 1e-300))
  d <- function(th) { w <- dc + th * support; w <- exp(w - max(w)); w / sum(w) }
  root <- function(f) { exp(uniroot(f, c(-25, 25), tol = 1e-13, maxiter = 10000)$root) }
  or <- if (s == lo) 0 else if (s == hi) Inf else root(function(th) sum(support * d(th)) - s)
  low <- if (s == lo) 0 else root(function(th) sum(d(th)[support >= s]) - 0.025)
  high <- if (s == hi) Inf else root(function(th) sum(d(th)[support <= s]) - 0.025)
  cat(sprintf("%d,%.15g,%.15g,%.15g\n", i - 1, or, low, high))
}
