"""REDCap flat exports: one wide table that holds every form, taken apart by form, event and repeat instance.

A form's fields stand in the export up to its `<form>_complete`, so the header alone says which field belongs where; most cells
of a row are blank by design. Only declared fields are read: the dictionary's identifier flags are incomplete, so an allow-list
is the privacy rule. The suffix of an event name is REDCap's arm, not the treatment arm.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd

from biomarkers.domain.schema import TEXT
from biomarkers.domain.source import Source
from biomarkers.readers.dataset import columns_wanted, first_of, named, not_read, read_dataset, restricted
from biomarkers.readers.delimited import read_delimited
from biomarkers.readers.findings import Findings, lines
from biomarkers.readers.table import Table, Wanted, unreadable

EVENT, FORM, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
KEYS = (EVENT, FORM, INSTANCE)
DONE = "_complete"
STATUS = {"0": "incomplete", "1": "unverified", "2": "complete", "": "never opened"}
YES_NO = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}


def read_redcap(path: Path, *, name: str, source: Source, wanted: Wanted | None) -> Table:
    """Rows of one form, with the declared fields alone.

    The form is `instrument`, or the one that holds the declared fields. `events` restricts to events and gives them their study
    days. A declared field of another form that does not repeat is taken from the same event of the record; the date of day 0
    from whichever event holds it. Read alone, a file gives its keys and the status of its forms.
    """
    found = Findings(name)
    declared: list[str] = []

    def choose(header: tuple[str, ...]) -> Collection[str]:
        declared.extend([] if wanted is None else wanted(header))
        status = [column for column in header if column.endswith(DONE)]
        return columns_wanted({*header[:1], *KEYS, *status}, source, wanted)(header)

    table = read_dataset(path, name=name, source=source, wanted=choose)
    if table.rows.empty or not table.header:
        return table
    forms, record = forms_of(table.header), table.header[0]
    table = restricted(table, source, found)
    rows = _opened_forms(table.rows.copy(), forms, found)
    _keys_once(rows, record, found)
    fields = [column for column in dict.fromkeys(declared) if column in forms and column != record]
    if wanted is not None:
        rows = _rows_of_form(rows, record, fields, forms, source, found)
        rows = _rows_of_events(rows, source, found)
        _labels(rows, fields, source, path, found)
    if "subject" not in source.columns:
        rows["subject"] = rows[record]
    if EVENT in rows and "visit" not in rows:
        rows["visit"] = rows[EVENT]
    if "day" not in source.columns and EVENT in rows and any(day is not None for day in source.events.values()):
        days = {event: "" if day is None else str(day) for event, day in source.events.items()}
        rows["day"] = pd.array([days.get(event, "") for event in rows[EVENT]], dtype=TEXT)
    not_read(table, rows.columns, found)
    return named(table, rows, {"subject": record, "day": EVENT, "visit": EVENT}, found)


def forms_of(header: Collection[str]) -> dict[str, str]:
    """Field to form: the fields up to each `<form>_complete`, that column included.

    Examples
    --------
    >>> forms_of(["id", "redcap_event_name", "sex", "demographics_complete", "lab", "conc", "laboratory_complete"])["conc"]
    'laboratory'
    """
    forms: dict[str, str] = {}
    waiting: list[str] = []
    for column in header:
        if column in KEYS or column.startswith("redcap_"):
            continue
        waiting.append(column)
        if column.endswith(DONE):
            forms |= dict.fromkeys(waiting, column.removesuffix(DONE))
            waiting = []
    return forms


def _opened_forms(rows: pd.DataFrame, forms: Mapping[str, str], found: Findings) -> pd.DataFrame:
    """`instrument`: the repeating form of a row, or the forms of a base row that somebody opened."""
    status = [column for column in rows.columns if column.endswith(DONE) and column in forms]
    texts = {column: rows[column].fillna("").str.strip().tolist() for column in status}
    repeat = first_of(rows, (FORM,))
    opened = [
        repeat[i].strip() or ";".join(column.removesuffix(DONE) for column in status if texts[column][i])
        for i in range(len(rows))
    ]
    rows["instrument"] = pd.array(opened, dtype=TEXT)
    for column in status:
        odd = Counter(text for text in texts[column] if text not in STATUS)
        if odd:
            said = ", ".join(f"{code!r} in {n}" for code, n in sorted(odd.items()))
            found.add(
                "form_status", f"{column} holds codes beside 0, 1, 2 and blank: {said}", severity="note", line=1, column=column
            )
    return rows


def _keys_once(rows: pd.DataFrame, record: str, found: Findings) -> None:
    """Record, event, repeating form and instance name one row."""
    keys = [record, *(key for key in KEYS if key in rows)]
    twice = rows[rows.duplicated(keys, keep=False)]
    if len(twice):
        first = twice.iloc[0]
        found.add(
            "repeated_key",
            f"{len(twice)} rows share their keys ({', '.join(keys)}): {lines(int(n) for n in twice['source_row'])}",
            "export again, without merging files",
            line=int(first["source_row"]),
            column=record,
            subject=str(first[record]),
        )


def _rows_of_form(
    rows: pd.DataFrame, record: str, fields: list[str], forms: Mapping[str, str], source: Source, found: Findings
) -> pd.DataFrame:
    """The rows in which the form was opened; fields of other forms come from the same event."""
    repeating = {form.strip() for form in first_of(rows, (FORM,)) if form.strip()}
    mine = dict.fromkeys(forms[field] for field in fields if not _is_day0(field, source))
    form = source.instrument
    if form is not None and form not in {*forms.values(), *repeating}:
        found.add(
            "instrument",
            f"no form is called {form!r}; there are {', '.join(dict.fromkeys(forms.values()))}",
            "correct instrument",
            line=1,
            value=form,
        )
        return rows.iloc[:0]
    if form is None:
        several = [name for name in mine if name in repeating]
        if len(mine) > 1 and several:
            found.add(
                "instrument",
                f"the declared fields stand in {len(mine)} forms ({', '.join(mine)}), and {several[0]} repeats: whose rows?",
                f'name the form: instrument = "{several[0]}"',
                line=1,
            )
            return rows.iloc[:0]
        form = next(iter(mine), None)
    base = rows[pd.Series(first_of(rows, (FORM,)), index=rows.index).str.strip() == ""]
    chosen = rows if form is None else rows[[form in str(text).split(";") for text in rows["instrument"]]]
    if form is not None and form not in repeating and len(mine) > 1 and source.instrument is None:
        chosen = rows[[bool(set(str(text).split(";")) & set(mine)) for text in rows["instrument"]]]
    chosen = chosen.copy()
    _status(chosen, form, found)
    others = [field for field in fields if form is not None and forms[field] != form and forms[field] not in repeating]
    for field in others:
        _same_event(chosen, base, field, record)
    for field in fields:
        if _is_day0(field, source):
            _any_event(chosen, rows, field, record)
    return chosen.reset_index(drop=True)


def _is_day0(field: str, source: Source) -> bool:
    return source.day0 is not None and source.day0.path is None and field == source.day0.column


def _status(chosen: pd.DataFrame, form: str | None, found: Findings) -> None:
    column = f"{form}{DONE}"
    if form is None or column not in chosen:
        return
    counts = Counter(chosen[column].fillna("").str.strip())
    said = ", ".join(f"{STATUS.get(code, code)} in {n}" for code, n in sorted(counts.items()))
    found.add("form", f"{len(chosen)} rows of the form {form}: {said}", severity="note", line=1, column=column)


def _same_event(chosen: pd.DataFrame, base: pd.DataFrame, field: str, record: str) -> None:
    """The field of the base row of the same record and event; a join by keys, never a fill from the row above."""
    keys = [record, *([EVENT] if EVENT in base else [])]
    there = {tuple(key): text for *key, text in base[[*keys, field]].itertuples(index=False) if str(text).strip()}
    texts = [there.get(tuple(key), "") for key in chosen[keys].itertuples(index=False)]
    chosen[field] = pd.array([own or other for own, other in zip(chosen[field].fillna(""), texts, strict=True)], dtype=TEXT)


def _any_event(chosen: pd.DataFrame, rows: pd.DataFrame, field: str, record: str) -> None:
    """The one value of a record over all its events; two different ones are left as they are, to be refused."""
    given = rows[rows[field].fillna("").str.strip() != ""].groupby(record)[field].agg(lambda texts: sorted(set(texts)))
    single = {person: texts[0] for person, texts in given.items() if len(texts) == 1}
    texts = [single.get(person, own) for person, own in zip(chosen[record], chosen[field].fillna(""), strict=True)]
    chosen[field] = pd.array(texts, dtype=TEXT)


def _rows_of_events(rows: pd.DataFrame, source: Source, found: Findings) -> pd.DataFrame:
    """The events that are meant; the names are REDCap's unique ones, truncated as REDCap truncates them."""
    if not source.events or EVENT not in rows:
        if source.events:
            found.add("events", f"events are named, but the export has no {EVENT}", "remove events", line=1, column=EVENT)
        return rows
    there = Counter(rows[EVENT].fillna(""))
    for event in source.events:
        if event not in there:
            known = ", ".join(f"{name} ({n} rows)" for name, n in there.items())
            found.add(
                "events",
                f"no row of this form has the event {event!r}; there are {known or 'none'}",
                "correct events",
                line=1,
                column=EVENT,
                value=event,
            )
    keep = rows[EVENT].isin(list(source.events))
    if not keep.all():
        left = Counter(rows.loc[~keep, EVENT])
        said = ", ".join(f"{name} in {n}" for name, n in left.items())
        found.add(
            "events", f"{int((~keep).sum())} rows of other events are not read: {said}", severity="note", line=1, column=EVENT
        )
    return rows[keep].reset_index(drop=True)


