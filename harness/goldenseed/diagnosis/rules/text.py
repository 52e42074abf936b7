"""What the trace shows of the text: token ids and prompt embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.rules.computed import computed_otherwise
from goldenseed.diagnosis.suspicion import (
    LIKELY,
    POSSIBLE,
    SHOWN,
    Suspicion,
    is_rounding,
)
from goldenseed.trace.distances import Pair, either, same
from goldenseed.trace.stages import Stage


def text(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain token ids, and embeddings of equal token ids, from the trace alone."""
    if root.place is Place.TOKEN_IDS:
        yield from _token_ids(findings, root)
    elif root.place is Place.EMBEDDINGS and not root.recast:
        yield from _embeddings(findings, root)


def _token_ids(findings: Findings, root: Root) -> Iterator[Suspicion]:
    if root.one_sided and len(root.one_sided) == len(root.differing):
        yield from _another_number(findings)
        return
    if _rows_alone(root):
        return
    prompt, tokenizer = _odds(findings, root)
    if _cut_or_padded(root):
        tokenizer = SHOWN
    elif _shown_by_the_others(findings, root):
        prompt = SHOWN
    evidence = "the token ids differ"
    if findings.recipes_known and "prompt" not in findings.fields:
        evidence += ", although the recipe's prompt is the same"
    names = sorted(filter(None, root.parts))
    yield Suspicion(
        Cause.TOKENIZER, tokenizer, names[0] if len(names) == 1 else "", (evidence, _which(root))
    )
    yield Suspicion(Cause.PROMPT, prompt, "", (evidence, _which(root)))


def _another_number(findings: Findings) -> Iterator[Suspicion]:
    """Explain that a text more or less is encoded: guidance needs a negative one, or is off."""
    evidence = "the prompt is encoded alike, but a text more or less beside it"
    rows = [
        len([each for each in trace or () if each.stage is Stage.DENOISER_OUTPUT])
        for trace in (findings.sides.accepted.trace, findings.sides.present.trace)
    ]
    if rows[0] != rows[1] or not rows[0]:
        yield Suspicion(Cause.GUIDANCE, SHOWN, "switched on or off", (evidence,))
    if rows[0] == rows[1]:
        yield Suspicion(Cause.PROMPT, SHOWN, "another negative prompt", (evidence,))


def _odds(findings: Findings, root: Root) -> tuple[float, float]:
    """Weigh another text against another tokenizer, by which texts' ids differ.

    Special tokens and padding are in every text, the empty one of an absent negative prompt
    included; another text leaves the others alone. Two tokenizers are given the same text.
    """
    prompt, tokenizer = LIKELY, LIKELY
    if not findings.recipes_known:
        prompt *= 2
    tokenizers = {either(pair).key.part for pair in root.pairs}
    if len(tokenizers) > 1:
        if len(root.parts) == len(tokenizers):
            tokenizer /= 4
        elif all(findings.same_key(f"tokenizer.{each}.sha256") for each in root.parts):
            # Vocabulary and rules are what they were, and a pipeline takes a text for each encoder.
            tokenizer /= 2
        else:
            prompt /= 4
    texts = [pair for pair in root.pairs if either(pair).key.part == root.parts[0]]
    differ = [not same(pair) for pair in texts]
    if _cut_or_padded(root):
        prompt /= 8
    if all(differ) and _several_texts(texts):
        prompt /= 4
    elif differ[-1] and not differ[0]:
        tokenizer /= 4
    if any(key in findings.keys for key in ("package.tokenizers", "package.transformers")):
        tokenizer *= 2
    elif all(findings.same_key(f"tokenizer.{each}.sha256") for each in root.parts):
        tokenizer *= 0.8
    return prompt, tokenizer


def _shown_by_the_others(findings: Findings, root: Root) -> bool:
    """Say whether every tokenizer that differs is the same on record, and alike for other texts.

    So long as no package that touches texts differs either, it was given another text.
    """
    same_ones = all(findings.same_key(f"tokenizer.{each}.sha256") for each in root.parts)
    upgraded = any(key.startswith(("package.", "tokenizer.")) for key in findings.keys)
    alike = {either(pair).key.part for pair in root.pairs if same(pair)}
    # Before padding, which pipelines ask for too, another text has another length.
    whole = not root.one_sided and len(root.reshaped) < len(root.differing)
    return same_ones and whole and not upgraded and alike.issuperset(root.parts)


def _cut_or_padded(root: Root) -> bool:
    """Say whether several texts of one tokenizer became of one other length: cut off or padded."""
    lengths: dict[str, list[tuple[int, ...]]] = {}
    for _, now in root.reshaped:
        lengths.setdefault(now.key.part, []).append(now.shape[-1:])
    return any(len(each) > 1 and len(set(each)) == 1 for each in lengths.values())


def _several_texts(pairs: Sequence[Pair]) -> bool:
    """Say whether more than one text is encoded; one alone is at times, with and without padding.

    Texts that are padded to the same length are different texts.
    """
    shapes = [before.shape for before, _ in pairs if before]
    return len(set(shapes)) < len(shapes)


def _which(root: Root) -> str:
    texts = [pair for pair in root.pairs if either(pair).key.part == root.parts[0]]
    places = [str(place + 1) for place, pair in enumerate(texts) if not same(pair)]
    return f"of {len(texts)} texts that {root.parts[0] or 'it'} encodes: {', '.join(places)}"


def _rows_alone(root: Root) -> bool:
    """Say whether only the number of rows differs: that is for the rule of the batch."""
    return bool(root.reshaped) and all(a.shape[1:] == b.shape[1:] for a, b in root.reshaped)


def _embeddings(findings: Findings, root: Root) -> Iterator[Suspicion]:
    if is_rounding(findings, root):
        return
    encoders = sorted(filter(None, root.parts))
    whole = all(not same(pair) for pair in root.pairs if either(pair).key.part in encoders)
    distance = "" if root.distance is None else f", by a relative distance of {root.distance:.1e}"
    evidence = f"the embeddings differ{distance}, although the token ids are the same"
    if not whole:
        yield Suspicion(Cause.TEXT_ENCODER, POSSIBLE, " and ".join(encoders), (evidence,))
        return
    if any(map(findings.adapted, encoders)):
        yield Suspicion(Cause.LORA, LIKELY, "", (evidence, "adapters are in use"))
    for found in computed_otherwise(Cause.TEXT_ENCODER, findings, root, encoders, evidence):
        words = found.words
        if found.cause is Cause.TEXT_ENCODER:
            words = ", ".join(filter(None, (" and ".join(encoders), found.words)))
        weight = found.weight * _if_together(found.cause, findings, encoders)
        yield replace(found, words=words, weight=weight)


def _if_together(cause: Cause, findings: Findings, encoders: Sequence[str]) -> float:
    """Weigh that several encoders moved at once, although all had the weights they had.

    One switch of the arithmetic does that; weights would have to change twice after loading.
    """
    unchanged = all(findings.same_key(f"model.{each}.sha256") for each in encoders)
    if len(encoders) == 1 or not unchanged:
        return 1.0
    return {Cause.TEXT_ENCODER: 0.25, Cause.MATMUL_PRECISION: 8.0}.get(cause, 1.0)
