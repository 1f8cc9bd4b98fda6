"""The pictures of the README, made from the sample study: python docs/images/make_images.py"""

from pathlib import Path

import biomarkers as bm

HERE = Path(__file__).parent
study = bm.load_example("br1801")
genotype = bm.associate(study, "fcgr3a_158", permutations=0)
figure = bm.figures.kaplan_meier(genotype.curves, cohorts=study.design.cohorts, origin=study.design.time_zero,
                                 ylabel="Progression-free survival")
(HERE / "km.svg").write_bytes(bm.figures.journal(figure))
