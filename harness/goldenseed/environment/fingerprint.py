"""All that is known of where a run happened (no host, user, path, serial number); differences."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from goldenseed.core.files import canonical_json, json_sha256
from goldenseed.environment.device import module_of
from goldenseed.environment.gpu import read_gpu
from goldenseed.environment.keys import (
    ENGINE_KEY,
    VERSION,
    VERSION_KEY,
    EnvironmentValue,
    Key,
    Kind,
    Moves,
    Scope,
    declaration_of,
    guarded,
    kind_of,
)
from goldenseed.environment.machine import read_linked_libraries, read_machine, read_software
from goldenseed.environment.switches import read_switches

__all__ = ["EnvironmentValue", "fingerprint_sha256", "read_fingerprint"]


def read_fingerprint(device: str, *, passing: bool = False) -> dict[str, EnvironmentValue]:
    """Read the environment as it is now, in milliseconds, for a device such as ``cuda:0``.

    Switches are read as they are in force. What is one card's alone or this hour's is there only
    with ``passing``; what cannot be read is ``unreadable: …``, a package that is not there None.
    """
    found = dict(sorted(_read(device)))
    return found if passing else lasting(found)


def lasting(fingerprint: Mapping[str, EnvironmentValue]) -> dict[str, EnvironmentValue]:
    """Return what is kept of a fingerprint: all but the passing."""
    return {key: value for key, value in fingerprint.items() if kind_of(key) is not Kind.PASSING}


def fingerprint_sha256(fingerprint: Mapping[str, EnvironmentValue]) -> str:
    """Digest what is kept of a fingerprint: SHA-256 of its canonical JSON, its name in a store."""
    return json_sha256(lasting(fingerprint))


def _read(device: str) -> Iterator[tuple[str, EnvironmentValue]]:
    kind = device.partition(":")[0]
    cuda = kind == "cuda"
    yield VERSION_KEY, VERSION
    yield "device.type", kind
    yield from read_machine()
    yield from read_software(cuda=cuda)
    if importlib.util.find_spec("torch") is not None:
        yield from read_switches(cuda=cuda)
        yield from read_linked_libraries()
        if cuda:
            yield from read_gpu(device)
        elif kind != "cpu":
            yield "gpu.name", guarded(lambda: module_of(kind).get_device_name(device))


Value = str | int | float | bool | None
_WEIGHTS = re.compile(r"model\.([^.]+)\.sha256")


@dataclass(frozen=True, slots=True)
class KeyDifference:
    """One key whose values differ."""

    key: str
    kind: Kind
    old: Value
    """None where the key was absent."""
    new: Value
    """None where the key is absent."""


def environment_differences(
    old: Mapping[str, Value], new: Mapping[str, Value]
) -> tuple[KeyDifference, ...]:
    """Name the keys in which two fingerprints differ, by kind (identity first), then by name.

    Absent equals None, but for what an older record cannot tell of: that differs in nothing. 5 and
    5.0 are one value, 1 and true two, as in digests; the passing is left out, and of two digests
    of weights the one that depends on how their names are spelled.
    """
    order = list(Kind)
    differing = [
        KeyDifference(key, kind_of(key), old.get(key), new.get(key))
        for key in lasting(old).keys() | lasting(new).keys()
        if canonical_json(old.get(key)) != canonical_json(new.get(key))
        and not _is_of_other_code(old, new, key)
        and not any(_is_unknown(key, each) for each in (old, new))
        and not all(weights_key(key) in each for each in (old, new))
    ]
    return tuple(sorted(differing, key=lambda each: (order.index(each.kind), each.key)))


_BYTECODE = 3
"""The version of fingerprints from which on foreign functions are known by their source."""
_CODE = re.compile(r"@s?[0-9a-f]{8}")


def _is_of_other_code(old: Mapping[str, Value], new: Mapping[str, Value], key: str) -> bool:
    """Say whether two values differ in digests of code alone, of which an older one is of bytecode.

    What holds such digests as a digest itself tells nothing then.
    """
    versions = [_version(each) for each in (old, new)]
    if all(each >= _BYTECODE for each in versions) or all(each < _BYTECODE for each in versions):
        return False
    if key.endswith(".processors_sha256"):
        return True
    values = (old.get(key), new.get(key))
    return all(isinstance(each, str) for each in values) and (
        _CODE.sub("", str(values[0])) == _CODE.sub("", str(values[1])) and "@" in str(values[0])
    )


def weights_key(key: str) -> str:
    """Return the key that takes the place of ``key`` where it is there; "" for most keys."""
    match = _WEIGHTS.fullmatch(key)
    return f"model.{match[1]}.weights_sha256" if match else ""


def _is_unknown(key: str, environment: Mapping[str, Value]) -> bool:
    """Say whether the key's absence says nothing: the record is older, or no call was watched.

    Nor does it where another engine made the image, which says of itself what it likes.
    """
    if key in environment:
        return False
    if ENGINE_KEY in environment:
        return True
    declared = declaration_of(key)
    later = declared is not None and declared.since > _version(environment)
    return key.startswith("call.") or later


def _version(environment: Mapping[str, Value]) -> int:
    """Return which keys a fingerprint could have; what is no version is that of the oldest."""
    found = environment.get(VERSION_KEY)
    return found if isinstance(found, int) else 1


def moving_differences(
    old: Mapping[str, Value], new: Mapping[str, Value]
) -> tuple[KeyDifference, ...]:
    """Name the numeric keys that differ and can move pixels where the images are made.

    On a GPU another processor, or other threads of it, move none: what it draws there (the initial
    noise) depends on ``cpu.capability``, which the profile counts, and what it computes there (the
    scheduler's tables, a model's buffers) has digests of its own among the keys.
    """
    # What does not say where its images were made may have made them on the CPU.
    on_cpu = any(each.get("device.type", "cpu") == "cpu" for each in (old, new))
    return tuple(
        each
        for each in environment_differences(old, new)
        if each.kind is Kind.NUMERIC and (on_cpu or not _is_of_cpu(each.key))
    )


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is on record of why two images may differ."""

    substance: tuple[KeyDifference, ...]
    """What makes another image of it: no rounding, whatever else differs."""
    rounding: tuple[KeyDifference, ...]
    """What can move rounding."""


