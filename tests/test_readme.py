"""What the README shows is what the code prints, its links lead somewhere, and its first screen holds the answer."""

import importlib.util
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def _examples():
    spec = importlib.util.spec_from_file_location("biomarkers_docs_examples_readme", ROOT / "docs" / "site" / "examples.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_example_prints_what_stands_below_it(tmp_path):
    examples = _examples()
    page = README.read_text(encoding="utf-8")
    ran = [(said, examples.tidy(example.expected.text) if example.expected else "")
           for example, said in examples.run_page(page, tmp_path / "work")]
    assert len(ran) >= 3
    assert [said for said, _ in ran] == [expected for _, expected in ran]


def test_the_first_screen_holds_the_table_a_figure_and_two_commands():
    first = README.read_text(encoding="utf-8").splitlines()[:35]
    text = "\n".join(first)
    assert "HR (95% CI)" in text
    assert "docs/images/km.svg" in text
    assert [line.split()[1] for line in first if line.startswith("make ")] == ["demo", "test"]


def test_every_link_into_the_repository_leads_to_a_file():
    text = README.read_text(encoding="utf-8")
    links = [*re.findall(r"\]\(([^)#]+)\)", text), *re.findall(r'src="([^"]+)"', text)]
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing
