"""Faults put into the kernels one at a time: how many do the tests notice?

    python benchmarks/kernel_mutants.py trace trace.json tests/kernels tests/byhand tests/properties tests/models tests/trial
    python benchmarks/kernel_mutants.py run trace.json found.jsonl [--files cox,km] [--share 0.2] [--least 12] [--seed 1]
    python benchmarks/kernel_mutants.py table found.jsonl [--survivors]

`trace` runs the tests once and writes down which lines of kernels/ each of them reaches (a fixture's lines belong to every
test that uses it). `run` draws mutants at random, the same share of every file, and runs against each the tests that reach
its line, cheapest first, until one fails; a test that also fails under the unchanged code, laid over in the same way, is no
witness and is left out. A mutant lives in a forked process that has already imported and collected
everything: its code is laid over the functions in place, so a mutant costs its tests and nothing else. `table` prints, per
file, mutants drawn, killed and survived, and the killed share with its Monte Carlo error, weighted by the size of the files.

Changed are comparisons (border and negation), arithmetic, numbers (+1, or doubled), truth values, strings, `and`/`or`/`not`,
signs, branches of `a if c else b`, ends of slices, min/max and their like, returned values, and statements (left out). Not
changed are docstrings, annotations, the texts of errors, and arguments that only guard (`strict` of zip) or only choose
between equal algorithms (`hermitian` of pinv, `kind` of sort). A mutant that runs ten times as long as its tests should is
stopped and counts as noticed; one that passes more tests than `--budget` seconds can hold counts as survived.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import json
import os
import random
import re
import resource
import signal
import sys
import time
import types
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "biomarkers" / "kernels"   # another room's harness puts its own folder and package here
PACKAGE = "biomarkers.kernels"

COMPARISONS: dict[type, tuple[type, ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE), ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,), ast.NotIn: (ast.In,),
}  # fmt: skip
ARITHMETIC: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
PAIRS = [("min", "max"), ("minimum", "maximum"), ("any", "all"), ("floor", "ceil"), ("argmin", "argmax"), ("zeros", "ones"),
         ("zeros_like", "ones_like"), ("isfinite", "isnan"), ("logical_and", "logical_or"), ("cumsum", "cumprod"),
         ("sf", "cdf"), ("chdtrc", "chdtr"), ("log", "log1p"), ("exp", "expm1")]  # fmt: skip
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}


# --- what can be changed ---------------------------------------------------------------------------------------------------


def mutants(tree: ast.Module) -> list[tuple[int, int]]:
    """(number of the node in `ast.walk`, which of its changes) of every mutant of a file."""
    silent = {id(n) for part in _silent(tree) for n in ast.walk(part)}
    return [(i, v) for i, node in enumerate(ast.walk(tree)) if id(node) not in silent for v in range(len(list(changes(node))))]


def _silent(tree: ast.Module) -> Iterator[ast.AST]:
    """Docstrings, annotations, texts of errors and of f-strings, imports, decorators of classes, arguments without effect."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            yield node
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node
        if isinstance(node, ast.Assert) and node.msg is not None:
            yield node.msg
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__":
            yield node
        if isinstance(node, ast.keyword) and node.arg in ("strict", "hermitian", "kind"):
            yield node  # of zip, pinv and sort: where the data are as they must be, nothing changes
        if isinstance(node, ast.ClassDef):
            yield from node.decorator_list
        for field in ("annotation", "returns"):
            if getattr(node, field, None) is not None:
                yield getattr(node, field)
        if isinstance(node, ast.Assign) and re.match(r"(NDArray|Literal|tuple)\[", ast.unparse(node.value)):
            yield node


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Each changed twin of a node, most telling first."""
    match node:
        case ast.Compare():
            for other in COMPARISONS[type(node.ops[0])]:
                yield _with(node, ops=[other(), *node.ops[1:]])
            if len(node.ops) > 1:
                for other in COMPARISONS[type(node.ops[1])]:
                    yield _with(node, ops=[node.ops[0], other(), *node.ops[2:]])
        case ast.BinOp() | ast.AugAssign() if type(node.op) in ARITHMETIC:
            yield _with(node, op=ARITHMETIC[type(node.op)]())
            if isinstance(node, ast.AugAssign):
                yield ast.Pass()
        case ast.BoolOp():
            yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield node.operand
        case ast.IfExp():
            yield _with(node, body=node.orelse, orelse=node.body)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int()):
            yield ast.Constant(node.value + 1)
        case ast.Constant(value=float()):
            yield ast.Constant(2.0 * node.value if node.value else 1.0)
        case ast.Constant(value=str()):
            yield ast.Constant({"left": "right", "right": "left"}.get(node.value, node.value + "_"))
        case ast.Slice():
            if node.lower is not None:
                yield _with(node, lower=None)
            if node.upper is not None:
                yield _with(node, upper=None)
        case ast.Attribute(attr=name) if name in NAMES:
            yield _with(node, attr=NAMES[name])
        case ast.Call(func=ast.Name(id=name)) if name in NAMES:
            yield _with(node, func=ast.Name(NAMES[name], ast.Load()))
        case ast.Return(value=ast.AST() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Expr(value=ast.Call()):
            yield ast.Pass()
        case ast.Assign(targets=[ast.Subscript()]):
            yield ast.Pass()
        case ast.If(test=ast.Name() | ast.Call() | ast.Attribute()) | ast.While(test=ast.Name() | ast.Call() | ast.Attribute()):
            yield _with(node, test=ast.UnaryOp(ast.Not(), node.test))


def _with(node: Any, **fields: Any) -> Any:
    twin = copy.copy(node)
    for name, value in fields.items():
        setattr(twin, name, value)
    return twin


class _Exchange(ast.NodeTransformer):
    """Put one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def mutated(source: str, place: int, which: int) -> tuple[ast.Module, int, int, str]:
    """The changed module, first and last line of the change, and the change in words."""
    tree = ast.parse(source)
    node = list(ast.walk(tree))[place]
    new = list(changes(node))[which]
    said = f"{_said(node)}  ->  {_said(new)}"
    first = getattr(node, "lineno", 0) or _line_of(tree, node)
    last = first if isinstance(node, ast.If | ast.While) else getattr(node, "end_lineno", first)
    return ast.fix_missing_locations(_Exchange(node, new).visit(tree)), first, last, said


