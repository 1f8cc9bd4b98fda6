# Exact Hardy-Weinberg p and mid-p by complete enumeration in base R, independent of the package's recurrence.
# Rscript hardy_weinberg.R > hardy_weinberg.csv
one <- function(ff, vf, vv) {
  n <- ff + vf + vv; a <- 2 * ff + vf; b <- 2 * vv + vf
  h <- seq(a %% 2, min(a, b), by = 2)
  logp <- lfactorial(n) + h * log(2) + lfactorial(a) + lfactorial(b) -
    lfactorial((a - h) / 2) - lfactorial(h) - lfactorial((b - h) / 2) - lfactorial(2 * n)
  p <- exp(logp); p <- p / sum(p)
  at <- p[h == vf]
  total <- sum(p[p <= at * (1 + 1e-9)])
  c(total, total - at / 2)
}
counts <- rbind(c(29, 42, 5), c(575, 525, 150), c(64, 44, 5), c(54, 53, 13), c(60, 40, 20), c(10, 0, 10), c(0, 10, 0), c(1, 1, 1),
                c(12, 0, 1), c(100, 1, 0), c(2000, 1000, 125), c(31, 12, 9), c(7, 19, 2), c(0, 0, 7))
cat("n_ff,n_vf,n_vv,p_value,p_mid\n")
for (i in seq_len(nrow(counts))) {
  r <- one(counts[i, 1], counts[i, 2], counts[i, 3])
  cat(sprintf("%d,%d,%d,%.17g,%.17g\n", counts[i, 1], counts[i, 2], counts[i, 3], r[1], r[2]))
}
