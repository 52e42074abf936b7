"""What other programs write into a prompt that diffusers would take for words."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TAG = re.compile(r"<(lora|lyco|hypernet):([^:<>]+)(?::([^:<>]*))?(?::[^<>]*)?>")
_WEIGHTED = re.compile(r"\(([^()]*):\s*[-+]?(\d+(?:\.\d*)?|\.\d+)\s*\)")
_EDITED = re.compile(r"\[[^\[\]]*[:|][^\[\]]*\]")
_WORDS = re.compile(r"\b(AND|BREAK)\b")
_AFTER = re.compile(r"\)\s*(?:[-+]?\d+(?:\.\d*)?|[-+]+)|\w[-+]{1,}(?=[\s,]|$)")

BRACKETS = {
    "a1111": "()[]",
    "fooocus": "()",
    "comfyui": "()",
    "invokeai": "()",
    "novelai": "{}[]",
    "text": "",
}
"""Which brackets weigh the words inside them, by format. In all of them ``(words:1.2)`` does."""


@dataclass(frozen=True, slots=True)
class Tag:
    """``<lora:name:0.8>``."""

    text: str
    kind: str
    name: str
    scale: str


def tags_of(prompt: str) -> tuple[str, tuple[Tag, ...]]:
    """Return the prompt without its tags, and the tags."""
    tags = tuple(
        Tag(found[0], found[1], found[2], found[3] or "1") for found in _TAG.finditer(prompt)
    )
    if not tags:
        return prompt, ()
    rest = _TAG.sub("", prompt)
    single = re.sub(r"\s+,", ",", re.sub(r",(\s*,)+", ",", re.sub(r"[ \t]{2,}", " ", rest)))
    return re.sub(r"(,\s*)+$|^(\s*,\s*)+", "", single).strip(), tags


def plain(prompt: str, format_name: str) -> tuple[str, str]:
    """Return the words of a prompt without weights, and what was left out, or ``""``.

    diffusers encodes brackets and numbers as words. Where nothing is weighed, the prompt comes
    back as it is, to the letter.
    """
    brackets = BRACKETS.get(format_name, "")
    told = []
    words = prompt
    while (shorter := _WEIGHTED.sub(r"\1", words)) != words:
        words = shorter
        told.append("weights")
    if brackets and _EDITED.search(words):
        told.append("words that change between steps")
    if brackets and _WORDS.search(words):
        told.append("AND or BREAK, which stay as words")
    if format_name == "invokeai" and _AFTER.search(words):
        told.append("weights behind words, which stay as they are")
    for bracket in brackets:
        bare = re.sub(rf"(?<!\\){re.escape(bracket)}", "", words)
        if bare != words:
            told.append("weights")
        words = bare
    if brackets and "\\" in words:
        words = re.sub(r"\\([()\[\]{}])", r"\1", words)
    if not told:
        return words, ""
    return words, "not followed: " + ", ".join(dict.fromkeys(told))
