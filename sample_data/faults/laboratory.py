"""Faults of tissue reads, CTC, TK1, ctDNA and PBMC: M01 to M13, C01 to C04, K01 to K10, D01 to D07, P01 to P03."""

from __future__ import annotations

import math
from collections.abc import Callable

from deterministic import Row, number

from faults.twin import Place, Twin


def plant_tissue(t: Twin) -> None:
    """M01 to M13."""
    file = "tissue_reads.csv"

    def reads(subject: str, marker: str) -> list[Row]:
        return t.rows(file, specimen=f"{subject}-T", marker=marker)

    def read(subject: str, marker: str) -> Row:
        return reads(subject, marker)[0]

    def value(subject: str, marker: str) -> float:
        text = read(subject, marker)["value"]
        return float(text) if text else -1

    def subject_with(marker: str, low: float, high: float = 1e9) -> str:
        return t.one("tissue", lambda s: low <= value(s, marker) <= high)

    if not t.recoverable:
        rows = [
            row
            for s in t.pick(
                "tissue",
                4,
                lambda s: len(reads(s, "stil")) == 3 and all(float(r["value"] or -1) >= 5 for r in reads(s, "stil")),
            )
            for row in reads(s, "stil")
        ][:10]
        cells = [t.set(file, row, "value", number(int(row["value"]) / 100, 2)) for row in rows]
        t.plant("M01", "R", "fractions in a column of per cent", cells, "fraction|per cent|%|percent", need="any")
    for raw, low, high, same in (
        ("5-10", 5, 10, "5-10"),
        ("5\u201310", 5, 10, "5-10"),
        ("<1", 0, 0, "<1"),
        (">60", 60, 100, ">60"),
        ("~15", 15, 15, "15"),
        ("15 %", 15, 15, "15"),
    ):
        row = read(subject_with("stil", low, high), "stil")
        t.plant(
            "M02",
            "C",
            "a range, a bound, an approximate value or a sign behind it",
            t.set(file, row, "value", raw, equivalent=same),
        )
    if not t.recoverable:
        for raw in ("5-Oct", "10.05."):
            t.plant(
                "M03",
                "R",
                "a spreadsheet made a date of it",
                t.set(file, read(subject_with("stil", 5, 10), "stil"), "value", raw),
                "date",
            )
    for raw in ("NE", "not evaluable", "no tumour"):
        row = read(t.one("tissue", lambda s: read(s, "stil")["evaluable"] == "no"), "stil")
        t.plant("M04", "C", "missing, with its reason", t.set(file, row, "value", raw, equivalent=""))
    row = read(subject_with("stil", 0), "stil")
    place = t.set(file, row, "value", "", equivalent="")
    t.set(file, row, "evaluable", "yes", equivalent="no")
    t.plant("M05", "F", "no value, and yet evaluable", place, "evaluable|no value|missing|empty")
    if not t.recoverable:
        plant_rejected_reads(t, read, reads, subject_with)
    row = read(subject_with("vimentin_pct", 0), "vimentin_pct")
    place = t.set(file, row, "internal_control", "negative", equivalent="")
    t.set(file, row, "value", row["value"], equivalent="")
    t.set(file, row, "evaluable", "yes", equivalent="no")
    t.plant("M09", "F", "the internal control is negative", place, "control")
    row = read(subject_with("cd8", 50), "cd8")
    density = row["value"]
    t.plant(
        "M11",
        "W",
        "the delivered density is not count over area",
        t.set(file, row, "value", number(float(density) * 1.1, 2), equivalent=density),
        "count|area|density",
    )


