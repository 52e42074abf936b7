"""Every class of diffusers that is built here, and how."""

from __future__ import annotations

from tests.zoo import (
    checked,
    flux,
    kandinsky,
    kolors,
    older,
    own_transformers,
    stable_diffusion,
    twice,
    video,
)
from tests.zoo.entry import Entry

ENTRIES: dict[str, Entry] = {
    **stable_diffusion.ENTRIES,
    **flux.ENTRIES,
    **kandinsky.ENTRIES,
    **own_transformers.ENTRIES,
    **older.ENTRIES,
    **checked.ENTRIES,
    **kolors.ENTRIES,
    **twice.ENTRIES,
    **video.ENTRIES,
}
