"""Faults that take a whole file or column, each in a folder of its own: O01, O02, O10, X01 to X05."""

from __future__ import annotations

from pathlib import Path

from faults.genotypes import genotype_table
from faults.twin import Fault, Place, elsewhere

BIG_CELL = 1_000_000


def whole_file_twins(clean: Path) -> dict[str, tuple[str, dict[str, bytes], list[Fault]]]:
    """Folder name to (study.toml, files, faults): faults that take a whole file or column."""
    study = (clean / "study.toml").read_text(encoding="utf-8")
    out: dict[str, tuple[str, dict[str, bytes], list[Fault]]] = {}

    def text(file: str) -> str:
        return (clean / file).read_text(encoding="utf-8")

    def put(
        folder: str,
        fault: str,
        kind: str,
        what: str,
        file: str,
        data: bytes,
        *,
        line: int | None = None,
        column: str = "",
        raw: str | None = None,
        words: tuple[str, ...] = (),
        subject: str = "",
    ) -> None:
        place = Place(file, None, column, raw, line=line, subject=subject)
        out[folder] = (
            elsewhere(study, file),
            {file: data},
            [Fault(fault, kind, what, [place], words, need="any", study=f"{folder}/study.toml")],
        )

    lines = text("outcomes.csv").splitlines()
    header = lines[0].split(",")
    event = header.index("event")

    def recode(codes: dict[str, str], only: int | None = None) -> bytes:
        rows = [lines[0]]
        for n, each in enumerate(lines[1:], start=2):
            cells = each.split(",")
            if only is None or n == only:
                cells[event] = codes[cells[event]]
            rows.append(",".join(cells))
        return ("\n".join(rows) + "\n").encode()

    put(
        "O01",
        "O01",
        "R",
        "event coded 1 and 2 in the whole column",
        "outcomes.csv",
        recode({"1": "1", "0": "2"}),
        column="event",
        raw="2",
        words=("2", "event"),
    )
    one = next(n for n, each in enumerate(lines[1:], start=2) if each.split(",")[1] == "pfs" and each.split(",")[event] == "1")
    put(
        "O02",
        "O02",
        "R",
        "one event code 2 among 0 and 1",
        "outcomes.csv",
        recode({"1": "2"}, only=one),
        line=one,
        column="event",
        raw="2",
        words=("2",),
        subject=lines[one - 1].split(",")[0],
    )
    put(
        "O10",
        "O10",
        "R",
        "0 means event, 1 censored, under the name event",
        "outcomes.csv",
        recode({"1": "0", "0": "1"}),
        column="event",
        raw="0",
        words=("event_type|CNSR|0 = event",),
    )

    subjects = text("subjects.csv")
    umlaut = subjects.replace("Site 3", "Zentrum \u00c4")
    put("X01-cp1252", "X01", "C", "Windows-1252 with an umlaut", "subjects.csv", umlaut.encode("cp1252"), column="site")
    put("X01-bom", "X01", "C", "UTF-8 with a byte order mark", "subjects.csv", b"\xef\xbb\xbf" + subjects.encode())
    put("X01-crlf", "X01", "C", "line ends of Windows", "subjects.csv", subjects.replace("\n", "\r\n").encode())
    put(
        "X01-tabs",
        "X01",
        "R",
        "tabs in a .csv",
        "subjects.csv",
        subjects.replace(",", "\t").encode(),
        line=1,
        words=("tab|delimiter|separator",),
    )
    put(
        "X02-blank",
        "X02",
        "C",
        "a blank behind a column name",
        "subjects.csv",
        subjects.replace(",arm,", ",arm ,", 1).encode(),
        line=1,
        column="arm ",
        raw="arm ",
    )
    put(
        "X02-renamed",
        "X02",
        "R",
        "a column under another name",
        "subjects.csv",
        subjects.replace(",cohort,", ",Kohorte,", 1).encode(),
        line=1,
        column="Kohorte",
        raw="Kohorte",
        words=("cohort",),
    )
    put(
        "X02-equal",
        "X02",
        "R",
        "two columns of one name",
        "subjects.csv",
        subjects.replace(",er,", ",arm,", 1).encode(),
        line=1,
        column="arm",
        raw="arm",
        words=("arm",),
    )
    ctc = text("blood_ctc.csv").splitlines()
    cut = "\n".join([*ctc[:-1], ctc[-1][: ctc[-1].index(",") + 3]]).encode()
    put(
        "X03",
        "X03",
        "R",
        "the last row is cut",
        "blood_ctc.csv",
        cut,
        line=len(ctc),
        raw=ctc[-1][: ctc[-1].index(",") + 3],
        words=("cells|columns|fields|cut|truncated",),
        subject=ctc[-1][:6],
    )
    second = subjects.splitlines()[1]
    site = second.split(",")[2]
    put(
        "X04-formula",
        "X04",
        "C",
        "a cell that starts with =: escaped on output",
        "subjects.csv",
        subjects.replace(second, second.replace(site, "=1+2"), 1).encode(),
        line=2,
        column="site",
        raw="=1+2",
        subject=second[:6],
    )
    put(
        "X04-nul",
        "X04",
        "R",
        "a NUL byte in a cell",
        "subjects.csv",
        subjects.replace(second, second.replace(",F,", ",F\x00,").replace(",M,", ",M\x00,"), 1).encode(),
        line=2,
        column="sex",
        raw="F\x00" if ",F," in second else "M\x00",
        words=("NUL|control",),
        subject=second[:6],
    )
    put(
        "X04-big",
        "X04",
        "R",
        "a cell of one million characters",
        "subjects.csv",
        subjects.replace(second, second.replace(",registration,", f",{'x' * BIG_CELL},"), 1).encode(),
        line=2,
        column="day0_rule",
        raw="x" * 20 + "...",
        words=("characters|long|large|size",),
        subject=second[:6],
    )
    out["X04-big"][2][0].committed = False
    put(
        "X05",
        "X05",
        "R",
        "a header and no row",
        "tissue_reads.csv",
        (text("tissue_reads.csv").splitlines()[0] + "\n").encode(),
        words=("0 rows|no rows|no data|empty",),
    )
    out["G06"] = genotype_table(clean, study)
    return out
