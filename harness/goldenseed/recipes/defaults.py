"""What a recipe does not state and a run cannot do without."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from goldenseed.recipes.fields import Concept, Fidelity, Field, Source

if TYPE_CHECKING:
    from goldenseed.recipes.interpreting import Given

_NOISE_OF = {
    "a1111": Field(
        "RNG",
        "",
        Fidelity.APPROXIMATE,
        "A1111 draws on the GPU unless it says otherwise, and a GPU's numbers depend on the card",
        {"noise": "device"},
    ),
    "comfyui": Field(
        "noise", "", Fidelity.EXACT, "ComfyUI draws the first noise on the CPU", {"noise": "cpu"}
    ),
    "invokeai": Field(
        "noise",
        "",
        Fidelity.APPROXIMATE,
        "InvokeAI draws on the CPU unless it was told otherwise",
        {"noise": "cpu"},
    ),
}
_ELSEWHERE = Field(
    "noise", "", Fidelity.APPROXIMATE, "where it was drawn is not stated: here on the CPU"
)


def not_stated(source: Source, given: Given) -> Iterator[Field]:
    """Name what the source does not state and a run cannot do without."""
    if source.of(Concept.RNG) is None:
        yield _NOISE_OF.get(source.format, _ELSEWHERE)
    if source.of(Concept.MODEL) is None and given.model is None:
        yield Field("model", "", Fidelity.UNSUPPORTED, "not stated: name a folder with --model")
    if source.of(Concept.SAMPLER) is None:
        yield Field("sampler", "", Fidelity.APPROXIMATE, "not stated: the model's own scheduler")
    missing = [
        (Concept.STEPS, "steps"),
        (Concept.GUIDANCE, "guidance"),
        (Concept.SIZE, "size"),
    ]
    for concept, name in missing:
        if source.of(concept) is None and not (
            (concept is Concept.SIZE and source.of(Concept.WIDTH))
            or (concept is Concept.GUIDANCE and source.of(Concept.DISTILLED))
        ):
            yield Field(name, "", Fidelity.APPROXIMATE, "not stated: the pipeline's own default")
    if source.of(Concept.SEED) is None and given.seed is not None:
        yield Field(
            "seed", "", Fidelity.APPROXIMATE, "not stated: as given", {"seeds": [given.seed]}
        )