def _line_of(tree: ast.Module, node: ast.AST) -> int:
    """Line of a node that has none of its own: that of the statement around it."""
    for parent in ast.walk(tree):
        if hasattr(parent, "lineno") and any(n is node for n in ast.walk(parent)):
            line = parent.lineno
    return int(line)


def _said(node: ast.AST) -> str:
    if isinstance(node, ast.If | ast.While):
        return f"if {ast.unparse(node.test)}"
    return ast.unparse(node).splitlines()[0][:90] if not isinstance(node, ast.Slice) else f"[{ast.unparse(node)}]"


# --- which tests reach which lines -----------------------------------------------------------------------------------------


class Trace:
    """A pytest plugin: lines of the kernels that each test and each shared fixture reaches, and how long they take."""

    def __init__(self, cover: Any) -> None:
        self.cover, self.now = cover, ""
        self.seconds: dict[str, float] = {}
        self.uses: dict[str, list[str]] = {}

    def _enter(self, name: str) -> str:
        before, self.now = self.now, name
        self.cover.switch_context(name)
        return before

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Any:
        used = [d[-1] for d in item._fixtureinfo.name2fixturedefs.values()]
        self.uses[item.nodeid] = [_fixture(d) for d in used if d.scope != "function"]
        before, start, spent = self._enter(item.nodeid), time.perf_counter(), sum(self._fixture_times())
        answer = yield
        self.seconds[item.nodeid] = time.perf_counter() - start - (sum(self._fixture_times()) - spent)
        self._enter(before)
        return answer

    def _fixture_times(self) -> list[float]:
        return [s for name, s in self.seconds.items() if name.startswith("fixture ")]

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Any:
        if fixturedef.scope == "function":
            return (yield)
        name = _fixture(fixturedef)
        before, start = self._enter(name), time.perf_counter()
        try:
            return (yield)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start
            self._enter(before)


def _fixture(definition: Any) -> str:
    return f"fixture {definition.baseid}::{definition.argname}"


def trace(out: Path, tests: list[str], data_file: str | None, rooms: list[str]) -> int:
    """Run the tests once under coverage; write tests, lines and seconds. With a data file, `coverage report` reads it too."""
    import coverage

    places = [str(ROOT / "biomarkers" / room) for room in rooms]
    cover = coverage.Coverage(branch=True, data_file=data_file, source=places, messages=False)
    cover.start()
    plugin = Trace(cover)
    code = pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not slow", *tests], plugins=[plugin])
    cover.stop()
    data = cover.get_data()
    lines: dict[str, dict[str, list[str]]] = {}
    for file in sorted(data.measured_files()):
        if Path(file).parent == KERNELS:
            found = data.contexts_by_lineno(file)
            lines[Path(file).name] = {str(line): sorted(filter(None, names)) for line, names in sorted(found.items())}
    if data_file:
        cover.save()
    out.write_text(json.dumps({"tests": tests, "seconds": plugin.seconds, "uses": plugin.uses, "lines": lines}, indent=0))
    return int(code)


