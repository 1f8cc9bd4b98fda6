"""Run by the notebooks' kernel while the site is built: a figure shows itself as the report would draw it."""

from IPython import get_ipython


def _as_page(figure):
    from biomarkers.figures.svg import themed

    return themed(figure).decode("utf-8")


_formatters = get_ipython().display_formatter.formatters
_formatters["image/svg+xml"].for_type_by_name("matplotlib.figure", "Figure", _as_page)
