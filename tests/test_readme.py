"""What the README shows is what the code prints, and its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL).group(1)


def test_the_first_code_prints_the_table_below_it():
    done = subprocess.run([sys.executable, "-W", "error", "-c", block("python")], capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == block("text").strip()


def test_every_link_into_the_repository_leads_to_a_file():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (README.parent / link).exists()]
    assert not missing
