"""Records of text that feed nothing: they are left out before two traces are laid side by side.

A tokenizer is called to count tokens, and a prompt is encoded once more for a check. A prompt that
is cut off at the tokenizer's limit has other ids there, and the encoders get the same ones.
"""

from __future__ import annotations

from goldenseed.trace.distances import same
from goldenseed.trace.stages import Stage, StageName, StageRecord, Trace

_ByName = dict[StageName, StageRecord]


def idle(accepted: Trace, present: Trace) -> frozenset[StageName]:
    """Return the token ids and embeddings that differ and of which nothing is made.

    Token ids are, where the embeddings are on record on both sides and none of them differs;
    embeddings of one side alone, where they are a repetition of others on record.
    """
    before, now = ({each.key: each for each in trace} for trace in (accepted, present))
    repeated = frozenset(_repeated(before, now))
    embeddings = {
        key for key in before.keys() | now.keys() if key.stage is Stage.PROMPT_EMBEDDINGS
    } - repeated
    if not embeddings or not all(same((before.get(key), now.get(key))) for key in embeddings):
        return repeated
    ids = {
        key
        for key in before.keys() | now.keys()
        if key.stage is Stage.TOKEN_IDS and not same((before.get(key), now.get(key)))
    }
    return repeated | ids


def _repeated(before: _ByName, now: _ByName) -> set[StageName]:
    """Return embeddings that one side has once more than the other."""
    found = set()
    for one, other in ((before, now), (now, before)):
        known = {(key.source, each.sha256) for key, each in other.items() if _is_embedding(key)}
        found |= {
            key
            for key, each in one.items()
            if _is_embedding(key) and key not in other and (key.source, each.sha256) in known
        }
    return found


def _is_embedding(key: StageName) -> bool:
    return key.stage is Stage.PROMPT_EMBEDDINGS
