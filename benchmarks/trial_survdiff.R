# Stratified log-rank tests of simulated two-arm trials in a plain R loop: the peer of benchmarks/trial_speed.py.
# Run: Rscript trial_survdiff.R N_TRIALS      prints: trials per second, share rejected at one-sided 0.10
suppressMessages(library(survival))
n_trials <- as.integer(commandArgs(TRUE)[1]); set.seed(1)
n <- 64; reject <- 0
start <- proc.time()[["user.self"]]
for (i in seq_len(n_trials)) {
  entry <- sort(runif(n) * 52); liver <- rbinom(n, 1, 0.4); arm <- integer(n)
  for (s in 0:1) { k <- sum(liver == s); if (k) arm[liver == s] <- c(replicate(ceiling(k / 4), sample(c(0, 0, 1, 1))))[seq_len(k)] }
  time <- rexp(n, log(2) / 12 * ifelse(liver == 1, 2, 1) * ifelse(arm == 1, 0.5, 1))
  cut <- sort(entry + time)[58]; event <- entry + time <= cut; inside <- entry < cut
  followed <- ifelse(event, time, cut - entry)
  fit <- survdiff(Surv(followed, event) ~ arm + strata(liver), subset = inside)
  o <- if (is.matrix(fit$obs)) rowSums(fit$obs) else fit$obs
  e <- if (is.matrix(fit$exp)) rowSums(fit$exp) else fit$exp
  reject <- reject + (((e - o)[2] / sqrt(fit$var[2, 2])) > qnorm(0.9))
}
cat(sprintf("%.1f %.4f\n", n_trials / (proc.time()[["user.self"]] - start), reject / n_trials))
