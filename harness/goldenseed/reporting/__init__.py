"""What people see of a run: the HTML report, the terminal's text and the Markdown summary."""

from goldenseed.reporting.anchors import case_anchor
from goldenseed.reporting.html import write_report
from goldenseed.reporting.markdown import summary_markdown, write_summary
from goldenseed.reporting.terminal import failure_text, summary_lines

__all__ = [
    "case_anchor",
    "failure_text",
    "summary_lines",
    "summary_markdown",
    "write_report",
    "write_summary",
]
