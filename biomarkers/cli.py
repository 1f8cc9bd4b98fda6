"""The command line: results on stdout, talk on stderr; exit 0 done, 1 flagged under --strict, 2 bad input, 3 bad plan."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from biomarkers.study.study import Study

app = typer.Typer(add_completion=True, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
                  help="Correlative analysis of clinical trials: markers, genotypes and progression-free survival, by cohort.")

OK, FLAGGED, BAD_INPUT, BAD_PLAN = 0, 1, 2, 3
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print the outcome as JSON on stdout.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Worker processes; results do not depend on it.")]
Dask = Annotated[str | None, typer.Option("--dask", metavar="ADDRESS", help="A Dask scheduler instead of --jobs.")]
Pseudonyms = Annotated[Path | None, typer.Option("--pseudonyms", metavar="KEYFILE", help=(
    "Replace identifiers by pseudonyms under the secret key in this file."))]
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 when anything was flagged.")]


def main() -> None:
    """Entry point: errors of data and use become a message and an exit code, never a traceback."""
    # One BLAS thread per worker: the matrices are small, and the bytes then do not depend on the number of cores.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    debug = "--debug" in sys.argv
    signal.signal(signal.SIGTERM, _stop)
    try:
        app()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OK)
    except KeyboardInterrupt:
        _say("interrupted; nothing was written")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        sys.exit(_explain(error))


def _stop(number: int, _: object) -> None:
    """SIGTERM leaves by the front door, so that what was begun is cleared away."""
    sys.exit(128 + number)


def _explain(error: Exception) -> int:
    """The message of an error and its exit code."""
    from biomarkers.domain.errors import BiomarkersError, PlanError

    if isinstance(error, PlanError):
        for line in error.lines:
            _say(f"{_mark('✘')} {line}")
        _say("Nothing was run.")
        return BAD_PLAN
    if isinstance(error, BiomarkersError):
        _say(str(error))
        return BAD_INPUT
    if isinstance(error, OSError):
        name = Path(str(error.filename)).name if error.filename else "output"
        _say(f"{_mark('✘')} {name}: {(error.strerror or str(error)).lower()}")
        return BAD_INPUT
    _say(f"{_mark('✘')} internal error: {type(error).__name__}: {error}. Please report it; --debug shows where")
    return BAD_INPUT


def _say(text: str) -> None:
    """Talk goes to stderr, in ASCII where the terminal knows no better."""
    encoding = sys.stderr.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), file=sys.stderr)


_ASCII = {"✔": "[x]", "✘": "X", "▲": "!", "■": "[x]", "□": "[ ]", "·": ".", "⊘": "X"}


def _mark(glyph: str) -> str:
    try:
        glyph.encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        return _ASCII[glyph]
    return glyph


@app.command()
def demo(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")],
         jobs: Jobs = 1, debug: Debug = False) -> None:
    """Write the synthetic sample study to DIR, run its plan, and say where the report is."""
    from biomarkers.study.study import example_folder

    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        if not (folder / "study" / "plan.toml").is_file():
            _say(f"{_mark('✘')} {folder} holds files that are no earlier demo; give a folder that does not exist yet")
            raise typer.Exit(BAD_INPUT)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(example_folder("br1801"), folder / "study")
    _say(f"The synthetic study ACCRU-BR-1801 is in {folder / 'study'}")
    _run(folder / "study" / "plan.toml", folder / "report", jobs=jobs, strict=False, as_json=False, force=True)


@app.command()
def check(study: Annotated[Path, typer.Argument(metavar="STUDY.toml")], strict: Strict = False, as_json: Json = False,
          pseudonyms: Pseudonyms = None, debug: Debug = False) -> None:
    """Read everything a study names, list every problem, and model nothing."""
    from biomarkers.study.study import read_study

    found = read_study(study, strict=False, pseudonyms=pseudonyms)
    counts = found.problems["severity"].value_counts()
    if as_json:
        print(json.dumps({"study": found.design.name, "subjects": len(found.subjects), "markers": found.markers,
                          "problems": found.problems.astype(object).where(found.problems.notna(), None).to_dict("records")},
                         ensure_ascii=False, indent=1))
    else:
        _show(found)
    if counts.get("error", 0):
        raise typer.Exit(BAD_INPUT)
    if strict and counts.get("warning", 0):
        raise typer.Exit(FLAGGED)


def _show(found: Study) -> None:
    """The tables read, then the problems, worst first."""
    for name, table in found.tables.items():
        if len(table):
            files = sorted({str(f) for f in table.get("source_file", []) if f})
            place = files[0] if len(files) == 1 else f"{len(files)} files"
            print(f"{_mark('✔')} {name:<14} {place:<28} {len(table):>6} rows")
    from biomarkers.study.study import listed

    marks = {"error": "✘", "warning": "▲", "note": "·"}
    for problem in listed(found.problems):
        print(f"{_mark(marks[problem.severity])} {problem}")
    errors = bool((found.problems["severity"] == "error").any())
    print(f"{found.check()}.{' Nothing was analysed.' if errors else ''}")


@app.command()
def run(plan: Annotated[Path, typer.Argument(metavar="PLAN.toml")],
        out: Annotated[Path, typer.Option("--out", help="Folder for the run.")],
        jobs: Jobs = 1,
        dask: Dask = None,
        strict: Strict = False, as_json: Json = False,
        force: Annotated[bool, typer.Option("--force", help="Replace an earlier run, once the new one is complete.")] = False,
        pdf: Annotated[bool, typer.Option("--pdf", help="Each figure as a PDF beside its SVG.")] = False,
        word: Annotated[bool, typer.Option("--word", help="The tables of each page as a Word file.")] = False,
        pseudonyms: Pseudonyms = None,
        debug: Debug = False) -> None:
    """Run a prespecified plan and write its report, tables and provenance."""
    _run(plan, out, jobs=jobs, strict=strict, as_json=as_json, force=force, dask=dask, pdf=pdf, word=word,
         pseudonyms=pseudonyms)


def _run(plan: Path, out: Path, *, jobs: int, strict: bool, as_json: bool, force: bool, dask: str | None = None,
         pdf: bool = False, word: bool = False, pseudonyms: Path | None = None) -> None:
    from biomarkers.plan.plan import Plan
    from biomarkers.report.folder import may_write, report

    begun = time.perf_counter()
    read = Plan.read(plan)
    may_write(out, force=force, word=word)
    study = read.read_study(pseudonyms=pseudonyms)
    with _progress(len(read.analyses)) as step:
        results = read.run(study, jobs=jobs, dask=dask, progress=step)
    log = [f"{time.perf_counter() - begun:.2f} s for {len(read.analyses)} analyses"]
    page = report(results, out, force=force, log=log, pdf=pdf, word=word)
    flagged = int(results.table["note"].str.contains("flag:").sum()) + int((results.problems["severity"] == "warning").sum())
    if as_json:
        print(json.dumps({"report": page.as_posix(), "analyses": len(read.analyses), "tests": len(results.ledger),
                          "flagged": flagged}))
    else:
        print(f"{_mark('✔')} {len(read.analyses)} analyses, {len(results.ledger)} tests, {study.check()}")
        print(f"  report: {page}")
    if strict and flagged:
        raise typer.Exit(FLAGGED)


@app.command(add_help_option=False, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def genotype(context: typer.Context) -> None:
    """Call FCGR3A-158 and other loci from any number of VCFs: one row per sample, a reason for every no-call."""
    from biomarkers.genotype.__main__ import main as genotypes

    raise typer.Exit(genotypes(context.args, prog="biomarkers genotype"))


@app.command("genotype-qc")
def genotype_qc(calls: Annotated[Path, typer.Argument(metavar="CALLS.tsv")],
                out: Annotated[Path, typer.Option("--out", help="Folder for the page and its tables.")],
                samples: Annotated[Path | None, typer.Option("--samples", help=(
                    "CSV with sample and any of subject, cohort, arm, platform, ancestry, time, event."))] = None,
                seed: Annotated[int, typer.Option("--seed")] = 0, debug: Debug = False) -> None:
    """Judge a table of calls: Hardy-Weinberg, call rates and reasons, allele balance, concordance with direction."""
    from biomarkers.genotype.command import run_genotype_qc

    raise typer.Exit(run_genotype_qc(calls, out, samples=samples, seed=seed))


@app.command()
def init(files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files, or folders of them.")],
         out: Annotated[Path | None, typer.Option("--out", help="Where to write it; by default it is printed.")] = None,
         debug: Debug = False) -> None:
    """Look at a folder of files and write a first study.toml, with a question wherever something could not be decided."""
    from biomarkers.domain.atomic import write_text
    from biomarkers.domain.errors import UseError
    from biomarkers.readers.draft import draft_study

    text = draft_study(files, root=out.parent if out else None)
    if out is None:
        print(text, end="")
        return
    if out.exists():
        raise UseError(f"{out} exists already; nothing was written")
    write_text(out, text)
    print(f"{_mark('✔')} {out}: answer the lines that begin with '# ?', then: biomarkers check {out}")


@app.command()
def design(file: Annotated[Path, typer.Argument(metavar="FILE.toml")], as_json: Json = False,
           trials: Annotated[int, typer.Option("--trials", min=0, help="Simulated trials under either hypothesis.")] = 20_000,
           debug: Debug = False) -> None:
    """Print a design registry: each stated number with what reproduces it, or why it is ambiguous or inconsistent."""
    from biomarkers.trial.command import run_design

    text, code = run_design(file, as_json=as_json, n_trials=trials, encoding=sys.stdout.encoding or "ascii")
    if code:
        _say(text)
    else:
        print(text)
    raise typer.Exit(code)


@app.command()
def qualify(out: Annotated[Path, typer.Option("--out", help="Folder for the dated report.")] = Path("qualification"),
            as_json: Json = False, debug: Debug = False) -> None:
    """Check this installation: files, numbers by hand and against R, and the work itself; exit 1 where anything fails."""
    from biomarkers.qualify.kit import qualify as carry_out
    from biomarkers.qualify.kit import write

    found = carry_out(progress=lambda outcome: _say(
        f"{_mark('✔' if outcome.passed else '✘')} {outcome.check.id} {outcome.check.title}"))
    page, record = write(found, out)
    if as_json:
        print(json.dumps(found.record(), ensure_ascii=False, indent=1))
    else:
        print(f"{_mark('✔' if found.passed else '✘')} {found.verdict}")
        print(f"  report: {page}\n  record: {record}")
    if not found.passed:
        raise typer.Exit(FLAGGED)


@app.command("plan-schema")
def plan_schema(debug: Debug = False) -> None:
    """Print the JSON Schema of plan.toml, for editors."""
    from biomarkers.plan.plan import plan_schema as schema

    print(json.dumps(schema(), indent=1))


@app.command()
def export(plan: Annotated[Path, typer.Argument(metavar="PLAN.toml")],
           out: Annotated[Path, typer.Option("--out", help="Folder for the data sets and the script.")],
           jobs: Jobs = 1, pseudonyms: Pseudonyms = None, debug: Debug = False) -> None:
    """Write what a plan analysed as ADaM-shaped data sets, results in long form, and an R script that refits every row."""
    from biomarkers.plan.plan import Plan
    from biomarkers.report.exports import export_run

    read = Plan.read(plan)
    study = read.read_study(pseudonyms=pseudonyms)
    with _progress(len(read.analyses)) as step:
        results = read.run(study, jobs=jobs, progress=step)
    for path in export_run(read, study, results.table, out):
        print(f"{_mark('✔')} {path}")


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _name: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("analyses", total=total)
        yield lambda name: bar.update(task, advance=1, description=name)


@app.command()
def verify(folder: Annotated[Path, typer.Argument(metavar="DIR")],
           rerun: Annotated[Path | None, typer.Option("--rerun", metavar="PLAN.toml",
                                                      help="Run this plan again and compare every file.")] = None,
           pseudonyms: Pseudonyms = None, as_json: Json = False, debug: Debug = False) -> None:
    """Recompute every hash of a finished run, and name whatever was altered; with --rerun, make it again and compare."""
    from biomarkers.report.folder import compare_runs
    from biomarkers.report.folder import verify as faults_of

    faults = faults_of(folder)
    said = "every file is as it was written"
    if rerun is not None and not faults:
        with tempfile.TemporaryDirectory() as place:
            again = Path(place) / "again"
            with contextlib.redirect_stdout(sys.stderr):
                _run(rerun, again, jobs=1, strict=False, as_json=False, force=False, pseudonyms=pseudonyms)
            said, faults = compare_runs(folder, again)
    if as_json:
        print(json.dumps({"faults": faults, "verdict": said if not faults else "not the same"}))
    else:
        for fault in faults:
            print(f"{_mark('✘')} {fault}")
        print(said if not faults else f"{_mark('✘')} {len(faults)} files are not as they were written")
    if faults:
        raise typer.Exit(BAD_INPUT)


if __name__ == "__main__":
    main()
