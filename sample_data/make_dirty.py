"""Make the dirty twins: the sample studies with one known fault after another, and a list of what a correct tool must say.

    python sample_data/make_dirty.py --out DIR                          every twin, each with its faults.json
    python sample_data/make_dirty.py --out DIR --clean-equivalent       what br1801_recoverable must be worth

Each fault sits on subjects of its own, found by `pick` (the smallest id that meets a condition and is not used yet), so that
no fault hides or causes another. Lines count as in a spreadsheet: the header is line 1. Nobody in these files exists.

Classes: R reject (the table is not used; severity error), F flag (row or subject left out with its reason; warning),
W warn (used, announced; warning), C clean (read as meant; at most a note). What an undamaged trial has by nature (a draw on
the event day, a failed genotype call, a tube of low input) is a note, planted or not: those faults say severity "note".
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import make_br1801
import make_stop_her2
from deterministic import write_json, write_text
from faults.clinic import plant_outcomes, plant_specimens, plant_subjects
from faults.genotypes import plant_genotypes
from faults.laboratory import plant_ctc, plant_ctdna, plant_pbmc, plant_tissue, plant_tk1
from faults.stop_her2 import plant_stop
from faults.twin import Place, Twin, entry, numbered
from faults.whole_files import whole_file_twins

NOTE = (
    "SYNTHETIC. Planted faults and what must be said about them; the package never reads this file. `places` are the planted "
    "cells, `also` further cells that a correct tool may name for the same fault; need = all: every place is named, any: one "
    "of places or also is enough. line: as in a spreadsheet, the header is 1; null: the file as a whole. words: each must "
    "occur in the message, in its value or in its remedy (regular expressions, case ignored)."
)


RECOVERABLE_TOML = """\
# SYNTHETIC data with faults that have one right reading, and the declarations that give it.
# After them every estimate equals, bit for bit, that of `make_dirty.py --clean-equivalent`.
"""


def recoverable_study_toml(study: str) -> str:
    """The clean study.toml plus what a user declares about these files."""
    study = study.split("\n", 1)[1]
    study = study.replace(
        "[endpoints.pfs]\n",
        '[endpoints.pfs]\nzero_time = "exclude"    # an event on day 0 leaves the analysis with its reason\n',
    )
    study = study.replace(
        "[tables]\n",
        '[markers.tk1_dul]\nND = "not_detected"\ndecimal = ","\n[markers.ctc]\nunit = "cells/7.5 mL"\n\n[tables]\n',
    )
    return RECOVERABLE_TOML + study.replace(
        "covariates =",
        'unknown_subjects = "exclude"                 # rows of subjects that are not in the trial\ncovariates =',
    )


BR_PLANTERS = (
    plant_subjects,
    plant_outcomes,
    plant_specimens,
    plant_tissue,
    plant_ctc,
    plant_tk1,
    plant_ctdna,
    plant_pbmc,
    plant_genotypes,
)


def natural_br1801(t: Twin) -> list[dict[str, object]]:
    """What an undamaged trial has by nature, as it stands in the shared twin: notes at most."""
    planted = {id(place.row) for fault in t.faults for place in fault.places}
    line_of = {id(row): n for rows in t.tables.values() for n, row in enumerate(rows, start=2)}
    time = {row["subject"]: row["time"] for row in t.tables["outcomes.csv"] if row["endpoint"] == "pfs"}
    out: list[dict[str, object]] = [
        {"what": "draw on the event day", "file": "specimens.csv", "line": line_of[id(row)], "subject": row["subject"]}
        for row in t.tables["specimens.csv"]
        if id(row) not in planted
        and row["reason_for_draw"] == "scheduled"
        and row["collection_day"] == time.get(row["subject"])
        and row["type"] != "germline"
    ]
    for name, vcf in t.vcf.items():
        out += [
            {"what": "failed genotype call", "file": name, "line": None, "subject": sample}
            for sample, text in vcf.fields["FCGR3A-158"].items()
            if text == "./.:1,1:2:."
        ]
    return out


def natural_stop(t: Twin) -> list[dict[str, object]]:
    """What an undamaged trial has by nature in the STOP twin."""
    planted = {id(place.row) for fault in t.faults for place in fault.places}
    line_of = {id(row): n for rows in t.tables.values() for n, row in enumerate(rows, start=2)}
    time = {row["subject"]: row["time"] for row in t.tables["outcomes.csv"] if row["endpoint"] == "pfs"}
    on_day = [
        {"what": "draw on the event day", "file": "specimens.csv", "line": line_of[id(row)], "subject": row["subject"]}
        for row in t.tables["specimens.csv"]
        if id(row) not in planted
        and row["reason_for_draw"] == "scheduled"
        and row["collection_day"] == time.get(row["subject"])
    ]
    low = [
        {"what": "not detected at low input", "file": "mrd.csv", "line": line_of[id(row)], "subject": t.subject_of(row)}
        for row in t.tables["mrd.csv"]
        if float(row["plasma_ml"]) < 2 and row["call"] == "not_detected"
    ]
    return on_day + low


def dress(t: Twin) -> None:
    """Dress the recoverable files as laboratories do: encodings, line ends, a formula, a blank in a header, no unit column."""
    for row in t.tables["subjects.csv"]:
        row["site"] = row["site"].replace("Site 3", "Zentrum \u00c4")
    formula = t.row("subjects.csv", subject=t.subjects[-1])
    formula["site"] = "=1+2"
    t.bytes["subjects.csv"] = lambda text: text.replace(",arm,", ",arm ,", 1).encode("cp1252")
    t.bytes["outcomes.csv"] = lambda text: b"\xef\xbb\xbf" + text.encode()
    t.bytes["tissue_reads.csv"] = lambda text: text.replace("\n", "\r\n").encode()
    t.columns["blood_ctc.csv"].remove("unit")
    for row in t.tables["blood_ctc.csv"]:
        del row["unit"]
    t.plant("X01", "C", "Windows-1252 with an umlaut", Place("subjects.csv", None, "site"))
    t.plant("X02", "C", "a blank behind a column name", Place("subjects.csv", None, "arm ", "arm ", line=1))
    t.plant("X04", "C", "a cell that starts with =", t.places("subjects.csv", [formula], "site"))
    t.plant("X01", "C", "UTF-8 with a byte order mark", Place("outcomes.csv", None, ""))
    t.plant("X01", "C", "line ends of Windows", Place("tissue_reads.csv", None, ""))


def br1801_twin(clean: Path, *, recoverable: bool = False) -> Twin:
    """The clean study with all faults that share one folder planted."""
    t = Twin(clean, recoverable=recoverable, reserved=("BR-031", "BR-032"))
    for plant in BR_PLANTERS:
        plant(t)
    if recoverable:
        dress(t)
        t.study_toml = recoverable_study_toml(t.study_toml)
    return t


def make_dirty_br1801(clean: Path, out: Path) -> None:
    """`br1801_dirty`: a shared folder, and one folder per fault that takes a whole file."""
    shared = br1801_twin(clean)
    shared.write(out / "shared")
    write_text(out / "shared" / "study.toml", shared.study_toml)
    faults = shared.located("shared/")
    for folder, (study, files, planted) in whole_file_twins(clean).items():
        if planted[0].committed:
            write_whole_file_twin(out / folder, study, files)
        faults += [entry(fault, {}, "", part) for fault, part in numbered(planted)]
    for each in faults[len(shared.faults) :]:
        each["id"] = str(each["study"]).split("/")[0] + (
            f".{str(each['id']).partition('.')[2]}" if "." in str(each["id"]) else ""
        )
    write_json(out / "faults.json", {"note": NOTE, "faults": faults, "natural": natural_br1801(shared)})


def write_whole_file_twin(folder: Path, study: str, files: dict[str, bytes]) -> None:
    """A study.toml and the file that differs."""
    write_text(folder / "study.toml", study)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def make_big_cell(clean: Path, folder: Path) -> None:
    """X04-big, one megabyte: made when a test needs it, never committed. Its other tables are those of `../../br1801`."""
    study, files, _ = whole_file_twins(clean)["X04-big"]
    write_whole_file_twin(folder, study, files)


def make_recoverable(clean: Path, out: Path) -> None:
    """`br1801_recoverable`."""
    t = br1801_twin(clean, recoverable=True)
    t.write(out)
    write_text(out / "study.toml", t.study_toml)
    write_json(out / "faults.json", {"note": NOTE, "faults": t.located(), "natural": natural_br1801(t)})


def make_clean_equivalent(clean: Path, out: Path) -> None:
    """The clean study with the values that `br1801_recoverable` must lose set missing, its intervals and bounds in place."""
    t = br1801_twin(clean, recoverable=True)
    t.write(out, equivalent=True)
    study = (clean / "study.toml").read_text(encoding="utf-8")
    write_text(out / "study.toml", study)


def make_dirty_stop(clean: Path, out: Path) -> None:
    """`stop_her2_dirty`."""
    t = Twin(clean)
    plant_stop(t)
    t.write(out)
    write_text(out / "study.toml", t.study_toml)
    write_json(out / "faults.json", {"note": NOTE, "faults": t.located(), "natural": natural_stop(t)})


def make(out: Path, *, clean_equivalent: bool = False, big: bool = False) -> None:
    """Write the twins (or the clean-equivalent study) below a folder, from freshly made clean studies."""
    with tempfile.TemporaryDirectory() as fresh:
        br1801, stop = Path(fresh) / "br1801", Path(fresh) / "stop_her2"
        make_br1801.make(br1801)
        if clean_equivalent:
            make_clean_equivalent(br1801, out)
            return
        make_stop_her2.make(stop)
        for name in ("br1801_dirty", "br1801_recoverable", "stop_her2_dirty"):
            if (out / name).exists():
                shutil.rmtree(out / name)
        make_dirty_br1801(br1801, out / "br1801_dirty")
        make_recoverable(br1801, out / "br1801_recoverable")
        make_dirty_stop(stop, out / "stop_her2_dirty")
        if big:
            make_big_cell(br1801, out / "br1801_dirty" / "X04-big")


def main() -> None:
    """Read the command line and write the twins."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder below which the twins are written")
    parser.add_argument(
        "--clean-equivalent",
        action="store_true",
        help="write the study that br1801_recoverable must be worth, and nothing else",
    )
    parser.add_argument("--big", action="store_true", help="also write X04-big, a cell of one million characters")
    given = parser.parse_args()
    make(given.out, clean_equivalent=given.clean_equivalent, big=given.big)


if __name__ == "__main__":
    main()
