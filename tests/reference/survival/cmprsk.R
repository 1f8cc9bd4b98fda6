# Gray's test by cmprsk, for tests/byhand/test_curves_by_hand.py: Rscript cmprsk.R
suppressMessages(library(cmprsk)); options(digits = 17)
t <- c(1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 9, 9, 10, 11, 12)
c <- c(1, 2, 1, 1, 0, 2, 1, 1, 2, 0, 2, 1, 1, 2, 0, 1)
g <- c(0, 0, 1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 0, 1, 1, 0)
print(cuminc(t, c, g)$Tests); print(packageVersion("cmprsk"))
