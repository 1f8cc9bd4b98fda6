"""A first study.toml for a folder of files: what could be told from them, and as comments what could not.

Headers are read whole; of the cells only those of columns whose meaning the name gives away (cohort, arm, marker, event codes,
days), never identifiers, names or anything unknown. Nothing is guessed silently: each decision that could be wrong carries a
comment that begins with `# ?`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from biomarkers.domain.errors import UseError
from biomarkers.domain.markers import MARKERS
from biomarkers.domain.schema import TABLES
from biomarkers.domain.source import Source
from biomarkers.domain.times import DAYS_PER
from biomarkers.readers.adam import SCREEN_FAILURE
from biomarkers.readers.calendar_days import looks_like_date
from biomarkers.readers.cbioportal import below_comments
from biomarkers.readers.dataset import read_dataset
from biomarkers.readers.redcap import forms_of
from biomarkers.readers.table import unreadable

DICTIONARY = "redcap-dictionary"
ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".xlsx", ".xlsm", ".xpt", ".sas7bdat", ".json", ".ndjson", ".dsjc")
VCF_ENDINGS = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")

SYNONYMS: dict[str, tuple[str, ...]] = {
    "subject": (
        "subject",
        "subject_id",
        "subjectid",
        "subjid",
        "usubjid",
        "patient",
        "patient_id",
        "patientid",
        "pid",
        "pat_id",
        "participant",
        "participant_id",
        "case_id",
    ),
    "specimen": ("specimen", "specimen_id", "sample_id", "tube", "tube_id", "accession"),
    "cohort": ("cohort",),
    "arm": ("arm", "treatment", "treatment_arm", "trt", "trt01p"),
    "age": ("age", "age_years"),
    "sex": ("sex", "gender"),
    "site": ("site", "centre", "center", "siteid"),
    "day": ("day", "study_day", "draw_day", "collection_day", "days", "dy", "collection_date", "draw_date", "date"),
    "visit": ("visit", "visit_label", "draw", "timepoint", "time_point"),
    "marker": ("marker", "analyte", "test", "biomarker", "parameter"),
    "value": ("value", "result", "concentration", "reading"),
    "unit": ("unit", "units"),
    "lod": ("lod", "limit_of_detection", "lod95"),
    "call": ("call", "genotype", "mrd_status", "mrd_call"),
    "endpoint": ("endpoint", "paramcd"),
    "time": ("time", "aval"),
    "event": ("event", "status"),
    "type": ("type", "specimen_type", "sample_type"),
    "reader": ("reader", "pathologist", "observer"),
    "compartment": ("compartment",),
    "response": ("response", "best_response", "bor"),
    "drug": ("drug", "agent"),
    "instrument": ("instrument", "questionnaire"),
    "score": ("score",),
    "locus": ("locus",),
    "grade": ("grade", "ctcae_grade"),
    "term": ("term", "adverse_event"),
}
"""Column of a canonical table to the names under which it comes, in lower case."""

MARKER_WORDS: dict[str, tuple[str, ...]] = {
    "stil": ("stil", "til", "tils", "til_pct", "stromal_til", "stromal_tils"),
    "vimentin_pct": ("vimentin", "vim", "vimentin_pct"),
    "cd8": ("cd8", "cd8_density", "cd8_mm2"),
    "foxp3": ("foxp3", "foxp3_density", "foxp3_mm2"),
    "ctc": ("ctc", "ctcs", "ctc_count"),
    "ctdna_vaf": ("ctdna_vaf", "vaf", "max_vaf"),
    "ctdna_tf": ("ctdna_tf", "tumour_fraction", "tumor_fraction"),
    "ctdna_mtm": ("ctdna_mtm", "mtm_ml", "mtm", "ctdna"),
    "tk1_dua": ("tk1_dua", "tka_dua"),
    "tk1_dul": ("tk1_dul", "tka_dul"),
    "mrd": ("mrd", "mrd_status", "mrd_call"),
    "fcgr3a_158": ("fcgr3a", "fcgr3a_158", "fcgr3a_v158f", "v158f", "fcgr3a_genotype"),
    "fcgr2a_131": ("fcgr2a", "fcgr2a_131", "h131r"),
}
"""Marker of the registry to names of columns and spellings in a marker column."""

SEEN_CELLS = ("cohort", "arm", "marker", "event", "endpoint", "unit", "day", "type", "value")
_ENDPOINT = re.compile(
    r"(pfs|os|dfs|efs|rfs|ttp|ttf|idfs)_?(time|months?|days?|weeks?|years?|mo|event|status|cens|censor|evt)?", re.ASCII
)


@dataclass
class Seen:
    """What a file turned out to be."""

    path: Path
    name: str
    table: str | None = None
    format: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    extra: dict[str, str] = field(default_factory=dict)
    levels: dict[str, list[str]] = field(default_factory=dict)
    markers: dict[str, str] = field(default_factory=dict)
    endpoints: dict[str, dict[str, str]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    shape: tuple[str, ...] = ()


def draft_study(paths: Iterable[str | os.PathLike[str]], *, root: str | os.PathLike[str] | None = None) -> str:
    """A commented study.toml for these files.

    Parameters
    ----------
    paths : iterable of path-like
        Files, or folders whose files are taken.
    root : path-like, optional
        The folder where study.toml will stand; paths in it count from there. None takes the folder that holds all files.

    Returns
    -------
    str
        Text that `readers.study_file.read_study_file` accepts; lines that begin with `# ?` are questions to answer.

    Raises
    ------
    UseError
        A path does not exist, or no file of a known kind is among them.
    """
    files = _files(paths)
    if not files:
        raise UseError(f"no file of a known kind is there; known endings: {', '.join((*ENDINGS, *VCF_ENDINGS))}")
    base = Path(root) if root is not None else Path(os.path.commonpath([file.resolve().parent for file in files]))
    seen = [look(file, Path(os.path.relpath(file.resolve(), base.resolve())).as_posix()) for file in files]
    _dictionaries(seen)
    return _written(seen, base)


def _files(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """The files, folders opened, in sorted order; study files and provenance are not data."""
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if not path.exists():
            raise UseError(f"{path.name}: no such file or folder")
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    known = (*ENDINGS, *VCF_ENDINGS)
    return [p for p in dict.fromkeys(found) if p.name.lower().endswith(known) and not p.name.startswith(".")]


def _dictionaries(seen: list[Seen]) -> None:
    """A data dictionary of REDCap belongs to the export that shares the beginning of its name."""
    dictionaries = [s for s in seen if s.format == DICTIONARY]
    for s in dictionaries:
        exports = [e for e in seen if e.format == "redcap" and e.path.parent == s.path.parent]
        shared = [(len(_beginning([e.path.name, s.path.name])), e) for e in exports]
        best = max(shared, key=lambda pair: pair[0], default=None)
        if best is not None and (best[0] > 3 or len(exports) == 1):
            best[1].extra["options"] = _inline({"dictionary": _text(s.path.name)})
            seen.remove(s)


# ---- one file --------------------------------------------------------------------------------------------------------


def look(path: Path, name: str) -> Seen:
    """What one file is, by its ending, its header, and the few columns that may be looked at."""
    seen = Seen(path, name)
    if name.lower().endswith(VCF_ENDINGS):
        seen.table, seen.format = "genotypes", "vcf"
        return seen
    fault = unreadable(path, name)
    if fault is not None:
        seen.asks.append(fault.problem)
        return seen
    places: dict[str, str] = {}
    portal = path.suffix.lower() == ".txt" and _begins_with_comment(path)

    def choose(header: tuple[str, ...]) -> list[str]:
        places.update(_places(header))
        return [places[column] for column in SEEN_CELLS if column in places] + _event_columns(header)

    table = read_dataset(
        path, name=name, source=Source(table="draft"), wanted=choose, header_at=below_comments if portal else None
    )
    problems = [problem for problem in table.problems if problem.severity == "error"]
    if problems or not table.header:
        seen.asks += [f"{problem.problem}; {problem.remedy}" for problem in problems[:3]]
        return seen
    header = tuple(column for column in table.header if column not in ("source_file", "source_row"))
    for column in SEEN_CELLS:
        if column in places and places[column] in table.rows:
            seen.levels[column] = _levels_of(table.rows[places[column]])
    for column in _event_columns(header):
        if column in table.rows:
            seen.levels[column] = _levels_of(table.rows[column])
    for known in (_cdisc, _redcap, _portal, _sheet):
        if known(seen, header, places):
            break
    return seen


def _begins_with_comment(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(1) == b"#"


def _levels_of(texts: pd.Series) -> list[str]:
    """Different texts in the order in which they come; a screen failure is no arm."""
    return [text for text in dict.fromkeys(texts.fillna("").str.strip()) if text and text.casefold() not in SCREEN_FAILURE]


def _bare(name: str) -> str:
    """A name in lower case, its words joined by underscores."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _places(header: Sequence[str]) -> dict[str, str]:
    """Column of a canonical table to column of the file, by the names of `SYNONYMS`, in their order."""
    bare = {_bare(column): column for column in reversed(header)}
    found = {}
    for column, names in SYNONYMS.items():
        place = next((bare[name] for name in names if name in bare), None)
        if place is not None and place not in found.values():
            found[column] = place
    return found


