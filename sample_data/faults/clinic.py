"""Faults of subjects, outcomes and specimens: S01 to S10, O03 to O09, T01 to T12."""

from __future__ import annotations

from collections.abc import Callable

import make_br1801
from deterministic import Row, number

from faults.twin import Place, Twin


def plant_subjects(t: Twin) -> None:
    """S01 to S10."""
    file = "subjects.csv"

    def twice(fault: str, kind: str, what: str, column: str, other: Callable[[Row], str], *words: str) -> None:
        subject = t.one("core")
        first = t.row(file, subject=subject)
        second = t.add(file, dict(first) | {column: other(first)})
        name = "subject" if column == "study" else column
        t.plant(
            fault,
            kind,
            what,
            [Place(file, second, name, second[name], subject=subject)],
            subject,
            *words,
            also=t.places(file, [first], name),
            need="any",
        )

    twice("S01", "W", "the row stands twice, identical", "study", lambda row: row["study"])
    if not t.recoverable:
        arms = {make_br1801.ARMS[0]: make_br1801.ARMS[1], make_br1801.ARMS[1]: make_br1801.ARMS[0]}
        twice("S02", "R", "the subject stands twice, in two arms", "arm", lambda row: arms[row["arm"]])
        twice(
            "S03",
            "R",
            "the subject stands twice, in two cohorts",
            "cohort",
            lambda row: {"ER+": "ER-", "ER-": "ER+"}[row["cohort"]],
        )
        for spelled, what in (
            (lambda s: f"BR-{int(s[3:])}", "the id lost its zeros"),
            (lambda s: s + " ", "the id has a blank behind it"),
            (str.lower, "the id is in lower case"),
        ):
            subject = t.one("core", lambda s: s < "BR-100")
            tube = t.row("specimens.csv", specimen=f"{subject}-T")
            place = t.set("specimens.csv", tube, "subject", spelled(subject))
            place.subject = spelled(subject)
            t.plant(
                "S04",
                "R",
                f"{what}; it may not be joined by luck",
                place,
                subject,
                also=t.places("tissue_reads.csv", t.rows("tissue_reads.csv", specimen=tube["specimen"]), "specimen"),
                subjects=(spelled(subject), subject),
            )
        subject = t.one(
            "core",
            lambda s: (
                s < "BR-100"
                and len(t.tubes(s, "baseline")) == 4
                and t.row("specimens.csv", specimen=f"{s}-0M")["batch"] != "B3"
            ),
        )
        tubes = t.tubes(subject, "baseline")[:2]
        cells = [t.set("specimens.csv", tube, "subject", str(int(subject[3:]))) for tube in tubes]
        t.plant(
            "S05",
            "R",
            "the id column passed through a spreadsheet as a number",
            cells,
            subjects=(str(int(subject[3:])), subject),
            also=[Place(f, r, "specimen", r["specimen"]) for f, r in t.results(tubes)],
        )
        for arm in ("T-DM1+Abema", "TDM1 + abemaciclib"):
            subject = t.one("core", lambda s: t.row(file, subject=s)["arm"] == make_br1801.ARMS[1])
            t.plant(
                "S06",
                "R",
                "an arm that the design does not name",
                t.set(file, t.row(file, subject=subject), "arm", arm),
                r"T-DM1 \+ abemaciclib",
            )
        cells = []
        for spelled, code in (("Y", "1"), ("N", "0"), ("Y", "1")):
            subject = t.one("core", lambda s, code=code: t.row(file, subject=s)["liver_mets"] == code)
            cells.append(t.set(file, t.row(file, subject=subject), "liver_mets", spelled))
        t.plant("S07", "R", "Y and N in a column of 0 and 1", cells, "liver_mets")
    subject = t.one("core")
    t.plant("S08", "F", "ER is empty: missing, never a level", t.set(file, t.row(file, subject=subject), "er", ""), "er")
    subject = t.one("core", lambda s: len(t.tubes(s, "baseline")) == 4)
    t.plant(
        "S09",
        "F",
        "an ineligible subject with outcomes and markers",
        t.set(file, t.row(file, subject=subject), "eligible", "no", equivalent="yes"),
        "not in|eligible",
    )
    t.blank_subject(subject)
    stranger = "BR-900"
    tubes = [
        t.add(
            "specimens.csv",
            {
                "specimen": f"{stranger}-0{code}",
                "subject": stranger,
                "type": kind,
                "collection_day": "-4",
                "visit_label": "baseline",
                "reason_for_draw": "scheduled",
                "received_h": "30",
                "volume_ml": "7.5" if code == "C" else "",
                "quality": "ok",
            },
        )
        for code, kind in (("C", "ctc_tube"), ("S", "serum"))
    ]
    results = [
        t.add(
            "blood_ctc.csv",
            {"specimen": f"{stranger}-0C", "marker": "ctc", "assay": "CellSearch", "value": "3", "unit": "cells/7.5 mL"},
        )
    ]
    results += [
        t.add(
            "blood_tk1.csv",
            dict(t.tables["blood_tk1.csv"][0]) | {"specimen": f"{stranger}-0S", "replicate": str(k), "value": value},
        )
        for k, value in ((1, "310"), (2, "322"))
    ]
    t.plant(
        "S10",
        "F" if t.recoverable else "R",
        "markers of a subject that is not in subjects",
        t.places("specimens.csv", tubes, "subject"),
        stranger,
        need="any",
        also=[
            Place("blood_ctc.csv", results[0], "specimen", results[0]["specimen"]),
            *(Place("blood_tk1.csv", r, "specimen", r["specimen"]) for r in results[1:]),
        ],
    )


