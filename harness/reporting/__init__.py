"""What people see of a run: the HTML report, the terminal's text and the Markdown summary."""

from harness.reporting.anchors import case_anchor
from harness.reporting.html import write_report
from harness.reporting.markdown import summary_markdown, write_summary
from harness.reporting.terminal import failure_text, summary_lines

__all__ = [
    "case_anchor",
    "failure_text",
    "summary_lines",
    "summary_markdown",
    "write_report",
    "write_summary",
]