def plant_rejected_reads(
    t: Twin, read: Callable[[str, str], Row], reads: Callable[[str, str], list[Row]], subject_with: Callable[..., str]
) -> None:
    """M06, M07, M08, M10, M12 and M13: what no reading can save."""
    file = "tissue_reads.csv"
    subject = t.one("tissue", lambda s: len(reads(s, "stil")) == 3 and bool(read(s, "stil")["value"]))
    singles = reads(subject, "stil")
    agreed = t.add(file, dict(singles[0]) | {"reader": "panel", "value": "10", "consensus": "yes"})
    t.plant(
        "M06",
        "R",
        "a consensus beside the single reads it was made of",
        t.places(file, [agreed], "consensus"),
        "consensus",
        also=t.places(file, singles, "consensus"),
    )
    t.plant("M07", "R", "above 100 per cent", t.set(file, read(subject_with("stil", 0), "stil"), "value", "140"), "140")
    t.plant(
        "M08",
        "R",
        "an H-score in a column of per cent",
        t.set(file, read(subject_with("vimentin_pct", 0), "vimentin_pct"), "value", "180"),
        "180",
    )
    t.plant(
        "M08",
        "R",
        "an intensity in a column of per cent",
        t.set(file, read(subject_with("vimentin_pct", 0), "vimentin_pct"), "value", "2+"),
        r"2\+",
    )
    rows = [
        row
        for s in t.pick("tissue", 3, lambda s: bool(read(s, "cd8")["value"]))
        for marker in ("cd8", "foxp3")
        for row in reads(s, marker)
    ]
    cells = [t.set(file, row, "area_mm2", number(float(row["area_mm2"]) * 1e6, 0)) for row in rows]
    t.plant(
        "M10",
        "R",
        "areas in square micrometres under a header that says mm2",
        cells,
        "area|mm2|density",
        need="any",
        also=t.places(file, rows, "value"),
    )
    for raw in ("#DIV/0!", "Inf"):
        base = read(t.one("tissue", lambda s: bool(read(s, "cd8")["value"])), "cd8")
        row = t.add(file, dict(base) | {"marker": "cd8_foxp3", "unit": "", "value": raw, "count": "", "area_mm2": ""})
        t.plant(
            "M12",
            "R",
            "a ratio that was divided by zero: recompute it from its components",
            t.places(file, [row], "value"),
            "component|recompute|error|infinite|number",
        )
    rows = [read(s, "cd8") for s in t.pick("tissue", 3, lambda s: bool(read(s, "cd8")["value"]))]
    cells = [t.set(file, row, "compartment", "intratumoral") for row in rows]
    t.plant("M13", "R", "intratumoral and stromal densities under one name", cells, "compartment|intratumoral", need="any")


def blood_row(t: Twin, file: str, subject: str, visit: str) -> list[Row]:
    """The rows of a subject at a visit in one blood file."""
    return [row for tube in t.tubes(subject, visit) for row in t.rows(file, specimen=tube["specimen"])]


def plant_ctc(t: Twin) -> None:
    """C01 to C04."""
    file = "blood_ctc.csv"

    def row(low: int, high: int = 10**6) -> Row:
        subject = t.one(
            "ctc",
            lambda s: any(r["value"].isdigit() and low <= int(r["value"]) <= high for r in blood_row(t, file, s, "baseline")),
        )
        return blood_row(t, file, subject, "baseline")[0]

    found = row(0)
    tube = t.row("specimens.csv", specimen=found["specimen"])
    place = t.set("specimens.csv", tube, "volume_ml", "5.0", equivalent="7.5")
    result = t.set(file, found, "value", "7")
    t.plant("C01", "F", "7 cells in 5 mL are not 7 cells in 7.5 mL", place, "7.5|volume|5", need="any", also=[result])
    t.drop_equivalent(file, [found])
    for raw in ("TNTC", ">1000"):
        t.plant("C02", "C", "too many to count: a bound", t.set(file, row(20), "value", raw))
    if not t.recoverable:
        t.plant("C03", "R", "a zero with a footnote that is not in the file", t.set(file, row(0, 0), "value", "0*"), r"0\*")
    for raw, same in (("clotted", "clotted"), (">96h", "too_late")):
        t.plant("C03", "C", "missing, with its reason", t.set(file, row(0), "value", raw, equivalent=same))
    if not t.recoverable:
        t.plant("C04", "R", "half a cell", t.set(file, row(1), "value", "3.5"), "3.5")
        t.plant("C04", "R", "less than no cell", t.set(file, row(0), "value", "-1"), "-1")


