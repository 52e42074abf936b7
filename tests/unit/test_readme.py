"""The README's examples are suites, and the documents name only files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from goldenseed.images.gates import parse_gate
from goldenseed.suite.loading import load_suite

ROOT = Path(__file__).parents[2]
EXAMPLES = re.findall(
    r"^```yaml\n(suite:.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: text.split()[1])
def test_an_example_of_the_readme_is_a_suite(tmp_path: Path, example: str):
    file = tmp_path / "example.suite.yaml"
    file.write_text(example)
    suite = load_suite(file)
    assert suite.cases
    for gate in suite.gate_lines:
        parse_gate(gate.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []
