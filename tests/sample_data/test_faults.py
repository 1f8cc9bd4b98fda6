"""faults.json tells the truth: what it lists stands where it says, and nothing else was changed by accident."""

import csv
import gzip
import io
import json
from collections import Counter
from pathlib import Path

import make_dirty
import pytest

TWINS = {"br1801_dirty": 55, "br1801_recoverable": 25, "stop_her2_dirty": 16}
"""Twin and the least number of different faults it holds."""

EXPECTED = {
    "br1801_dirty": "S01 S02 S03 S04 S05 S06 S07 S08 S09 S10 O01 O02 O03 O04 O05 O06 O07 O08 O09 O10 "
    "T01 T02 T03 T04 T05 T06 T07 T08 T09 T10 T11 T12 "
    "M01 M02 M03 M04 M05 M06 M07 M08 M09 M10 M11 M12 M13 C01 C02 C03 C04 K01 K02 K03 K04 K05 K06 K07 K08 K09 K10 "
    "D01 D02 D03 D04 D05 D06 D07 P01 P02 P03 G01 G02 G03 G04 G05 G06 X01 X02 X03 X04 X05",
    "stop_her2_dirty": "R01 R02 R03 R04 R05 R06 R07 R08 R09 R10 R11 R12 R13 R14 R15 R16",
}


def faults(samples: Path, twin: str) -> list[dict]:
    return json.loads((samples / twin / "faults.json").read_text(encoding="utf-8"))["faults"]


def cells(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV, whatever its dress."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252")
    delimiter = "\t" if "\t" in text.splitlines()[0] else ","
    header, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return header, rows


def folder_of(samples: Path, twin: str, fault: dict) -> Path:
    return (samples / twin / fault["study"]).parent


@pytest.mark.parametrize("twin", sorted(EXPECTED))
def test_every_fault_of_the_specification_is_planted(twin: str, samples: Path) -> None:
    assert sorted({fault["fault"] for fault in faults(samples, twin)}) == sorted(EXPECTED[twin].split())


@pytest.mark.parametrize("twin", sorted(TWINS))
def test_ids_are_unique_and_severity_follows_class(twin: str, samples: Path) -> None:
    listed = faults(samples, twin)
    assert Counter(fault["id"] for fault in listed).most_common(1)[0][1] == 1
    for fault in listed:
        allowed = {"R": {"error"}, "F": {"warning", "note"}, "W": {"warning"}, "C": {"none"}}[fault["class"]]
        assert fault["severity"] in allowed or not fault["scored"], fault["id"]
        assert fault["severity"] != "error" or twin != "br1801_recoverable"


@pytest.mark.parametrize("twin", sorted(TWINS))
def test_every_listed_cell_holds_its_raw_value(twin: str, samples: Path) -> None:
    checked = 0
    for fault in faults(samples, twin):
        if not fault["committed"]:
            continue
        for place in fault["places"] + fault["also"]:
            path = folder_of(samples, twin, fault) / place["file"]
            assert path.is_file(), (fault["id"], path)
            if place["raw_value"] is None or place["line"] is None:
                continue
            checked += 1
            if path.suffix == ".gz":
                line = gzip.decompress(path.read_bytes()).decode().splitlines()[place["line"] - 1]
                assert all(part in line for part in place["raw_value"].split(" and ")[:1]), fault["id"]
                continue
            header, rows = cells(path)
            if place["line"] == 1:
                assert place["raw_value"] in header, fault["id"]
            elif place["column"]:
                assert rows[place["line"] - 2][header.index(place["column"])] == place["raw_value"], (fault["id"], place)
            else:
                assert ",".join(rows[place["line"] - 2]) == place["raw_value"], fault["id"]
    assert checked > TWINS[twin]


@pytest.mark.parametrize("twin", sorted(TWINS))
def test_top_level_fields_repeat_the_first_place(twin: str, samples: Path) -> None:
    for fault in faults(samples, twin):
        first = fault["places"][0]
        for key in ("file", "line", "column", "raw_value"):
            assert fault[key] == first[key]
        assert fault["row"] == (None if first["line"] is None else first["line"] - 1)


def changed(clean: Path, dirty: Path) -> set[tuple[str, int]]:
    """File and line of every row of the dirty tables that the clean ones do not hold."""
    out = set()
    for path in sorted(dirty.glob("*.csv")):
        header, rows = cells(path)
        before: Counter[tuple[str, ...]] = Counter()
        if (clean / path.name).is_file():
            names, old = cells(clean / path.name)
            before = Counter(tuple(row) for row in old)
            header = [name for name in header if name in names] if names != header else header
        for line, row in enumerate(rows, start=2):
            key = tuple(row[: len(header)])
            if before[key]:
                before[key] -= 1
            else:
                out.add((path.name, line))
    return out


