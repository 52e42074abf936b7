"""Running the steps of cases: each prepared once, each tried twice on its first picture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.environment.keys import EnvironmentValue, guarded, package_version
from goldenseed.postprocess.function import OwnStep
from goldenseed.postprocess.opencv import OPENCV
from goldenseed.postprocess.pillow import OF_COLOURS, PILLOW
from goldenseed.postprocess.upscale import Upscaler, weights_sha256

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.suite.cases import Case, Suite
    from goldenseed.suite.postprocess import StepSpec

Picture = Callable[["Image"], "Image"]


class Steps:
    """Runs the steps of cases in this process; holds what they load."""

    def __init__(self, device_of: Callable[[Case], str]) -> None:
        self._device_of = device_of
        self._prepared: dict[str, Callable[[Image, Case], Image]] = {}
        self._repeated: set[str] = set()

    def run(self, case: Case, image: Image) -> Iterator[tuple[str, Image]]:
        """Yield each step's label and the picture it made, in order.

        The first picture that a step is given in this process it is given twice.

        Raises:
            GoldenseedError: a step cannot be prepared, refuses the picture, raises, or makes two
                pictures of one; it is named, with its line.

        """
        for step in case.postprocess:
            key = json_sha256(dict(step.described)) + str(step.file) + str(case.suite.path.parent)
            try:
                if key not in self._prepared:
                    self._prepared[key] = self._prepare(step, case)
                made = self._prepared[key](image, case)
                if key not in self._repeated:
                    _check_same(made, self._prepared[key](image, case))
                    self._repeated.add(key)
            except GoldenseedError as error:
                raise _of_step(error, step, case) from error
            except Exception as error:  # whatever a library raises over a picture or a file
                first = str(error).partition("\n")[0]
                raised = GoldenseedError(
                    f"{step.library} raised {type(error).__name__}: {first}",
                    fix="see that it can be done to a picture of this size, and that its files "
                    "are whole",
                )
                raise _of_step(raised, step, case) from error
            yield step.label, made
            image = made

    def close(self) -> None:
        """Let go of what the steps have loaded."""
        self._prepared.clear()

    def _prepare(self, step: StepSpec, case: Case) -> Callable[[Image, Case], Image]:
        if step.function is not None:
            own = OwnStep(step.function, case.suite.path)
            return lambda image, _: own(image)
        if step.model is not None:
            upscaler = Upscaler(step.model.folder, self._device_of(case))
            return lambda image, case: upscaler.applied(image, case.suite.determinism)
        made = (OPENCV if step.library == "opencv" else PILLOW)[step.kind]
        known: Picture = lambda picture: made(picture, step)  # noqa: E731
        if step.kind in OF_COLOURS:
            return lambda image, _: _colours_alone(image, known)
        return lambda image, _: known(image)


def _colours_alone(image: Image, made: Picture) -> Image:
    """Leave the transparency of a picture as it is."""
    if image.mode != "RGBA":
        return made(image)
    coloured = made(image.convert("RGB"))
    coloured.putalpha(image.getchannel("A"))
    return coloured


def _check_same(once: Image, again: Image) -> None:
    same = (once.mode, once.size) == (again.mode, again.size)
    if not same or once.tobytes() != again.tobytes():
        raise GoldenseedError(
            "it is not deterministic: of one picture it made two, run twice",
            fix="let it draw its numbers from a generator that it seeds itself, from its arguments",
        )


def _of_step(error: GoldenseedError, step: StepSpec, case: Case) -> GoldenseedError:
    where = "" if error.path is None or error.path == case.suite.path else f" ({error.path})"
    return GoldenseedError(
        f"the post-processing step `{step.label}`: {error.what}{where}",
        path=case.suite.path,
        line=step.line,
        fix=error.fix,
    )


def check_libraries(suite: Suite) -> None:
    """Refuse a suite with a step whose library is not installed; raises ``GoldenseedError``."""
    if "cv2" in sys.modules or find_spec("cv2") is not None:
        return
    for template in suite.templates:
        for step in template.postprocess:
            if step.library == "opencv":
                raise GoldenseedError(
                    f"`{step.label}` is computed by OpenCV, which is not installed",
                    path=suite.path,
                    line=step.line,
                    fix="install goldenseed[opencv], or use `library: pillow`",
                )


def described(steps: Sequence[StepSpec]) -> Mapping[str, EnvironmentValue]:
    """Return the keys of the fingerprint that say what these steps compute with."""
    found: dict[str, EnvironmentValue] = {}
    for step in steps:
        found |= {
            f"postprocess.{name}": guarded(read) for name, read in _libraries(step, _codec(step))
        }
        if step.model is not None:
            weights = partial(weights_sha256, step.model.folder)
            found[f"postprocess.{step.label}.weights_sha256"] = guarded(weights)
    return found


def _codec(step: StepSpec) -> str | None:
    named = {"jpeg": "libjpeg_turbo", "webp": "webp"}
    if step.kind == "watermark" and "text" in step.described:
        return "freetype2"
    return named.get(str(step.described.get("format")))


def _libraries(step: StepSpec, codec: str | None) -> Iterator[tuple[str, Callable[[], Any]]]:
    if step.library == "opencv":
        yield "opencv", _opencv
    elif step.library == "transformers":
        yield "transformers", partial(package_version, "transformers")
    if step.library == "pillow":
        yield "pillow", partial(package_version, "pillow")
    if codec is not None:
        yield codec, partial(_feature, codec)


def _opencv() -> str:
    import cv2

    return str(cv2.__version__)


def _feature(name: str) -> str | None:
    from PIL import features

    return features.version(name)
