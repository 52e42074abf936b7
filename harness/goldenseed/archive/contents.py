"""The pictures and tensors of an archive, each decoded once and held while there is room."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from goldenseed.baselines.candidate import Candidate, Signature
from goldenseed.baselines.store import BaselineStore
from goldenseed.baselines.verifying import accepted_image
from goldenseed.core.elements import is_tensor, kind_of
from goldenseed.runs.stored import stored_evidence, stored_image
from goldenseed.trace.files import digest_of
from goldenseed.verdict.evidence import Evidence

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.core.elements import Content
    from goldenseed.runs.record import CaseRecord, RunRecord

_ROOM = 64 * 2**20
"""Bytes of samples: sixteen pictures of 1024 x 1024, or a short sequence."""


class Contents:
    """Contents by their digests, which are held against the files when these are decoded."""

    def __init__(self, room_bytes: int = _ROOM) -> None:
        self._room = room_bytes
        self.files: set[Path] = set()
        """The files that were found to hold what their names, digests, say."""
        self._held: OrderedDict[str, tuple[Content, int]] = OrderedDict()

    def keep(self, sha256: str, content: Content, size: int) -> None:
        """Hold a content of ``size`` bytes; the oldest ones make room for it."""
        if size > self._room or sha256 in self._held:
            return
        self._held[sha256] = content, size
        total = sum(each for _, each in self._held.values())
        while total > self._room:
            _, (_, gone) = self._held.popitem(last=False)
            total -= gone

    def of(self, sha256: str, read: Callable[[], Content]) -> Content:
        """Return the content of that digest; ``read`` decodes and verifies it if it is not held."""
        if sha256 in self._held:
            return self._held[sha256][0]
        content = read()
        self.keep(sha256, content, _size(content))
        return content

    def check(self, candidate: Candidate) -> None:
        """Hold all that is kept of an image against its record, as accepting it would.

        Raises GoldenseedError where it does not fit.
        """
        accepted_image(candidate, Signature.checked("verifier", "verifying", None), self)
        if candidate.elements:
            self.found(*((each.file, each.sha256) for each in candidate.elements))
        else:
            self.found((candidate.image, candidate.pixels_sha256))
        if candidate.trace is not None:
            self.found((candidate.trace, digest_of(candidate.trace)))

    def found(self, *files: tuple[Path, str]) -> None:
        """Remember the files that hold the content with the digest in their names."""
        self.files |= {file for file, sha256 in files if file.name.startswith(f"{sha256}.")}

    def image(self, folder: Path, case: CaseRecord) -> Image:
        """Return the image of ``case`` as ``stored_image`` does; same errors."""
        read = partial(stored_image, folder, case)
        return cast("Image", self.of(case.pixels_sha256 or "", read))

    def evidence(self, run: RunRecord, folder: Path, case: CaseRecord) -> Evidence:
        """Describe an image as ``stored_evidence`` does; same errors."""
        found = stored_evidence(run, folder, case)
        elements = tuple(
            replace(each, read=partial(self.of, each.sha256, each.read)) for each in found.elements
        )
        image = found.read_image if elements else partial(self.image, folder, case)
        return replace(found, elements=elements, read_image=image)


def _size(content: Content) -> int:
    """Return about how many bytes a content takes."""
    (width, height), mode = kind_of(content)
    return width * height * (8 if is_tensor(mode) else 4)


class ArchivedStore(BaselineStore):
    """The baselines in an archive, whose pictures are decoded once."""

    def __init__(self, root: Path, contents: Contents) -> None:
        super().__init__(root)
        self._contents = contents

    def image(self, pixels_sha256: str) -> Image:
        """Return an accepted image; raises as ``BaselineStore.image``."""
        return cast("Image", self.element(pixels_sha256, ""))

    def element(self, sha256: str, mode: str) -> Content:
        """Return an accepted picture or tensor of ``mode``; raises as ``BaselineStore.element``."""

        def read() -> Content:
            content = BaselineStore.element(self, sha256, mode)
            self._contents.found((self.element_path(sha256, mode), sha256))
            return content

        return self._contents.of(sha256, read)
