"""Faults of the STOP-HER2 study: R01 to R16."""

from __future__ import annotations

from deterministic import Row

from faults.twin import Twin


def plant_stop(t: Twin) -> None:
    """R01 to R16."""
    plant_stop_calls(t)
    plant_stop_days(t)
    plant_stop_course(t)
    plant_stop_pros(t)


def stop_draws(t: Twin, subject: str) -> list[tuple[Row, Row]]:
    """Scheduled tubes of a subject with their calls, in order of their day."""
    tubes = sorted(
        t.rows("specimens.csv", subject=subject, reason_for_draw="scheduled"), key=lambda row: int(row["collection_day"])
    )
    return [(tube, t.row("mrd.csv", specimen=tube["specimen"])) for tube in tubes]


def plant_stop_calls(t: Twin) -> None:
    """R01 to R06: calls and levels."""
    file = "mrd.csv"

    def call(which: str) -> Row:
        subject = t.one("core", lambda s: any(row["call"] == which for _, row in stop_draws(t, s)))
        return next(row for _, row in stop_draws(t, subject) if row["call"] == which)

    for raw, which in (("Pos", "detected"), ("Neg", "not_detected"), ("MRD+", "detected")):
        t.plant("R01", "C", "a call in another spelling", t.set(file, call(which), "call", raw))
    t.plant("R01", "R", "a plus sign: a call, a flag or a count", t.set(file, call("detected"), "call", "+"), r"\+")
    t.plant("R02", "R", "ND: not detected, or not done", t.set(file, call("not_detected"), "call", "ND"), "ND")
    for raw in ("Indeterminate", "TNP", "No call"):
        t.plant("R03", "C", "no call, with its reason", t.set(file, call("not_detected"), "call", raw))
    t.plant("R04", "R", "detected at level 0", t.set(file, call("detected"), "level", "0"), "0", need="any")
    row = call("not_detected")
    t.plant("R05", "R", "not detected at 12 ppm", t.set(file, row, "level", "12"), "12", need="any")
    row = call("not_detected")
    tube = t.row("specimens.csv", specimen=row["specimen"])
    again = t.add("specimens.csv", dict(tube) | {"specimen": tube["specimen"] + "b"})
    other = t.add(file, dict(row) | {"specimen": again["specimen"], "call": "detected", "level": "14.2"})
    t.plant(
        "R06",
        "R",
        "two calls of one day that disagree",
        t.places(file, [other], "call"),
        need="any",
        also=[*t.places(file, [row], "call"), *t.places("specimens.csv", [tube, again], "collection_day")],
    )


def plant_stop_days(t: Twin) -> None:
    """R07 to R10: days and versions."""
    file = "specimens.csv"
    for subject in t.pick(
        "core",
        5,
        lambda s: (
            t.pfs(s)["event_type"] == "progression"
            and len(stop_draws(t, s)) > 1
            and 0 < int(t.pfs(s)["time"]) - int(stop_draws(t, s)[-1][0]["collection_day"]) < 60
        ),
    ):
        tube = stop_draws(t, subject)[-1][0]
        t.plant(
            "R07",
            "F",
            "drawn on the day of progression: no predictor of it",
            t.set(file, tube, "collection_day", t.pfs(subject)["time"]),
            severity="note",
            also=t.places("mrd.csv", [t.row("mrd.csv", specimen=tube["specimen"])], "call"),
        )
    subject = t.one(
        "core",
        lambda s: (
            t.pfs(s)["event_type"] == "progression"
            and int(t.os(s)["time"]) > int(t.pfs(s)["time"]) + 40
            and any(row["call"] == "detected" for _, row in stop_draws(t, s)[-1:])
        ),
    )
    tube, row = stop_draws(t, subject)[-1]
    t.plant(
        "R08",
        "F",
        "positive, dated 30 days after progression",
        t.set(file, tube, "collection_day", str(int(t.pfs(subject)["time"]) + 30)),
        "after|event|progress",
        also=t.places("mrd.csv", [row], "call"),
    )
    subject = t.one(
        "core", lambda s: int(t.pfs(s)["time"]) > 420 and any(tube["visit_label"] == "week30" for tube, _ in stop_draws(t, s))
    )
    tube, row = next((tube, row) for tube, row in stop_draws(t, subject) if tube["visit_label"] == "week30")
    t.plant(
        "R09",
        "F",
        "drawn 61 days after the day of its visit",
        t.set(file, tube, "collection_day", str(210 + 61)),
        "window|271|week30",
        also=t.places("mrd.csv", [row], "call"),
    )
    rows = [row for s in t.pick("core", 3, lambda s: len(stop_draws(t, s)) >= 7) for _, row in stop_draws(t, s)[4:]]
    t.plant(
        "R10",
        "W",
        "the assay version changes during the study",
        [t.set("mrd.csv", row, "assay_version", "v2") for row in rows],
        "v2|version",
        need="any",
    )


