"""Faults put into the caller one at a time: how many does the table of cases notice?

    python benchmarks/genotype_mutants.py [--files decide,record,cells,calls,header] [--sample 300] [--seed 1]

Each mutant exchanges one comparison, constant, `and`/`or`, `not` or string of a file, in a process of its own, and calls
every case of the project's own generator in both builds. A mutant that changes no answer is printed with its line: it is
either equivalent to the original, or a missing case.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import signal
import sys
import tempfile
import types
from pathlib import Path

import numpy  # noqa: F401  loaded before the fork, for speed

HERE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE / "tests" / "genotype"))

import make_cases  # noqa: E402  beside the tests, not in the package

SWAPS = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
         ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is}


def places(tree: ast.Module) -> list[tuple[int, int]]:
    """(node number, variant) of everything that can be changed."""
    found = []
    silent = {id(n) for f in ast.walk(tree) if isinstance(f, ast.JoinedStr | ast.arguments | ast.AnnAssign | ast.Raise)
              for n in ast.walk(f)}
    documented = {id(f.body[0].value) for f in ast.walk(tree) if hasattr(f, "body") and isinstance(f.body, list) and f.body
                  and isinstance(f.body[0], ast.Expr)}
    for i, node in enumerate(ast.walk(tree)):
        if id(node) in silent or id(node) in documented:
            continue
        if _can_change(node):
            found.append((i, 0))
    return found


def _can_change(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        return type(node.ops[0]) in SWAPS
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.Not)
    if isinstance(node, ast.Constant):
        word = type(node.value) is str and node.value.isupper() and len(node.value) > 2
        return word or type(node.value) in (int, float, bool)
    return isinstance(node, ast.BoolOp | ast.IfExp)


def mutate(tree: ast.Module, place: int) -> tuple[ast.Module, int]:
    changed = copy.deepcopy(tree)
    node = list(ast.walk(changed))[place]
    if isinstance(node, ast.Compare):
        node.ops[0] = SWAPS[type(node.ops[0])]()
    elif isinstance(node, ast.BoolOp):
        node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
    elif isinstance(node, ast.IfExp):
        node.body, node.orelse = node.orelse, node.body
    elif isinstance(node, ast.UnaryOp):
        node.operand = ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node.value, str):
        node.value += "_"
    else:
        node.value += 1
    return ast.fix_missing_locations(changed), node.lineno


def survives(name: str, tree: ast.Module, folder: Path) -> bool:
    """True when every case still gets its answer."""
    if child := os.fork():
        _, status = os.waitpid(child, 0)
        return status == 0
    signal.alarm(60)
    try:
        full = f"biomarkers.genotype.{name}"
        module = types.ModuleType(full)
        module.__file__ = str(HERE / "biomarkers" / "genotype" / f"{name}.py")
        sys.modules[full] = module
        exec(compile(tree, module.__file__, "exec"), module.__dict__)
        os._exit(0 if all_right(folder) else 1)
    except BaseException:
        os._exit(1)


def all_right(folder: Path) -> bool:
    from biomarkers.domain.loci import find_loci
    from biomarkers.genotype.calls import COLUMNS, call_file
    from biomarkers.genotype.options import Options

    for build in ("GRCh38", "GRCh37"):
        for k, case in enumerate(make_cases.CALLS):
            options = {key: v for key, v in case.options.items() if key != "loci"}
            loci = find_loci(case.options.get("loci", ["FCGR3A-158"]))
            calls = call_file(str(folder / build / f"{k:03d}.vcf"), loci, Options(**options))
            rows = [dict(zip(COLUMNS, row, strict=True)) for c in calls for row in c.rows()]
            if len(rows) != len(case.answers) or any(make_cases.check(a, r) for a, r in zip(case.answers, rows, strict=True)):
                return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", default="decide,record,cells,calls,header")
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for build in ("GRCh38", "GRCh37"):
            for k, case in enumerate(make_cases.CALLS):
                make_cases.write(folder / build / f"{k:03d}.vcf", make_cases.text_of(case, build), "text")
        jobs = []
        for file in asked.files.split(","):
            tree = ast.parse((HERE / "biomarkers" / "genotype" / f"{file}.py").read_text())
            assert survives(file, tree, folder), f"{file}: the unchanged file fails"
            jobs += [(file, tree, place) for place, _ in places(tree)]
        random.Random(asked.seed).shuffle(jobs)
        alive, n = 0, min(asked.sample, len(jobs))
        for file, tree, place in jobs[:n]:
            changed, line = mutate(tree, place)
            if survives(file, changed, folder):
                alive += 1
                node = list(ast.walk(changed))[place]
                print(f"survives {file}.py:{line} {ast.unparse(node)[:110]}", flush=True)
    print(f"{n} of {len(jobs)} mutants, {n - alive} noticed ({(n - alive) / n:.0%})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
