"""How a study shows itself in a notebook: who is in it, what was measured, what is missing and why, what to type next."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from biomarkers.domain.numbers import NBSP, label

if TYPE_CHECKING:
    from biomarkers.study.study import Study

# Notebook themes do not follow the system's colour scheme, so nothing here has a background or a colour of its own.
STYLE = (
    "<style>.bm{font-variant-numeric:tabular-nums lining-nums;line-height:1.4}.bm table{border-collapse:collapse;"
    "border-top:1.5px solid currentColor;border-bottom:1.5px solid currentColor;margin:.5em 0}.bm th,.bm td{background:none;"
    "padding:.2em .7em;text-align:right;border:0;border-top:1px solid rgba(128,128,128,.35)}.bm th:first-child,"
    ".bm td:first-child,.bm .w{text-align:left}.bm td{white-space:nowrap}.bm thead th{font-weight:600}"
    ".bm tbody th{font-weight:400}.bm .q{opacity:.72}.bm b{font-weight:600}</style>"
)
LEFT = ' class="w"'


def study_page(study: Study) -> str:
    """The study as one HTML fragment: patients and events, markers by cohort, problems, the next line to type."""
    parts = [STYLE, '<div class="bm">', f"<b>{escape(study.design.name)}</b>", _patients(study), _markers(study),
             _problems(study)]
    first = study.markers[0] if study.markers else "..."
    parts.append(f'<div class="q">Next: <code>bm.associate(study, "{escape(first)}")</code></div></div>')
    return "".join(parts)


def _patients(study: Study) -> str:
    people, keys = study.analysable, study.groups
    endpoints = list(dict.fromkeys(study.outcomes["endpoint"].dropna()))
    events = {e: study.outcome(e).set_index("subject")["event"] for e in endpoints}
    blocks = people.groupby(keys, sort=True, observed=True) if keys else [((), people)]
    rows = []
    for key, block in blocks:
        counts = [int(block["subject"].map(events[e]).fillna(0).sum()) for e in endpoints]
        rows.append([*(label(part, 60) for part in key), len(block), *counts])
    heads = [*keys, "subjects", *(f"{e.upper()} events" for e in endpoints)]
    return _table(heads, rows, words=len(keys))


def _markers(study: Study) -> str:
    """Evaluable values per marker and visit, the cohorts side by side in the order of the design."""
    table = study.availability()
    if table.empty:
        return ""
    cells = table.drop_duplicates(["marker", "visit", "cohort", "arm"])
    keys = ["marker", "visit", "cohort"]
    sums = cells.groupby(keys, sort=False, observed=True)[["expected", "evaluable", "below_lod"]].sum()
    cohorts, visits = list(dict.fromkeys(cells["cohort"])), list(dict.fromkeys(cells["visit"]))
    heads = [f"evaluable, {' and '.join(label(c, 60) for c in cohorts)}"]
    for visit in visits:
        expected = sums.xs(visit, level="visit")["expected"].groupby("cohort", observed=True).max()
        heads.append(f"{visit}, of {f'{NBSP}+{NBSP}'.join(str(expected.get(c, 0)) for c in cohorts)}")
    rows = []
    for marker in dict.fromkeys(cells["marker"]):
        here = [sums.loc[(marker, visit)] if (marker, visit) in sums.index else None for visit in visits]
        rows.append([study.design.markers[marker].label, *(_cell(part, cohorts) for part in here)])
    return _table(heads, rows)


def _cell(part: pd.DataFrame | None, cohorts: list[str]) -> str:
    if part is None:
        return "–"
    below = int(part["below_lod"].sum())
    counts = " + ".join(str(part["evaluable"].get(c, 0)) for c in cohorts)
    return f"{counts} ({below} < LOD)" if below else counts


def _problems(study: Study) -> str:
    serious = study.problems[study.problems["severity"] != "note"]
    lines = [f"<div>{'▲ ' if len(serious) else ''}{escape(study.check())}</div>"]
    for row in serious.head(5).to_dict("records"):
        place = f"{row['file']}:{row['line']}" if pd.notna(row["line"]) else row["file"]
        lines.append(f'<div class="q">{escape(place)} {escape(str(row["subject"]))} {escape(row["problem"])}</div>')
    if len(serious) > 5:
        lines.append(f'<div class="q">and {len(serious) - 5} more in <code>study.problems</code></div>')
    return "".join(lines)


def _table(heads: list[str], rows: list[list[object]], *, words: int = 1) -> str:
    """A table whose first columns are words, set to the left, and whose others are numbers."""
    def cell(place: int, text: object) -> str:
        side = LEFT if place < words else ""
        return f'<th scope="row"{side}>{escape(str(text))}</th>' if place == 0 else f"<td{side}>{escape(str(text))}</td>"

    head = "".join(f'<th scope="col"{LEFT if i < words else ""}>{escape(str(h))}</th>'
                   for i, h in enumerate(heads))
    body = "".join("<tr>" + "".join(cell(i, c) for i, c in enumerate(row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
