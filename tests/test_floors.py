"""The house keeps its shape: imports go down only, a guest library lives in one room, nothing runs on import."""

import ast
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "biomarkers"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "sample_data" not in p.parts)

FLOORS = {
    "kernels": 1, "domain": 2, "readers": 3, "genotype": 3, "study": 4, "models": 5, "trial": 5, "plan": 6,
    "figures": 7, "tables": 7, "report": 7, "qualify": 8, "cli": 8, "__init__": 8, "__main__": 8,
    "parallel": 2,   # the one door to joblib, for every floor that runs many things
}
GUESTS = {
    "pysam": ["genotype"],
    "matplotlib": ["figures"],
    "seaborn": ["figures"],
    "sksurv": ["models/screen"],
    "sklearn": ["models/screen"],
    "jinja2": ["report", "genotype", "qualify"],
    "typer": ["cli"],
    "rich": ["cli"],
    "pydantic": ["readers/study_file", "plan/plan"],
    "pyreadstat": ["readers"],
    "openpyxl": ["readers"],
    "statsmodels": [],          # the oracle of tests; never at run time
    "joblib": ["parallel"],
    "isal": ["genotype/index"],
    "docx": ["report/paper"],
}
NEVER = ["lifelines", "numba", "pickle", "dill", "yaml", "requests", "urllib.request", "urllib3", "httpx"]


def imports(path: Path):
    """Every imported module with its line and whether it is imported on loading the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    late = {id(n) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for n in ast.walk(f)}
    typing_only = {
        id(n) for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and getattr(branch.test, "id", "") == "TYPE_CHECKING" for n in ast.walk(branch)
    }
    package = list(path.relative_to(PACKAGE.parent).with_suffix("").parts[:-1])
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) not in late
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            if node.module:
                yield name, node.lineno, id(node) not in late
            else:
                for alias in node.names:
                    yield f"{name}.{alias.name}", node.lineno, id(node) not in late


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def test_every_file_stands_on_a_known_floor():
    unknown = {room(p) for p in MODULES} - set(FLOORS)
    assert not unknown, f"no floor is given for {sorted(unknown)}; see docs/architecture.md"


def test_imports_go_down_only():
    wrong = []
    for path in MODULES:
        for name, line, _ in imports(path):
            if name.startswith("biomarkers."):
                there = name.split(".")[1]
                if there in FLOORS and FLOORS[there] > FLOORS[room(path)]:
                    wrong.append(f"{path.relative_to(PACKAGE)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_each_guest_library_lives_in_its_own_room():
    wrong = []
    for path in MODULES:
        here = path.relative_to(PACKAGE).with_suffix("").as_posix()
        for name, line, _ in imports(path):
            guest = name.split(".")[0]
            if guest in GUESTS and not any(here == r or here.startswith(f"{r}/") for r in GUESTS[guest]):
                wrong.append(f"{here}:{line} imports {name}; its room is {' or '.join(GUESTS[guest])}")
    assert not wrong, "\n".join(wrong)


def test_no_forbidden_guest_is_imported():
    wrong = [f"{p.relative_to(PACKAGE)}:{line} {name}" for p in MODULES for name, line, _ in imports(p)
             if name in NEVER or name.split(".")[0] in NEVER]
    assert not wrong, "\n".join(wrong)


def test_kernels_know_no_labels():
    wrong = [f"{p.name}:{line} {name}" for p in MODULES if room(p) == "kernels" for name, line, _ in imports(p)
             if name.split(".")[0] == "pandas"]
    assert not wrong, "\n".join(wrong)


def test_there_is_no_import_cycle():
    graph = defaultdict(set)
    names = {".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for p in MODULES}
    for path in MODULES:
        me = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
        for name, _, on_load in imports(path):
            if on_load and name in names and name != me:
                graph[me].add(name)
    state = {}

    def visit(node, trail):
        if state.get(node) == "done":
            return
        assert state.get(node) != "open", " -> ".join([*trail[trail.index(node):], node])
        state[node] = "open"
        for other in sorted(graph[node]):
            visit(other, [*trail, node])
        state[node] = "done"

    for name in sorted(names):
        visit(name, [])


@pytest.mark.parametrize("drawer", ["utils", "helpers", "common", "base", "manager", "misc"])
def test_there_is_no_drawer(drawer):
    assert not [p for p in MODULES if p.stem == drawer or drawer in p.relative_to(PACKAGE).parts]


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return done.stdout.strip()


def test_importing_the_package_loads_nothing_heavy():
    heavy = run("import sys, biomarkers; print([m for m in "
                "('pandas', 'scipy', 'matplotlib', 'seaborn', 'sklearn', 'sksurv', 'pysam', 'typer') if m in sys.modules])")
    assert heavy == "[]"


def test_reading_a_study_never_loads_figures_or_prediction():
    heavy = run("import sys, biomarkers as bm; bm.load_example('br1801'); print([m for m in "
                "('matplotlib', 'seaborn', 'sklearn', 'sksurv', 'statsmodels', 'jinja2', 'scipy.stats') if m in sys.modules])")
    assert heavy == "[]"


def test_everything_but_screening_works_without_scikit_survival():
    """On Python 3.13 and later one of its dependencies has no wheel."""
    code = ("import sys; sys.modules['sksurv'] = None; import biomarkers as bm\n"
            "for name in bm.__all__:\n"
            "    getattr(bm, name)\n"
            "print('all', len(bm.__all__))")
    assert run(code).startswith("all")


def test_every_public_name_is_documented():
    import biomarkers as bm

    bare = [name for name in bm.__all__ if name not in ("__version__", "MARKERS", "LOCI") and not getattr(bm, name).__doc__]
    assert not bare


def test_the_report_can_be_written_whatever_was_imported_before():
    """Importing a room binds its name in the package; `bm.report(...)` must survive that."""
    for first in ("import biomarkers.report.render", "import biomarkers.report.folder as x", "pass"):
        assert run(f"{first}\nimport biomarkers as bm\nprint(callable(bm.report))") == "True"
