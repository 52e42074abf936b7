"""The back ends by name: this package's own, and those of other packages by their entry points."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldenseed.backends.postprocessed import Postprocessing
from goldenseed.backends.protocol import Generation, GenerationError, Settings
from goldenseed.backends.safety import check_safety
from goldenseed.core.elements import MOST, TENSOR_MODES, kind_of
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.fingerprint import read_fingerprint
from goldenseed.suite.model import DIFFUSERS
from goldenseed.suite.server import SERVER

if TYPE_CHECKING:
    from goldenseed.backends.protocol import Backend
    from goldenseed.core.elements import Content
    from goldenseed.environment.fingerprint import EnvironmentValue
    from goldenseed.suite.cases import Case

GROUP = "goldenseed.backends"
"""The entry points of back ends; each names what makes one, given the ``Settings``."""

MODES = ("L", "RGB", "RGBA")
"""The modes an image may have."""

_REPAIR = "repair or remove that package"


def diffusers(settings: Settings) -> Backend:
    """Make the back end of this package."""
    from goldenseed.backends.diffusers.backend import DiffusersBackend

    return DiffusersBackend(
        device=settings.device,
        gpu_index=settings.gpu_index,
        progress=settings.progress,
        trace=settings.trace,
        layers=settings.layers,
        verify_files=settings.verify_files,
        prepare=settings.prepare,
        exact=settings.exact,
    )


def server(settings: Settings) -> Backend:
    """Make the back end that asks servers."""
    from goldenseed.backends.server.backend import ServerBackend

    return ServerBackend(settings)


BUILT_IN = tuple(EntryPoint(name, f"{__name__}:{name}", GROUP) for name in (DIFFUSERS, SERVER))
"""Known also where this package is not installed, but only on the path."""


def look_up(
    name: str, path: Path | None = None, line: int | None = None
) -> Callable[[Settings], Any]:
    """Return what makes the back end ``name``, or say at ``path`` and ``line`` why nothing does."""
    own = {each.value for each in BUILT_IN}
    known = (*BUILT_IN, *(each for each in entry_points(group=GROUP) if each.value not in own))
    found = list({each.value: each for each in known if each.name == name}.values())
    if not found:
        names = ", ".join(sorted({each.name for each in known}))
        what, fix = f"there is no back end {name!r}", f"use one of {names}"
        raise GoldenseedError(f"{what} here", path=path, line=line, fix=f"{fix}, or install it")
    if len(found) > 1:
        what = f"{len(found)} packages offer a back end {name!r}: {', '.join(map(_origin, found))}"
        raise GoldenseedError(what, path=path, line=line, fix="remove all but one of them")
    (entry,) = found
    try:
        make = entry.load()
    except Exception as error:  # other people's code, raising what it likes
        what = f"{_named(entry)} cannot be loaded: {_in_words(error)}"
        raise GoldenseedError(what, path=path, line=line, fix=_REPAIR) from error
    if not callable(make):
        what = f"{_named(entry)} is a {type(make).__name__}, which makes no back end"
        raise GoldenseedError(what, path=path, line=line, fix=_REPAIR)
    return make  # type: ignore[no-any-return]  # whatever it returns is looked at when it is made


def _origin(entry: EntryPoint) -> str:
    package = f"{entry.dist.name} {entry.dist.version} " if entry.dist else ""
    return f"{package}({entry.value})"


def _named(entry: EntryPoint) -> str:
    return f"the back end {entry.name!r} of {_origin(entry)}"


def _plain(key: object, value: object) -> bool:
    finite = not isinstance(value, float) or math.isfinite(value)
    return isinstance(key, str) and finite and isinstance(value, str | int | float | None)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


class Backends:
    """Makes images with the back end that each suite names, one model at most, each guarded."""

    def __init__(self, settings: Settings) -> None:
        from goldenseed.backends.language.writing import PromptWriter

        self._settings = settings
        self._made: dict[str, _Guarded] = {}
        self._current: _Guarded | None = None
        self._case: Case | None = None
        self._prompts = PromptWriter(settings)
        self._postprocessing = Postprocessing(settings)

    def load(self, case: Case) -> float:
        """Make the case's model ready, and the prompts that a language model writes for it."""
        writing = self._prompts.write(case, self.close)
        return writing + self._of(case).load(self._prompts.prompted(case))

    def generate(self, case: Case) -> Generation:
        """Make the case's image, its prompt written before and its post-processing done after."""
        self._prompts.write(case, self.close)
        made = self._of(case).generate(self._prompts.prompted(case))
        check_safety(case, made)
        return self._postprocessing.applied(case, self._prompts.completed(case, made))

    def surroundings(self, case: Case) -> Mapping[str, EnvironmentValue]:
        """Return what is known before the model is loaded: see ``Backend.surroundings``."""
        found = self._prompts.surroundings(case, self._of(case).surroundings(case))
        return self._postprocessing.surroundings(case, found)

    def fingerprint(self) -> Mapping[str, EnvironmentValue]:
        """Return where the latest images are made: see ``Backend.fingerprint``."""
        if self._current is None:
            raise GoldenseedError("no model is loaded", fix="load a case's model first")
        found = self._prompts.surroundings(self._case, self._current.fingerprint())
        return self._postprocessing.surroundings(self._case, found)

    def close(self) -> None:
        """Free the model and its memory: see ``Backend.close``."""
        self._postprocessing.close()
        if self._current is not None:
            self._current.close()

    def _of(self, case: Case) -> _Guarded:
        """Return the case's back end; the model of another one is freed first."""
        model = case.model
        if model.backend not in self._made:
            make = look_up(model.backend, case.suite.path, model.backend_line)
            self._made[model.backend] = _Guarded(model.backend, make, self._settings)
        wanted, self._case = self._made[model.backend], case
        if self._current is not wanted:
            self.close()
            self._current = wanted
        return wanted


