"""Whether a pipeline's safety checker was asked as a suite says, whatever makes the images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from goldenseed.backends.protocol import Generation, GenerationError

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case


def check_safety(case: Case, made: Generation) -> None:
    """Raise where a safety checker was not asked as the suite says, whichever back end it is."""
    wanted, asked = case.suite.safety, made.flagged is not None
    if (wanted == "required" and not asked) or (wanted == "off" and asked):
        what = "asked no safety checker" if wanted == "required" else "asked its safety checker"
        raise GenerationError(
            f"`safety` is {wanted}, and {case.model.source} {what}",
            path=case.suite.path,
            line=case.line,
            fix="use a pipeline of diffusers with a safety checker of its own, or remove `safety`",
        )
