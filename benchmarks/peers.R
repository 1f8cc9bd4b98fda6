# R survival's side of speed.py: CPU microseconds per call, the best of several blocks. Rscript peers.R DATA.csv STACK.csv
suppressPackageStartupMessages(library(survival))
args <- commandArgs(TRUE); d <- read.csv(args[1]); s <- read.csv(args[2])
best <- function(f, n, blocks = 7) { f(); min(sapply(1:blocks, function(b) { p <- proc.time(); for (i in seq_len(n)) f(); sum((proc.time() - p)[1:2]) / n })) * 1e6 }
cat("coxph_summary", best(function() summary(coxph(Surv(t, e) ~ a + b + c, d)), 60), "\n")
n <- 120; q <- d[1:n, ]; y <- Surv(q$t, q$e); X <- cbind(q$a, q$b); ctl <- coxph.control(); g <- as.integer(q$g)
cat("coxph.fit", best(function() coxph.fit(X, y, strata = g, offset = NULL, init = NULL, control = ctl, weights = NULL, method = "efron", rownames = NULL, resid = FALSE), 400), "\n")
cat("coxph_stack", best(function() coxph(Surv(entry, time, event) ~ x + z + strata(landmark) + cluster(id), s), 5, 5), "\n")
cat("version", R.version.string, as.character(packageVersion("survival")), "\n")
