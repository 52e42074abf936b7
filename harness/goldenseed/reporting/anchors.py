"""Where a case stands in the report: stable, readable, unique fragment names."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

from goldenseed.runs.record import CaseRecord

_PLAIN = re.compile(r"(?P<name>[a-z0-9_]+(?:-[a-z0-9_]+)*)\[seed=(?P<seed>\d+)\]")
_PLAIN_SUITE = re.compile(r"[a-z0-9_-]+")
_LONGEST = 80


def case_slug(case_id: str) -> str:
    """Return the short name of a case id: ``red-apple-1024`` for ``red-apple[seed=1024]``.

    An id of another form gets six hexadecimal digits of its digest, so that two ids never share a
    slug.
    """
    plain = _PLAIN.fullmatch(case_id)
    if plain and len(case_id) <= _LONGEST:
        return f"{plain['name']}-{plain['seed']}"
    return _with_digest(re.sub(r"[a-z_]+=", "", case_id), case_id)


def case_anchor(case: CaseRecord) -> str:
    """Return the fragment of a case in ``index.html``: ``shapes.red-apple-1024``.

    The suite is part of it since two suites in one run may both have a ``red-apple[seed=1024]``.
    """
    suite = case.suite if _PLAIN_SUITE.fullmatch(case.suite) else _with_digest(case.suite)
    return f"{suite}.{case_slug(case.id)}"


def anchors(cases: Sequence[CaseRecord]) -> list[tuple[str, str | None]]:
    """Return for each case its unique anchor, and its bare slug where that is unique in the run.

    A case that is there twice (a record put together by hand) gets ``~2``.
    """
    slugs = Counter(case_slug(case.id) for case in cases)
    seen: Counter[str] = Counter()
    result: list[tuple[str, str | None]] = []
    for case in cases:
        anchor, slug = case_anchor(case), case_slug(case.id)
        seen[anchor] += 1
        unique = anchor if seen[anchor] == 1 else f"{anchor}~{seen[anchor]}"
        result.append((unique, slug if slugs[slug] == 1 else None))
    return result


def _with_digest(readable: str, identity: str | None = None) -> str:
    digest = hashlib.sha256((identity or readable).encode(errors="surrogatepass")).hexdigest()
    slug = re.sub(r"[^a-z0-9_]+", "-", readable.lower()).strip("-")[:_LONGEST]
    return f"{slug}-{digest[:6]}" if slug else digest[:6]
