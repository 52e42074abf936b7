"""Token after token from a loaded model: the likeliest, or one drawn by a generator of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from goldenseed.suite.prompts import PromptSpec

    Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Decoded:
    """What a model wrote."""

    token_ids: tuple[int, ...]
    """The one that ends it among them."""
    probability: float
    """The product of the tokens' probabilities to the model, 0…1."""
    ended: bool
    """Whether it ended by itself, and was not stopped."""


def decode(
    model: Any, inputs: Mapping[str, Any], most: int, ends: tuple[int, ...], draw: Any = None
) -> Decoded:
    """Let a model write at most ``most`` tokens, greedily, or as ``draw`` chooses.

    Args:
        model: one of transformers that has ``generate``.
        inputs: what it is given, tensors by their names, of one row.
        most: after how many tokens it is stopped.
        ends: the ids of tokens that end a text; none where there are none.
        draw: takes the logits of a token, float64, and returns its id.

    """
    import torch
    from transformers import LogitsProcessor, LogitsProcessorList

    class Drawn(LogitsProcessor):  # type: ignore[misc]
        def __call__(self, _ids: Any, scores: Any) -> Any:
            chosen = draw(scores[0].double().cpu().numpy())
            forced = torch.full_like(scores, -torch.inf)
            forced[0, chosen] = 0.0
            return forced

    given: dict[str, Any] = {
        "max_new_tokens": most,
        "do_sample": False,
        "num_beams": 1,
        "output_logits": True,
        "return_dict_in_generate": True,
    }
    for module in model.modules():  # not as arguments: some models give their own, and clash
        config = getattr(module, "generation_config", None)
        if config is not None:
            config.eos_token_id = list(ends) or None
            config.pad_token_id = ends[0] if ends else 0
    if draw is not None:
        given["logits_processor"] = LogitsProcessorList([Drawn()])
    with torch.no_grad():  # the modes of portable suites do not see into inference mode
        out = model.generate(**inputs, **given)
    ids = tuple(int(each) for each in out.sequences[0][-len(out.logits) :])
    total = sum(
        float(torch.log_softmax(logits[0].double(), -1)[each])
        for logits, each in zip(out.logits, ids, strict=True)
    )
    import math

    return Decoded(ids, math.exp(total), bool(ids) and ids[-1] in ends)


def ends_of(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Return the ids of the tokens that end a text, by the tokenizer and by the model; or none."""
    decoder = getattr(model, "text_decoder", model)  # BLIP's ends its texts with what parts BERT's
    named = (
        getattr(tokenizer, "eos_token_id", None),
        getattr(getattr(decoder, "generation_config", None), "eos_token_id", None),
        getattr(decoder.config, "eos_token_id", None),
        None if decoder is model else getattr(decoder.config, "sep_token_id", None),
    )
    found = [each for ids in named for each in (ids if isinstance(ids, list) else [ids])]
    return tuple(dict.fromkeys(each for each in found if isinstance(each, int)))


class Draw:
    """Draws tokens with a generator of its own: PCG64 of NumPy, one number a token.

    The numbers are the same on every machine; which token each stands for depends on the logits.
    """

    def __init__(self, spec: PromptSpec) -> None:
        import numpy as np

        self._spec = spec
        self._generator = np.random.Generator(np.random.PCG64(spec.seed))

    def __call__(self, logits: Array) -> int:
        """Return the id of a token: the first at which the summed probability exceeds a number."""
        import numpy as np

        spec = self._spec
        order = np.argsort(-logits, kind="stable")[: spec.top_k]
        weights = np.exp((logits[order] - logits[order[0]]) / (spec.temperature or 1.0))
        summed = np.cumsum(weights / weights.sum())
        if spec.top_p is not None:
            count = int(np.searchsorted(summed, spec.top_p, side="left")) + 1
            order, summed = order[:count], summed[:count]
        place = np.searchsorted(summed, self._generator.random() * summed[-1], side="right")
        return int(order[min(int(place), len(order) - 1)])
