"""What sizes of pictures a suite's model makes."""

from __future__ import annotations

from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.document import Document
from goldenseed.suite.model import DIFFUSERS, beside, is_hub_id
from goldenseed.suite.pipelines import cached_snapshot, size_multiple


def multiple_of_sizes(document: Document) -> int | None:
    """Return what the suite's model makes heights and widths in multiples of, if that is known."""
    model = _model(document.data)
    source, revision = model.get("source"), model.get("revision")
    if not isinstance(source, str) or model.get("backend", DIFFUSERS) != DIFFUSERS:
        return None
    if is_hub_id(document.path, source):
        folder = cached_snapshot(source, revision) if isinstance(revision, str) else None
        return size_multiple(folder) if folder else None
    try:
        return size_multiple(beside(document.path, source))
    except GoldenseedError:
        return None


def _model(data: Any) -> dict[str, Any]:
    found = data.get("model") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}