def _event_columns(header: Sequence[str]) -> list[str]:
    """Columns of a wide sheet whose name says that they hold the event of an endpoint."""
    return [c for c in header if (m := _ENDPOINT.fullmatch(_bare(c))) and m[2] in ("event", "status", "cens", "censor", "evt")]


def _cdisc(seen: Seen, header: tuple[str, ...], places: Mapping[str, str]) -> bool:  # noqa: ARG001 - one signature for all looks
    """ADaM and SDTM, by the columns that make them what they are."""
    have = set(header)
    if "USUBJID" not in have:
        return False
    if {"PARAMCD", "CNSR"} <= have:
        seen.table, seen.format = "outcomes", "adam-adtte"
        codes = seen.levels.get("endpoint", [])
        seen.extra["paramcd"] = _list(codes) if len(codes) != 1 else _text(codes[0])
        for code in codes:
            seen.endpoints[code.lower()] = {}
        if len(codes) > 1:
            seen.asks.append(f"the file holds {', '.join(codes)}: keep those that are meant, in paramcd and under [endpoints]")
    elif {"PARAMCD", "AVALC"} <= have:
        seen.table, seen.format = "response", "adam-adrs"
        codes = seen.levels.get("endpoint", [])
        seen.extra["paramcd"] = _text("OVR" if "OVR" in codes else codes[0] if codes else "OVR")
        seen.asks.append(f"which parameter is the response? The file holds {', '.join(codes)}")
        day0 = next((column for column in ("RANDDT", "TRTSDT", "RFSTDTC") if column in have), None)
        if day0 is not None:
            seen.extra["day0"] = _text(day0)
            seen.asks.append(f"is {day0} day 0? Dates become days from it")
    elif next((domain for domain in ("MI", "LB", "GF") if f"{domain}TESTCD" in have), None):
        domain = next(domain for domain in ("MI", "LB", "GF") if f"{domain}TESTCD" in have)
        seen.table = {"MI": "tissue_reads", "LB": "blood", "GF": "genotypes"}[domain]
        seen.format = f"sdtm-{domain.lower()}"
        seen.asks.append("study days count from RFSTDTC: is that time zero? Else declare day0")
        if domain != "GF":
            seen.asks.append('map the tests that are meant: marker_names = { "..." = "..." }')
    elif "PARAMCD" not in have and have & {"ARM", "TRT01P"}:
        seen.table, seen.format = "subjects", "adam-adsl"
        seen.asks.append("map cohort, strata and covariates: columns = { cohort = ... }")
    else:
        return False
    return True


