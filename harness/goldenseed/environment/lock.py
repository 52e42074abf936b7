"""The lock of a suite: which values of its environment are pinned, and what differs, in words."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import (
    canonical_json,
    json_sha256,
    pretty_json,
    read_json,
    write_atomically,
)
from goldenseed.environment.keys import UNREADABLE, EnvironmentValue, Scope, declaration_of

SCHEMA_VERSION: Final = 1
BEFORE_LOADING: Final = frozenset({Scope.PROCESS, Scope.CPU, Scope.GPU, Scope.FILES})
"""What a lock says of these can be checked before a model is loaded."""
_OF_A_MODEL: Final = frozenset({Scope.FILES, Scope.LOADED})
_LIMIT_BYTES = 2**24


class Lock(BaseModel):
    """The document ``<suite>.lock.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_version: Literal[1] = SCHEMA_VERSION
    suite: str
    keys: dict[str, EnvironmentValue]
    """Key to the value it must have; None where it must have none."""
    models: dict[str, dict[str, EnvironmentValue]] | None = None
    """Of a suite with several models: what each of the others has otherwise, by its first case."""
    sha256: str
    """The digest of all the rest, so that an edit by hand is noticed."""

    def of(self, model: str | None) -> Lock:
        """Return the lock of one model, by its first case; None for the suite's own."""
        own = (self.models or {}).get(model or "", {})
        return self.model_copy(update={"keys": {**self.keys, **own}}) if own else self


class LockDifference(BaseModel):
    """One locked key of a suite whose value is not the locked one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    suite: str
    key: str
    expected: EnvironmentValue
    """None where the key must have no value, or the file must not be there."""
    found: EnvironmentValue


def lockable(environment: Mapping[str, EnvironmentValue]) -> dict[str, EnvironmentValue]:
    """Return what a lock pins of an environment: nothing of the machine, nothing unreadable.

    Keys that only a GPU has are pinned where a GPU was used, and count only on machines with one,
    as switches whose default is another on a GPU are pinned and count where the CPU was used, so
    that one lock serves all machines.
    """
    elsewhere = _not_counted(environment)
    return {
        key: value
        for key, value in sorted(environment.items())
        if _is_locked(key) and not _is_unreadable(value) and _scope(key) not in elsewhere
    }


def write_lock(
    path: Path,
    suite: str,
    environment: Mapping[str, EnvironmentValue],
    others: Mapping[str, Mapping[str, EnvironmentValue]] | None = None,
) -> Lock:
    """Write the lock of ``suite``, where pins of devices that are not in use stay; return it.

    ``others`` are the environments of its other models, by the id of the first case of each.
    """
    keys = {**_pins(path, suite, _not_counted(environment)), **lockable(environment)}
    models = {name: _otherwise(keys, lockable(each)) for name, each in (others or {}).items()}
    lock = Lock(suite=suite, keys=keys, models=models or None, sha256="")
    lock = lock.model_copy(update={"sha256": _digest_of(lock)})
    write_atomically(path, pretty_json(lock.model_dump(exclude=_unsaid(lock))))
    return lock


def _otherwise(
    keys: Mapping[str, EnvironmentValue], other: Mapping[str, EnvironmentValue]
) -> dict[str, EnvironmentValue]:
    """Return what ``other`` has that is not in ``keys``; None for what it has not."""
    absent = {key: None for key in keys if key not in other and _scope(key) in _OF_A_MODEL}
    return {**absent, **{k: v for k, v in other.items() if k not in keys or keys[k] != v}}


def _digest_of(lock: Lock) -> str:
    return json_sha256(lock.model_dump(exclude={"sha256", *_unsaid(lock)}))


def _unsaid(lock: Lock) -> set[str]:
    return set() if lock.models else {"models"}


def read_lock(path: Path, suite: str) -> Lock:
    """Read the lock; raises if missing, damaged, edited, another suite's or another version's."""
    again = "write it again: goldenseed lock SUITE"
    if not path.exists():
        raise GoldenseedError("the suite's lock is missing", path=path, fix=again)
    document = read_json(path, _LIMIT_BYTES)
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise GoldenseedError(
            f"the lock has schema version {version!r}; this release reads {SCHEMA_VERSION}",
            path=path,
            fix=again,
        )
    try:
        lock = Lock.model_validate(document)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise GoldenseedError(f"{where}: {problem['msg']}", path=path, fix=again) from None
    if _digest_of(lock) != lock.sha256:
        raise GoldenseedError(
            "the lock was edited by hand: its sha256 does not fit its content",
            path=path,
            fix=f"restore it from version control, or {again}",
        )
    if lock.suite != suite:
        raise GoldenseedError(
            f"this is the lock of the suite {lock.suite!r}, not of {suite!r}", path=path, fix=again
        )
    return lock


def lock_differences(
    lock: Lock,
    environment: Mapping[str, EnvironmentValue],
    scopes: Collection[Scope] = tuple(Scope),
) -> tuple[LockDifference, ...]:
    """Name the locked keys of ``scopes`` whose values are not the locked ones, sorted.

    A key that the lock does not know counts only if it is a file of the model: a later release may
    declare more keys, and must not break the locks of an earlier one by that.
    """
    counted = set(scopes) - _not_counted(environment)
    new_files = {key for key in environment if _scope(key) is Scope.FILES and _is_locked(key)}
    keys = lock.keys.keys() | (new_files if Scope.FILES in counted else set())
    return tuple(
        LockDifference(
            suite=lock.suite,
            key=key,
            expected=lock.keys.get(key),
            found=environment.get(key),
        )
        for key in sorted(keys)
        if _scope(key) in {*counted, None}
        and canonical_json(lock.keys.get(key)) != canonical_json(environment.get(key))
    )


def _not_counted(environment: Mapping[str, EnvironmentValue]) -> set[Scope]:
    """Name what belongs to other devices; of GPUs it is CUDA's software alone that is pinned."""
    own = {"cpu": {Scope.CPU}, "cuda": {Scope.GPU}}
    return {Scope.CPU, Scope.GPU} - own.get(str(environment.get("device.type", "cpu")), set())


