"""LoRA adapters: added to the weights before the first step, instead of computed beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.probe.change import Change, Situation, Unfit
from harness.probe.changes.parts import call_otherwise


def changes() -> tuple[Change, ...]:
    """Return the changes of this family."""
    return (
        Change(
            "lora-fused", "LoRA adapters fused into the weights", tweak=fused, unfit=_fused_unfit
        ),
    )


def fused(pipeline: Any) -> None:
    """Fuse the adapters into the weights when the pipeline is first called, which wears them then.

    Raises:
        Unfit: the pipeline takes no adapters.

    """
    if not hasattr(pipeline, "fuse_lora"):
        raise Unfit(f"{type(pipeline).__name__} takes no LoRA adapters")
    done: list[bool] = []

    def call(own_call: Callable[..., Any], **arguments: Any) -> Any:
        if not done:
            pipeline.fuse_lora()
            done.append(True)
        return own_call(**arguments)

    call_otherwise(pipeline, call)


def _fused_unfit(situation: Situation) -> str | None:
    if not all(case.adapters for case in situation.cases):
        return "the cases have no adapters"
    if len({case.adapters for case in situation.cases}) > 1:
        return "the cases have different adapters: name cases that share theirs"
    return None
