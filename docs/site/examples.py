"""The examples of the documentation: run each page from top to bottom, and compare or renew what it says they print.

A page is one session in one folder, where `trial/study` is what `biomarkers demo trial` writes. Fenced blocks mean:

* ``python``: run; ``sh``: run by a shell; ``r``: run by Rscript, all of a page's in one session. A ``text`` block that follows
  is what is printed; where none follows, nothing may be.
* ``<!-- file: NAME -->`` before a block: its text is written to that file.
* ``<!-- python of lifelines -->`` before a block: run by the interpreter named in BIOMARKERS_LIFELINES, whose pandas is older.
* ``<!-- shown only: WHY -->`` before a block: not run.

`python docs/site/examples.py PAGE ...` rewrites the ``text`` blocks; tests/test_docs.py compares.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(
    r"^(?:<!-- (?P<note>[^\n]*?) -->\n)?```(?P<language>[\w{}-]*)[^\n]*\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
_CUT = "=====8<====="
LIFELINES = os.environ.get("BIOMARKERS_LIFELINES", "")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the note before it, its text and where that text stands in the page."""

    language: str
    note: str
    text: str
    start: int
    end: int
    line: int


@dataclass(frozen=True, slots=True)
class Example:
    """Something to run, and the block that says what it prints."""

    block: Block
    expected: Block | None

    @property
    def runner(self) -> str:
        """Who runs it: python, lifelines, sh, r, file or nobody."""
        if self.block.note.startswith("shown only"):
            return "nobody"
        if self.block.note.startswith("file: "):
            return "file"
        if self.block.note == "python of lifelines":
            return "lifelines"
        return self.block.language if self.block.language in ("python", "sh", "r") else "nobody"


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page.

    Examples
    --------
    >>> [(b.language, b.text) for b in blocks("Try:\\n\\n```python\\nprint(1)\\n```\\n")]
    [('python', 'print(1)\\n')]
    """
    return [
        Block(m["language"], m["note"] or "", m["text"], m.start("text"), m.end("text"), page[: m.start("text")].count("\n"))
        for m in _FENCE.finditer(page)
    ]


def examples(page: str) -> list[Example]:
    """What a page runs, each with the ``text`` block directly after it, if there is one."""
    found = blocks(page)
    out = []
    for block, following in zip(found, [*found[1:], None], strict=True):
        directly = following is not None and following.language == "text" and not page[block.end : following.start].replace(
            "```text", "").replace("```", "").strip()
        out.append(Example(block, following if directly else None))
    return [e for e in out if e.runner != "nobody"]


def tidy(text: str) -> str:
    """Printed text without trailing blanks."""
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def run_page(page: str, folder: Path, *, demo: Path | None = None, with_r: bool = True) -> Iterator[tuple[Example, str | None]]:
    """Run a page in a folder; each example with what it printed, or None where its program is not on this machine.

    Parameters
    ----------
    page : str
        Markdown.
    folder : Path
        Working folder; holds `trial/study` afterwards.
    demo : Path, optional
        A finished `biomarkers demo` folder, with what it printed in `said.txt`: a page's ``biomarkers demo trial`` shows this
        one instead of running it again.
    with_r : bool
        Run R where Rscript is found.
    """
    from biomarkers.study.study import example_folder

    (folder / "trial").mkdir(parents=True, exist_ok=True)
    shutil.copytree(example_folder("br1801"), folder / "trial" / "study", dirs_exist_ok=True)
    if demo is not None:
        shutil.copytree(demo / "report", folder / "trial" / "report", dirs_exist_ok=True)
    found = examples(page)
    space: dict[str, Any] = {"__name__": "__main__"}
    r_said: Mapping[int, str] = {}
    for example in found:
        said: str | None = None
        if example.runner == "file":
            target = folder / example.block.note.removeprefix("file: ")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(example.block.text, encoding="utf-8")
            said = ""
        elif example.runner == "python":
            said = _python(example.block.text, space, folder)
        elif example.runner == "sh":
            said = _shell(example.block.text, folder, demo)
        elif example.runner == "lifelines":
            said = _program([LIFELINES, "-W", "ignore", "-c", example.block.text], folder) if LIFELINES else None
        elif with_r and shutil.which("Rscript"):
            r_said = r_said or _r([e.block for e in found if e.runner == "r"], folder)
            said = r_said[example.block.line]
        yield example, None if said is None else tidy(said)


def _python(text: str, space: dict[str, Any], folder: Path) -> str:
    out = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out):
        exec(compile(text, "example", "exec"), space)  # noqa: S102 - the page's own code
    return out.getvalue()


def _shell(text: str, folder: Path, demo: Path | None) -> str:
    """The lines of a shell block; `make` and `pip` prepare a machine and are checked elsewhere."""
    kept = [line for line in text.splitlines() if not re.match(r"\s*(make|pip|python3? -m venv|\. \S+activate)\b", line)]
    script = "\n".join(kept)
    if demo is not None:
        script = re.sub(r"^biomarkers demo trial\b[^|\n]*", f"cat {demo / 'said.txt'} ", script, flags=re.MULTILINE)
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return _program(["bash", "-euo", "pipefail", "-c", script], folder, PATH=places, NO_COLOR="1")


def _program(command: list[str], folder: Path, **more: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False,  # noqa: S603
                          env={**os.environ, "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", **more})
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {command[-1]}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def _r(parts: list[Block], folder: Path) -> dict[int, str]:
    script = f'\ncat("{_CUT}\\n")\n'.join(part.text for part in parts)
    file = folder / "page.R"
    file.write_text("suppressPackageStartupMessages(library(survival))\noptions(width = 100)\n" + script, encoding="utf-8")
    said = _program(["Rscript", "--vanilla", str(file)], folder).split(_CUT + "\n")
    return {part.line: text for part, text in zip(parts, said, strict=True)}


def renew(path: Path, demo: Path | None = None) -> bool:
    """Rewrite the ``text`` blocks of a page with what its examples print; True where that changed it."""
    page = path.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as place:
        said = list(run_page(page, Path(place) / "work", demo=demo))
    new = page
    for example, text in reversed(said):
        if example.expected is not None and text is not None:
            new = new[: example.expected.start] + text + "\n" * bool(text) + new[example.expected.end :]
        elif text:
            sys.stderr.write(f"{path.name}, line {example.block.line}: prints, and no text block says what\n{text}\n")
    path.write_text(new, encoding="utf-8")
    return new != page


if __name__ == "__main__":
    given = os.environ.get("BIOMARKERS_DEMO")
    for name in sys.argv[1:]:
        sys.stdout.write(f"{name}: {'renewed' if renew(Path(name), Path(given) if given else None) else 'as it was'}\n")
