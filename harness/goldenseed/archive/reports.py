"""The answer of a verifier as lines, as JSON, and as an in-toto statement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from goldenseed.archive.attestations import STATEMENT, VERIFICATION
from goldenseed.archive.documents import DISTRIBUTION, json_text, package_version
from goldenseed.archive.findings import QUESTIONS, Status, Verification
from goldenseed.archive.layout import FORMAT_VERSION, TAG_MANIFEST
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.words import count_of

_SHOWN = 40
"""How many findings of a level the text names; JSON has them all."""


def outcome(found: Verification) -> str:
    """Say in a few words what came of it."""
    if found.first_failed is not None:
        return f"FAILED at level {int(found.first_failed)}, {found.first_failed.name.lower()}"
    unchecked = ", ".join(str(int(level)) for level in found.unchecked)
    return "verified" if found.verified else f"nothing failed; not checked: level {unchecked}"


def verification_lines(found: Verification) -> Iterator[str]:
    """Say what was found, level by level."""
    yield f"{found.archive}: {outcome(found)}"
    if found.run is not None:
        yield f"the run says: {found.run.outcome}; {found.run.made}"
    for each in found.levels:
        yield ""
        yield f"{int(each.level)} {each.level.name.lower():<10} {each.status.value.upper()}"
        for note in each.notes:
            yield f"    {note}"
        for finding in each.findings[:_SHOWN]:
            place = f"{finding.place}: " if finding.place else ""
            yield f"    {place}{finding.what}  [{finding.code}]"
        if len(each.findings) > _SHOWN:
            yield f"    and {count_of(len(each.findings) - _SHOWN, 'more finding')}: see --json"


def verification_document(found: Verification) -> dict[str, Any]:
    """Return the answer as plain data, every finding in it."""
    return {
        "format": "goldenseed-verification",
        "version": 1,
        "archive": found.archive,
        "archive_format": FORMAT_VERSION,
        "tagmanifest_sha256": found.digest,
        "run": found.run and found.run.run_id,
        "run_outcome": found.run and found.run.outcome,
        "outcome": outcome(found),
        "verified": found.verified,
        "trusted_signers": list(found.signers),
        "verifier": {"name": DISTRIBUTION, "version": package_version()},
        "levels": [
            {
                "level": int(each.level),
                "name": each.level.name.lower(),
                "question": QUESTIONS[each.level],
                "status": each.status.value,
                "notes": list(each.notes),
                "findings": [
                    {"code": f.code, "place": f.place, "what": f.what} for f in each.findings
                ],
            }
            for each in found.levels
        ],
    }


def verification_statement(found: Verification) -> bytes:
    """Return an in-toto statement of which levels passed (Simple Verification Result v0.1).

    Raises GoldenseedError where there is nothing to make a statement of.
    """
    if found.digest is None:
        raise GoldenseedError(
            f"there is no {TAG_MANIFEST} to make a statement of", path=found.archive
        )
    passed = [each for each in found.levels if each.status is Status.PASSED]
    return json_text(
        {
            "_type": STATEMENT,
            "subject": [{"name": TAG_MANIFEST, "digest": {"sha256": found.digest}}],
            "predicateType": VERIFICATION,
            "predicate": {
                "verifier": {"id": f"pkg:pypi/{DISTRIBUTION}@{package_version()}"},
                "properties": [f"GOLDENSEED_{each.level.name}_PASSED" for each in passed],
            },
        }
    )
