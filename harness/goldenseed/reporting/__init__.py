"""What people see of a run: one view of it, as HTML report, terminal text and Markdown summary."""

from goldenseed.reporting.html import write_report
from goldenseed.reporting.links import case_anchor
from goldenseed.reporting.markdown import summary_markdown, write_summary
from goldenseed.reporting.terminal import failure_text, summary_lines
from goldenseed.reporting.view import case_view, run_view

__all__ = [
    "case_anchor",
    "case_view",
    "failure_text",
    "run_view",
    "summary_lines",
    "summary_markdown",
    "write_report",
    "write_summary",
]