def plant_outcomes(t: Twin) -> None:
    """O03 to O09; O01, O02 and O10 take a whole column and have folders of their own."""
    file = "outcomes.csv"

    def progressed(subject: str) -> bool:
        return t.pfs(subject)["event_type"] == "progression"

    def undrawn(subject: str) -> bool:
        return progressed(subject) and not t.tubes(subject, "week6") and not t.tubes(subject, "progression")

    if not t.recoverable:
        row = t.pfs(t.one("core", undrawn))
        row["last_negative_assessment"] = ""
        t.plant("O03", "R", "a negative time", t.set(file, row, "time", "-3"), "-3")
    subject = t.one("core", undrawn)
    row = t.pfs(subject)
    days = row["time"]
    place = t.set(file, row, "time", "0", equivalent=days)
    t.set(file, row, "last_negative_assessment", "")
    t.plant("O04", "F" if t.recoverable else "R", "an event on day 0", place, "0")
    t.blank_subject(subject)
    if t.recoverable:
        return
    cells = []
    for subject in t.pick("core", 5, lambda s: undrawn(s) or (progressed(s) and not t.tubes(s, "progression"))):
        row = t.pfs(subject)
        row["last_negative_assessment"] = ""
        months = round(int(row["time"]) / 30.4375, 1)
        cells.append(t.set(file, row, "time", number(months if months % 1 else months + 0.1, 1)))
    t.plant("O05", "R", "months in a column of days", cells, "day|month|unit", need="any")
    row = t.pfs(t.one("core", progressed))
    row["last_negative_assessment"] = ""
    t.plant("O06", "R", "an event without its time", t.set(file, row, "time", ""), "time")
    row = t.pfs(t.one("core", progressed))
    t.plant("O06", "R", "a time without its event flag", t.set(file, row, "event", ""), "event")
    subject = t.one(
        "core",
        lambda s: progressed(s) and t.os(s)["event"] == "0" and int(t.pfs(s)["time"]) > 60 and not t.tubes(s, "progression"),
    )
    t.plant(
        "O07",
        "R",
        "overall survival is shorter than progression-free survival",
        t.set(file, t.os(subject), "time", str(int(t.pfs(subject)["time"]) - 10)),
        also=t.places(file, [t.pfs(subject)], "time"),
    )
    row = t.os(t.one("core", lambda s: progressed(s) and t.os(s)["event"] == "0" and t.os(s)["time"] == t.os(s)["cutoff"]))
    t.plant("O08", "R", "censored after the data cut-off", t.set(file, row, "time", str(int(row["cutoff"]) + 30)), "cut")
    row = t.pfs(t.one("core", progressed))
    t.plant(
        "O09",
        "R",
        "the last negative assessment lies after the event",
        t.set(file, row, "last_negative_assessment", str(int(row["time"]) + 20)),
    )


