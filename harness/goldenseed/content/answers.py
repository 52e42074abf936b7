"""Asking a picture: what a model that is shown an image answers to a question, and how surely."""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.weights import check_extra
from goldenseed.suite.answers import AnswerSpec
from goldenseed.suite.model import Determinism

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.language.decoding import Decoded


@dataclass(frozen=True)
class Answer:
    """What a model answered."""

    text: str
    """As it wrote it, without white space around it."""
    probability: float
    """The product of its tokens' probabilities to the model, 0…1: of this wording alone."""
    cut: bool
    """Whether it was stopped after ``max_new_tokens``."""

    def fault(self, spec: AnswerSpec) -> str | None:
        """Say, as a sentence, why it is not what is expected; None where it is."""
        asked = f"asked {spec.question!r}, the model answers {self.text!r}"
        asked += f" (probability {self.probability:.3g})"
        if self.cut:
            asked += f", stopped after {spec.max_new_tokens} tokens"
        if plain(self.text) not in {plain(each) for each in spec.expect}:
            return f"{asked}, and {' or '.join(map(repr, spec.expect))} is expected"
        least = spec.min_probability
        if least is not None and self.probability < least:
            return f"{asked}, and a probability of {least:g} is expected"
        return None


def plain(text: str) -> str:
    """Return a text without what does not count: letter case, punctuation, white space."""
    kept = "".join(each for each in text.casefold() if unicodedata.category(each)[0] not in "PC")
    kept = "".join(each for each in kept if each not in string.punctuation)
    return " ".join(unicodedata.normalize("NFKC", kept).split())


def check_answers(specs: Iterable[AnswerSpec]) -> None:
    """Raise GoldenseedError, with the line, where a question can be asked or answered by nothing.

    Folders are checked by their files' headers; nothing is loaded.
    """
    from goldenseed.backends.language.folders import check_folder

    checked: set[Path] = set()
    for spec in specs:
        try:
            check_extra("a question to an image", "learned")
            if spec.folder not in checked:
                check_folder(spec.folder)
            checked.add(spec.folder)
            empty = [each for each in spec.expect if not plain(each)]
            if empty:
                fix = "write a word: punctuation does not count"
                raise GoldenseedError(f"no answer is {empty[0]!r}", fix=fix)  # noqa: TRY301
        except GoldenseedError as error:
            raise GoldenseedError(str(error), line=spec.line) from None


def ask(image: Image, spec: AnswerSpec) -> Answer:
    """Ask a model of an RGB image; greedy, in float32 on the CPU with one thread, so it repeats.

    Raises GoldenseedError where the model cannot be loaded or cannot be asked.
    """
    from goldenseed.environment.determinism import settings

    with settings(Determinism()):
        config = spec.folder / "config.json"
        model = _opened(spec.folder, config.stat().st_mtime_ns if config.is_file() else 0)
        try:
            return model.answer(image, spec)
        except GoldenseedError:
            raise
        except Exception as error:  # whatever a model raises over an image is said of it
            raise GoldenseedError(
                f"cannot be asked {spec.question!r}: {type(error).__name__}: {error}",
                path=spec.folder,
                fix="give a `template` as the model's card has it, with `{image}` and `{question}`",
            ) from error


class _Model:
    """A loaded model that answers, with what prepares its input."""

    def __init__(self, model: Any, processor: Any) -> None:
        from goldenseed.backends.language.decoding import ends_of

        self._model = model
        self._processor = processor
        self._tokenizer = getattr(processor, "tokenizer", processor)
        self._ends = ends_of(model, self._tokenizer)

    def answer(self, image: Image, spec: AnswerSpec) -> Answer:
        """Answer one question about one image."""
        from goldenseed.backends.language.decoding import decode

        inputs = self._processor(images=image, text=self._told(spec), return_tensors="pt")
        found: Decoded = decode(self._model, dict(inputs), spec.max_new_tokens, self._ends)
        text = self._tokenizer.decode(list(found.token_ids), skip_special_tokens=True).strip()
        return Answer(text, found.probability, cut=not found.ended)

    def _told(self, spec: AnswerSpec) -> str:
        """Return what the model is told: by the suite's template, its own, or the bare question."""
        marker = str(getattr(self._processor, "image_token", ""))
        if spec.template is not None:
            return spec.template.replace("{image}", marker).replace("{question}", spec.question)
        if not getattr(self._processor, "chat_template", None):
            return spec.question
        parts = [{"type": "image"}, {"type": "text", "text": spec.question}]
        said = [{"role": "user", "content": parts}]
        told = self._processor.apply_chat_template(said, add_generation_prompt=True)
        return str(told)


@lru_cache(maxsize=1)
def _opened(folder: Path, _changed: int) -> _Model:
    """Load a model of transformers that answers questions about images; the last one is kept."""
    import transformers
    from transformers.models.auto import modeling_auto

    from goldenseed.backends.language.folders import check_folder, loaded_model, loading

    checked = check_folder(folder)
    asked: Mapping[str, Any] = modeling_auto.MODEL_FOR_VISUAL_QUESTION_ANSWERING_MAPPING_NAMES
    told: Mapping[str, Any] = modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES
    cls: Any = None
    if checked.class_name == asked.get(checked.kind):
        cls = getattr(transformers, checked.class_name)
    elif checked.kind in told and not checked.class_name.endswith("QuestionAnswering"):
        cls = transformers.AutoModelForImageTextToText
    if cls is None or not hasattr(cls, "generate" if checked.kind in asked else "from_pretrained"):
        raise GoldenseedError(
            f"is a {checked.class_name}, which writes no answers about images",
            path=folder,
            fix="name the folder of such a model of transformers: BLIP, BLIP-2, LLaVA, Qwen2-VL, …",
        )
    with loading(checked, "model that answers questions about images") as options:
        processor = transformers.AutoProcessor.from_pretrained(folder, **options)
        model = loaded_model(cls, checked, options)
    return _Model(model.float(), processor)