def _redcap(seen: Seen, header: tuple[str, ...], places: Mapping[str, str]) -> bool:  # noqa: ARG001
    """A REDCap export: its key columns, or the status columns of its forms."""
    if {"Variable / Field Name", "Form Name"} <= set(header):
        seen.format = DICTIONARY
        seen.asks.append("a data dictionary of REDCap, whose export is not among the files")
        return True
    forms = list(dict.fromkeys(forms_of(header).values()))
    if not {"redcap_event_name", "redcap_repeat_instrument"} & set(header) and len(forms) < 2:
        return False
    seen.table, seen.format = "subjects", "redcap"
    seen.extra["instrument"] = _text(forms[0]) if forms else _text("...")
    seen.shape = header
    seen.asks.append(f"forms of this export: {', '.join(forms)}; the form of the subjects is taken to be the first")
    seen.asks.append(
        'name the columns: columns = { cohort = "...", arm = "..." }; further tables read other forms of the same file'
    )
    if "redcap_event_name" in header:
        seen.asks.append("events with their study days, for a table of draws: events = { visit_1_arm_1 = 0 }")
    return True


def _portal(seen: Seen, header: tuple[str, ...], places: Mapping[str, str]) -> bool:  # noqa: ARG001
    if "PATIENT_ID" not in header or any(column != column.upper() for column in header):
        return False
    if "EVENT_TYPE" in header or "START_DATE" in header:
        seen.table, seen.format = "therapy", "cbioportal-timeline"
    elif "SAMPLE_ID" in header:
        seen.table, seen.format = "specimens", "cbioportal-sample"
    else:
        seen.table, seen.format = "subjects", "cbioportal-patient"
        for prefix in (c.removesuffix("_STATUS") for c in header if c.endswith("_STATUS")):
            if f"{prefix}_MONTHS" in header:
                seen.endpoints[prefix.lower()] = {"time": f"{prefix}_MONTHS", "event": f"{prefix}_STATUS", "unit": "months"}
    seen.asks.append("the clock of a portal usually starts at diagnosis or sequencing: is that time zero?")
    return True