# --- the run ---------------------------------------------------------------------------------------------------------------


class Loop:
    """A pytest plugin that takes the place of the run: the collected tests meet one mutant after the other."""

    def __init__(self, asked: argparse.Namespace) -> None:
        self.asked = asked
        traced = [json.loads(Path(p).read_text()) for p in asked.trace.split(",")]
        self.seconds = {k: v for t in traced for k, v in t["seconds"].items()}
        self.uses = {k: v for t in traced for k, v in t["uses"].items()}
        self.reach: dict[tuple[str, int], set[str]] = defaultdict(set)
        self.witness: dict[tuple[str, str], bool] = {}
        for t in traced:
            users = defaultdict(set)
            for test, fixtures in t["uses"].items():
                for name in fixtures:
                    users[name].add(test)
            for file, lines in t["lines"].items():
                for line, names in lines.items():
                    for name in names:
                        self.reach[file, int(line)] |= users[name] if name.startswith("fixture ") else {name}

    def pytest_runtestloop(self, session: Any) -> bool:
        items = {item.nodeid: item for item in session.items}
        started = time.monotonic()
        before = _rows(self.asked.out) if self.asked.out.exists() else []
        alive = {_name(r) for r in before if r["end"] in ("survived", "not reached")}
        drawn = self._drawn()
        wanted = alive if self.asked.again else {job[:3] for job in drawn} - {_name(r) for r in before}
        with self.asked.out.open("a") as out:
            for file, place, which, total in drawn:
                if (file, place, which) not in wanted:
                    continue
                if time.monotonic() - started > self.asked.minutes * 60:
                    break
                row = self._judge(file, place, which, items)
                out.write(json.dumps({"file": file, "place": place, "which": which, "total": total, **row}) + "\n")
                out.flush()
        return True

    def _drawn(self) -> list[tuple[str, int, int, int]]:
        """A random sample of each file: a share of its mutants, and at least so many. A larger share contains a smaller.

        All files advance together, so that a run that was stopped has seen a part of each.
        """
        wanted = set(self.asked.files.split(",")) if self.asked.files else None
        drawn = []
        for path in sorted(KERNELS.glob("*.py")):
            if path.stem == "__init__" or (wanted and path.stem not in wanted):
                continue
            every = mutants(ast.parse(path.read_text()))
            random.Random(f"{self.asked.seed} {path.name}").shuffle(every)
            n = min(len(every), max(self.asked.least, round(self.asked.share * len(every))))
            drawn += [(k / n, path.name, place, which, len(every)) for k, (place, which) in enumerate(every[:n])]
        return [job[1:] for job in sorted(drawn)]

    def _tests(self, file: str, first: int, last: int, items: dict[str, Any]) -> tuple[list[str], bool]:
        """The tests that reach these lines, cheapest first, as many as the budget holds; whether any had to be left out."""
        names = set().union(*(self.reach.get((file, line), set()) for line in range(first, last + 1)))
        if not names or first in self._of_import(file):
            names = set().union(*(tests for (f, _), tests in self.reach.items() if f == file))
        names &= items.keys()
        cost = {t: self.seconds.get(t, 1.0) + sum(self.seconds.get(f, 0.0) for f in self.uses.get(t, [])) for t in names}
        chosen, spent = [], 0.0
        for test in sorted(names, key=lambda t: (cost[t], t)):
            if not self.witness.get((file, test), True):
                continue
            spent += self.seconds.get(test, 1.0)
            if chosen and spent > self.asked.budget:
                return chosen, True
            chosen.append(test)
        return chosen, False

    def _of_import(self, file: str) -> set[int]:
        """Lines that run when the module is imported: constants and the heads of functions."""
        tree = ast.parse((KERNELS / file).read_text())
        lines: set[int] = set()
        for node in tree.body:
            inner = [n for n in ast.walk(node) if isinstance(n, ast.FunctionDef)]
            body = {line for f in inner for line in range(f.body[0].lineno, (f.body[-1].end_lineno or 0) + 1)}
            lines |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1)) - body
        return lines

    def _judge(self, file: str, place: int, which: int, items: dict[str, Any]) -> dict[str, Any]:
        tree, first, last, said = mutated((KERNELS / file).read_text(), place, which)
        while True:
            tests, cut = self._tests(file, first, last, items)
            row: dict[str, Any] = {"line": first, "change": said, "tests": len(tests), "cut": cut}
            if not tests:
                return {**row, "end": "not reached"}
            start = time.monotonic()
            end, by = self._child(file, tree, [items[t] for t in tests])
            row |= {"end": end, "by": by, "seconds": round(time.monotonic() - start, 2)}
            if end != "killed" or self._is_witness(file, by, items):
                return row

    def _is_witness(self, file: str, test: str, items: dict[str, Any]) -> bool:
        """Whether a test passes under the unchanged file."""
        if not test:
            return True
        if (file, test) not in self.witness:
            unchanged = ast.parse((KERNELS / file).read_text())
            self.witness[file, test] = self._child(file, unchanged, [items[test]])[0] == "survived"
            if not self.witness[file, test]:
                print(f"no witness for {file}: {test}", file=sys.stderr, flush=True)
        return self.witness[file, test]

    def _child(self, file: str, tree: ast.Module, items: list[Any]) -> tuple[str, str]:
        """How a mutant ended in a process of its own, and the test that noticed it ("": it could not be imported)."""
        fixtures = {f for item in items for f in self.uses.get(item.nodeid, [])}
        limit = 5 + 10 * (sum(self.seconds.get(i.nodeid, 1.0) for i in items) + sum(self.seconds.get(f, 0.0) for f in fixtures))
        reading, writing = os.pipe()
        if child := os.fork():
            os.close(writing)
            with os.fdopen(reading) as said:
                by = said.read()
            status = os.waitpid(child, 0)[1]
            if os.WIFSIGNALED(status):
                slow = os.WTERMSIG(status) in (signal.SIGPROF, signal.SIGALRM)
                return ("timeout" if slow else f"signal {os.WTERMSIG(status)}"), by
            return ("survived" if os.WEXITSTATUS(status) == 0 else "killed"), by
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, limit)
            signal.alarm(int(6 * limit) + 1)
            resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
            lay_over(file, tree)
            from _pytest.runner import runtestprotocol

            for item, following in zip(items, [*items[1:], None], strict=True):
                if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
                    os.write(writing, item.nodeid.encode())
                    os._exit(1)
            os._exit(0)
        except BaseException:
            os._exit(1)


