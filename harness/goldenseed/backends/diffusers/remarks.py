"""What is odd of a call that made its image: words cut off or never read, noise from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.watching import MethodWatch

if TYPE_CHECKING:
    from goldenseed.suite.cases import Case

_SHOWN = 60
_TEXT = re.compile(r"(negative_)?prompt(_\d+)?")
"""Names of the arguments that pipelines give to a tokenizer."""
_DREW = "it drew from torch's global generator, which a golden run seeds and an application may not"
_GRID = 64
"""Pixels: no pipeline's sides are multiples of more."""
_UNLIMITED = (None, False, "do_not_truncate")
_READ = 0.5
"""From this share of its words on an argument is taken to be in a text; captions are cleaned."""


class TextWatch:
    """Looks on at what a loaded pipeline's tokenizers are given; built once, for all its images.

    What a pipeline cuts off itself, from ids or embeddings, is not seen.
    """

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._texts: list[str] = []
        self._cut: dict[str, None] = {}
        self._drew = False
        self._watch = MethodWatch({"__call__": self._tokenized})
        components = getattr(pipeline, "components", {})
        self._names = [
            name for name in sorted(components) if _tokenizer_of(components[name]) is not None
        ]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look on while an image is made."""
        import torch

        self._texts, self._cut = [], {}
        before = torch.random.get_rng_state()
        with ExitStack() as restore:
            tokenizers = (_tokenizer_of(getattr(self._pipeline, name)) for name in self._names)
            for each in {id(t): t for t in tokenizers}.values():
                restore.enter_context(self._watch.on(each))
            yield
        self._drew = not torch.equal(before, torch.random.get_rng_state())

    def remarks(self, case: Case) -> tuple[str, ...]:
        """Say what of the texts of ``case`` had no part in the image made last."""
        drew = (_DREW,) if self._drew else ()
        return (*self._cut, *drew, *self._without_effect(case))

    def _tokenized(self, original: Any, tokenizer: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(tokenizer, *args, **kwargs)
        text = args[0] if args else kwargs.get("text")
        texts = [each for each in _listed(text) if isinstance(each, str)]
        self._texts += texts
        if getattr(result, "encodings", None):
            cut = _cut_by_fast(result)
        else:
            cut = _cut_by_slow(original, tokenizer, texts, kwargs, result)
        for limit, ids in cut:
            lost = " ".join(tokenizer.decode(ids, skip_special_tokens=True).split())
            shown = lost if len(lost) <= _SHOWN else f"{lost[:_SHOWN]}…"
            self._cut[f'a text was cut off after {limit} tokens: "{shown}" does not count'] = None
        return result

    def _without_effect(self, case: Case) -> Iterator[str]:
        guided = getattr(self._pipeline, "do_classifier_free_guidance", None)
        given = {f"call.{name}": value for name, value in case.call.items()}
        for name, value in {"prompt": case.prompt, **given}.items():
            texts = [each for each in _listed(value) if isinstance(each, str) and each.strip()]
            key = name.removeprefix("call.")
            if not _TEXT.fullmatch(key) or not texts:
                continue
            if key.startswith("negative_") and guided is False:
                yield f"{name} has no effect: the image was made without guidance"
            elif self._texts and not any(_reads(t, each) for t in self._texts for each in texts):
                yield f"{name} has no effect: no tokenizer was given it"


def remarks_of_sizes(inputs: Mapping[str, Any], made: Any) -> Iterator[str]:
    """Say which pictures a pipeline must have resized: a mask of another size, or a few rows less.

    ``inputs`` are decoded, ``made`` is the image or None. How much larger an upscaler makes a
    picture, or of which size a control picture is, is its own business.
    """
    given, mask = _size_of(inputs.get("image")), _size_of(inputs.get("mask_image"))
    result = _size_of(made)
    if given and mask and given != mask:
        yield (
            f"mask_image is {_as_words(mask)} and image {_as_words(given)}: the pipeline resizes "
            "one of them"
        )
    if given and result and given != result:
        lost = [old - new for old, new in zip(given, result, strict=True)]
        if all(0 <= each < _GRID for each in lost):
            yield (
                f"image is {_as_words(given)} and was made {_as_words(result)}: the pipeline "
                "resizes what it gets"
            )


def _size_of(picture: object) -> tuple[int, int] | None:
    """Return a picture's width and height; None of anything else, as of a tensor or a list."""
    found = getattr(picture, "size", None)
    return found if isinstance(found, tuple) else None


def _as_words(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _tokenizer_of(component: Any) -> Any:
    """Return a component that is a tokenizer, or the tokenizer of one that is a processor."""
    for each in (component, getattr(component, "tokenizer", None)):
        if hasattr(each, "model_max_length"):
            return each
    return None


Cut = Iterator[tuple[int, list[int]]]
"""For each text that was cut off: after how many tokens, and the ids of what was lost."""


def _cut_by_fast(result: Any) -> Cut:
    """Ask the tokenizers of Rust, which keep what they cut off."""
    for encoding in result.encodings:
        if ids := [number for part in encoding.overflowing for number in part.ids]:
            yield len(encoding.ids), ids


def _cut_by_slow(
    original: Any, tokenizer: Any, texts: Sequence[str], options: Mapping[str, Any], result: Any
) -> Cut:
    """Tokenize once more without a limit: the tokenizers of Python forget what they cut off."""
    rows = getattr(result, "input_ids", None)
    if options.get("truncation") in _UNLIMITED or rows is None:
        return
    rows = [rows] if len(rows) and isinstance(rows[0], int) else rows
    special = options.get("add_special_tokens", True)
    added = tokenizer.num_special_tokens_to_add() if special else 0
    for text, row in zip(texts, rows, strict=False):
        whole = original(tokenizer, text, add_special_tokens=False, verbose=False)["input_ids"]
        kept = len(row) - added
        if len(whole) > kept:
            left = getattr(tokenizer, "truncation_side", "right") == "left"
            yield len(row), whole[: len(whole) - kept] if left else whole[kept:]


def _listed(text: Any) -> list[Any]:
    return list(text) if isinstance(text, list | tuple) else [text]


def _reads(text: str, value: str) -> bool:
    words = set(re.findall(r"\w+", value.lower()))
    if not words:  # signs alone
        return value.strip() in text
    return len(words & set(re.findall(r"\w+", text.lower()))) >= _READ * len(words)