def _sheet(seen: Seen, header: tuple[str, ...], places: dict[str, str]) -> bool:
    """A plain sheet, by its columns."""
    have = set(places)
    if {"file", "sample", "locus", "call"} <= {_bare(column) for column in header}:
        seen.table, seen.format = "genotypes", "calls"
        return True
    seen.table = _table_of(seen, have)
    if seen.table is None:
        seen.asks.append(f"no table is known for it; its columns are {', '.join(header[:20])}")
        return True
    known = {*TABLES[seen.table].names, *(["value"] if TABLES[seen.table].typed else [])}
    if "collection_day" in known and "day" in places:
        places["collection_day"] = places.pop("day")
    if "visit_label" in known and "visit" in places:
        places["visit_label"] = places.pop("visit")
    seen.columns = {column: place for column, place in places.items() if column in known}
    if seen.table == "genotypes" and "value" in places and "call" not in places:
        seen.columns["call"] = places["value"]
    _wide(seen, header)
    used = {*seen.columns.values(), *seen.markers.values(), *(c for e in seen.endpoints.values() for c in e.values())}
    seen.unused = [column for column in header if column not in used and column.lower() not in known]
    if {"nd", "n.d."} & {text.casefold() for text in seen.levels.get("value", [])}:
        seen.asks.append('ND stands among the values: declare ND = "not_detected" or ND = "not_done"')
    dated = seen.levels.get("day", [])
    if dated and any(looks_like_date(text) for text in dated[:50]):
        seen.asks.append(
            "days are calendar dates: say where the date of day 0 stands, "
            'day0 = { path = "...", column = "..." }, or day0 = "..." for a column of this file'
        )
    return True


def _table_of(seen: Seen, have: set[str]) -> str | None:
    """The canonical table that a set of columns speaks of."""
    if {"instrument", "score"} <= have:
        return "pros"
    if {"endpoint", "time", "event"} <= have:
        return "outcomes"
    if "drug" in have and "marker" not in have:
        return "therapy"
    if {"term", "grade"} <= have:
        return "adverse_events"
    if "marker" in have and have & {"value", "call"}:
        tables = {MARKERS[m].table for text in seen.levels.get("marker", []) if (m := marker_of(text)) is not None}
        return "tissue_reads" if have & {"reader", "compartment"} or tables == {"tissue_reads"} else "blood"
    if "locus" in have:
        return "genotypes"
    if {"subject", "specimen"} <= have and have & {"type", "day"}:
        return "specimens"
    if "subject" in have and "day" in have:
        return "response" if "response" in have else "blood"
    if "specimen" in have and "subject" not in have:
        return "blood"
    return "subjects" if "subject" in have else None


def marker_of(text: str) -> str | None:
    """The marker of the registry that a spelling means; None where no spelling is known.

    Examples
    --------
    >>> marker_of("TK1 (DuA)"), marker_of("CTC"), marker_of("Haemoglobin")
    ('tk1_dua', 'ctc', None)
    """
    bare = _bare(text)
    if bare in MARKERS:
        return bare
    return next((marker for marker, names in MARKER_WORDS.items() if bare in names), None)


