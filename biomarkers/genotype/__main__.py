"""`python -m biomarkers.genotype FILE... --out calls.tsv`: the command `biomarkers genotype` without the rest."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from biomarkers.domain.errors import UseError
from biomarkers.genotype.command import ARGUMENTS, run_genotype


def main(argv: list[str] | None = None, *, prog: str = "python -m biomarkers.genotype") -> int:
    """Parse, run, and turn errors of use into exit code 2."""
    parser = argparse.ArgumentParser(prog=prog, description="Call FCGR3A-158 and other loci from VCFs.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="files, folders, globs, @list.txt, or - for standard input")
    parser.add_argument("--out", required=True, help="the table: .tsv, .jsonl, .parquet, .vcf or .vcf.gz")
    for argument in ARGUMENTS:
        if argument.kind is bool:
            parser.add_argument(argument.flag, action="store_true", help=argument.help)
        else:
            parser.add_argument(argument.flag, type=argument.kind, default=argument.default, help=argument.help,
                                choices=argument.choices or None)
    asked = vars(parser.parse_args(argv))
    signal.signal(signal.SIGTERM, _stop)
    try:
        with _bar() as progress:
            return run_genotype(asked.pop("files"), asked.pop("out"), progress_callback=progress, **asked)
    except UseError as error:
        sys.stderr.write(f"biomarkers genotype: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the journal is kept: the same command with --resume goes on\n")
        return 130


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None] | None]:
    """Files done of all, on a terminal; silence elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return

    def show(done: int, total: int) -> None:
        width = 30 * done // max(1, total)
        sys.stderr.write(f"\r{'━' * width}{'─' * (30 - width)} {done:,} of {total:,} files")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write("\r\x1b[K")


def _stop(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
