# R's answers on random designs: Rscript random_designs.R N OUT.json DATA.csv SEED
# Each design: n 15..300, p 1..4, 1..4 strata, a third start-stop, a quarter with fractional weights, clusters in a third,
# times rounded by 0 (none), 0.1, 1 or 20, near-ties (1e-13) in a tenth. eps 1e-14, so that R's iteration is at its optimum.
suppressPackageStartupMessages(library(survival))
args <- commandArgs(TRUE); N <- as.integer(args[1]); out <- args[2]; csv <- args[3]; set.seed(as.integer(args[4]))
num <- function(v) ifelse(is.na(v), "null", ifelse(is.finite(v), formatC(v, digits = 17, format = "g", width = 1), ifelse(v > 0, "1e999", "-1e999")))
arr <- function(v) paste0("[", paste(num(as.vector(v)), collapse = ","), "]")
con <- file(out, "w"); dat <- file(csv, "w"); cat("[\n", file = con)
cat("design,entry,time,event,weight,stratum,cluster,x1,x2,x3,x4\n", file = dat)
done <- 0
while (done < N) {
  n <- sample(15:300, 1); p <- sample(1:4, 1); G <- sample(1:4, 1); ss <- runif(1) < 1/3; fw <- runif(1) < 1/4; cl <- runif(1) < 1/3
  rd <- sample(c(0, 0.1, 1, 20), 1); near <- runif(1) < 0.1; ties <- sample(c("efron", "breslow"), 1, prob = c(.7, .3))
  x <- sapply(1:p, function(j) switch(sample(4, 1), rnorm(n), rbinom(n, 1, runif(1, .1, .6)), rlnorm(n), sample(0:2, n, TRUE)))
  x <- matrix(x, n); b <- rnorm(p, 0, .6) / pmax(apply(x, 2, sd), .1)
  tm <- rexp(n, exp(drop(x %*% b) - mean(drop(x %*% b)))) * 30; ce <- rexp(n) * 60; d <- as.integer(tm <= ce); tm <- pmin(tm, ce)
  if (rd > 0) tm <- ceiling(tm / rd) * rd
  en <- rep(0, n); if (ss) { en <- runif(n) * tm; if (rd > 0) en <- pmin(floor(en / rd) * rd, tm - rd) }
  if (near) { k <- sample(n, max(2, n %/% 5)); tm[k] <- tm[sample(n, length(k), TRUE)] + runif(length(k)) * 1e-13; en <- pmin(en, tm / 2) }
  if (any(tm <= en)) next
  w <- if (fw) round(runif(n, .3, 3), 3) else rep(1, n)
  g <- sample(G, n, TRUE); id <- if (cl) sample(max(5, n %/% 3), n, TRUE) else 1:n
  if (sum(d) < p + 2) next
  D <- data.frame(en, tm, d, w, g, id, x); names(D)[-(1:6)] <- paste0("x", 1:p)
  robust <- fw || cl
  f <- as.formula(paste(if (ss) "Surv(en, tm, d)" else "Surv(tm, d)", "~", paste(names(D)[-(1:6)], collapse = "+"), if (G > 1) "+ strata(g)" else ""))
  warned <- ""
  fit <- tryCatch(withCallingHandlers(
    if (robust) coxph(f, D, weights = w, cluster = id, ties = ties, control = coxph.control(eps = 1e-14, iter.max = 200, toler.chol = 1e-15), x = TRUE)
    else coxph(f, D, ties = ties, control = coxph.control(eps = 1e-14, iter.max = 200, toler.chol = 1e-15), x = TRUE),
    warning = function(w) { warned <<- paste(warned, conditionMessage(w)); invokeRestart("muffleWarning") }), error = function(e) NULL)
  if (is.null(fit)) next
  se <- sqrt(diag(if (robust) fit$naive.var else fit$var)); rse <- if (robust) sqrt(diag(fit$var)) else rep(NA, p)
  s <- summary(fit)
  zp <- tryCatch(cox.zph(fit, transform = "km", terms = FALSE)$table[, 1], error = function(e) rep(NA, p + 1))
  mart <- residuals(fit, "martingale"); sc <- as.matrix(residuals(fit, "score"))
  bh <- basehaz(fit, centered = FALSE)
  km <- survfit(if (ss) Surv(en, tm, d) ~ 1 else Surv(tm, d) ~ 1, conf.type = "log-log")
  q <- quantile(km, .5); kmv <- c(sum(km$surv), sum((km$surv * km$std.err)[km$surv > 0]), sum(km$lower[km$surv > 0]), unlist(q))
  half <- x[, 1] > median(x[, 1]); ld <- NA; rho <- 0
  if (!ss && length(unique(half)) > 1) { rho <- sample(0:1, 1); sv <- tryCatch(survdiff(if (G > 1) Surv(tm, d) ~ half + strata(g) else Surv(tm, d) ~ half, rho = rho), error = function(e) NULL); if (!is.null(sv)) ld <- sv$chisq }
  infinite <- grepl("infinite", warned)
  done <- done + 1
  if (done > 1) cat(",\n", file = con)
  cat(sprintf('{"design":%d,"n":%d,"p":%d,"strata":%d,"start_stop":%s,"robust":%s,"ties":"%s","infinite":%s,"coef":%s,"se":%s,"robust_se":%s,"loglik":%s,"score":%s,"wald":%s,"robust_score":%s,"zph":%s,"concordance":%s,"martingale_ss":%s,"score_ss":%s,"hazard_sum":%s,"km":%s,"logrank":%s,"rho":%d}',
    done, n, p, G, tolower(ss), tolower(robust), ties, tolower(infinite), arr(coef(fit)), arr(se), arr(rse), arr(fit$loglik), num(fit$score),
    num(if (robust) tryCatch(drop(coef(fit) %*% solve(fit$naive.var, coef(fit))), error = function(e) NA) else fit$wald.test), num(if (robust) fit$rscore else NA), arr(zp), arr(fit$concordance[c("concordance", "std")]),
    num(sum(mart^2)), arr(colSums(sc^2)), num(sum(tapply(bh$hazard, if (is.null(bh$strata)) rep(1, nrow(bh)) else bh$strata, max))), arr(kmv), num(ld), rho), file = con)
  row <- cbind(done, num(en), num(tm), d, num(w), g, id, matrix(num(x), n), matrix("", n, 4 - p))
  writeLines(apply(row, 1, paste, collapse = ","), dat)
}
cat("\n]\n", file = con); close(con); close(dat)
cat("designs", done, R.version.string, "survival", as.character(packageVersion("survival")), "\n")
