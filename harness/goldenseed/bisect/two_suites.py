"""What two suite files say otherwise of the same cases, field by field and file by file.

A mixture of them is made case by case: the good suite's case, with the named fields as the bad
suite has them, and a model folder of links to the files of either.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from goldenseed.bisect.suspects import FIELD, FILE
from goldenseed.core.changes import changed
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.file_digests import FileDigests
from goldenseed.suite.cases import Case, Suite
from goldenseed.suite.inputs import describe_inputs
from goldenseed.suite.model import DIFFUSERS, ModelSpec

_NOT_OF_A_MODEL = frozenset(
    {"source", "folder", "revision", "lines", "backend_line", "device", "allow_pickle"}
)
_WHOLE = ("prompt", "noise", "before", "postprocess")
"""What of a case is one change; its call, inputs and model are one change a key."""
_FOLDER = "model.source"
"""The field that stands for source, folder and revision, where files are not told one by one."""
_SHARD = re.compile(r".*-\d{5}-of-\d{5}\.\w+|.*\.index\.json")


@dataclass(frozen=True)
class TwoSuites:
    """Two suites, and everything in which the chosen cases differ."""

    good: Suite
    bad: Suite
    words: Mapping[str, str] = field(default_factory=dict)
    """By the name of a change (``suite.call.guidance_scale``, ``file.unet/config.json``): what it
    was and is."""
    own: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By the id of a case: the changes that touch it."""
    folders: tuple[Path, Path] | None = None
    """Both model folders, where their files are told one by one."""
    digest: str = ""
    """Of all that differs."""

    @property
    def changes(self) -> tuple[str, ...]:
        """The names of all changes, sorted."""
        return tuple(sorted(self.words))

    def forced(self) -> dict[str, frozenset[str]]:
        """Say which files cannot be parted: shards of one set of weights, and their index."""
        found: dict[str, frozenset[str]] = dict.fromkeys(self.words, frozenset())
        shards = [each for each in self.words if each.startswith(FILE) and _SHARD.fullmatch(each)]
        for each in shards:
            beside = each.rpartition("/")[0]
            alike = (other for other in shards if other.rpartition("/")[0] == beside)
            found[each] = frozenset(alike) - {each}
        return found

    def linked(self, names: Iterable[str], place: Path) -> Path | None:
        """Make a model folder of links, the named files as the bad side has them; None if alike."""
        if self.folders is None:
            return None
        good, bad = map(_files, self.folders)
        taken = {each.removeprefix(FILE) for each in names}
        shutil.rmtree(place, ignore_errors=True)
        for name in sorted({*good, *bad}):
            found = (bad if name in taken else good).get(name)
            if found is not None:
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).symlink_to(found.resolve())
        return place.absolute()


def two_suites(good: Suite, bad: Suite, cases: Iterable[str]) -> TwoSuites:
    """Compare the cases of these ids, which both suites have to have.

    Raises ``GoldenseedError`` where one has none of the id, or a file cannot be read.
    """
    known = {case.id: case for case in good.cases}
    pairs = [(known.get(case.id), case) for case in bad.cases if case.id in set(cases)]
    for old, new in pairs:
        if old is None:
            raise GoldenseedError(
                f"there is no case {new.id}, which {bad.path} has",
                path=good.path,
                fix="name cases that both suites have with --case",
            )
    both = [(old, new) for old, new in pairs if old is not None]
    digests = FileDigests()
    folders = _model_folders(good, bad)
    words: dict[str, str] = {}
    own: dict[str, frozenset[str]] = {}
    everything: list[Any] = []
    files = dict(_differing_files(folders, digests)) if folders else {}
    for old, new in both:
        by_files = folders is not None and has_own_model(old) and has_own_model(new)
        before, after = (described(each, digests, with_folder=not by_files) for each in (old, new))
        differing = [name for name in {**before, **after} if before.get(name) != after.get(name)]
        told = {f"{FIELD}{n}": changed(n, before.get(n), after.get(n)) for n in differing}
        words = {**told, **words, **(files if by_files else {})}
        own[new.id] = frozenset({*told, *(files if by_files else ())})
        everything.append([[name, before.get(name), after.get(name)] for name in differing])
    used = folders if any(name.startswith(FILE) for name in words) else None
    return TwoSuites(good, bad, words, own, used, json_sha256([everything, files]))


def has_own_model(case: Case) -> bool:
    """Whether a case is of its suite's model, and not of another folder or repository."""
    model, own = case.model, case.suite.model
    place = (model.source, model.folder, model.revision)
    return place == (own.source, own.folder, own.revision)


