"""What decides a tokenizer's ids beside its vocabulary and the rules of the Rust library."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from goldenseed.core.files import sha256_hex

_PLAIN: Final = ("padding_side", "truncation_side", "split_special_tokens", "pad_token")
_DIGITS: Final = 8
_OF_A_PLACE: Final = ("path", "file", "_from", "class", "model_max_length")
"""Parts of names of options that say where a tokenizer came from, or what has a key of its own."""


def settings_of(tokenizer: Any) -> str:
    """Write out on which side it pads and cuts, with what, and digests of what is too long.

    ``pad_token=<pad>, padding_side=right, special=0123abcd, …``, sorted. Of one that is written in
    Python, or of SentencePiece, also a digest of its rules, which no Rust library holds.
    """
    found = {name: str(getattr(tokenizer, name)) for name in _PLAIN if hasattr(tokenizer, name)}
    special = getattr(tokenizer, "special_tokens_map", None)
    if special:
        found["special"] = _short(special)
    template = getattr(tokenizer, "chat_template", None)
    if template:
        found["chat_template"] = _short(template)
    if getattr(tokenizer, "backend_tokenizer", None) is None:
        found["rules"] = _short(list(_rules(tokenizer)))
    return ", ".join(f"{name}={value}" for name, value in sorted(found.items()))


def _rules(tokenizer: Any) -> Iterator[Any]:
    """Yield what a tokenizer written in Python decides by: options, merges, pieces, tokens."""
    held = {**getattr(tokenizer, "init_kwargs", {}), **vars(tokenizer)}
    for name, value in sorted(held.items()):
        told = not name.startswith("_") and not any(part in name for part in _OF_A_PLACE)
        if told and isinstance(value, bool | int | float | str):
            yield name, value
    merges = getattr(tokenizer, "bpe_ranks", None)
    if merges:
        yield "bpe_ranks", sorted(map(str, merges.items()))
    pieces = getattr(tokenizer, "sp_model", None)
    if pieces is not None:
        yield "sp_model", sha256_hex(pieces.serialized_model_proto())
    added = getattr(tokenizer, "added_tokens_decoder", {})
    yield "added", sorted((number, repr(token)) for number, token in added.items())


def _short(value: Any) -> str:
    return sha256_hex(json.dumps(value, sort_keys=True, default=str).encode())[:_DIGITS]
