"""Prompts written by language models: all of a suite's at once, before its pipeline is loaded."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.places import dtype_for
from goldenseed.backends.diffusers.portable import check_float64_of, float64_only
from goldenseed.backends.language.decoding import Draw, decode, ends_of
from goldenseed.backends.language.folders import (
    check_folder,
    describe_files,
    loaded_model,
    loading,
)
from goldenseed.backends.protocol import Generation, GenerationError, Settings
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.determinism import set_before_torch, settings
from goldenseed.environment.device import cap_cpu, device_for, empty_cache
from goldenseed.environment.file_digests import FileDigests
from goldenseed.suite.prompts import PromptSpec
from goldenseed.trace.stages import Stage
from goldenseed.trace.written import TOLD, WRITTEN, WrittenPrompt

if TYPE_CHECKING:
    from pathlib import Path

    from goldenseed.environment.fingerprint import EnvironmentValue
    from goldenseed.suite.cases import Case
    from goldenseed.suite.model import Determinism

Environment = Mapping[str, "EnvironmentValue"]


@dataclass(frozen=True)
class Written:
    """A prompt, and all that is known of how it came about."""

    prompt: WrittenPrompt
    told: tuple[int, ...]
    """The token ids that the language model was given."""
    never_ends: bool
    """Whether no token ends its texts."""

    def completed(self, made: Generation) -> Generation:
        """Return what was made of it with the prompt beside it, and its stages before all others.

        Told that it was cut off, for then a text may break off anywhere.
        """
        remarks = made.remarks
        if self.prompt.cut:
            count = len(self.prompt.token_ids)
            why = "none of its tokens ends a text" if self.never_ends else "before it ended"
            said = f"the language model was stopped after {count} tokens ({why}): its text may "
            remarks = (f"{said}break off", *remarks)
        recording = made.recording
        if recording is not None:
            import numpy as np

            ids = {TOLD: self.told, WRITTEN: self.prompt.token_ids}
            recording = recording.after(
                (Stage.WRITTEN_PROMPT, source, np.array(each, np.int64))
                for source, each in ids.items()
            )
        return replace(made, remarks=remarks, recording=recording, written=self.prompt)


class PromptWriter:
    """Writes the prompts of cases, and remembers them; holds no model in between."""

    def __init__(self, given: Settings) -> None:
        self._settings = given
        self._digests = FileDigests(verify=given.verify_files)
        self._found: dict[tuple[PromptSpec, Determinism, str], Written | GoldenseedError] = {}
        self._described: dict[Path, Environment] = {}
        self._merged: tuple[Environment, Environment, Environment] = {}, {}, {}
        """An environment, the digests of a suite's language models, and both."""

    def written(self, case: Case) -> Written | None:
        """Return what ``write`` wrote for a case; None where the suite has its prompt itself.

        Raises GoldenseedError where it could not be written.
        """
        if not isinstance(case.prompt, PromptSpec):
            return None
        found = self._found[self._key(case, case.prompt)]
        if isinstance(found, GoldenseedError):
            raise copy(found)
        return found

    def prompted(self, case: Case) -> Case:
        """Return the case with the text of its prompt; raises as ``written``."""
        found = self.written(case)
        return case if found is None else replace(case, prompt=found.prompt.text)

    def completed(self, case: Case, made: Generation) -> Generation:
        """Return what was made of a case with its prompt beside it: see ``Written``."""
        found = self.written(case)
        return made if found is None else found.completed(made)

    def surroundings(self, case: Case | None, environment: Environment) -> Environment:
        """Return ``environment`` with the digests of the suite's language models.

        The same object as long as neither changes. Raises GoldenseedError as ``describe_files``.
        """
        if case is None or not case.suite.prompt_specs:
            return environment
        path = case.suite.path
        if path not in self._described:
            self._described[path] = describe_files(case.suite, self._digests)
        files = self._described[path]
        if self._merged[0] is not environment or self._merged[1] is not files:
            self._merged = environment, files, dict(sorted({**environment, **files}.items()))
        return self._merged[2]

    def _key(self, case: Case, spec: PromptSpec) -> tuple[PromptSpec, Determinism, str]:
        return spec, case.suite.determinism, self._device(case, spec)

    def _device(self, case: Case, spec: PromptSpec) -> str:
        own = case.model.device
        wanted = self._settings.device if own == "auto" else own
        _need_transformers(case)
        return device_for(wanted, self._settings.gpu_index, dtype=_dtype(case, spec))

    def write(self, case: Case, free: Callable[[], None]) -> float:
        """See to the case's prompt; return the seconds that it took, 0.0 where it was there.

        Its language model is loaded, writes all that the suite asks of it, and is freed. ``free``
        is called before, to free another model: both at once may be too many for the device.
        """
        wanted = case.prompt
        if not isinstance(wanted, PromptSpec) or self._key(case, wanted) in self._found:
            return 0.0
        began = time.perf_counter()
        free()
        alike = [
            each
            for each in dict.fromkeys((wanted, *case.suite.prompt_specs))
            if (each.folder, each.dtype) == (wanted.folder, wanted.dtype)
        ]
        device = self._device(case, wanted)
        self._settings.progress(f"writing {len(alike)} prompts with {wanted.source}")
        for spec, found in _written_by(case, alike, device):
            self._found[self._key(case, spec)] = found
        gc.collect()
        empty_cache(device)
        return time.perf_counter() - began


