"""docs/plan.md names every key that a plan takes, and no other."""

import re

from biomarkers.plan.plan import plan_schema
from biomarkers.plan.questions import KINDS


def test_every_key_is_documented_and_every_documented_key_exists(root):
    text = (root / "docs" / "plan.md").read_text(encoding="utf-8")
    schema = plan_schema()
    keys = set(schema["properties"]) | set(schema["$defs"]["AnalysisEntry"]["properties"])
    missing = sorted(key for key in keys if f"`{key}`" not in text)
    assert not missing
    tables = re.findall(r"^\| (`[^|]+?`(?:, `[^|]+?`)*) \|", text, flags=re.MULTILINE)
    named = {key for cell in tables for key in re.findall(r"`(\w+)`", cell)}
    assert named <= keys | set(KINDS) | {"association"}


def test_every_kind_is_documented_with_its_keys(root):
    text = (root / "docs" / "plan.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        line = next(line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        for key in (*kind.required, *kind.optional):
            assert f"`{key}`" in line