class _Guarded:
    """One back end, completed and looked after."""

    def __init__(self, name: str, make: Callable[[Settings], Any], settings: Settings) -> None:
        self._name = name
        self._inner = self._asked("made", lambda: make(settings))
        if not callable(getattr(self._inner, "generate", None)):
            raise self._refusal(f"is a {type(self._inner).__name__} without generate(case)")
        self._case: Case | None = None
        self._environment: Mapping[str, EnvironmentValue] | None = None

    def load(self, case: Case) -> float:
        self._case = case
        began = time.perf_counter()
        seconds = self._asked("load", self._verb("load"), case)
        return time.perf_counter() - began if seconds is None else self._number("load", seconds)

    def generate(self, case: Case) -> Generation:
        from PIL.Image import Image

        self._case = case
        made = self._asked("generate", self._inner.generate, case)
        if not isinstance(made, Generation):
            raise self._refusal(f"returned a {type(made).__name__}, not a goldenseed.Generation")
        if made.elements:
            self._check_elements(made)
            return self._completed(made, *(each.content for each in made.elements))
        image = made.image
        if not isinstance(image, Image) or image.mode not in MODES or 0 in image.size:
            found = repr(image) if isinstance(image, Image) else f"a {type(image).__name__}"
            error = self._refusal(f"returned {found}, not an image of mode {', '.join(MODES)}")
            error.code = "unusable_image"
            raise error
        return self._completed(made, image)

    def _completed(self, made: Generation, *pictures: Content) -> Generation:
        """Check what stands beside the pictures, and let the recording end in them."""
        self._number("generate", made.seconds)
        if made.recording is None:
            return made
        if not hasattr(made.recording, "ending_in"):
            kind = type(made.recording).__name__
            raise self._refusal(f"returned a {kind} as its recording, not one of record_stages()")
        return replace(made, recording=made.recording.ending_in(*pictures))

    def _check_elements(self, made: Generation) -> None:
        """Check that every element is a picture or an array of floats, with a name of its own."""
        names = {each.name for each in made.elements}
        if made.image is not None or len(names) < len(made.elements) or len(names) > MOST:
            raise self._refusal(
                f"returned {len(made.elements)} elements with {len(names)} names, and "
                f"{'an image beside them' if made.image is not None else 'no image'}"
            )
        for each in made.elements:
            pixels = hasattr(each.content, "tobytes") and hasattr(each.content, "size")
            size, mode = kind_of(each.content) if pixels else ((0, 0), "")
            if 0 in size or mode not in (*MODES, *TENSOR_MODES):
                kind = f"{type(each.content).__name__} of {mode or 'no mode'}"
                error = self._refusal(f"returned as {each.name} a {kind}, no picture or floats")
                error.code = "unusable_image"
                raise error

    def surroundings(self, case: Case) -> Mapping[str, EnvironmentValue]:
        self._case = case
        ask = getattr(self._inner, "surroundings", None)
        return self._here() if ask is None else self._read("surroundings", ask, case)

    def fingerprint(self) -> Mapping[str, EnvironmentValue]:
        """Return the same object as long as nothing of it changes, whatever the back end does."""
        ask = getattr(self._inner, "fingerprint", None)
        if ask is None and self._environment is not None:
            return self._environment
        found = self._here() if ask is None else self._read("fingerprint", ask)
        if found is not self._environment and found != self._environment:
            self._environment = found
        assert self._environment is not None  # noqa: S101 - set just now
        return self._environment

    def close(self) -> None:
        self._asked("close", self._verb("close"))

    def _here(self) -> Mapping[str, EnvironmentValue]:
        """Describe this process, for a back end that computes in it and says nothing else."""
        return read_fingerprint("cpu")

    def _verb(self, name: str) -> Callable[..., Any]:
        return getattr(self._inner, name, None) or (lambda *_: None)

    def _asked(self, verb: str, ask: Callable[..., Any], *given: object) -> Any:
        """Call other people's code; what it raises becomes an error that names it."""
        try:
            return ask(*given)
        except GoldenseedError:
            raise
        except Exception as error:
            what = f"the back end {self._name!r} raised {_in_words(error)} ({verb})"
            fix = "see its traceback with pytest --tb=long; repair that package, or the case's call"
            raise GenerationError(what, fix=fix) from error

    def _read(
        self, verb: str, ask: Callable[..., Any], *given: object
    ) -> Mapping[str, EnvironmentValue]:
        found = self._asked(verb, ask, *given)
        if found is self._environment and found is not None:  # looked at already
            return found
        if isinstance(found, Mapping) and all(map(_plain, found, found.values())):
            return found
        raise self._refusal(f"returned no mapping of names to plain values from {verb}()")

    def _number(self, verb: str, seconds: object) -> float:
        if isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0:
            return float(seconds)
        raise self._refusal(f"returned {seconds!r} as the seconds of {verb}()")

    def _refusal(self, what: str) -> GenerationError:
        return GenerationError(f"the back end {self._name!r} {what}", fix=_REPAIR)