def lay_over(file: str, tree: ast.Module) -> None:
    """Give the loaded module the mutant's code, in place, so that everyone who imported a function has it."""
    name = f"{PACKAGE}.{file.removesuffix('.py')}"
    module = sys.modules[name]
    fresh: dict[str, Any] = {k: module.__dict__[k] for k in ("__name__", "__file__", "__package__", "__spec__", "__loader__")}
    exec(compile(tree, str(module.__file__), "exec"), fresh)
    for key, new in fresh.items():
        old = module.__dict__.get(key)
        if key.startswith("__") or old is new:
            continue
        if isinstance(new, types.FunctionType) and isinstance(old, types.FunctionType):
            _recode(old, new)
        elif hasattr(new, "__wrapped__") and hasattr(old, "__wrapped__"):
            _recode(old.__wrapped__, new.__wrapped__)
            old.cache_clear()
        elif isinstance(new, type) and new.__module__ == name:
            for attribute, value in vars(new).items():
                _renew(old, attribute, value)
        elif getattr(new, "__module__", name) == name or not callable(new):
            for other in [m for n, m in list(sys.modules.items()) if n.startswith("biomarkers")]:
                if other.__dict__.get(key) is old:
                    other.__dict__[key] = new


def _renew(cls: type, attribute: str, new: Any) -> None:
    """Give a class the mutant's method, property, value or (of a dataclass, whose defaults it holds) `__init__`."""
    old = vars(cls).get(attribute)
    inside = {property: "fget", functools.cached_property: "func", classmethod: "__func__", staticmethod: "__func__"}
    if type(new) in inside and type(old) is type(new):
        _recode(getattr(old, inside[type(new)]), getattr(new, inside[type(new)]))
    elif isinstance(new, types.FunctionType) and isinstance(old, types.FunctionType):
        if not new.__code__.co_freevars and not old.__code__.co_freevars:
            _recode(old, new)
        elif attribute == "__init__":
            type.__setattr__(cls, attribute, new)  # type: ignore[arg-type]
    elif isinstance(new, int | float | str | tuple | None) and not attribute.startswith("__"):
        type.__setattr__(cls, attribute, new)  # type: ignore[arg-type]


