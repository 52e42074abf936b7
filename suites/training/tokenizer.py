"""A CLIP tokenizer small enough for the captions: one token a word, letters for all else."""

from __future__ import annotations

import json
import string
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

from transformers import CLIPTokenizer

from .backgrounds import PLACES
from .palette import COLOURS, TIMES
from .scenes import RELATIONS, SIZES
from .shapes import SHAPES

MAX_LENGTH: Final = 24
_START: Final = "<|startoftext|>"
_END: Final = "<|endoftext|>"
_WORD_END: Final = "</w>"
_LETTERS: Final = string.ascii_lowercase + string.digits + ",.!?-'"


def known_words() -> list[str]:
    """Every word that a caption can contain, sorted."""
    phrases = [*COLOURS, *SHAPES, *PLACES, *TIMES, *SIZES, *RELATIONS, "a", "an"]
    return sorted({word for phrase in phrases for word in phrase.split()})


def _join(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    """Join every occurrence of a pair of neighbours, from left to right."""
    joined: list[str] = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def learn_merges() -> list[tuple[str, str]]:
    """Learn the byte-pair merges that join the letters of each known word to one token.

    The usual algorithm, most frequent pair first (https://arxiv.org/abs/1508.07909), but
    with ties broken by the alphabet: the trainer of `tokenizers` breaks them differently
    from call to call, and the token ids must not depend on that.
    """
    words = [[*word[:-1], word[-1] + _WORD_END] for word in known_words()]
    merges = []
    while pairs := Counter(pair for word in words for pair in pairwise(word)):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = [_join(word, best) for word in words]
    return merges


def make_vocabulary(merges: list[tuple[str, str]]) -> dict[str, int]:
    """Token ids: letters, letters that end a word, merged pieces, start, end."""
    tokens = [*_LETTERS, *(letter + _WORD_END for letter in _LETTERS)]
    pieces = [piece for first, second in merges for piece in (first, second, first + second)]
    unique = dict.fromkeys([*tokens, *pieces, _START, _END])
    return {token: number for number, token in enumerate(unique)}


def make_tokenizer() -> CLIPTokenizer:
    """Make the tokenizer of `shapes-sd`; the same on every call."""
    merges = learn_merges()
    return CLIPTokenizer(vocab=make_vocabulary(merges), merges=merges, model_max_length=MAX_LENGTH)


def save_tokenizer(folder: Path) -> None:
    """Write the files that older and newer releases of transformers read.

    Release 5 reads and writes only `tokenizer.json`; release 4's `CLIPTokenizer`
    reads `vocab.json`, `merges.txt` and the two small configuration files.
    """
    make_tokenizer().save_pretrained(folder)
    merges = learn_merges()
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    special = {"bos_token": _START, "eos_token": _END, "pad_token": _END, "unk_token": _END}
    config = {
        "add_prefix_space": False,
        "do_lower_case": True,
        "errors": "replace",
        "model_max_length": MAX_LENGTH,
        "tokenizer_class": "CLIPTokenizer",
        **special,
    }
    _write_json(folder / "vocab.json", make_vocabulary(merges))
    _write_json(folder / "special_tokens_map.json", special)
    _write_json(folder / "tokenizer_config.json", config)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
