"""The lists of versions belong to pyproject.toml: all is in them, within its bounds, with hashes, and no host is named."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return {plain(found[1]): found[2] for found in PINNED.finditer(text)}


def bounds(*extras):
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in PROJECT["optional-dependencies"][extra])]
    return {plain(found[1]): found[2] for line in lines for found in [re.match(r"([A-Za-z0-9._-]+)\s*>=\s*([0-9.]+)", line)]}


def numbers(version):
    return [int(part) for part in re.findall(r"\d+", version)[:3]] + [0] * (3 - len(re.findall(r"\d+", version)[:3]))


@pytest.mark.parametrize(("name", "extras"), [("locked.txt", ("test",)), ("release.txt", ("excel", "sas", "word"))])
def test_every_requirement_is_locked_within_its_bound(name, extras):
    locked = pins(name)
    for wanted, bound in bounds(*extras).items():
        assert wanted in locked, f"{wanted}: run `make lock`"
        assert numbers(locked[wanted]) >= numbers(bound), wanted


def test_the_lowest_versions_are_the_bounds_themselves():
    lowest = pins("lowest.txt")
    for wanted, bound in bounds("excel", "sas").items():
        assert numbers(lowest[wanted]) == numbers(bound), f"{wanted}: run `make lock`"


@pytest.mark.parametrize("name", ["locked.txt", "release.txt"])
def test_every_locked_version_has_its_hashes(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text.strip())
    assert len(blocks) > 20
    for block in blocks:
        assert "==" in block.splitlines()[0]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:60]


@pytest.mark.parametrize("name", ["locked.txt", "release.txt", "lowest.txt"])
def test_a_list_holds_names_versions_and_hashes_and_nothing_else(name):
    line = re.compile(r"[\w.\[\],-]+==[\w.+!-]+(?: ?; ?[^/@]+?)?(?: \\)?|\s+--hash=sha256:[0-9a-f]{64}(?: \\)?")
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    assert [found for found in text.splitlines() if found.strip() and not line.fullmatch(found)] == []


def test_nothing_in_the_package_loads_code_from_data():
    """No pickle, joblib.load, eval, exec, yaml.load, unpacking of archives or shell."""
    forbidden = re.compile(r"\b(?:pickle\.|read_pickle|to_pickle|joblib\.(?:load|dump)|eval\(|exec\(|yaml\.load|extractall|"
                           r"unpack_archive|shell=True|os\.system|marshal\.|shelve\.)")
    found = [f"{path.relative_to(ROOT)}:{number}" for path in sorted((ROOT / "biomarkers").rglob("*.py"))
             for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
             if forbidden.search(line) and not line.lstrip().startswith("#")]
    assert not found
