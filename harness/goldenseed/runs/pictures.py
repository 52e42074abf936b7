"""The pictures of a run: each written into its folder once, under the digest of its pixels."""

from __future__ import annotations

import filecmp
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.baselines.store import BaselineStore
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import write_atomically

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.baselines.entry import AcceptedImage


class Pictures:
    """Writes PNGs into a run's folder, taking an accepted file where it holds the same pixels."""

    def __init__(self, folder: Path, store: BaselineStore) -> None:
        self._folder = folder
        self._store = store
        self._taken: str | None = None
        """The digest of the accepted file that was verified and written here last."""

    def keep(self, image: Image, sha256: str, *, accepted: AcceptedImage | None = None) -> str:
        """Write ``image`` into the run's folder under its digest, once; return the place.

        ``accepted`` is the accepted image of the same pixels, where there is one.
        """
        place = f"images/{sha256}.png"
        if not (self._folder / place).exists():
            data = self._encoded(image, sha256, accepted.file_sha256 if accepted else None)
            write_atomically(self._folder / place, data, durable=False)
        return place

    def keep_difference(self, image: Image, accepted: Image) -> str | None:
        """Write the picture of how two images of one size differ; None for different modes."""
        from goldenseed.core.pixels import pixels_sha256
        from goldenseed.images.measure import difference_image

        if image.mode != accepted.mode:
            return None
        difference = difference_image(image, accepted)
        return self.keep(difference, pixels_sha256(difference))

    def check_accepted(self, sha256: str) -> None:
        """Raise ``GoldenseedError`` where the accepted file does not hold the accepted pixels."""
        if self._taken == sha256:
            return
        accepted = self._store.image_path(sha256)
        kept = self._folder / f"images/{sha256}.png"
        if not accepted.is_file() or not filecmp.cmp(accepted, kept, shallow=False):
            self._store.image(sha256)

    def _encoded(self, image: Image, sha256: str, file_sha256: str | None) -> bytes:
        """Return a PNG file of ``image``: the accepted one, if these pixels are accepted.

        To verify that one costs a third of encoding the image again, and next to nothing where its
        bytes are those that were accepted.
        """
        from goldenseed.core.pixels import encode_png

        if self._store.image_path(sha256).is_file():
            with suppress(GoldenseedError):
                data = self._store.image_file(sha256, file_sha256)
                self._taken = sha256
                return data
        return encode_png(image)
