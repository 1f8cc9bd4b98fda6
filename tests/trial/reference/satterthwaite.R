# Satterthwaite's degrees of freedom by lmerTest, for the patients of pro_longitudinal.json.
#   Rscript satterthwaite.R pro_longitudinal.json satterthwaite.csv
# R 4.2.2, lme4 1.1.31, lmerTest 3.1.3. The unstructured model is a random effect per visit; its residual variance is then not
# identified, which moves neither the fixed effects, nor their errors, nor their degrees of freedom.
suppressMessages(library(lmerTest))
given <- commandArgs(trailingOnly = TRUE)
d <- as.data.frame(lapply(jsonlite::fromJSON(given[1])$data, unlist))
names(d)[names(d) == "id"] <- "subject"
d$grp <- factor(d$grp, c("continue", "stop"))
tight <- lmerControl(optCtrl = list(xtol_abs = 1e-10, ftol_abs = 1e-12))
growth <- coef(summary(lmer(y ~ t * grp + (1 | subject), d, control = tight)))
base <- subset(d, t == 0)[, c("subject", "y")]
names(base)[2] <- "base"
l <- merge(subset(d, t > 0), base)
l$change <- l$y - l$base
l$visit <- factor(l$t)
loose <- lmerControl(check.nobs.vs.nRE = "ignore", optimizer = "bobyqa", optCtrl = list(maxfun = 2e5, rhoend = 1e-9))
mmrm <- suppressWarnings(coef(summary(lmer(change ~ 0 + visit + visit:grp + visit:base + (0 + visit | subject), l, control = loose))))
rows <- function(m, name) data.frame(model = name, term = rownames(m), m[, c("Estimate", "Std. Error", "df", "Pr(>|t|)")])
out <- rbind(rows(growth, "intercept"), rows(mmrm[grep(":grp", rownames(mmrm)), ], "mmrm"))
names(out) <- c("model", "term", "estimate", "std_error", "df", "p_value")
out[3:6] <- lapply(out[3:6], function(x) sprintf("%.12g", x))
write.csv(out, given[2], row.names = FALSE, quote = FALSE)
