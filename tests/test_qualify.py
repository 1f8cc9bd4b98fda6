"""The qualification kit: every requirement has a check and every check a requirement; what is broken is shown as broken."""

import base64
import getpass
import hashlib
import json
import platform
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from biomarkers.domain.errors import UseError
from biomarkers.models.km import KaplanMeier
from biomarkers.qualify import installation, numerics
from biomarkers.qualify.check import Check, carried_out, close, holds, same
from biomarkers.qualify.checks import CHECKS, INSTALLATION, OPERATION
from biomarkers.qualify.kit import qualify, write
from biomarkers.qualify.requirements import REQUIREMENTS

QUICK = tuple(check for check in OPERATION if check.run.__module__ == numerics.__name__)
SLOW = tuple(check for check in OPERATION if check not in QUICK)


def test_every_requirement_is_checked_and_every_check_serves_one():
    served = {key for check in CHECKS for key in check.requirements}
    assert served == set(REQUIREMENTS)
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    assert list(REQUIREMENTS) == [f"R-{i:03d}" for i in range(1, len(REQUIREMENTS) + 1)]


@pytest.mark.parametrize("check", [*QUICK, *SLOW], ids=lambda check: check.id)
def test_a_check_passes_here(check, tmp_path):
    outcome = carried_out(check, tmp_path)
    assert outcome.passed, outcome.failures


def test_r_numbers_are_all_compared():
    """A number of the reference that no check asks for would be believed without being looked at."""
    asked = {finding.what for check in QUICK for finding in check.run(None)}
    for name, quantity in numerics._reference()[1]:
        assert any(numerics.in_words(quantity) in what for what in asked), (name, quantity)
    assert numerics.r_version().startswith("R ")


def test_a_broken_number_is_found_and_shown(monkeypatch, tmp_path):
    """The median read one step late: the curve's own check fails, the page and the record say so, and nothing else does."""
    real = KaplanMeier.at

    def wrong(self, times):
        found = real(self, times)
        return found.assign(survival=found["survival"] * (1 - 1e-6))

    monkeypatch.setattr(KaplanMeier, "at", wrong)
    found = qualify(QUICK)
    assert [outcome.check.id for outcome in found.outcomes if not outcome.passed] == ["OQ-04", "OQ-05"]
    assert not found.passed
    page, record = write(found, tmp_path)
    text = page.read_text(encoding="utf-8")
    assert "Not qualified; failed: OQ-04, OQ-05" in text
    assert text.count("✘ failed") >= 4
    card = text[text.index('class="failures"') : text.index("Requirements met")]
    assert "survival at 1: expected 0.8333333333; observed 0.8333325" in card       # what failed stands beside the verdict
    assert "not checked" in text
    kept = json.loads(record.read_text(encoding="utf-8"))
    assert not kept["qualified"]
    assert {r["id"] for r in kept["requirements"] if not r["met"]} >= {"R-005"}


def test_an_error_inside_a_check_is_its_failure_and_names_no_folder(tmp_path):
    def falls(folder):
        raise OSError(2, "no such file", str(folder / "x"))

    outcome = carried_out(Check("OQ-99", ("R-001",), "falls", "", falls), tmp_path)
    assert not outcome.passed
    assert "FileNotFoundError" in outcome.failures[0].observed
    assert str(tmp_path) not in outcome.failures[0].observed


def test_a_check_that_compares_nothing_has_not_passed(tmp_path):
    assert not carried_out(Check("OQ-99", ("R-001",), "nothing", "", lambda _: []), tmp_path).passed


def test_comparisons_compare():
    assert close("x", 1e6, 1e6 * (1 + 1e-9)).passed
    assert not close("x", 1e6, 1e6 * (1 + 1e-7)).passed
    assert not close("x", 0.0, float("inf")).passed
    assert not same("x", 1, 2).passed
    assert not holds("x", []).passed


def test_the_report_is_dated_never_replaced_and_names_no_person_or_machine(tmp_path):
    found = qualify(QUICK[:2])
    page, record = write(found, tmp_path / "out")
    assert re.fullmatch(r"qualification-\d{8}T\d{6}Z\.html", page.name)
    with pytest.raises(UseError, match="never replaced"):
        write(found, tmp_path / "out")
    text = page.read_text(encoding="utf-8") + record.read_text(encoding="utf-8")
    for private in (platform.node(), str(Path.home()) + "/", str(tmp_path), f"/{getpass.getuser()}/"):
        assert len(private) < 4 or private not in text
    assert "default-src 'none'" in text
    assert not re.findall(r"<script|https?://|src=", page.read_text(encoding="utf-8"))
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UseError, match="is a file"):
        write(found, tmp_path / "file")


# -- installation ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def wheel(tmp_path):
    """A tiny installed package with its RECORD."""
    (tmp_path / "biomarkers").mkdir()
    info = tmp_path / "biomarkers-1.dist-info"
    info.mkdir()
    files = {"biomarkers/__init__.py": b"x = 1\n", "biomarkers/data.csv": b"a,b\n",
             "biomarkers-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: biomarkers\nVersion: 1\n"}
    lines = []
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(data)}")
    (info / "RECORD").write_text("\n".join([*lines, "biomarkers-1.dist-info/RECORD,,", ""]), encoding="utf-8")
    return tmp_path


def faults(place):
    found = list(installation.against_record(metadata.Distribution.at(place / "biomarkers-1.dist-info")))
    return [finding.observed for finding in found if not finding.passed]


def test_an_untouched_installation_passes(wheel):
    assert faults(wheel) == []


@pytest.mark.parametrize(("change", "said"), [
    (lambda p: (p / "biomarkers" / "__init__.py").write_bytes(b"x = 2\n"), "biomarkers/__init__.py: altered"),
    (lambda p: (p / "biomarkers" / "data.csv").unlink(), "biomarkers/data.csv: missing"),
    (lambda p: (p / "biomarkers" / "more.py").write_bytes(b""), "biomarkers/more.py: not of the release"),
])
def test_an_altered_missing_or_added_file_is_named(wheel, change, said):
    change(wheel)
    assert faults(wheel) == [said]


def test_a_development_installation_is_not_vouched_for(wheel):
    about = '{"dir_info": {"editable": true}, "url": "file:///somewhere"}'
    (wheel / "biomarkers-1.dist-info" / "direct_url.json").write_text(about, encoding="utf-8")
    assert "development installation" in faults(wheel)[0]


def test_needed_libraries_are_those_of_the_metadata():
    names = dict(installation.needed())
    assert {"numpy", "scipy", "pandas", "pysam"} <= set(names)
    assert "pyreadstat" not in names
    assert all(finding.passed for finding in INSTALLATION[1].run(None))
    assert all(finding.passed for finding in INSTALLATION[2].run(None))


def test_the_command_says_what_failed_by_its_exit_code(tmp_path):
    """Only the installation's own checks are asked here: on a development installation the first cannot pass."""
    code = ("import sys; from biomarkers.qualify import kit, checks; kit.qualify.__defaults__ = (checks.INSTALLATION,)\n"
            "sys.argv = ['biomarkers', 'qualify', '--out', sys.argv[1]]\nfrom biomarkers.cli import main; main()")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "q")], capture_output=True, text=True, check=False,
                          timeout=120)
    assert done.returncode == 1
    assert "Not qualified" in done.stdout
    assert "IQ-2" in done.stderr
    assert len(list((tmp_path / "q").iterdir())) == 2
