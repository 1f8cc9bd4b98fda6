"""A study in memory, every change made to it, and beside it the clean study it must be worth."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import make_br1801
from deterministic import Row, bgzf, table_text, write_text

SEVERITY = {"R": "error", "F": "warning", "W": "warning", "C": "none"}
KEEP = object()
"""The clean-equivalent study holds what the dirty one holds."""


@dataclass
class Place:
    """One cell: the row is kept as an object, because its line is known only when the table is written."""

    file: str
    row: Row | None
    column: str
    raw: str | None = None
    line: int | None = None
    subject: str = ""


@dataclass
class Fault:
    """One planted fault and what must be said about it."""

    fault: str
    kind: str
    what: str
    places: list[Place]
    words: tuple[str, ...] = ()
    severity: str = ""
    need: str = "all"
    also: list[Place] = field(default_factory=list)
    scored: bool = True
    study: str = "study.toml"
    committed: bool = True
    subjects: tuple[str, ...] | None = None


@dataclass
class Vcf:
    """A VCF to be written: samples with their field per locus, and a last change of its text."""

    build: str
    samples: list[str]
    fields: dict[str, dict[str, str]]
    change: Callable[[str], str] = str

    def text(self) -> str:
        """The whole file."""
        columns = {locus: [by_sample[sample] for sample in self.samples] for locus, by_sample in self.fields.items()}
        return self.change(make_br1801.vcf_text(self.build, self.samples, columns))


class Twin:
    """A study in memory, with every change made to it and, beside it, the clean study it must be worth.

    Parameters
    ----------
    folder : Path
        A clean study.
    recoverable : bool
        Plant only what has one right reading; `equivalent` then follows every change.
    reserved : iterable of str
        Subjects that no fault may pick.
    """

    def __init__(self, folder: Path, *, recoverable: bool = False, reserved: Iterable[str] = ()) -> None:
        self.recoverable = recoverable
        self.faults: list[Fault] = []
        self.used: dict[str, set[str]] = {"core": set(reserved)}
        self.tables: dict[str, list[Row]] = {}
        self.columns: dict[str, list[str]] = {}
        self.bytes: dict[str, Callable[[str], bytes]] = {}
        self.vcf: dict[str, Vcf] = {}
        for path in sorted(folder.glob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                reader = csv.DictReader(file)
                self.tables[path.name] = list(reader)
                self.columns[path.name] = list(reader.fieldnames or [])
        for path in sorted((folder / "vcf").glob("*.vcf.gz")) if (folder / "vcf").is_dir() else []:
            self.vcf[f"vcf/{path.name}"] = read_vcf(path)
        self.clean_columns = {name: list(columns) for name, columns in self.columns.items()}
        self.study_toml = (folder / "study.toml").read_text(encoding="utf-8")
        self.plan_toml = (folder / "plan.toml").read_text(encoding="utf-8")
        self.equivalent = {name: [dict(row) for row in rows] for name, rows in self.tables.items()}
        self.equivalent_vcf = {
            name: Vcf(v.build, list(v.samples), {k: dict(f) for k, f in v.fields.items()}) for name, v in self.vcf.items()
        }
        self._pair = {
            id(row): twin for name, rows in self.tables.items() for row, twin in zip(rows, self.equivalent[name], strict=True)
        }
        self.subjects = [row["subject"] for row in self.tables["subjects.csv"]]
        self._index: dict[tuple[str, str, str], list[Row]] = {}
        for name, rows in self.tables.items():
            for row in rows:
                self._note(name, row)

    # -- finding rows -------------------------------------------------------------------------------------------

    def rows(self, file: str, **where: str) -> list[Row]:
        """Rows of a table with these values."""
        keyed = next(((file, column, where[column]) for column in ("specimen", "subject") if column in where), None)
        candidates = self._index.get(keyed, []) if keyed else self.tables[file]
        return [row for row in candidates if all(row[column] == value for column, value in where.items())]

    def _note(self, file: str, row: Row) -> None:
        """Make a row known under its specimen and its subject, as they are spelled before any fault."""
        for column in ("specimen", "subject"):
            if column in row:
                self._index.setdefault((file, column, row[column]), []).append(row)

    def row(self, file: str, **where: str) -> Row:
        """The only row with these values."""
        (row,) = self.rows(file, **where)
        return row

    def pfs(self, subject: str) -> Row:
        """The outcome row of progression-free survival."""
        return self.row("outcomes.csv", subject=subject, endpoint="pfs")

    def os(self, subject: str) -> Row:
        """The outcome row of overall survival."""
        return self.row("outcomes.csv", subject=subject, endpoint="os")

    def pick(self, group: str, k: int, condition: Callable[[str], bool] = lambda _: True) -> list[str]:
        """The k smallest ids that meet a condition and that no fault of this group, nor any core fault, has taken."""
        taken = set().union(*self.used.values()) if group == "core" else self.used["core"] | self.used.get(group, set())
        found = [subject for subject in self.subjects if subject not in taken and condition(subject)][:k]
        if len(found) < k:
            raise AssertionError(f"{group}: only {len(found)} of {k} subjects meet the condition")
        self.used.setdefault(group, set()).update(found)
        return found

    def one(self, group: str, condition: Callable[[str], bool] = lambda _: True) -> str:
        """The first of `pick`."""
        return self.pick(group, 1, condition)[0]

    # -- changing them ------------------------------------------------------------------------------------------

    def set(self, file: str, row: Row, column: str, raw: str, *, equivalent: object = KEEP) -> Place:
        """Write a cell; `equivalent` is what the clean-equivalent study holds there."""
        row[column] = raw
        if id(row) in self._pair:
            self._pair[id(row)][column] = raw if equivalent is KEEP else str(equivalent)
        return Place(file, row, column, raw, subject=self.subject_of(row))

    def add(self, file: str, row: Row) -> Row:
        """Append a row that the clean-equivalent study does not have."""
        full = dict.fromkeys(self.columns[file], "") | row
        self.tables[file].append(full)
        self._note(file, full)
        return full

    def add_both(self, file: str, row: Row) -> Row:
        """Append a row that the clean-equivalent study has as well."""
        added = self.add(file, row)
        self._pair[id(added)] = dict(added)
        self.equivalent[file].append(self._pair[id(added)])
        return added

    def drop_equivalent(self, file: str, rows: Iterable[Row]) -> None:
        """Take rows out of the clean-equivalent study."""
        gone = {id(self._pair[id(row)]) for row in rows}
        self.equivalent[file] = [row for row in self.equivalent[file] if id(row) not in gone]

    def subject_of(self, row: Row) -> str:
        """The subject of a row, directly or through its specimen."""
        if "subject" in row:
            return row["subject"].strip()
        return next((tube["subject"] for tube in self.rows("specimens.csv", specimen=row["specimen"])), "")

    def plant(
        self,
        fault: str,
        kind: str,
        what: str,
        places: Place | list[Place],
        *words: str,
        severity: str = "",
        need: str = "all",
        also: Iterable[Place] = (),
        scored: bool = True,
        subjects: tuple[str, ...] | None = None,
    ) -> None:
        """Record a fault."""
        cells = places if isinstance(places, list) else [places]
        self.faults.append(Fault(fault, kind, what, cells, words, severity, need, list(also), scored, subjects=subjects))

    def places(self, file: str, rows: Iterable[Row], column: str) -> list[Place]:
        """The cells of a column in some rows, as they stand now."""
        return [Place(file, row, column, row[column], subject=self.subject_of(row)) for row in rows]

    # -- specimens ----------------------------------------------------------------------------------------------

    def tubes(self, subject: str, visit: str) -> list[Row]:
        """The four tubes of a draw."""
        return [
            row
            for row in self.rows("specimens.csv", subject=subject, visit_label=visit)
            if row["type"] not in ("biopsy", "germline")
        ]

    def results(self, tubes: Iterable[Row]) -> list[tuple[str, Row]]:
        """Every blood row of some tubes, with its file."""
        files = [file for file in self.tables if file.startswith("blood_") or file == "mrd.csv"]
        return [(file, row) for file in files for tube in tubes for row in self.rows(file, specimen=tube["specimen"])]

    def lose_draw(self, tubes: list[Row]) -> None:
        """In the clean-equivalent study these tubes were never drawn."""
        for file, row in self.results(tubes):
            self.drop_equivalent(file, [row])
        self.drop_equivalent("specimens.csv", tubes)

    def blank_subject(self, subject: str) -> None:
        """In the clean-equivalent study nothing was measured in this subject."""
        names = {row["specimen"] for row in self.rows("specimens.csv", subject=subject)}
        for file, rows in self.equivalent.items():
            if rows and "marker" in rows[0]:
                self.equivalent[file] = [row for row in rows if row["specimen"] not in names]
        for vcf in self.equivalent_vcf.values():
            if subject in vcf.samples:
                vcf.fields["FCGR3A-158"][subject] = "./.:1,1:2:."

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, folder: Path, *, equivalent: bool = False) -> None:
        """Write every table, VCF, study.toml and plan.toml."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in (self.equivalent if equivalent else self.tables).items():
            columns = (self.clean_columns if equivalent else self.columns)[name]
            text = table_text(rows, columns)
            encode = self.bytes.get(name) if not equivalent else None
            (folder / name).write_bytes(encode(text) if encode else text.encode("utf-8"))
        for name, vcf in (self.equivalent_vcf if equivalent else self.vcf).items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(bgzf(vcf.text().encode()))
        write_text(folder / "plan.toml", self.plan_toml)

    def located(self, prefix: str = "") -> list[dict[str, object]]:
        """The faults with the lines at which they now stand."""
        line_of = {id(row): n for rows in self.tables.values() for n, row in enumerate(rows, start=2)}
        return [entry(fault, line_of, prefix, number) for fault, number in numbered(self.faults)]