def plant_specimens(t: Twin) -> None:
    """T01 to T12."""
    file = "specimens.csv"

    def has(subject: str, visit: str) -> bool:
        return len(t.tubes(subject, visit)) == 4

    def pfs_day(subject: str) -> int:
        return int(t.pfs(subject)["time"])

    def move(tubes: list[Row], day: int) -> list[Place]:
        return [t.set(file, tube, "collection_day", str(day)) for tube in tubes]

    tubes = t.tubes(t.one("core", lambda s: has(s, "baseline") and pfs_day(s) > 60), "baseline")
    t.plant("T01", "F", "drawn after the first dose, labelled baseline", move(tubes, 3), "baseline|window", need="any")
    t.lose_draw(tubes)
    plant_two_baselines(t, has)
    if not t.recoverable:
        plant_two_week6(t, has)
    tubes = t.tubes(t.one("core", lambda s: has(s, "week6") and pfs_day(s) > 100), "week6")
    t.plant("T04", "F", "labelled week 6, drawn on day 71: the label never decides", move(tubes, 71), "71", need="any")
    t.lose_draw(tubes)
    on_day = list(
        t.pick(
            "core",
            4,
            lambda s: (
                has(s, "week6")
                and t.pfs(s)["event"] == "1"
                and pfs_day(s) <= 49
                and int(t.tubes(s, "week6")[0]["collection_day"]) < pfs_day(s)
            ),
        )
    )
    for subject in on_day:
        tubes = t.tubes(subject, "week6")
        t.plant(
            "T05",
            "F",
            "drawn on the day of progression: no predictor of it",
            move(tubes, pfs_day(subject)),
            severity="note",
            need="any",
        )
        t.lose_draw(tubes)
    if not t.recoverable:
        subject = t.one(
            "core",
            lambda s: has(s, "progression") and t.os(s)["event"] == "1" and int(t.os(s)["time"]) + 12 < int(t.os(s)["cutoff"]),
        )
        t.plant(
            "T06",
            "R",
            "drawn 12 days after death",
            move(t.tubes(subject, "progression"), int(t.os(subject)["time"]) + 12),
            "death|died|dead",
            need="any",
            also=t.places("outcomes.csv", [t.os(subject)], "time"),
        )
    plant_late_draws(t, has)
    tube = next(row for row in t.tubes(t.one("core", lambda s: has(s, "baseline")), "baseline") if row["type"] == "ctc_tube")
    t.plant("T09", "F", "no day, only a visit label", t.set(file, tube, "collection_day", ""), "day")
    t.lose_draw([tube])
    plant_biopsies(t)
    plant_swap(t)
    tube = next(row for row in t.tubes(t.one("core", lambda s: has(s, "baseline")), "baseline") if row["type"] == "serum")
    t.plant(
        "T12",
        "F",
        "TK1 measured in plasma, a serum assay",
        t.set(file, tube, "type", "plasma", equivalent="serum"),
        "plasma|serum|matrix",
        also=t.places("blood_tk1.csv", t.rows("blood_tk1.csv", specimen=tube["specimen"]), "specimen"),
    )
    t.drop_equivalent("blood_tk1.csv", t.rows("blood_tk1.csv", specimen=tube["specimen"]))


def plant_two_baselines(t: Twin, has: Callable[[str, str], bool]) -> None:
    """T02: the later of two baselines counts."""
    subject = t.one(
        "core", lambda s: has(s, "baseline") and t.rows("blood_tk1.csv", specimen=f"{s}-0S")[0]["value"][0].isdigit()
    )
    for tube in t.tubes(subject, "baseline"):
        t.set("specimens.csv", tube, "collection_day", "-1")
    serum = t.row("specimens.csv", specimen=f"{subject}-0S")
    early = t.add("specimens.csv", dict(serum) | {"specimen": f"{subject}-0S2", "collection_day": "-10"})
    for value, result in zip(("333", "347"), t.rows("blood_tk1.csv", specimen=serum["specimen"]), strict=True):
        t.add("blood_tk1.csv", dict(result) | {"specimen": early["specimen"], "value": value})
    t.plant(
        "T02",
        "C",
        "two baselines, days -10 and -1: the last valid one counts",
        t.places("specimens.csv", [early, serum], "collection_day"),
    )


