"""The parts of a run's record on where it is from: its repository, its shard, the runs it is of."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field, StringConstraints

from goldenseed.environment.freeze import Freeze
from goldenseed.runs.parts import Document, GitState

_FOLDER_NAME = r"^[^\s./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*$"
RunId = Annotated[str, StringConstraints(pattern=_FOLDER_NAME, max_length=255)]
"""The name of a run's folder: nothing that leads out of the folder of reports."""


class ShardRecord(Document):
    """Which shard of a cut a run is."""

    number: int = Field(ge=1)
    """From 1."""
    of: int = Field(ge=1)
    cut_sha256: str
    """Of the canonical JSON of ``cut.json`` beside the record: all that the cut depends on."""
    whole: bool = False
    """Whether all shards together are all of the project, and every test of it."""


class PartRecord(Document):
    """A run whose cases are in another: a shard that was merged, or one that was gone on with."""

    run_id: RunId
    shard: ShardRecord | None = None
    started: AwareDatetime
    finished: AwareDatetime | None = None
    """None of one that was killed."""
    complete: bool = False
    git: GitState | None = None
    environments: tuple[str, ...] = ()
    """The digests of the environments in which its cases ran; the record has them whole."""
    freeze: Freeze | None = None
    """Its packages, where the record has none that are all parts'."""