def plant_stop_course(t: Twin) -> None:
    """R11 to R13: therapy and cohort."""

    def again(s: str) -> bool:
        return bool(t.row("therapy.csv", subject=s)["restart"])

    row = t.row("therapy.csv", subject=t.one("core", lambda s: again(s) and t.pfs(s)["event_type"] == "progression"))
    t.plant(
        "R11",
        "R",
        "restarted before it was stopped",
        t.set("therapy.csv", row, "stop", str(int(row["restart"]) + 30)),
        "restart",
        need="any",
        also=t.places("therapy.csv", [row], "restart"),
    )
    subject = t.one("core")
    first = t.row("subjects.csv", subject=subject)
    second = t.add("subjects.csv", dict(first) | {"cohort": {"stop": "continue", "continue": "stop"}[first["cohort"]]})
    t.plant(
        "R12",
        "R",
        "one subject in both cohorts",
        t.places("subjects.csv", [second], "cohort"),
        subject,
        also=t.places("subjects.csv", [first], "cohort"),
        need="any",
    )
    subject = t.one(
        "core", lambda s: t.pfs(s)["event_type"] == "restart" and int(t.pfs(s)["time"]) + 100 < int(t.pfs(s)["cutoff"])
    )
    row = t.pfs(subject)
    row["event"], row["event_type"] = "1", "progression"
    place = t.set("outcomes.csv", row, "time", str(int(row["time"]) + 100))
    t.plant(
        "R13",
        "R",
        "a progression after restart counted as the event, and no estimand declared",
        place,
        "restart",
        need="any",
        also=t.places("therapy.csv", [t.row("therapy.csv", subject=subject)], "restart")
        + t.places("outcomes.csv", [row], "event")
        + t.places("outcomes.csv", [row], "event_type"),
    )


def plant_stop_pros(t: Twin) -> None:
    """R14 to R16: patient-reported outcomes."""
    file = "pros.csv"
    row = t.rows(file, subject=t.one("core", lambda s: len(t.rows(file, subject=s, instrument="qol")) > 1), instrument="qol")[1]
    t.plant("R14", "R", "a score of 104 out of 100", t.set(file, row, "score", "104"), "104")
    subject = t.one("core", lambda s: bool(t.rows(file, subject=s, instrument="regret")))
    row = t.add(file, {"subject": subject, "instrument": "regret", "day": "0", "score": "12", "version": "1"})
    t.plant(
        "R15",
        "R",
        "regret on day 0, before there was anything to regret",
        t.places(file, [row], "day"),
        "regret|baseline|day 0",
    )
    subject = t.one("core", lambda s: t.os(s)["event"] == "1" and int(t.os(s)["time"]) + 20 < int(t.os(s)["cutoff"]))
    row = t.add(
        file,
        {"subject": subject, "instrument": "qol", "day": str(int(t.os(subject)["time"]) + 20), "score": "55", "version": "1"},
    )
    t.plant(
        "R16",
        "R",
        "answered after death",
        t.places(file, [row], "day"),
        "death|died|dead",
        also=t.places("outcomes.csv", [t.os(subject)], "time"),
    )
