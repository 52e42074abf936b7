"""What is odd of a call that made its image: words cut off or never read, noise from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from goldenseed.backends.diffusers.watching import MethodWatch

_SHOWN = 60
_TEXT = re.compile(r"(negative_)?prompt(_\d+)?")
"""Names of the arguments that pipelines give to a tokenizer."""
_DREW = "it drew from torch's global generator, which a golden run seeds and an application may not"
_READ = 0.5
"""From this share of its words on an argument is taken to be in a text; captions are cleaned."""


class TextWatch:
    """Looks on at what a loaded pipeline's tokenizers are given; built once, for all its images."""

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        self._texts: list[str] = []
        self._cut: dict[str, None] = {}
        self._drew = False
        self._watch = MethodWatch({"__call__": self._tokenized})
        components = getattr(pipeline, "components", {})
        self._names = [
            name for name, each in sorted(components.items()) if hasattr(each, "model_max_length")
        ]

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look on while an image is made."""
        import torch

        self._texts, self._cut = [], {}
        before = torch.random.get_rng_state()
        with ExitStack() as restore:
            for each in {id(t): t for t in map(self._tokenizer, self._names)}.values():
                restore.enter_context(self._watch.on(each))
            yield
        self._drew = not torch.equal(before, torch.random.get_rng_state())

    def remarks(self, call: Mapping[str, Any]) -> tuple[str, ...]:
        """Say what of the texts of ``call`` had no part in the image made last."""
        drew = (_DREW,) if self._drew else ()
        return (*self._cut, *drew, *self._without_effect(call))

    def _tokenizer(self, name: str) -> Any:
        return getattr(self._pipeline, name)

    def _tokenized(self, original: Any, tokenizer: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(tokenizer, *args, **kwargs)
        text = args[0] if args else kwargs.get("text")
        self._texts += [each for each in _listed(text) if isinstance(each, str)]
        limit = len(getattr(result, "input_ids", [[]])[0])
        for encoding in getattr(result, "encodings", None) or ():
            ids = [number for part in encoding.overflowing for number in part.ids]
            if ids:
                lost = " ".join(tokenizer.decode(ids, skip_special_tokens=True).split())
                shown = lost if len(lost) <= _SHOWN else f"{lost[:_SHOWN]}…"
                self._cut[f'a text was cut off after {limit} tokens: "{shown}" does not count'] = (
                    None
                )
        return result

    def _without_effect(self, call: Mapping[str, Any]) -> Iterator[str]:
        guided = getattr(self._pipeline, "do_classifier_free_guidance", None)
        for name, value in call.items():
            if not _TEXT.fullmatch(name) or not isinstance(value, str) or not value.strip():
                continue
            if name.startswith("negative_") and guided is False:
                yield f"call.{name} has no effect: the image was made without guidance"
            elif self._texts and not any(_reads(text, value) for text in self._texts):
                yield f"call.{name} has no effect: no tokenizer was given it"


def _listed(text: Any) -> list[Any]:
    return list(text) if isinstance(text, list | tuple) else [text]


def _reads(text: str, value: str) -> bool:
    words = set(re.findall(r"\w+", value.lower())) or {value}
    return len(words & set(re.findall(r"\w+", text.lower()))) >= _READ * len(words)