def plant_tk1(t: Twin) -> None:
    """K01 to K10."""
    file = "blood_tk1.csv"

    def pair(subject: str, visit: str) -> list[Row]:
        return blood_row(t, file, subject, visit)

    def values(subject: str, visit: str) -> list[str]:
        return [row["value"] for row in pair(subject, visit)]

    def below(subject: str) -> bool:
        return values(subject, "week6") == ["<20", "<20"]

    def measured(subject: str, visit: str = "baseline", low: float = 0.0) -> bool:
        found = values(subject, visit)
        return len(found) == 2 and all(is_number(value) and float(value) > low for value in found)

    def one(condition: Callable[[str], bool] = measured) -> list[Row]:
        subject = t.one("tk1", condition)
        return pair(subject, "week6" if condition is below else "baseline")

    for raw in ("< 20", "<LOD", "BLQ", "\u226420"):
        t.plant("K01", "C", "below the limit, in another spelling", t.set(file, one(below)[0], "value", raw, equivalent="<20"))
    if not t.recoverable:
        cells = [t.set(file, row, "value", "20") for _ in range(3) for row in one(below)]
        t.plant("K02", "W", "the bare limit stands six times next to `<20`", cells, "20", need="any")
        t.plant("K03", "R", "zero, where the assay has no zero", t.set(file, one()[0], "value", "0"), "0")
        rows = [row for _ in range(6) for row in one()]
        for row in rows:
            t.set(file, row, "value", number(float(row["value"]) * 1.6, 0))
        cells = [t.set(file, row, "unit", "DuA") for row in rows[:3]]
        t.plant(
            "K04",
            "R",
            "twelve rows of another assay (DuA), nine of them under Du/L",
            cells,
            "DuA",
            need="any",
            also=t.places(file, rows[3:], "unit"),
        )
    t.plant("K05", "C", "above the range: a bound", t.set(file, one(lambda s: measured(s, low=600))[0], "value", ">2000"))
    place = t.set(file, one(below)[0], "value", "ND", equivalent="<20")
    t.plant("K06", "C" if t.recoverable else "R", "ND: not detected, or not done", place, *(() if t.recoverable else ("ND",)))
    if not t.recoverable:
        for raw, what in (
            ("292,5", "a decimal comma that is not declared"),
            ("1,234", "1.234 or 1234"),
            ("1.234,5", "a thousands point and a decimal comma"),
        ):
            t.plant("K07", "R", what, t.set(file, one()[0], "value", raw), raw.replace(".", r"\."))
    first, second = one(lambda s: measured(s) and 30 < float(values(s, "baseline")[0]) < 600)
    cells = [t.set(file, first, "value", "40"), t.set(file, second, "value", "400")]
    t.plant("K08", "F", "duplicates of 40 and 400", cells, "CV|duplicate|replicate", need="any")
    t.drop_equivalent(file, [first, second])
    for raw in ("hemolyzed", "QNS", "pending"):
        subject = t.one("tk1", measured)
        for row in pair(subject, "baseline"):
            t.set(file, row, "value", raw)
        t.plant("K09", "C", "missing, with its reason", t.places(file, pair(subject, "baseline"), "value"))
    sites: dict[str, list[str]] = {}
    for row in t.tables["subjects.csv"]:
        if (
            measured(row["subject"])
            and len(values(row["subject"], "week6")) == 2
            and row["subject"] not in t.used["core"] | t.used["tk1"]
        ):
            sites.setdefault(row["site"], []).append(row["subject"])
    site, members = max(sorted(sites.items()), key=lambda item: len(item[1]))
    rows = [row for s in members for row in pair(s, "week6")]
    t.used["tk1"].update(members)
    t.plant(
        "K10",
        "W",
        f"the reagent lot changes between visits at {site}",
        [t.set(file, row, "lot", "L2309", equivalent="L2301") for row in rows],
        "lot",
        need="any",
        also=t.places(file, [row for s in members for row in pair(s, "baseline")], "lot"),
    )
    if t.recoverable:
        decimal_commas(t, file)