def _recode(old: types.FunctionType, new: types.FunctionType) -> None:
    old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__


def _name(row: dict[str, Any]) -> tuple[str, int, int]:
    return row["file"], row["place"], row["which"]


def _rows(path: Path) -> list[dict[str, Any]]:
    """The last word on each mutant."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return list({_name(r): r for r in rows}.values())


def run(asked: argparse.Namespace) -> int:
    """Collect the traced tests, then meet the mutants."""
    tests = [t for p in asked.trace.split(",") for t in json.loads(Path(p).read_text())["tests"]]
    loop = Loop(asked)
    try:
        from hypothesis import settings

        settings.register_profile("mutants", database=None, derandomize=True, deadline=None)
        settings.load_profile("mutants")
    except ImportError:
        pass
    return int(pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not slow", "-W", "ignore::pytest.PytestWarning", *tests],
                           plugins=[loop]))


# --- the table -------------------------------------------------------------------------------------------------------------


def table(path: Path, survivors: bool) -> int:
    """Killed and survived per file, and over all files weighted by their number of mutants."""
    by_file: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(path):
        by_file[row["file"]].append(row)
    whole = sum(rows[0]["total"] for rows in by_file.values())
    share = variance = 0.0
    ends: dict[str, int] = defaultdict(int)
    print(f"{'file':24} {'mutants':>8} {'drawn':>6} {'killed':>7} {'timeout':>8} {'survived':>9} {'killed %':>9} {'± se':>6}")
    for file, rows in sorted(by_file.items()):
        n, total = len(rows), rows[0]["total"]
        alive = sum(r["end"] in ("survived", "not reached") for r in rows)
        slow = sum(r["end"] == "timeout" for r in rows)
        p = 1 - alive / n
        error = p * (1 - p) / max(n - 1, 1) * (1 - n / total)
        share, variance = share + total / whole * p, variance + (total / whole) ** 2 * error
        for r in rows:
            ends[r["end"]] += 1
        print(f"{file:24} {total:8} {n:6} {n - alive - slow:7} {slow:8} {alive:9} {100 * p:8.1f}  {100 * error**0.5:5.1f}")
    n, alive = sum(map(len, by_file.values())), ends["survived"] + ends["not reached"]
    print(f"{'all, weighted':24} {whole:8} {n:6} {n - alive - ends['timeout']:7} {ends['timeout']:8} {alive:9} "
          f"{100 * share:8.1f}  {100 * variance**0.5:5.1f}")
    print(dict(ends))
    if survivors:
        for file, rows in sorted(by_file.items()):
            for r in sorted(rows, key=lambda r: r["line"]):
                if r["end"] in ("survived", "not reached"):
                    print(f"{file}:{r['line']}  {r['change']}   [{r['end']}, {r['tests']} tests{', cut' if r['cut'] else ''}]")
    return 0


def main() -> int:
    """Trace, run or print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    rooms = parser.add_subparsers(dest="what", required=True)
    first = rooms.add_parser("trace")
    first.add_argument("out", type=Path)
    first.add_argument("tests", nargs="+")
    first.add_argument("--coverage", help="also keep the coverage data in this file")
    first.add_argument("--rooms", default="kernels", help="rooms of the package whose coverage is kept")
    second = rooms.add_parser("run")
    second.add_argument("trace", help="one or more traces, with commas")
    second.add_argument("out", type=Path, help="rows are appended; mutants already there are not drawn again")
    second.add_argument("--files", default="")
    second.add_argument("--share", type=float, default=0.2)
    second.add_argument("--least", type=int, default=12)
    second.add_argument("--seed", type=int, default=1)
    second.add_argument("--budget", type=float, default=30.0, help="seconds of tests per mutant")
    second.add_argument("--again", action="store_true",
                        help="judge those again that survived, by the tests there are now; draw no others")
    second.add_argument("--minutes", type=float, default=1e9, help="stop after so long; the next call goes on")
    third = rooms.add_parser("table")
    third.add_argument("out", type=Path)
    third.add_argument("--survivors", action="store_true")
    asked = parser.parse_args()
    if asked.what == "trace":
        return trace(asked.out, asked.tests, asked.coverage, asked.rooms.split(","))
    return run(asked) if asked.what == "run" else table(asked.out, asked.survivors)


if __name__ == "__main__":
    raise SystemExit(main())
