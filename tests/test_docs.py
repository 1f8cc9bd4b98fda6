"""The documentation is true: its examples print what it says, its commands exist, its links lead somewhere."""

import importlib.util
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import biomarkers as bm

ROOT = Path(__file__).parent.parent
PAGES = sorted(p for p in (ROOT / "docs").rglob("*.md") if "site" not in p.parts)
TEXTS = [ROOT / "README.md", *PAGES]


def load(name: str, path: Path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


EXAMPLES = load("biomarkers_docs_examples", ROOT / "docs" / "site" / "examples.py")
RUNNABLE = ("index.md", "start.md", "tutorial.md", "coming-from-r.md", "coming-from-python.md",
            *(f"howto/{p.name}" for p in sorted((ROOT / "docs" / "howto").glob("*.md"))))


def steady(text: str) -> str:
    """Rounding noise below 1e-9 differs between processors."""
    return re.sub(r"\d\.\d+e-(?:09|1\d)", "(rounding)", text)


@pytest.mark.parametrize("name", RUNNABLE)
@pytest.mark.skipif(os.name == "nt", reason="the pages' shell examples are written for bash")
def test_every_example_of_a_page_prints_what_the_page_says(name, tmp_path):
    page = (ROOT / "docs" / name).read_text(encoding="utf-8")
    if "sksurv" in page:
        pytest.importorskip("sksurv", reason="scikit-survival is not installed")
    ran = 0
    for example, said in EXAMPLES.run_page(page, tmp_path / "work"):
        if said is None:
            continue    # R or lifelines are not on this machine
        expected = "" if example.expected is None else EXAMPLES.tidy(example.expected.text)
        assert steady(said) == steady(expected), (
            f"docs/{name}, line {example.block.line}; if the page should follow: python docs/site/examples.py docs/{name}")
        ran += 1
    assert ran


def test_a_page_that_says_something_else_is_found(tmp_path):
    page = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    ((example, said),) = EXAMPLES.run_page(page, tmp_path / "work")
    assert (said, EXAMPLES.tidy(example.expected.text)) == ("2", "3")


@pytest.mark.parametrize("path", TEXTS, ids=[str(p.relative_to(ROOT)) for p in TEXTS])
def test_every_link_leads_to_a_file_and_names_no_machine(path):
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    places = (path.parent, ROOT / "docs" if path.parent.name != "docs" else ROOT)
    lost = [x for x in links if "://" not in x and not any((place / x).exists() for place in places)]
    assert lost == []
    assert not re.search(r"/(home|work|root|Users)/", text)


def _commands() -> set[tuple[str, str]]:
    found = set()
    for path in TEXTS:
        text = path.read_text(encoding="utf-8")
        fenced = [b.text for b in EXAMPLES.blocks(text) if b.language in ("sh", "")]
        indented = re.findall(r"^ {4}(?=python|Rscript|biomarkers|make)(.*)$", text, re.MULTILINE)
        inline = re.findall(r"`((?:python|Rscript|biomarkers|make) [^`\n]+)`", text)
        for line in [*"\n".join(fenced).splitlines(), *indented, *inline]:
            found.add((str(path.relative_to(ROOT)), line.strip()))
    return found


def test_every_command_that_is_named_exists():
    """Subcommands and their options, make's targets, scripts: whatever the pages tell to type, also where it takes hours."""
    from typer.main import get_command

    from biomarkers.cli import app

    commands = get_command(app).commands
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    wrong = []
    for page, line in sorted(_commands()):
        words = line.split("#")[0].split()
        if line.startswith("biomarkers ") and len(words) > 1 and re.fullmatch(r"[a-z][a-z-]+", words[1]):
            command = commands.get(words[1])
            known = {o for p in getattr(command, "params", ()) for o in p.opts} | {"--help"}
            if command is None:
                wrong.append((page, line))
            elif words[1] != "genotype":    # its options are read by its own parser, and its page's examples run
                wrong += [(page, line) for w in words[2:] if w.startswith("--") and w.split("=")[0].rstrip(",") not in known]
        elif line.startswith("make "):
            wrong += [(page, line) for w in words[1:] if "=" not in w and w not in targets]
        elif re.match(r"(python3?|Rscript) [\w/]+\.(py|R)\b", line):
            written = words[1] == "reproduce.R"    # by `biomarkers export`
            wrong += [(page, line)] * (not written and not (ROOT / words[1]).exists())
    assert wrong == []


# ---- the interface ---------------------------------------------------------------------------------------------------

NAMES = sorted(bm._WHERE)
CALLABLE = [name for name in NAMES if callable(getattr(bm, name)) and not (
    isinstance(getattr(bm, name), type) and issubclass(getattr(bm, name), Exception))]


def sections(name: str) -> dict[str, str]:
    """The numpydoc sections of a public name."""
    text = inspect.getdoc(getattr(bm, name)) or ""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", text, flags=re.MULTILINE)
    return {"Summary": parts[0].strip(), **dict(zip(parts[1::2], parts[2::2], strict=True))}


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_says_in_one_sentence_what_it_is(name):
    value = getattr(bm, name)
    if name.isupper():
        return    # a registry is documented where it stands
    first = (inspect.getdoc(value) or "").splitlines()[0]
    assert first.endswith((".", ":", "?")), first
    assert first != inspect.getdoc(object)


@pytest.mark.parametrize("name", CALLABLE)
def test_every_argument_of_a_public_name_is_documented_and_no_other(name):
    value = getattr(bm, name)
    fields = getattr(value, "__dataclass_fields__", {})
    arguments = {p for p in inspect.signature(value).parameters if not p.startswith("_")}
    found = sections(name)
    text = found.get("Parameters", "") + found.get("Attributes", "")
    heads = re.findall(r"^(\S[^:\n]*?)(?: :.*)?$", text, re.MULTILINE)
    said = {word.strip().lstrip("*") for head in heads for word in head.split(",")}
    assert arguments - said == set()
    assert said - arguments - set(fields) == set()


@pytest.mark.parametrize("name", [n for n in CALLABLE if not isinstance(getattr(bm, n), type)])
def test_a_public_function_says_what_comes_back_and_shows_an_example(name):
    found = sections(name)
    assert found.get("Returns", "").strip()
    assert ">>> " in found.get("Examples", "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:doctest")
def test_the_example_of_a_public_name_runs(name):
    import doctest

    value = getattr(bm, name)
    module = sys.modules.get(getattr(value, "__module__", ""), None)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    names = dict(vars(module)) if module else {}
    for test in doctest.DocTestFinder(recurse=False).find(value, name, module=module, globs=names):
        runner.run(test)
    assert runner.failures == 0


def test_a_frame_of_a_notebook_has_words_to_the_left_and_a_dash_for_what_is_missing():
    conf = load("biomarkers_docs_conf", ROOT / "docs" / "site" / "conf.py")
    import pandas as pd

    frame = pd.DataFrame({"cohort": ["ER+", "ER-"], "estimate": [-0.5, float("nan")], "note": ["", "<few> events"]})
    body = conf._body(frame.to_html())
    assert body.count('<th class="words">') == body.count('<td class="words">ER') == 2      # cohort and note, head and cells
    assert "<th>estimate</th>" in body
    assert "<td>\u22120.5</td>" in body
    assert "<td>\u2013</td>" in body
    assert '<td class="words">&lt;few&gt; events</td>' in body
    sentence = "a sentence of more than twenty-four letters"
    assert f'<td class="words long">{sentence}</td>' in conf._body(frame.assign(note=sentence).to_html())
    wide = frame.pivot_table(index="cohort", columns="note", values="estimate").to_html()
    assert 'class="words"' not in conf._body(wide)


def test_every_public_name_stands_once_in_the_reference():
    text = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs" / "reference").glob("*.md"))
    listed = re.findall(r"^\.\. auto\w+:: ([\w.]+)$", text, re.MULTILINE)
    assert sorted(x for x in listed if "." not in x) == NAMES
    for room in ("figures", "trial"):
        assert f"{{public-names}} biomarkers.{room}" in text


def test_the_site_is_built_without_a_warning(tmp_path):
    """Without running the notebooks; `make docs` runs them."""
    pytest.importorskip("myst_nb", reason="the extra `docs` is not installed")
    if shutil.which("make") is None:
        pytest.skip("needs make, as the site's command does")
    done = subprocess.run([sys.executable, ROOT / "docs" / "site" / "build.py", tmp_path / "site", "--without-notebooks"],
                          capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 40
    outside = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*(?:src|href)=["'](?:https?:)?//""")
    assert [p.name for p in pages if outside.search(p.read_text(encoding="utf-8"))] == []
    scripts = [p.name for p in pages if "<script" in p.read_text(encoding="utf-8")]
    assert scripts == ["search.html"]
