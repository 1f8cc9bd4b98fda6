"""CD8 and FOXP3 counts of an open multiplex set, 229 cores: the area in um2 is refused, and nobody without FOXP3 is dropped.

The numbers are those of the deposit (FridleyLab/spatialTIME, MIT); the data lie outside this repository. It has one id per core
and no survival, so each core is declared a subject and the follow-up is made up: only arithmetic is asked.
"""

import csv

import numpy as np
import pytest

import biomarkers as bm
from biomarkers.domain.errors import DataProblem
from biomarkers.study.draws import baseline_values

STUDY = """name = "cores"
[endpoints.pfs]
label = "PFS"
[tables]
subjects = "subjects.csv"
outcomes = "outcomes.csv"
specimens = "specimens.csv"
tissue_reads = "reads.csv"
"""
COUNTS = {"cd8": "CD8 (Opal 520) Positive Cells", "foxp3": "FOXP3 (Opal 620) Positive Cells"}


def write(path, head, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *rows])


def study_of(shared, folder, area):
    """The deposit as a study, its areas from one of its two columns."""
    source = shared / "reference" / "assay" / "spatialtime_cd8_foxp3" / "summary.csv"
    with source.open(encoding="utf-8") as file:
        cores = list(csv.DictReader(file))
    ids = [f"C{row['deidentified_id']}" for row in cores]
    write(folder / "subjects.csv", ["subject"], [[i] for i in ids])
    write(folder / "outcomes.csv", ["subject", "endpoint", "time", "unit", "event"],
          [[i, "pfs", 30 + 7 * k % 600, "days", int(k % 3 > 0)] for k, i in enumerate(ids)])
    write(folder / "specimens.csv", ["specimen", "subject", "type", "collection_day", "reason_for_draw"],
          [[f"{i}-T", i, "biopsy", 0, "scheduled"] for i in ids])
    write(folder / "reads.csv", ["specimen", "marker", "compartment", "reader", "read_no", "count", "area_mm2"],
          [[f"{i}-T", marker, "total", "R1", 1, row[column], row[area]]
           for i, row in zip(ids, cores, strict=True) for marker, column in COUNTS.items()])
    (folder / "study.toml").write_text(STUDY, encoding="utf-8")
    return folder / "study.toml"


def test_an_area_in_square_micrometres_is_refused(shared, tmp_path):
    with pytest.raises(DataProblem, match="is an area in um2") as error:
        bm.read_study(study_of(shared, tmp_path, "Area Analyzed (m)"))
    assert "divide these areas by 1,000,000" in str(error.value)


def test_densities_and_ratios_are_those_of_the_deposit_and_nobody_without_foxp3_is_dropped(shared, tmp_path):
    study = bm.read_study(study_of(shared, tmp_path, "Area Analyzed (mm)"))
    value = {name: baseline_values(study, study.design.marker(name)).set_index("subject")["value"].astype(float)
             for name in ("cd8", "foxp3", "cd8_foxp3")}
    assert np.quantile(value["cd8"], [0.25, 0.5, 0.75]) == pytest.approx([37.98, 71.98, 122.45], abs=0.01)
    assert np.quantile(value["foxp3"], [0.25, 0.5, 0.75]) == pytest.approx([0, 7.915, 25.58], abs=0.01)
    assert (value["foxp3"] == 0).sum() == 72
    assert np.corrcoef(np.log2(value["cd8"] + 1), np.log2(value["foxp3"] + 1))[0, 1] == pytest.approx(0.4209, abs=1e-4)
    ratio = np.log2(value["cd8_foxp3"])
    assert np.isfinite(ratio).all()
    assert (ratio.median(), ratio.mean(), ratio.std()) == pytest.approx((2.316, 2.376, 1.705), abs=1e-3)


def test_the_row_says_how_many_raw_ratios_would_be_undefined(shared, tmp_path):
    study = bm.read_study(study_of(shared, tmp_path, "Area Analyzed (mm)"))
    row = bm.associate(study, "cd8_foxp3", by=None, permutations=0).table.iloc[0]
    assert row["n"] == 229
    assert "72 of 229 raw ratios are undefined" in row["note"]          # 31.4 %