def _wide(seen: Seen, header: tuple[str, ...]) -> None:
    """Markers and endpoints in columns of their own."""
    if seen.table in ("subjects", "blood", "tissue_reads") and "marker" not in seen.columns:
        for column in header:
            marker = marker_of(column)
            if marker is not None and marker not in seen.markers and column not in seen.columns.values():
                seen.markers[marker] = column
    if seen.table != "subjects":
        return
    for column in header:
        match = _ENDPOINT.fullmatch(_bare(column))
        if match is None:
            continue
        rule = seen.endpoints.setdefault(match[1], {})
        if match[2] in ("event", "status", "cens", "censor", "evt"):
            rule["event"] = column
        else:
            rule["time"] = column
            unit = {"mo": "months"}.get(match[2] or "", match[2] or "")
            if unit in DAYS_PER:
                rule["unit"] = unit
    seen.endpoints = {name: rule for name, rule in seen.endpoints.items() if {"time", "event"} <= set(rule)}


# ---- the text --------------------------------------------------------------------------------------------------------


def _text(value: str) -> str:
    """A string of TOML."""
    return json.dumps(value, ensure_ascii=False)


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(_text(value) for value in values) + "]"


def _inline(pairs: Mapping[str, str]) -> str:
    return "{ " + ", ".join(f"{_key(key)} = {value}" for key, value in pairs.items()) + " }"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _written(seen: Sequence[Seen], base: Path) -> str:
    """The study file: the trial, the endpoints, the markers, the tables, and what is left to answer."""
    subjects = next((s for s in seen if s.table == "subjects"), None)
    lines = [
        "# A first study.toml, drafted from the files. Lines with `# ?` are questions; answer them and delete them.",
        f"name = {_text(base.resolve().name or 'My study')}",
        'time_zero = "registration"                    # ? what day 0 is: registration, randomisation, first dose',
    ]
    lines += _levels("cohorts", "cohort", subjects) + _levels("arms", "arm", subjects)
    if subjects is not None and subjects.unused:
        lines.append(f"# ? columns of {subjects.name} that are not read; name those that are needed as strata or covariates:")
        lines.append(f"#   {', '.join(subjects.unused[:30])}")
    lines += ["strata = []", "covariates = []", ""]
    lines += _endpoints(seen)
    lines += [
        "# [visits.baseline]                           # ? the windows of the visits, in days from time zero",
        "# day = 0",
        "# window = [-28, 0]",
        "",
    ]
    for s in seen:
        for marker, column in s.markers.items():
            lines += [f"[markers.{marker}]", f"column = {_text(column)}" + " " * 4 + f"# ? in {s.name}; check its unit", ""]
    lines += _tables(seen)
    return "\n".join(lines).rstrip("\n") + "\n"


def _levels(key: str, column: str, subjects: Seen | None) -> list[str]:
    levels = [] if subjects is None else subjects.levels.get(column, [])
    if not levels:
        return [f"# {key} = []    # ? no column of {column}s was found; map one: columns = {{ {column} = ... }}"]
    if len(levels) > 8:
        return [f"# {key} = []    # ? {len(levels)} different values in the column of {column}s"]
    return [f"{key} = {_list(levels)}    # ? in the order of the design"]


def _endpoints(seen: Sequence[Seen]) -> list[str]:
    rules: dict[str, dict[str, str]] = {}
    codes: dict[str, list[str]] = {}
    for s in seen:
        for name, rule in s.endpoints.items():
            rules.setdefault(name, rule)
            codes[name] = s.levels.get(rule.get("event", ""), [])
        if s.table == "outcomes" and s.format is None:
            for name in s.levels.get("endpoint", []):
                rules.setdefault(name.lower(), {})
                codes[name.lower()] = s.levels.get("event", [])
    lines = []
    for name, rule in rules.items():
        lines.append(f"[endpoints.{_key(name)}]")
        lines.append(f"label = {_text(_LABELS.get(name, name.upper()))}")
        lines += [f"{key} = {_text(value)}" for key, value in rule.items() if key != "unit"]
        if "time" in rule:
            lines.append(
                f"unit = {_text(rule.get('unit', 'days'))}" + ("" if "unit" in rule else "    # ? days, weeks or months")
            )
        odd = [code for code in codes.get(name, []) if code not in ("0", "1", "0.0", "1.0")]
        if odd and "_STATUS" not in rule.get("event", ""):
            lines.append(f"# event_is = ...    # ? event codes are {', '.join(codes[name][:6])}: which is the event?")
        lines.append("")
    return lines or ["# [endpoints.pfs]                             # ? no endpoint was found: time and event columns", ""]


