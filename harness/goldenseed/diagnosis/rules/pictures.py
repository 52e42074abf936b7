"""What the trace shows of given pictures: those that a pipeline prepares, and what is made of them.

The recipe has the digests of a case's files. A picture that is another one once it is prepared,
though its file is the same, was altered on its way.
"""

from __future__ import annotations

from collections.abc import Iterator

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.rules.computed import computed_otherwise
from goldenseed.diagnosis.suspicion import SHOWN, Suspicion, is_rounding
from goldenseed.suite.parts import Role
from goldenseed.trace.distances import either, same
from goldenseed.trace.stages import Stage


def pictures(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain a given picture that is prepared otherwise, and other latents of the same one."""
    if root.place is Place.PICTURE and not is_rounding(findings, root) and not root.recast:
        names = ", ".join(sorted({name_of(findings, each) for each in _sources(root)}))
        evidence = f"what the pipeline makes of the given picture differs ({names})"
        if findings.recipes_known and not _declared(findings):
            evidence += ", though the case's files are the same"
        if root.reshaped:
            evidence += ": it has another size"
        yield Suspicion(Cause.CASE_INPUT, SHOWN, names, (evidence,))
    elif (
        root.place is Place.LATENTS
        and encoded_the_same(findings)
        and not is_rounding(findings, root)
    ):
        evidence = "the given picture and the noise are the same, the latents made of them are not"
        decoders = findings.parts(Role.DECODER)
        yield from computed_otherwise(Cause.VAE_WEIGHTS, findings, root, decoders, evidence)


def encoded_the_same(findings: Findings) -> bool:
    """Say whether both traces have the same given pictures, one at least."""
    sides = (findings.sides.accepted, findings.sides.present)
    found = [
        {each.key: each for each in side.trace or () if each.stage is Stage.GIVEN_PICTURE}
        for side in sides
    ]
    pairs = [(found[0].get(key), found[1].get(key)) for key in {**found[0], **found[1]}]
    return bool(pairs) and all(map(same, pairs))


def name_of(findings: Findings, source: str) -> str:
    """Name a given picture by what prepares it: the input of that name, where there is one."""
    inputs = (findings.sides.present.recipe or {}).get("inputs")
    if not isinstance(inputs, dict):
        return source
    kind = "mask" if "mask" in source else "control" if "control" in source else "image"
    named = [each for each in inputs if kind in each and (kind != "image" or "mask" not in each)]
    return f"{named[0]}, as {source} prepares it" if len(named) == 1 else source


def _sources(root: Root) -> Iterator[str]:
    return (either(pair).source or "" for pair in root.differing)


def _declared(findings: Findings) -> bool:
    return any(field.startswith(("inputs.", "call.")) for field in findings.fields)