def test_nothing_was_changed_that_is_not_listed(samples: Path) -> None:
    for twin, clean, folder in (("br1801_dirty", "br1801", "shared"), ("stop_her2_dirty", "stop_her2", ".")):
        listed = [fault for fault in faults(samples, twin) if fault["study"] in ("shared/study.toml", "study.toml")]
        known = {(place["file"], place["line"]) for fault in listed for place in fault["places"] + fault["also"]}
        strays = changed(samples / clean, samples / twin / folder) - known
        # rows that belong to a planted tube or subject (results of added tubes, days moved together) are its company
        company = set()
        subjects = {subject for fault in listed for subject in fault["subjects"]}
        for file, line in strays:
            header, rows = cells(samples / twin / folder / file)
            row = dict(zip(header, rows[line - 2], strict=True))
            if row.get("subject", row.get("specimen", ""))[:6].strip() in subjects or row.get("specimen", "")[:5] in subjects:
                company.add((file, line))
        assert strays - company == set()


def test_core_faults_have_subjects_of_their_own(samples: Path) -> None:
    seen: dict[str, str] = {}
    for fault in faults(samples, "br1801_dirty"):
        if fault["fault"][0] in "SOT" and fault["study"] == "shared/study.toml":
            for subject in fault["subjects"]:
                assert seen.setdefault(subject, fault["id"]) == fault["id"], (subject, fault["id"])
    core = set(seen)
    assert len(core) > 40
    for fault in faults(samples, "br1801_dirty"):
        if fault["fault"][0] in "MCKDPG" and fault["study"] == "shared/study.toml":
            assert not core & set(fault["subjects"]), fault["id"]


def test_a_fault_of_one_family_never_shares_a_subject_with_another(samples: Path) -> None:
    for family in "MCKDPG":
        seen: dict[str, str] = {}
        for fault in faults(samples, "br1801_dirty"):
            if fault["fault"][0] == family and fault["study"] == "shared/study.toml":
                for subject in fault["subjects"]:
                    assert seen.setdefault(subject, fault["id"]) == fault["id"], (subject, fault["id"])


def test_siblings_still_sum_to_100_except_where_131_was_planted(samples: Path) -> None:
    header, rows = cells(samples / "br1801_dirty" / "shared" / "blood_pbmc.csv")
    at = {name: i for i, name in enumerate(header)}
    sums: Counter[tuple[str, str]] = Counter()
    for row in rows:
        sums[row[at["specimen"]], row[at["parent_gate"]]] += float(row[at["value"]])
    above = [key for key, total in sums.items() if total > 100.5]
    (planted,) = [fault for fault in faults(samples, "br1801_dirty") if fault["fault"] == "P02"]
    assert above == [(f"{planted['subjects'][0]}-0M", "lymphocytes")]


def test_the_clean_equivalent_differs_from_the_clean_study_only_in_listed_subjects(samples: Path, tmp_path: Path) -> None:
    make_dirty.make(tmp_path, clean_equivalent=True)
    listed = {subject for fault in faults(samples, "br1801_recoverable") for subject in fault["subjects"]}
    for path in sorted((samples / "br1801").glob("*.csv")):
        header, clean = cells(path)
        names, mine = cells(tmp_path / path.name)
        assert names == header
        gone = Counter(map(tuple, clean)) - Counter(map(tuple, mine))
        assert {row[header.index("subject") if "subject" in header else 0][:6] for row in gone} <= listed, path.name
    assert (tmp_path / "study.toml").read_bytes() == (samples / "br1801" / "study.toml").read_bytes()


def test_the_megabyte_cell_is_made_on_demand(built: Path, tmp_path: Path) -> None:
    make_dirty.make_big_cell(built / "br1801", tmp_path / "X04-big")
    assert (tmp_path / "X04-big" / "subjects.csv").stat().st_size > 1_000_000
    assert not (built / "br1801_dirty" / "X04-big").exists()


def test_whole_file_folders_hold_the_study_file_and_one_table(samples: Path) -> None:
    folders = [path for path in (samples / "br1801_dirty").iterdir() if path.is_dir() and path.name != "shared"]
    assert len(folders) == 15
    for folder in folders:
        assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".toml"]
        text = (folder / "study.toml").read_text(encoding="utf-8")
        (table,) = folder.glob("*.csv")
        assert f'"{table.name}"' in text
        assert "../../br1801/" in text