def decimal_commas(t: Twin, file: str) -> None:
    """K07 as a whole file can be read: every fractional number with a comma, declared."""
    rows = [row for row in t.tables[file] if "." in row["value"]]
    for row in rows:
        row["value"] = row["value"].replace(".", ",")
    t.plant("K07", "C", "decimal commas, declared", t.places(file, rows, "value")[:5], need="any")


def plant_ctdna(t: Twin) -> None:
    """D01 to D07."""
    file = "blood_ctdna.csv"

    def row(subject: str, visit: str = "baseline") -> Row:
        return blood_row(t, file, subject, visit)[0]

    def measured(subject: str, visit: str = "baseline") -> bool:
        found = blood_row(t, file, subject, visit)
        return bool(found) and found[0]["value"][0].isdigit()

    if not t.recoverable:
        again = []
        t.tables["blood_ctdna_site.csv"], t.columns["blood_ctdna_site.csv"] = [], list(t.columns[file])
        chosen = t.pick("ctdna", 12, measured)
        for subject in chosen:
            first = row(subject)
            again.append(t.add("blood_ctdna_site.csv", dict(first) | {"value": number(float(first["value"]) * 100, 1)}))
        t.plant(
            "D01",
            "R",
            "twelve tubes delivered twice, the second time exactly 100 times higher",
            t.places("blood_ctdna_site.csv", again, "value"),
            "100",
            need="any",
            also=t.places(file, [row(s) for s in chosen], "value"),
        )
    fractions = []
    for subject, vaf in zip(t.pick("ctdna", 4, measured), ("0.35", "0.12", "0.041", "0.22"), strict=True):
        fractions.append(
            t.add_both(file, dict(row(subject)) | {"marker": "ctdna_vaf", "unit": "fraction", "value": vaf, "lod": "0.000005"})
        )
    if not t.recoverable:
        t.plant("D02", "R", "per cent and fractions in one column", t.set(file, fractions[0], "value", "35"), "35")
    t.plant("D03", "C", "an exponent", t.set(file, fractions[1], "value", "1.2E-05", equivalent="0.000012"))
    found = row(t.one("ctdna", lambda s: bool(blood_row(t, file, s, "week6")) and row(s, "week6")["value"] == "ND"), "week6")
    t.set(file, found, "lod", "0.01")
    t.plant("D03", "C", "below a limit that stands in the cell", t.set(file, found, "value", "<0.01"))
    found = row(t.one("ctdna", lambda s: bool(blood_row(t, file, s, "week6")) and row(s, "week6")["value"] == "ND"), "week6")
    t.plant("D03", "C", "ND, declared to mean not detected", t.places(file, [found], "value"))
    if not t.recoverable:
        t.plant("D03", "R", "zero for not detected, undeclared", t.set(file, row(t.one("ctdna", measured)), "value", "0"), "0")
    subject = t.one("ctdna", lambda s: measured(s) and measured(s, "week6"))
    t.plant(
        "D04",
        "F",
        "not detected at baseline: the ratio to it is not defined",
        t.set(file, row(subject), "value", "ND"),
        severity="note",
        also=t.places(file, [row(subject, "week6")], "value"),
    )
    subject = t.one("ctdna", lambda s: measured(s) and measured(s, "week6"))
    t.plant(
        "D05",
        "F",
        "another panel at week 6: no ratio across versions",
        t.set(file, row(subject, "week6"), "assay_version", "v2", equivalent="v1"),
        "v2",
        also=t.places(file, [row(subject)], "assay_version"),
    )
    t.drop_equivalent(file, [row(subject, "week6")])
    found = row(t.one("ctdna", lambda s: measured(s) and measured(s, "week6")), "week6")
    t.set(file, found, "plasma_ml", "1.1")
    t.plant("D06", "F", "not detected in 1.1 mL of plasma", t.set(file, found, "value", "ND"), severity="note")
    t.drop_equivalent(file, [found])
    plant_log10_change(t, file)


