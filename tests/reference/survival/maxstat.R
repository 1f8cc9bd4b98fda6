# Maximally selected rank statistics by maxstat, for tests/kernels/test_maxstat.py: Rscript maxstat.R
suppressMessages({library(survival); library(maxstat)}); options(digits = 17)
i <- 1:36
t <- (i * 7) %% 29 + 1; d <- as.integer((i * 5) %% 7 > 1); x <- ((i * 11) %% 19) / 2 + floor(t / 3)
for (m in c("Lau92", "Lau94", "HL")) {
  r <- maxstat.test(Surv(t, d) ~ x, data = data.frame(t, d, x), smethod = "LogRank", pmethod = m)
  print(c(m, format(unname(r$statistic), digits = 17), format(r$p.value, digits = 17), format(unname(r$estimate), digits = 17)))
}
print(packageVersion("maxstat"))
