"""Run by the notebooks' kernel while the site is built: a figure shows itself as the report would draw it."""

import re

from IPython import get_ipython

SCALE = 1.38
"""Of every figure, narrow or wide: 180 mm fill the column, and type has one size on the page."""


def _as_page(figure):
    from biomarkers.figures.svg import themed

    drawn = themed(figure).decode("utf-8")
    return re.sub(r' (width|height)="([\d.]+)"', lambda found: f' {found[1]}="{float(found[2]) * SCALE:.2f}"', drawn, count=2)


_formatters = get_ipython().display_formatter.formatters
_formatters["image/svg+xml"].for_type_by_name("matplotlib.figure", "Figure", _as_page)