def recorded(old: Mapping[str, Value], new: Mapping[str, Value]) -> Recorded:
    """Part what differs between two fingerprints by how it moves the bits of an image.

    Neither a key of which only one of them tells, without saying that there is none, nor one that
    follows from others that differ, is evidence of another substance, as long as something that
    moves rounding differs too; where nothing does, it is what has changed.
    """
    differing = environment_differences(old, new)
    names = {each.key for each in differing}
    moving = {each.key for each in moving_differences(old, new)}
    found: dict[Moves, list[KeyDifference]] = {moves: [] for moves in Moves}
    for each in differing:
        declared = declaration_of(each.key)
        if declared is None or each.kind not in {Kind.IDENTITY, Kind.NUMERIC}:
            continue
        moves = _moves(each, declared, names, one_sided=each.key not in old or each.key not in new)
        if moves is not Moves.ROUNDING or each.kind is Kind.IDENTITY or each.key in moving:
            found[moves].append(each)
    rounding = tuple(found[Moves.ROUNDING])
    alone = () if rounding else found[Moves.NEITHER]
    return Recorded((*found[Moves.SUBSTANCE], *alone), rounding)


def _moves(difference: KeyDifference, key: Key, differing: set[str], *, one_sided: bool) -> Moves:
    """Return how a difference in ``key`` moves bits, its values and the others considered."""
    if difference.key.rpartition(".")[2] in key.bystanders:
        return Moves.NEITHER
    if key.moves is not Moves.SUBSTANCE:
        return key.moves
    if key.alike and key.alike(str(difference.old), str(difference.new)):
        return Moves.ROUNDING
    told = not one_sided or key.since > 1 or key.scope is Scope.CALL
    return Moves.NEITHER if not told or not differing.isdisjoint(key.follows) else Moves.SUBSTANCE


def _is_of_cpu(key: str) -> bool:
    declared = declaration_of(key)
    return declared is not None and declared.of_cpu