_LABELS = {"pfs": "Progression-free survival", "os": "Overall survival"}


def _tables(seen: Sequence[Seen]) -> list[str]:
    """One entry per table; files of one shape share it, others are named as left over."""
    lines = ["[tables]"]
    told: list[str] = []
    for table in TABLES:
        mine = [s for s in seen if s.table == table]
        if not mine:
            continue
        first, same = mine[0], [s for s in mine if _shape(s) == _shape(mine[0])]
        copies = [s for s in same if s is not next(o for o in same if o.path.with_suffix("") == s.path.with_suffix(""))]
        same = [s for s in same if s not in copies]
        told += [f"# ? {s.name}: {first.name} in another container, it seems; one is enough" for s in copies]
        mine = [s for s in mine if s not in copies]
        lines += [f"# ? {s.name}: {ask}" for s in same for ask in s.asks]
        lines.append(f"{table} = {_entry(first, same, [s.name for s in seen])}")
        told += [
            f"# ? {s.name} looks like {table} too, in another shape: one table has one declaration"
            for s in mine
            if s not in same
        ]
    if not any(s.table == "subjects" for s in seen):
        lines.append('# subjects = "..."                            # ? no file of subjects was found; a study needs one')
    if not any(s.table == "outcomes" or s.endpoints for s in seen):
        lines.append('# outcomes = "..."                            # ? no outcomes were found')
    told += [f"# ? {s.name}: {ask}" for s in seen if s.table is None for ask in s.asks]
    return lines + told


def _shape(s: Seen) -> tuple[object, ...]:
    columns = _mapping(s) if s.table in ("blood", "tissue_reads") else tuple(sorted(s.columns.items()))
    return s.format, columns, tuple(s.extra.items()), s.shape


def _mapping(s: Seen) -> tuple[tuple[str, str], ...]:
    """Columns that are not called as the schema calls them."""
    return tuple((column, place) for column, place in s.columns.items() if place != column)


def _entry(first: Seen, same: Sequence[Seen], every: Sequence[str]) -> str:
    """A path alone, or an inline table."""
    names = _globbed([s.name for s in same], every)
    path = _text(names[0]) if len(names) == 1 else _list(names)
    pairs: dict[str, str] = {}
    if first.format is not None:
        pairs["format"] = _text(first.format)
    mapping = dict(_mapping(first))
    if mapping and first.format is None:
        pairs["columns"] = _inline({column: _text(place) for column, place in mapping.items()})
    spelled = {text: marker_of(text) for s in same for text in s.levels.get("marker", [])}
    renamed = {text: marker for text, marker in spelled.items() if marker is not None and marker != text}
    if renamed and first.format is None:
        pairs["marker_names"] = _inline({text: _text(marker) for text, marker in renamed.items()})
    unknown = [text for text, marker in spelled.items() if marker is None]
    pairs |= first.extra
    entry = _inline({"path": path, **pairs}) if pairs else path
    if unknown and first.format is None:
        entry += f"    # ? no marker is known for {', '.join(unknown[:8])}: map them, or define them under [markers]"
    return entry


def _globbed(names: Sequence[str], every: Sequence[str]) -> list[str]:
    """Several files of one folder and ending as one pattern, where that matches them all and no other of the files."""
    if len(names) < 3:
        return list(names)
    folders = {Path(name).parent.as_posix() for name in names}
    ends = [
        next((e for e in sorted((*ENDINGS, *VCF_ENDINGS), key=len, reverse=True) if n.lower().endswith(e)), "") for n in names
    ]
    stem = _beginning([Path(name).name for name in names])
    if len(folders) == 1 and len(set(ends)) == 1:
        folder = folders.pop()
        beside = [name for name in every if Path(name).parent.as_posix() == folder]
        if [name for name in beside if fnmatchcase(Path(name).name, f"{stem}*{ends[0]}")] == list(names):
            return [f"{'' if folder == '.' else folder + '/'}{stem}*{ends[0]}"]
    return list(names)


def _beginning(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    n = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:n]