def _pins(path: Path, suite: str, scopes: Collection[Scope]) -> dict[str, EnvironmentValue]:
    """Return what the lock that stands at ``path`` pins of ``scopes``; nothing if unusable."""
    try:
        keys = read_lock(path, suite).keys
    except GoldenseedError:
        return {}
    return {key: value for key, value in keys.items() if _scope(key) in scopes}


def _scope(key: str) -> Scope | None:
    declared = declaration_of(key)
    return declared.scope if declared else None


def _is_locked(key: str) -> bool:
    declared = declaration_of(key)
    return declared is not None and declared.locked


def _is_unreadable(value: EnvironmentValue) -> bool:
    return isinstance(value, str) and value.startswith(UNREADABLE)


MOST_ROWS = 40
"""Rows of a table; more say no more."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_DIGEST_SHOWN = 12
_LONGEST_VALUE = 60


def lock_table(differences: Sequence[LockDifference]) -> list[str]:
    """Lay differences out as lines of a table: key, expected, found."""
    rows = [
        (each.key, value_in_words(each.expected), value_in_words(each.found))
        for each in differences[:MOST_ROWS]
    ]
    head = ("key", "expected", "found")
    wide, middle = (max(len(row[column]) for row in (head, *rows)) for column in (0, 1))
    lines = [f"{a:<{wide}}  {b:<{middle}}  {c}" for a, b, c in (head, *rows)]
    if len(differences) > MOST_ROWS:
        lines.append(f"… and {len(differences) - MOST_ROWS} more")
    return lines


def value_in_words(value: EnvironmentValue) -> str:
    """Write a value for people: a digest shortened, None as a dash."""
    if value is None:
        return "-"
    text = str(value)
    if _DIGEST.fullmatch(text):
        return f"{text[:_DIGEST_SHOWN]}…"
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