# ---- codes and labels ------------------------------------------------------------------------------------------------


def _labels(rows: pd.DataFrame, fields: list[str], source: Source, path: Path, found: Findings) -> None:
    """Codes become the labels of the dictionary, where one is declared: `options = { dictionary = "dictionary.csv" }`."""
    given = source.options.get("dictionary")
    if given is None:
        return
    file = path.parent / str(given)
    fault = unreadable(file, str(given))
    if fault is not None:
        found.problems.append(fault)
        return
    choices = choices_of(file, str(given), found)
    for field in fields:
        known = choices.get(field)
        if not known:
            continue
        texts = rows[field].fillna("").str.strip()
        codes, labels = set(known), set(known.values())
        held = set(texts) - {""}
        unknown, only_codes = held - codes - labels, held & (codes - labels)
        for text in sorted(unknown):
            found.add(
                "choices",
                f"not among the choices of the dictionary: {', '.join(sorted(known)[:8])}",
                "correct the cell, or declare the dictionary of this export",
                line=int(rows.loc[texts == text, "source_row"].min()),
                column=field,
                value=text,
            )
        if only_codes and held & (labels - codes):
            found.add(
                "choices",
                "codes and labels in one field",
                "export codes or labels, not both",
                line=int(rows.loc[texts.isin(only_codes), "source_row"].min()),
                column=field,
                value=min(only_codes),
            )
        elif not held & (labels - codes):
            rows[field] = pd.array([known.get(text, text) for text in texts], dtype=TEXT)


def choices_of(path: Path, name: str, found: Findings) -> dict[str, dict[str, str]]:
    """Field to code to label, from a data dictionary; checkboxes stay 0 and 1."""
    wanted = ("Variable / Field Name", "Field Type", "Choices, Calculations, OR Slider Labels")
    table = read_delimited(path, name=name, source=Source(table="dictionary", format="csv"), wanted=lambda _: wanted)
    found.problems.extend(problem for problem in table.problems if problem.severity == "error")
    if any(column not in table.rows for column in wanted):
        found.add(
            "dictionary", "no data dictionary of REDCap: its columns are missing", "export it from REDCap", line=1, file=name
        )
        return {}
    choices = {}
    for field, kind, text in table.rows[list(wanted)].fillna("").itertuples(index=False):
        if kind in YES_NO:
            choices[field] = YES_NO[kind]
        elif kind in ("dropdown", "radio"):
            pairs = [part.split(",", 1) for part in re.split(r"\|", text) if "," in part]
            choices[field] = {code.strip(): label.strip() for code, label in pairs}
    return choices
