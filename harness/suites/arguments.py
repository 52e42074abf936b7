"""What is known of the arguments of every pipeline's call."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_A_CASE = "the case: `prompt` or `prompts`"
_A_SEED = "the case: `seeds`; every image gets a fresh generator with its seed"
_FIXED = "nowhere: goldenseed sets it, so that every image can be judged"
BELONGS: Mapping[str, str] = MappingProxyType(
    {
        "prompt": _A_CASE,
        "prompts": _A_CASE,
        "generator": _A_SEED,
        "seed": _A_SEED,
        "seeds": _A_SEED,
        "latents": "`noise`, of the suite or of the case, as `{file: …}`",
        "output_type": _FIXED,
        "return_dict": _FIXED,
        "callback": _FIXED,
        "callback_steps": _FIXED,
        "callback_on_step_end": _FIXED,
        "callback_on_step_end_tensor_inputs": _FIXED,
        "scheduler": "`model.scheduler`, of the suite or of the case",
        "adapters": "`model.adapters`, of the suite or of the case",
        "dtype": "`model.dtype`",
        "torch_dtype": "`model.dtype`",
        "device": "`model.device`",
    }
)
"""Arguments that cannot stand under ``call``, and where what they mean belongs."""

NUMBERS = frozenset(
    {
        "num_inference_steps",
        "guidance_scale",
        "height",
        "width",
        "strength",
        "eta",
        "clip_skip",
        "guidance_rescale",
        "true_cfg_scale",
        "max_sequence_length",
        "num_images_per_prompt",
    }
)
"""Arguments that are numbers in every pipeline, so that a quoted one can only be a slip."""
