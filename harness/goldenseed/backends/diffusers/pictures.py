"""Recording the pictures and masks that a pipeline is given, as it has prepared them.

A case's file says which picture is meant; what resizes, converts or fills it comes after that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from goldenseed.backends.diffusers.recorder import Recorder
from goldenseed.backends.diffusers.watching import Watcher, watch_attribute
from goldenseed.trace.stages import Stage


def watch_pictures(recorder: Recorder, restore: ExitStack, held: Mapping[str, Any]) -> None:
    """Record what the image processors among a pipeline's attributes make of what they get."""
    watched: set[int] = set()
    for name, helper in sorted(held.items()):
        prepares = callable(getattr(helper, "preprocess", None)) and hasattr(helper, "__dict__")
        if prepares and id(helper) not in watched and not callable(helper):
            watched.add(id(helper))
            prepared = _prepared(recorder, name)
            restore.enter_context(watch_attribute(helper, "preprocess", prepared))


def _prepared(recorder: Recorder, name: str) -> Watcher:
    def preprocess(original: Any, *args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        recorder.given |= recorder.add(Stage.GIVEN_PICTURE, name, made)
        return made

    return preprocess


def encoded_picture(recorder: Recorder, name: str) -> Watcher:
    """Record the picture that a VAE encodes, where no image processor has prepared one."""

    def encode(original: Any, *args: Any, **kwargs: Any) -> Any:
        if not recorder.given:
            picture = args[0] if args else next(iter(kwargs.values()), None)
            recorder.add(Stage.GIVEN_PICTURE, name, picture)
        return original(*args, **kwargs)

    return encode


def seen_picture(recorder: Recorder, name: str) -> Callable[..., None]:
    """Record the first numbers that an image encoder is given; a hook before its forward."""

    def before(_module: Any, args: Any, kwargs: Any) -> None:
        given = (*args, *kwargs.values())
        pictures = (each for each in given if getattr(each, "ndim", 0) >= 3)  # noqa: PLR2004 - C, H, W
        if (picture := next(pictures, None)) is not None:
            recorder.add(Stage.GIVEN_PICTURE, name, picture)

    return before
