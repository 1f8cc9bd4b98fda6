"""The qualification on one HTML page: no script, no network; requirements first, then every comparison."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from biomarkers.domain.problems import visible
from biomarkers.figures.tokens import MONO, SANS, SERIF, TOKENS
from biomarkers.qualify.requirements import REQUIREMENTS

if TYPE_CHECKING:
    from biomarkers.qualify.kit import Qualification

_ROLES = ("page", "surface", "plate", "ink", "ink2", "hairline", "accent", "refused", "refused-tint")


def page(found: Qualification) -> str:
    """The page.

    Parameters
    ----------
    found : Qualification

    Returns
    -------
    str
        HTML, complete in itself; every text escaped.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = lambda text: visible(text, 300)
    template = environment.from_string((resources.files("biomarkers.qualify") / "page.html").read_text(encoding="utf-8"))
    light, dark = (Markup(";".join(f"--{role}:{TOKENS[role][place]}" for role in _ROLES)) for place in (0, 1))  # noqa: S704 - own tokens
    fonts = {name: Markup(",".join(stack)) for name, stack in (("sans", SANS), ("serif", SERIF), ("mono", MONO))}  # noqa: S704 - own tokens
    n_passed = sum(outcome.passed for outcome in found.outcomes)
    return template.render(
        found=found, requirements=[(key, text, found.fulfilled(key), found.of(key)) for key, text in REQUIREMENTS.items()],
        failed=[outcome for outcome in found.outcomes if not outcome.passed], n_passed=n_passed,
        n_met=sum(map(found.fulfilled, REQUIREMENTS)), light=light, dark=dark,
        date=found.made_at.strftime("%d %B %Y, %H:%M UTC"), **fonts,
    )
