# Competing risks for tests/byhand/test_curves_by_hand.py: Gray's test by cmprsk, curves and jackknife errors by survival.
suppressMessages({library(cmprsk); library(survival)}); options(digits = 17)
t <- c(1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12)
c <- c(1, 2, 1, 1, 0, 2, 1, 1, 2, 0, 2, 1, 1, 2, 0, 1)
g <- c(0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0)
s <- c(0, 0, 1, 0, 3, 0, 2, 0, 5, 1, 0, 4, 0, 6, 2, 0)
print(cuminc(t, c, g)$Tests); print(packageVersion("cmprsk"))
id <- seq_along(t)
for (f in list(survfit(Surv(t, factor(c)) ~ 1), survfit(Surv(s, t, factor(c)) ~ 1, id = id))) {
  z <- summary(f, times = c(4, 9)); print(z$pstate[, -1]); print(z$std.err[, -1])
}
# Several competing events of one group at one time, three groups, two strata, weights.
t <- c(1,1,1,1, 2,2,2,2,2, 3,3,3,3, 4,4,4,4,4, 5,5,5,5, 6,6,6, 7,7,7,7, 8,8,8, 9,9,9, 10)
c <- c(2,2,2,1, 1,1,2,2,0, 2,2,2,1, 1,1,1,0,2, 2,2,0,1, 1,0,2, 2,2,1,0, 1,1,2, 0,2,1, 0)
g <- c(0,0,1,2, 0,1,1,1,2, 0,0,0,1, 1,1,2,0,2, 2,2,1,0, 0,1,2, 1,1,0,2, 0,2,2, 0,0,2, 0)
s <- (seq_along(t) - 1) %% 2
for (z in list(cuminc(t, c, g), cuminc(t, c, g, s), cuminc(t, c, g, s, rho = 1), cuminc(t, c, g, rho = 2),
               cuminc(t, c, pmin(g, 1)))) print(z$Tests)
