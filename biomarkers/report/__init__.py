"""Report: pages and files made from tidy results; it computes nothing. jinja2 is at home here only."""

from biomarkers.report.render import report_files, write_report

__all__ = ["report_files", "write_report"]