def plant_log10_change(t: Twin, file: str) -> None:
    """D07: a delivered change that is the sign times log10 of the absolute per cent change."""
    t.columns[file].append("log10_change")
    baseline = {
        t.subject_of(row): row for row in t.tables[file] if row["specimen"].endswith("-0P") and row["marker"] == "ctdna_mtm"
    }
    rows, busy = [], t.used["ctdna"]
    for row in t.tables[file]:
        row["log10_change"] = ""
        before = baseline.get(t.subject_of(row), {}).get("value", "")
        if row["specimen"].endswith("-6P") and is_number(before) and is_number(row["value"]) and float(before) > 0:
            change = 100 * (float(row["value"]) / float(before) - 1)
            row["log10_change"] = signed_log10(change)
            rows.append(row)
    t.plant(
        "D07",
        "W",
        "a delivered change that is no log ratio: recomputed from the levels",
        [Place(file, None, "log10_change", "log10_change", line=1)],
        "log10_change|recompute",
        need="any",
        also=t.places(file, [row for row in rows if t.subject_of(row) not in busy], "log10_change"),
    )


def signed_log10(change: float) -> str:
    """Sign times log10 of the absolute per cent change, as some deposits deliver it; it is no log ratio."""
    return number(math.copysign(math.log10(abs(change)), change), 4) if change else "0"


def is_number(text: str) -> bool:
    """Whether a cell is a plain number."""
    return text.replace(".", "", 1).isdigit()


def plant_pbmc(t: Twin) -> None:
    """P01 to P03."""
    file = "blood_pbmc.csv"
    if not t.recoverable:
        rows = [row for row in t.tables[file] if row["batch"] == "B3" and row["marker"] in ("pbmc_cd4", "pbmc_cd8")]
        total: dict[str, float] = {}
        for row in rows:
            total[row["specimen"]] = total.get(row["specimen"], 0.0) + float(row["value"])
        for row in rows:
            # CD4 and CD8 make up nearly all of CD3, and never more
            t.set(file, row, "value", number(float(row["value"]) * min(1.25, 97 / total[row["specimen"]]), 1))
            t.set(file, row, "unit", "%")
        cells = [t.set(file, row, "parent_gate", "CD3") for row in rows]
        t.plant("P01", "R", "one batch counts from CD3, the others from lymphocytes", cells, "CD3", need="any", subjects=())
        subject = t.one(
            "pbmc", lambda s: bool(blood_row(t, file, s, "baseline")) and blood_row(t, file, s, "baseline")[0]["batch"] != "B3"
        )
        rows = [row for row in blood_row(t, file, subject, "baseline") if row["parent_gate"] == "lymphocytes"]
        cells = [t.set(file, row, "value", value) for row, value in zip(rows, ("61", "42", "17", "11"), strict=True)]
        t.plant("P02", "R", "the subsets of one parent add up to 131 per cent", cells, "131", need="any")
    subject = t.one(
        "pbmc", lambda s: bool(blood_row(t, file, s, "baseline")) and blood_row(t, file, s, "baseline")[0]["batch"] != "B3"
    )
    row = next(row for row in blood_row(t, file, subject, "baseline") if row["marker"] == "pbmc_nk")
    t.set(file, row, "events_acquired", "40")
    t.plant("P03", "F", "zero of 40 cells is no zero", t.set(file, row, "value", "0"), "40|events")
    t.drop_equivalent(file, [row])