def numbered(faults: list[Fault]) -> list[tuple[Fault, int]]:
    """Each fault with its number among those of one id; 0 where it is the only one."""
    counts: dict[str, int] = {}
    for fault in faults:
        counts[fault.fault] = counts.get(fault.fault, 0) + 1
    seen: dict[str, int] = {}
    out = []
    for fault in faults:
        seen[fault.fault] = seen.get(fault.fault, 0) + 1
        out.append((fault, seen[fault.fault] if counts[fault.fault] > 1 else 0))
    return out


def entry(fault: Fault, line_of: dict[int, int], prefix: str, part: int) -> dict[str, object]:
    """One entry of faults.json."""

    def cell(place: Place) -> dict[str, object]:
        line = place.line if place.row is None else line_of[id(place.row)]
        return {"file": place.file, "line": line, "column": place.column, "raw_value": place.raw, "subject": place.subject}

    places, also = [cell(place) for place in fault.places], [cell(place) for place in fault.also]
    first = places[0]
    named = dict.fromkeys(str(place["subject"]) for place in places if place["subject"])
    subjects = list(named if fault.subjects is None else fault.subjects)
    return {
        "id": f"{fault.fault}.{part}" if part else fault.fault,
        "fault": fault.fault,
        "study": prefix + fault.study,
        "file": first["file"],
        "row": first["line"] - 1 if isinstance(first["line"], int) else None,
        "line": first["line"],
        "column": first["column"],
        "raw_value": first["raw_value"],
        "class": fault.kind,
        "severity": fault.severity or SEVERITY[fault.kind],
        "what": fault.what,
        "words": list(fault.words),
        "subjects": subjects,
        "need": fault.need,
        "places": places,
        "also": also,
        "scored": fault.scored,
        "committed": fault.committed,
    }


