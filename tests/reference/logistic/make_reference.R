# Logistic regression by glm, profile limits by MASS-free bisection on the deviance; eps tightened. Run: Rscript make_reference.R
set.seed(11)
n <- 60
x <- round(rnorm(n), 3); z <- rbinom(n, 1, 0.4)
y <- rbinom(n, 1, plogis(-0.3 + 0.8 * x + 0.5 * z))
d <- data.frame(x, z, y)
ctl <- glm.control(epsilon = 1e-14, maxit = 100)
f <- glm(y ~ x + z, binomial, d, control = ctl)
prof <- function(value) deviance(glm(y ~ z + offset(value * x), binomial, d, control = ctl)) - deviance(f) - qchisq(0.95, 1)
b <- coef(f)[["x"]]
low <- uniroot(prof, c(b - 3, b), tol = 1e-12)$root; high <- uniroot(prof, c(b, b + 3), tol = 1e-12)$root
g <- glm(y ~ z, binomial, d, control = ctl)
write.csv(d, "frame.csv", row.names = FALSE)
out <- data.frame(name = c("intercept", "x", "z", "se_intercept", "se_x", "se_z", "loglik", "lr_x", "low", "high"),
                  value = c(coef(f), sqrt(diag(vcov(f))), as.numeric(logLik(f)), deviance(g) - deviance(f), low, high))
out$value <- format(out$value, digits = 15)
write.csv(out, "expected.csv", row.names = FALSE, quote = FALSE)
