"""Text as the library's full-text search sees it: words, and every sign of Chinese by itself."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SIGN: Final = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_WORD: Final = re.compile(r"[^\W_]+")


def searchable(*texts: str) -> str:
    """Return texts as they are indexed: words alone, and each sign of these languages is one.

    Neither SQLite's nor PostgreSQL's own tokenizer parts Chinese, Japanese or Korean into words;
    what is asked for is then found as a phrase of signs. With words alone both see the same ones,
    since PostgreSQL's would take ``example.com``, ``-5`` or ``1.5`` for one.
    """
    return " ".join(word for text in texts for word in _WORD.findall(_parted(text)))


def phrases(query: str) -> list[list[str]]:
    """Return the phrases of a query, each a list of words that have to follow each other.

    A word between spaces is one, and what stands in quotes; ``neon-lit`` is a phrase of two words.
    """
    quoted = re.findall(r'"([^"]*)"|(\S+)', query)
    found = [_WORD.findall(_parted(one or other)) for one, other in quoted]
    return [each for each in found if each]


def _parted(text: str) -> str:
    """Return a text in lower case without accents, a space around each sign."""
    bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFD", text.casefold()))
    return _SIGN.sub(r" \1 ", unicodedata.normalize("NFKC", bare))