def mixed(good: Case, bad: Case, names: Iterable[str], folder: Path | None = None) -> Case:
    """Return the good suite's case with the named changes made; ``folder`` is the mixed model's."""
    taken = {each.removeprefix(FIELD) for each in names if each.startswith(FIELD)}
    old, new = good.model, bad.model
    model: dict[str, Any] = {
        each.name: getattr(new, each.name)
        for each in fields(ModelSpec)
        if f"model.{each.name}" in taken
    }
    if old.scheduler and new.scheduler and old.scheduler.class_name == new.scheduler.class_name:
        config = _chosen(old.scheduler.config, new.scheduler.config, taken, "model.scheduler.")
        model["scheduler"] = replace(old.scheduler, config=config)
    if _FOLDER in taken:
        model |= {"source": new.source, "folder": new.folder, "revision": new.revision}
    if folder is not None and has_own_model(good) and has_own_model(bad):
        model |= {"source": new.source, "folder": folder, "revision": None}
    determinism = {
        each.name: getattr(bad.suite.determinism, each.name)
        for each in fields(good.suite.determinism)
        if f"determinism.{each.name}" in taken
    }
    suite = replace(good.suite, determinism=replace(good.suite.determinism, **determinism))
    return replace(
        good,
        suite=suite,
        model=replace(old, **model),
        call=_chosen(good.call, bad.call, taken, "call."),
        inputs=_chosen(good.inputs, bad.inputs, taken, "inputs."),
        **{name: getattr(bad, name) for name in _WHOLE if name in taken},
    )


def _chosen(
    good: Mapping[str, Any], bad: Mapping[str, Any], taken: set[str], head: str
) -> dict[str, Any]:
    """Return a mapping of which the taken keys are as the bad side has them, or has them not."""
    sides = {key: bad if f"{head}{key}" in taken else good for key in {**good, **bad}}
    return {key: side[key] for key, side in sides.items() if key in side}


def described(case: Case, digests: FileDigests, *, with_folder: bool) -> dict[str, Any]:
    """Return everything of a suite that decides a case's pixels, flat, files by their digests."""
    model, found = case.model, dict[str, Any]()
    found |= {f"call.{name}": value for name, value in case.call.items()}
    found |= {f"inputs.{name}": each for name, each in describe_inputs(case.inputs).items()}
    found["prompt"] = _plain(case.prompt, digests)
    found["before"] = [each.description for each in case.before]
    found["postprocess"] = [_plain(dict(each.described), digests) for each in case.postprocess]
    found["noise"] = {"kind": case.noise.kind, "sha256": case.noise.sha256}
    for each in fields(ModelSpec):
        if each.name not in {*_NOT_OF_A_MODEL, "scheduler"}:
            found[f"model.{each.name}"] = _plain(getattr(model, each.name), digests)
    if model.scheduler is not None:
        found["model.scheduler"] = model.scheduler.class_name
        config = model.scheduler.config.items()
        found |= {f"model.scheduler.{name}": value for name, value in config}
    if with_folder:
        place = model.folder and _folder_digest(model.folder, digests)
        found[_FOLDER] = [place or model.source, model.revision]
    for each in fields(case.suite.determinism):
        found[f"determinism.{each.name}"] = getattr(case.suite.determinism, each.name)
    return found


def _plain(value: Any, digests: FileDigests) -> Any:
    """Return a value of a suite as JSON, where a file or folder counts by what is in it."""
    if isinstance(value, Path):
        return _folder_digest(value, digests) if value.is_dir() else digests.sha256(value)
    if is_dataclass(value) and not isinstance(value, type):
        names = (each.name for each in fields(value) if each.name not in {"line", "lines"})
        return {name: _plain(getattr(value, name), digests) for name in names}
    if isinstance(value, Mapping):
        return {str(key): _plain(each, digests) for key, each in value.items()}
    if isinstance(value, tuple | list | frozenset | set):
        return [_plain(each, digests) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else repr(value)


def _model_folders(good: Suite, bad: Suite) -> tuple[Path, Path] | None:
    """Return where both models lie, where both are of diffusers and lie on this machine."""
    from goldenseed.backends.diffusers.places import local_folder

    models = (good.model, bad.model)
    if any(each.backend != DIFFUSERS or each.factory or each.server for each in models):
        return None
    one, other = (local_folder(each.model, each.path) for each in (good, bad))
    return None if one.resolve() == other.resolve() else (one, other)


def _files(folder: Path) -> dict[str, Path]:
    """Return the files of a model that may take part in images, by their place."""
    found = ((each.relative_to(folder), each) for each in sorted(folder.rglob("*")))
    return {
        place.as_posix(): each
        for place, each in found
        if each.is_file()
        and each.suffix != ".md"
        and not any(part.startswith(".") for part in place.parts)
    }


def _folder_digest(folder: Path, digests: FileDigests) -> str:
    return json_sha256({name: digests.sha256(each) for name, each in _files(folder).items()})


def _differing_files(folders: tuple[Path, Path], digests: FileDigests) -> Iterator[tuple[str, str]]:
    good, bad = map(_files, folders)
    for name in sorted({*good, *bad}):
        old, new = (digests.sha256(each[name]) if name in each else None for each in (good, bad))
        if old != new:
            yield f"{FILE}{name}", changed(name, old, new)