def _written_by(
    case: Case, specs: Sequence[PromptSpec], device: str
) -> list[tuple[PromptSpec, Written | GoldenseedError]]:
    """Write prompts with one language model, which is held only here."""
    portable = case.suite.determinism.portable
    try:
        with settings(case.suite.determinism, device):
            writer = _Loaded(specs[0], case, device)
            with float64_only() if portable else nullcontext():
                return [(each, _outcome(writer, each)) for each in specs]
    except GoldenseedError as error:
        return [(each, copy(error)) for each in specs]


def _dtype(case: Case, spec: PromptSpec) -> Any:
    return dtype_for("float64" if case.suite.determinism.portable else spec.dtype)


def _outcome(writer: _Loaded, spec: PromptSpec) -> Written | GoldenseedError:
    try:
        return writer.write(spec)
    except GoldenseedError as error:
        return copy(error)
    except Exception as error:  # noqa: BLE001 - whatever a model raises over a text is said of it
        what = f"the language model raised {type(error).__name__}: {error}"
        return GenerationError(what, path=spec.folder, fix="try it with transformers alone")


class _Loaded:
    """A language model with its tokenizer."""

    def __init__(self, spec: PromptSpec, case: Case, device: str) -> None:
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
        from transformers.models.auto import modeling_auto

        checked = check_folder(spec.folder)
        known = {
            AutoModelForCausalLM: modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
            AutoModelForSeq2SeqLM: modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        }
        cls = next((cls for cls, names in known.items() if checked.kind in names), None)
        if cls is None:
            raise GoldenseedError(
                f"is a {checked.class_name}, and no language model of transformers",
                path=spec.folder,
                fix="name the folder of a model for text generation: GPT-2, Llama, Qwen, T5, …",
            )
        self._folder = spec.folder
        with ExitStack() as held:
            if case.suite.determinism.portable:
                held.enter_context(float64_only(loading=True))
            options = held.enter_context(loading(checked, "language model"))
            self._tokenizer = AutoTokenizer.from_pretrained(spec.folder, **options)
            model = loaded_model(cls, checked, options)
            self._model = model.to(device=device, dtype=_dtype(case, spec))
        if case.suite.determinism.portable:
            check_float64_of({"language_model": self._model})
        self._device = device
        self._ends = ends_of(self._model, self._tokenizer)

    def write(self, spec: PromptSpec) -> Written:
        """Write one prompt; raises GoldenseedError where it cannot, or writes nothing."""
        import torch

        told = self._told(spec)
        self._check(told, spec)
        ids = torch.tensor([told], device=self._device)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        draw = None if spec.seed is None else Draw(spec)
        out = decode(self._model, inputs, spec.max_new_tokens, self._ends, draw)
        text = self._tokenizer.decode(list(out.token_ids), skip_special_tokens=True).strip()
        if not text:
            raise GenerationError(
                f"the language model wrote nothing in {len(out.token_ids)} tokens",
                path=spec.folder,
                fix="tell it something else, or use another seed or model",
            )
        if spec.continues:
            whole = [*told, *out.token_ids]
            text = self._tokenizer.decode(whole, skip_special_tokens=True).strip()
        prompt = WrittenPrompt(
            text=text, token_ids=out.token_ids, model=spec.source, cut=not out.ended
        )
        return Written(prompt, tuple(told), never_ends=not self._ends)

    def _told(self, spec: PromptSpec) -> list[int]:
        if not spec.chat:
            return list(self._tokenizer(spec.told)["input_ids"])
        if not getattr(self._tokenizer, "chat_template", None):
            raise GenerationError(
                "its tokenizer has no chat template",
                path=spec.folder,
                fix="remove `chat`, and write the template as the model wants to be told",
            )
        said = [{"role": "system", "content": spec.system}] if spec.system else []
        text = self._tokenizer.apply_chat_template(
            [*said, {"role": "user", "content": spec.told}],
            tokenize=False,
            add_generation_prompt=True,
        )
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _check(self, told: list[int], spec: PromptSpec) -> None:
        if not told:
            raise GenerationError(
                "its tokenizer makes no tokens of the template",
                path=spec.folder,
                fix="write a template of words that it knows, or save the tokenizer again",
            )
        known = self._model.get_input_embeddings().num_embeddings
        if max(told) >= known:
            raise GenerationError(
                f"its tokenizer returns the token {max(told)}, and the model knows {known}",
                path=spec.folder,
                fix="save the model and its own tokenizer there",
            )
        config = self._model.config.get_text_config()
        places = getattr(config, "max_position_embeddings", None)
        own = 0 if getattr(config, "is_encoder_decoder", False) else spec.max_new_tokens
        if isinstance(places, int) and len(told) + own > places:
            raise GenerationError(
                f"the template has {len(told)} tokens and {own} more are asked for, more than "
                f"the {places} that the language model takes",
                path=spec.folder,
                fix="shorten the template, or lower `max_new_tokens`",
            )


def _need_transformers(case: Case) -> None:
    set_before_torch()
    cap_cpu(case.suite.determinism.cpu_isa, case.suite.path)
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except Exception as error:  # an installed library may raise anything while it is imported
        raise GenerationError(
            f"a prompt that a language model writes needs torch and transformers: {error}",
            path=case.suite.path,
            fix="pip install 'pytest-goldenseed[learned]'",
        ) from error