def read_vcf(path: Path) -> Vcf:
    """Samples and genotype fields of a clean VCF."""
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    build = next(line for line in lines if line.startswith("##reference=")).partition("=")[2]
    samples = next(line for line in lines if line.startswith("#CHROM")).split("\t")[9:]
    fields = {}
    for line in lines:
        if not line.startswith("#"):
            cells = line.split("\t")
            locus = next(name for name, position in make_br1801.GENOME[build][2].items() if position == int(cells[1]))
            fields[locus] = dict(zip(samples, cells[9:], strict=True))
    return Vcf(build, samples, fields)


def elsewhere(study: str, own: str) -> str:
    """The clean study.toml, with every table but one read from the clean study's folder."""
    clean = "../../br1801/"
    blood = ["blood_ctc.csv", "blood_ctdna.csv", "blood_pbmc.csv", "blood_tk1.csv"]
    listed = ", ".join(f'"{name if name == own else clean + name}"' for name in blood)
    study = study.replace('blood = "blood_*.csv"', f"blood = [{listed}]").replace('path = "vcf/', f'path = "{clean}vcf/')
    for name in ("subjects.csv", "outcomes.csv", "specimens.csv", "tissue_reads.csv", "response.csv", "adverse_events.csv"):
        if name != own:
            study = study.replace(f'"{name}"', f'"{clean}{name}"')
    return study
