# Writes expected.csv from frame.csv: R's numbers for the qualification kit, to 15 digits. Run it in this folder: Rscript make_reference.R
# frame.csv is synthetic: 90 subjects, two strata, two arms, tied times, a skewed marker, a genotype of three levels.
library(survival)
frame <- read.csv("frame.csv")
tight <- coxph.control(eps = 1e-13, toler.chol = 1e-15, iter.max = 100)
rows <- list()
put <- function(check, quantity, value) rows[[length(rows) + 1]] <<- data.frame(check = check, quantity = quantity, value = sprintf("%.15g", value))

cox_numbers <- function(check, fit, names) {
  s <- summary(fit)
  for (i in seq_along(names)) {
    put(check, paste0("coef:", names[i]), coef(fit)[[i]])
    put(check, paste0("std_error:", names[i]), sqrt(diag(vcov(fit)))[[i]])
  }
  put(check, "loglik:null", fit$loglik[1])
  put(check, "loglik:fitted", fit$loglik[2])
  put(check, "score", fit$score)
}
efron <- coxph(Surv(time, event) ~ marker + arm + strata(stratum), frame, control = tight)
cox_numbers("cox_efron", efron, c("marker", "arm"))
cox_numbers("cox_breslow", coxph(Surv(time, event) ~ marker + arm + strata(stratum), frame, ties = "breslow", control = tight), c("marker", "arm"))
cox_numbers("cox_late_entry", coxph(Surv(entry, time, event) ~ marker + arm, frame, subset = entry < time, control = tight), c("marker", "arm"))
robust <- coxph(Surv(time, event) ~ marker, frame, cluster = site, control = tight)
put("cox_robust", "coef:marker", coef(robust)[[1]])
put("cox_robust", "robust_std_error:marker", sqrt(vcov(robust)[1, 1]))
put("concordance", "concordance", summary(efron)$concordance[[1]])

zph <- cox.zph(efron, transform = "km")$table
put("zph", "statistic:marker", zph["marker", "chisq"]); put("zph", "p_value:marker", zph["marker", "p"])
put("zph", "statistic:GLOBAL", zph["GLOBAL", "chisq"]); put("zph", "p_value:GLOBAL", zph["GLOBAL", "p"])

km <- survfit(Surv(time, event) ~ arm, frame, conf.type = "log-log")
at <- summary(km, times = c(60, 180, 300), extend = TRUE)
for (i in seq_along(at$time)) {
  where <- paste0(sub("arm=", "", at$strata[i]), ":", at$time[i])
  put("kaplan_meier", paste0("survival:", where), at$surv[i])
  put("kaplan_meier", paste0("conf_low:", where), at$lower[i])
  put("kaplan_meier", paste0("conf_high:", where), at$upper[i])
}
median <- summary(km)$table
for (arm in c("0", "1")) put("kaplan_meier", paste0("median:", arm), median[paste0("arm=", arm), "median"])

put("logrank", "chi2", survdiff(Surv(time, event) ~ arm, frame)$chisq)
put("logrank", "chi2:stratified", survdiff(Surv(time, event) ~ arm + strata(stratum), frame)$chisq)
put("logrank", "chi2:rho1", survdiff(Surv(time, event) ~ arm, frame, rho = 1)$chisq)

exact <- binom.test(7, 23)$conf.int
put("binomial", "conf_low", exact[1]); put("binomial", "conf_high", exact[2])
p <- c(0.001, 0.011, 0.02, 0.04, 0.3)
for (method in c("holm", "BH", "BY")) {
  adjusted <- p.adjust(p, method)
  for (i in seq_along(p)) put("adjust", paste0(tolower(method), ":", i), adjusted[i])
}
cmp <- paste0("R ", getRversion(), ", survival ", packageVersion("survival"))
put("origin", cmp, 0)
write.csv(do.call(rbind, rows), "expected.csv", row.names = FALSE, quote = FALSE)
