"""Faults put into the genotype caller one at a time: how many do its tests notice?

    python benchmarks/genotype_mutants.py trace trace.json tests/genotype [--coverage coverage.data]
    python benchmarks/genotype_mutants.py run trace.json found.jsonl [--files decide,record] [--share 0.1] [--minutes 5]
    python benchmarks/genotype_mutants.py table found.jsonl [--survivors]

The harness, and what a mutant is, are those of `kernel_mutants`; here it looks at biomarkers/genotype. Besides what is left
out there, three kinds of change are no fault and are not drawn: `return None` for `return None`, the `strict` of a zip whose
parts are equally long by construction, and another spelling of an encoding or size of a cache. A test
that starts a process of its own runs the unchanged code there, so what only such tests look at counts as survived.
"""

from __future__ import annotations

import ast
import sys
import types
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import kernel_mutants as harness  # beside this file

ENCODINGS = ("utf-8", "latin-1", "backslashreplace", "replace", "surrogateescape", "unicode_escape")
silent, changes = harness._silent, harness.changes


def quiet(tree: ast.Module) -> Iterator[ast.AST]:
    """What changes nothing that anyone could notice, besides what the harness leaves out."""
    yield from silent(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in ("strict", "encoding", "maxsize"):
            yield node
        if isinstance(node, ast.Constant) and node.value in ENCODINGS:
            yield node


def real_changes(node: ast.AST) -> Iterator[ast.AST]:
    """The harness' changes without `return None` for itself."""
    if not (isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and node.value.value is None):
        yield from changes(node)


def lay_over(file: str, tree: ast.Module) -> None:
    """The harness' own, and besides: what stands behind a decorator, and what the tests have imported by name."""
    module = sys.modules[f"{harness.PACKAGE}.{file.removesuffix('.py')}"]
    before = dict(module.__dict__)
    fresh = {k: before[k] for k in ("__name__", "__file__", "__package__", "__spec__", "__loader__")}
    exec(compile(tree, str(module.__file__), "exec"), fresh)
    laid_over(file, tree)
    for key, old in before.items():
        inner, new = getattr(old, "__wrapped__", None), getattr(fresh.get(key), "__wrapped__", None)
        if isinstance(inner, types.FunctionType) and isinstance(new, types.FunctionType):
            harness._recode(inner, new)
        now = module.__dict__.get(key)
        if now is not old and not key.startswith("__"):
            for other in list(sys.modules.values()):
                if getattr(other, "__dict__", {}).get(key) is old:
                    setattr(other, key, now)


harness.KERNELS = harness.ROOT / "biomarkers" / "genotype"
harness.PACKAGE = "biomarkers.genotype"
harness._silent, harness.changes = quiet, real_changes
laid_over, harness.lay_over = harness.lay_over, lay_over

if __name__ == "__main__":
    if sys.argv[1:2] == ["trace"]:
        sys.argv += ["--rooms", "genotype"]
    raise SystemExit(harness.main())
