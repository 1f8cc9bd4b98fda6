"""Who is who: repeated rows, identifiers that nearly match, levels the design does not know, and who is missing where."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict

import pandas as pd

from biomarkers.domain.schema import TEXT
from biomarkers.study.checks.facts import Facts, keys, raw

CROWD = 10
"""More unknown identifiers than this in one file are one finding."""
_CODINGS = (frozenset({"0", "1"}), frozenset({"y", "n"}), frozenset({"yes", "no"}), frozenset({"true", "false"}))


def repeated_rows(facts: Facts) -> None:
    """A row that stands twice, word for word, counts once; a row of a wide sheet is told once."""
    told: set[tuple[str, int]] = set()
    for name, frame in list(facts.tables.items()):
        if frame.empty or name in ("specimens", "genotypes", "adverse_events"):
            continue
        said = frame.drop(columns=["source_row", "excluded", "excluded_why"]).astype(TEXT).fillna("")
        again = said.duplicated(keep="first") & frame["source_row"].notna()
        if not again.any():
            continue
        first_row = frame["source_row"].groupby([said[c] for c in said.columns], sort=False).transform("first")
        for index, row in frame[again].iterrows():
            place = (str(row["source_file"]), int(row["source_row"]))
            if place in told:
                continue
            told.add(place)
            key = keys(name)[0]
            facts.report(
                name,
                row,
                "repeated_row",
                f"a duplicate row: the same as row {first_row[index]}, word for word; it counts once",
                "remove it",
                column=key,
                value=row[key],
                severity="warning",
            )
        facts.drop(name, frame.index[again])


def identifiers(facts: Facts) -> None:
    """Identifiers that are blank, look like formulas, or differ from another only in case or Unicode form."""
    subjects = facts["subjects"]
    for _, row in subjects[subjects["subject"].fillna("").str.strip() == ""].iterrows():
        facts.report(
            "subjects",
            row,
            "no_subject",
            "no subject identifier in this row",
            "fill it in, or remove the row",
            column="subject",
        )
    alike: dict[str, list[pd.Series]] = defaultdict(list)
    once = subjects.drop_duplicates("subject")
    folded = once["subject"].map(lambda identifier: _folded(str(identifier)))
    formula = once["subject"].fillna("").str.strip().str.startswith(("=", "+", "-", "@"))
    for index, row in once[folded.duplicated(keep=False) | formula].iterrows():
        alike[folded[index]].append(row)
        if formula[index]:
            facts.report(
                "subjects",
                row,
                "formula_id",
                "an identifier that a spreadsheet would take for a formula; kept as text, neutralised when written",
                column="subject",
                value=row["subject"],
                severity="note",
                same=("formula",),
            )
    for rows in alike.values():
        if len(rows) > 1:
            both = " and ".join(repr(str(row["subject"])) for row in rows)
            facts.report(
                "subjects",
                rows[-1],
                "alike_ids",
                f"{both} differ only in case, blanks or Unicode form: are they one subject?",
                "make them equal, or clearly different; until then they count as two",
                column="subject",
                value=rows[-1]["subject"],
                severity="warning",
            )


def _folded(identifier: str) -> str:
    """An identifier without what the eye does not see: blanks, invisible signs, case, width, the kind of dash."""
    seen = re.sub("[\u200b-\u200f\u2060\ufeff]", "", unicodedata.normalize("NFKC", identifier))
    return re.sub("[\u2010-\u2015\u2212]", "-", " ".join(seen.split())).casefold()


def subjects_twice(facts: Facts) -> None:
    """One subject in two rows that differ: in two cohorts, in two arms, or in anything else."""
    for table in ("subjects", "outcomes"):
        frame = facts[table]
        key = list(keys(table))
        twice = frame[frame.duplicated(key, keep=False) & frame["subject"].notna()]
        for _, rows in twice.groupby(key, sort=False):
            first, last = rows.iloc[0], rows.iloc[-1]
            one, other = raw(first), raw(last)
            differ = [c for c in frame.columns if one.get(c) != other.get(c) and c in one | other and c != "raw_time"]
            told = "; ".join(
                f"{facts.called(table, c, last)} {one.get(c, 'blank')} and {other.get(c, 'blank')}" for c in differ[:4]
            )
            where = "two cohorts" if "cohort" in differ else "two arms" if "arm" in differ else "two rows that differ"
            facts.report(
                table,
                last,
                "subject_twice",
                f"{first['subject']} stands in {where}: rows {first['source_row']} and {last['source_row']} ({told})",
                "keep the right row",
                column=differ[0] if differ else "subject",
                value=other.get(differ[0], "") if differ else first["subject"],
            )


# ---- near misses and orphans -----------------------------------------------------------------------------------------


def unknown_subjects(facts: Facts) -> None:
    """Rows of a subject that `subjects` does not hold; where an identifier nearly matches, both spellings are named."""
    known = set(facts.known_subjects)
    if not known:
        return  # the table could not be read, and that was said
    claims = _claims(facts)
    seen = claims.groupby("subject")["file"].nunique()
    silent = [subject for subject in known if subject not in seen.index]
    strangers = claims[~claims["subject"].isin(known)]
    crowds = strangers.groupby(["table", "file"], sort=False)["subject"].nunique()
    for (table, file), count in crowds[crowds > CROWD].items():
        there = strangers[(strangers["table"] == table) & (strangers["file"] == file)]
        _crowd(facts, str(table), there, int(count))
        strangers = strangers.drop(index=there.index)
    for subject, rows in strangers.groupby("subject", sort=False):
        near = _near(str(subject), silent) or _near(str(subject), sorted(known))
        if near is not None and near in silent and seen[subject] > 1:
            row = facts["subjects"][facts["subjects"]["subject"] == near].iloc[0]
            facts.report(
                "subjects",
                row,
                "near_miss",
                f"{near!r} stands nowhere else; {len(rows)} rows of {seen[subject]} files have {subject!r}",
                f"if they are one subject, write {subject!r}",
                column="subject",
                value=near,
            )
        else:
            _orphan(facts, str(subject), rows, near)


def _crowd(facts: Facts, table: str, rows: pd.DataFrame, count: int) -> None:
    """A file that is mostly of other people, such as a VCF of many studies: one problem, not one for each of them."""
    there = facts[table].loc[rows["index"]]
    declared = facts.source_of(table).unknown_subjects == "exclude"
    first = ", ".join(repr(str(subject)) for subject in rows["subject"].unique()[:5])
    mapping = 'map the samples: samples = "map.csv", or ' if table == "genotypes" else ""
    facts.report(
        table,
        there.iloc[0],
        "unknown_subject",
        f"{count} identifiers are not in subjects: {first} and others",
        f'{mapping}correct the identifiers, or declare unknown_subjects = "exclude"',
        column="subject",
        value=there["subject"].iloc[0],
        severity="warning" if declared else "error",
        rows=there,
    )
    if declared:
        facts.exclude(table, there.index, "not_in_cohort", "subject is not in subjects")


def _claims(facts: Facts) -> pd.DataFrame:
    """Every row outside `subjects` that names a subject of its own: table, index, file, row, subject."""
    parts = []
    tubes = facts["specimens"].drop_duplicates("specimen").set_index("specimen")["source_file"]
    for name, frame in facts.tables.items():
        if name == "subjects" or frame.empty:
            continue
        own = frame["subject"].notna() & (frame["subject"] != "")
        if name in ("blood", "tissue_reads"):
            own &= ~frame["specimen"].isin(tubes.index)
        rows = frame[own]
        parts.append(
            pd.DataFrame(
                {
                    "table": name,
                    "index": rows.index,
                    "file": rows["source_file"],
                    "row": rows["source_row"],
                    "subject": rows["subject"],
                }
            )
        )
    columns = ["table", "index", "file", "row", "subject"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _orphan(facts: Facts, subject: str, rows: pd.DataFrame, near: str | None) -> None:
    """One problem per file for a subject that is not in `subjects`."""
    for (table, _), group in rows.groupby(["table", "file"], sort=False):
        frame = facts[str(table)]
        there = frame.loc[group["index"]]
        declared = facts.source_of(str(table)).unknown_subjects == "exclude"
        column = "subject"
        if near is not None:
            there = there.assign(subject=near)
            mapping = ' or map the sample: samples = { "' + subject + '" = "' + near + '" }' if table == "genotypes" else ""
            facts.report(
                str(table),
                there.iloc[0],
                "near_miss",
                f"{subject!r} is not in subjects, but {near!r} is: no join by luck",
                f"if they are one subject, write {near!r}{mapping}",
                column=column,
                value=subject,
                rows=there,
            )
        else:
            facts.report(
                str(table),
                there.iloc[0],
                "unknown_subject",
                f"{subject!r} is not in subjects",
                'add the subject, remove the rows, or declare unknown_subjects = "exclude"',
                column=column,
                value=subject,
                severity="warning" if declared else "error",
                rows=there,
            )
        if declared:
            facts.exclude(str(table), there.index, "not_in_cohort", "subject is not in subjects")


def _near(identifier: str, candidates: list[str]) -> str | None:
    """The identifier that this one probably means: by blanks, case, Unicode, lost zeros, or a suffix."""
    for form in (_folded, _without_zeros, _digits):
        mine = form(identifier)
        matches = [c for c in candidates if c != identifier and mine and form(c) == mine]
        if len(matches) == 1:
            return matches[0]
    longer = [
        c
        for c in candidates
        if len(c) >= 4 and _folded(identifier).startswith(_folded(c)) and not identifier[len(c) : len(c) + 1].isalnum()
    ]
    return longer[0] if len(longer) == 1 else None


def _without_zeros(identifier: str) -> str:
    return re.sub(r"[\s_.-]", "", re.sub(r"\d+", lambda m: str(int(m.group())), _folded(identifier)))


def _digits(identifier: str) -> str:
    """The number alone, for an identifier that is nothing but one, or ends in one."""
    match = re.fullmatch(r"(?:[^\d]*)0*(\d+)(?:\.0)?", _folded(identifier))
    return match.group(1) if match else ""


def specimens(facts: Facts) -> None:
    """Reads and draws of a specimen that is not listed; a specimen listed twice."""
    listed = facts["specimens"]
    if "specimens" not in facts.by_table:
        return
    twice = listed[listed.duplicated("specimen", keep=False) & listed["specimen"].notna()]
    drop = []
    for specimen, rows in twice.groupby("specimen", sort=False):
        same = all(raw(rows.iloc[0]) == raw(row) for _, row in rows.iterrows())
        facts.report(
            "specimens",
            rows.iloc[-1],
            "repeated_row" if same else "specimen_twice",
            f"specimen {specimen} stands twice, rows {' and '.join(str(r) for r in rows['source_row'])}"
            + (", word for word" if same else " that differ"),
            "keep one",
            column="specimen",
            value=specimen,
            severity="warning" if same else "error",
        )
        drop += list(rows.index[1:]) if same else []
    if drop:
        facts.drop("specimens", pd.Index(drop))
    known = sorted(listed["specimen"].dropna().unique())
    for table in ("tissue_reads", "blood"):
        frame = facts[table]
        lost = frame[frame["specimen"].notna() & ~frame["specimen"].isin(known)]
        for _, there in lost.groupby("source_file", sort=False):
            names = [str(name) for name in there["specimen"].unique()]
            if len(names) > CROWD:  # another study's file, or another way to write every identifier: one problem
                said = f"{len(names)} specimens are not in specimens: {', '.join(map(repr, names[:5]))} and others; they have"
                _unknown_specimen(facts, table, there, said, "correct the identifiers, or add them to specimens")
                continue
            for name, rows in there.groupby("specimen", sort=False):
                near = _near(str(name), known)
                said = f"specimen {name!r} is not in specimens, so it has"
                _unknown_specimen(facts, table, rows, said, f"did you mean {near!r}?" if near else "add it to specimens")


def _unknown_specimen(facts: Facts, table: str, rows: pd.DataFrame, said: str, remedy: str) -> None:
    facts.report(
        table,
        rows.iloc[0],
        "unknown_specimen",
        f"{said} no subject and no day",
        remedy,
        column="specimen",
        value=rows["specimen"].iloc[0],
        rows=rows,
    )


# ---- levels ----------------------------------------------------------------------------------------------------------


def levels(facts: Facts) -> None:
    """Cohorts and arms that the design does not name. A screen failure has neither, and needs none."""
    subjects = facts["subjects"][facts["subjects"]["excluded"].isna()]
    for column, known in (("cohort", facts.design.cohorts), ("arm", facts.design.arms)):
        if not known or subjects[column].isna().all():
            continue
        other = subjects[subjects[column].notna() & ~subjects[column].isin(known)]
        for level, rows in other.groupby(column, sort=False):
            facts.report(
                "subjects",
                rows.iloc[0],
                "unknown_level",
                f"{column} {str(level)[:60]!r} is no {column} of the design; its names are {', '.join(known)}",
                "spell it as the design does, or add it to study.toml",
                column=column,
                value=level,
                rows=rows,
            )
        for _, row in subjects[subjects[column].isna()].iterrows():
            facts.report(
                "subjects", row, "missing_level", f"no {column}: the subject can be in no analysis", "fill it in", column=column
            )


def codings(facts: Facts) -> None:
    """Two codings in one stratum: `Y` among 0 and 1, or one level in two spellings."""
    subjects = facts["subjects"]
    for column in (*facts.design.strata, *facts.design.covariates):
        if column not in subjects or subjects[column].isna().all() or subjects[column].dtype != TEXT:
            continue
        values = subjects[column].dropna()
        groups: dict[frozenset[str], pd.Series] = {}
        for coding in _CODINGS:
            members = values[values.str.casefold().isin(coding)]
            if len(members):
                groups[coding] = members
        if len(groups) > 1:
            main = max(groups, key=lambda coding: len(groups[coding]))
            for coding, members in groups.items():
                if coding is main:
                    continue
                for level in members.unique():
                    rows = subjects.loc[members.index[members == level]]
                    facts.report(
                        "subjects",
                        rows.iloc[0],
                        "two_codings",
                        f"{column} {level!r} in a column coded {' / '.join(sorted(main))}: two codings in one column",
                        "use one coding",
                        column=column,
                        value=level,
                        rows=rows,
                    )
        spelled: dict[str, set[str]] = defaultdict(set)
        for level in values.unique():
            spelled[str(level).casefold()].add(str(level))
        for variants in spelled.values():
            if len(variants) > 1:
                rare = min(sorted(variants), key=lambda level: int((values == level).sum()))
                rows = subjects[subjects[column] == rare]
                facts.report(
                    "subjects",
                    rows.iloc[0],
                    "two_spellings",
                    f"{column} is spelled {' and '.join(map(repr, sorted(variants)))}",
                    "use one spelling",
                    column=column,
                    value=rare,
                    rows=rows,
                )


def missing_covariates(facts: Facts) -> None:
    """A blank stratum or covariate: never a level; the subject leaves the models that need it."""
    subjects = facts["subjects"][facts["subjects"]["excluded"].isna()]
    for column in dict.fromkeys((*facts.design.strata, *facts.design.covariates, "er")):
        if column not in subjects or subjects[column].isna().mean() > 0.5:
            continue
        for _, row in subjects[subjects[column].isna()].iterrows():
            facts.report(
                "subjects",
                row,
                "missing_covariate",
                f"{column} is blank: not_given, never a level; models that need it lose the subject",
                "fill it in, if it is known",
                column=column,
                severity="warning",
            )


def eligibility(facts: Facts) -> None:
    """An ineligible subject stays in the flow and leaves every analysis."""
    subjects = facts["subjects"]
    out = subjects[subjects["eligible"] == "no"]
    for _, row in out.iterrows():
        facts.report(
            "subjects",
            row,
            "ineligible",
            "not eligible: not in the cohort, though data were delivered",
            "no action, if that is right",
            column="eligible",
            value="no",
            severity="warning",
        )
    facts.exclude("subjects", out.index, "not_in_cohort", "ineligible")


def design_in_data(facts: Facts) -> None:
    """Arms and cohorts that the data do not hold, or that cannot be told apart."""
    subjects = facts["subjects"]
    if subjects.empty:
        return
    first = subjects.iloc[0]
    for column, known in (("cohort", facts.design.cohorts), ("arm", facts.design.arms)):
        absent = [level for level in known if not (subjects[column] == level).any()]
        if absent and len(known) > 1 and subjects[column].isin(known).any():
            facts.report(
                "subjects",
                first,
                "absent_level",
                f"{column}: nobody in {', '.join(absent)}; a term for {column} cannot be estimated",
                "correct the data or the design",
                column=column,
                severity="warning",
            )
    both = subjects.dropna(subset=["cohort", "arm"])
    if both["cohort"].nunique() > 1 and both["arm"].nunique() > 1:
        pairs = both.drop_duplicates(["cohort", "arm"])
        if len(pairs) == both["cohort"].nunique() == both["arm"].nunique():
            facts.report(
                "subjects",
                first,
                "aliased",
                "arm and cohort are the same column in two names: their effects cannot be told apart",
                "analyse the cohorts separately; no arm term can be estimated",
                column="arm",
                severity="warning",
            )
