"""A prompt that a language model wrote: kept with what was made of it."""

from __future__ import annotations

import struct
from typing import Final

from pydantic import BaseModel, ConfigDict

from goldenseed.core.files import sha256_hex

TOLD: Final = "language_model.told"
WRITTEN: Final = "language_model.written"
"""The sources of the two records of ``Stage.WRITTEN_PROMPT``."""


class WrittenPrompt(BaseModel):
    """What a language model wrote, and in which tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """The prompt that the pipeline was given."""
    token_ids: tuple[int, ...]
    """Of its own tokenizer, the one that ends the text among them."""
    model: str
    """Its folder as the suite writes it."""
    cut: bool = False
    """Whether it was stopped after ``max_new_tokens``, before it ended."""

    @property
    def ids_sha256(self) -> str:
        """The digest of the token ids as a trace has it: int64, little-endian."""
        return sha256_hex(struct.pack(f"<{len(self.token_ids)}q", *self.token_ids))