def plant_two_week6(t: Twin, has: Callable[[str, str], bool]) -> None:
    """T03: two tubes of one day that disagree."""
    subject = t.one(
        "core",
        lambda s: (
            has(s, "week6")
            and int(t.pfs(s)["time"]) > 60
            and t.rows("blood_tk1.csv", specimen=f"{s}-6S")[0]["value"][0].isdigit()
        ),
    )
    serum = t.row("specimens.csv", specimen=f"{subject}-6S")
    second = t.add("specimens.csv", dict(serum) | {"specimen": f"{subject}-6S2"})
    results = t.rows("blood_tk1.csv", specimen=serum["specimen"])
    more = [
        t.add("blood_tk1.csv", dict(result) | {"specimen": second["specimen"], "value": value})
        for value, result in zip(("871", "902"), results, strict=True)
    ]
    t.plant(
        "T03",
        "R",
        "two week-6 tubes of one day with different values, and no rule for replicates",
        t.places("specimens.csv", [second], "specimen"),
        need="any",
        also=[*t.places("specimens.csv", [serum], "specimen"), *t.places("blood_tk1.csv", results + more, "value")],
    )


def plant_late_draws(t: Twin, has: Callable[[str, str], bool]) -> None:
    """T07 and T08: after censoring; at progression, under another label."""
    subject = t.one("core", lambda s: t.pfs(s)["event"] == "0" and int(t.pfs(s)["time"]) + 10 < int(t.pfs(s)["cutoff"]))
    day = int(t.pfs(subject)["time"]) + 10
    tube = t.add(
        "specimens.csv",
        {
            "specimen": f"{subject}-US",
            "subject": subject,
            "type": "serum",
            "collection_day": str(day),
            "reason_for_draw": "unscheduled",
            "received_h": "40",
            "quality": "ok",
        },
    )
    for k, value in ((1, "215"), (2, "221")):
        t.add(
            "blood_tk1.csv",
            dict(t.tables["blood_tk1.csv"][0]) | {"specimen": tube["specimen"], "replicate": str(k), "value": value},
        )
    t.plant("T07", "F", "drawn after censoring", t.places("specimens.csv", [tube], "collection_day"), "censor|after")
    tubes = t.tubes(t.one("core", lambda s: has(s, "progression")), "progression")
    cells = [t.set("specimens.csv", tube, "visit_label", "C3D1", equivalent="progression") for tube in tubes]
    t.plant("T08", "F", "drawn for progression, labelled as a cycle", cells, "C3D1", need="any")


def plant_biopsies(t: Twin) -> None:
    """T10: a biopsy after the first dose; an archival block called fresh."""
    file = "specimens.csv"

    def read(subject: str) -> bool:
        return any(row["value"] for row in t.rows("tissue_reads.csv", specimen=f"{subject}-T", marker="stil"))

    tube = t.row(file, specimen=f"{t.one('core', read)}-T")
    reads = t.places("tissue_reads.csv", t.rows("tissue_reads.csv", specimen=tube["specimen"]), "specimen")
    t.plant("T10", "F", "a biopsy after the first dose", t.set(file, tube, "collection_day", "20"), "window|after", also=reads)
    t.drop_equivalent("tissue_reads.csv", t.rows("tissue_reads.csv", specimen=tube["specimen"]))
    tube = t.row(file, specimen=f"{t.one('core', read)}-T")
    reads = t.places("tissue_reads.csv", t.rows("tissue_reads.csv", specimen=tube["specimen"]), "specimen")
    t.plant(
        "T10", "W", "an archival block called fresh", t.set(file, tube, "collection_day", "-2900"), "archiv|fresh", also=reads
    )


def plant_swap(t: Twin) -> None:
    """T11: the tubes of two subjects exchanged. The tables cannot show it; it is planted and not scored."""
    if t.recoverable:
        return
    one, two = "BR-031", "BR-032"
    first, second = (t.row("blood_ctc.csv", specimen=f"{s}-0C") for s in (one, two))
    first["value"], second["value"] = second["value"], first["value"]
    for locus in ("FCGR2A-131", "FCGR3A-158"):
        a, b = (next(v.fields[locus] for v in t.vcf.values() if s in v.samples) for s in (one, two))
        a[one], b[two] = b[two], a[one]
    t.plant(
        "T11",
        "W",
        "genotype and CTC of two subjects exchanged: not to be seen in the tables",
        t.places("blood_ctc.csv", [first, second], "value"),
        severity="none",
        scored=False,
    )
