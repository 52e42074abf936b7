"""What is known of a prompt that a language model wrote otherwise: from which token on, and why."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from goldenseed.core.changes import changed
from goldenseed.diagnosis.evidence import Findings
from goldenseed.diagnosis.model import Cause
from goldenseed.diagnosis.places import Place, Root
from goldenseed.diagnosis.suspicion import RECORDED, SHOWN, Suspicion
from goldenseed.trace.distances import either, same
from goldenseed.trace.written import TOLD, WrittenPrompt

_FILES: Final = "language_model_file."
_PACKAGES: Final = ("package.transformers", "package.tokenizers", "package.torch")


def writer(findings: Findings, root: Root) -> Iterator[Suspicion]:
    """Explain that a language model wrote another prompt, by what is on record as changed of it."""
    before, now = findings.sides.accepted.written, findings.sides.present.written
    another = before is not None and now is not None and before.token_ids != now.token_ids
    if root.place is not Place.WRITTEN and not (root.place is Place.ANYWHERE and another):
        return
    changes, keys = _changes(findings)
    told = any(either(pair).source == TOLD for pair in root.pairs if not same(pair))
    parted = [*_parted(before, now)]
    evidence = parted[1:]
    if told:
        evidence.append("it was told other token ids: the template, or its tokenizer, is another")
    elif root.pairs:
        evidence.append("it was told the same token ids")
    because = ", ".join(changes) or (
        "nothing on record of it differs: rounding can tip which of two tokens is the likelier"
    )
    where = parted[0] if parted else "other tokens"
    words = f"{where}, because {because}" if changes else f"{where}; {because}"
    weight = RECORDED if changes else SHOWN / 4
    yield Suspicion(Cause.LANGUAGE_MODEL, weight, words, tuple(evidence), tuple(keys))


def _parted(before: WrittenPrompt | None, now: WrittenPrompt | None) -> Iterator[str]:
    """Yield at which token two prompts part, and then both texts."""
    if before is None or now is None or before.token_ids == now.token_ids:
        return
    pairs = zip(before.token_ids, now.token_ids, strict=False)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    yield f"first differing token at {alike + 1} of {len(now.token_ids)}"
    yield f"accepted: {before.text!r}; now: {now.text!r}"


def _changes(findings: Findings) -> tuple[list[str], list[str]]:
    """Return what differs of a language model, in words, and the keys that say so."""
    fields = [
        each.removeprefix("prompt.") for each in findings.fields if each.startswith("prompt.")
    ]
    found = [f"its {each} differs" for each in fields]
    keys = [each for each in findings.keys if each.startswith(_FILES)]
    kinds = dict.fromkeys(map(_kind, keys))
    found += [
        f"its {each} differ" if each == "weights" else f"its {each} differs" for each in kinds
    ]
    for key in _PACKAGES:
        if key in findings.keys:
            keys.append(key)
            each = findings.keys[key]
            found.append(changed(key.removeprefix("package."), each.old, each.new))
    return found, keys


def _kind(key: str) -> str:
    """Call a file of a language model by what it holds."""
    name = key.rpartition("/")[2]
    if name.endswith(".safetensors"):
        return "weights"
    if "chat_template" in name:
        return "chat template"
    texts = ("token", "vocab", "merges", "spiece")
    return "tokenizer" if any(each in name for each in texts) else "configuration"
