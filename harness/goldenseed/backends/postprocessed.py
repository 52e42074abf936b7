"""What a back end made, after the steps of post-processing that its case has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias, cast

from goldenseed.backends.protocol import Generation
from goldenseed.core.elements import is_tensor, kind_of
from goldenseed.environment.device import device_for
from goldenseed.postprocess.running import Steps, described

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.backends.protocol import Settings
    from goldenseed.core.elements import Content
    from goldenseed.environment.fingerprint import EnvironmentValue
    from goldenseed.suite.cases import Case

    Environment: TypeAlias = Mapping[str, EnvironmentValue]


class Postprocessing:
    """Does to the pictures of every back end what their cases ask for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._steps = Steps(self._device)
        self._described: tuple[object, Environment] | None = None
        self._merged: tuple[object, Environment] | None = None

    def applied(self, case: Case, made: Generation) -> Generation:
        """Return what was made after the steps, its stages among the recorded ones.

        Of a sequence every picture goes through all steps; tensors are left as they are. Raises
        ``GoldenseedError`` as ``Steps.run``.
        """
        if not case.postprocess:
            return made
        contents: list[Content] = [each.content for each in made.elements]
        if made.image is not None:
            contents = [made.image]
        after = [self._run(case, each) for each in contents]
        lasts = [
            pictures[-1] if pictures else each
            for each, pictures in zip(contents, after, strict=True)
        ]
        by_step = [
            (step.label, [pictures[n] for pictures in after if pictures])
            for n, step in enumerate(case.postprocess)
        ]
        recording = made.recording and made.recording.postprocessed(by_step, lasts)
        if made.image is not None:
            return replace(made, image=cast("Image", lasts[0]), recording=recording)
        elements = (
            replace(each, content=last) for each, last in zip(made.elements, lasts, strict=True)
        )
        return replace(made, elements=tuple(elements), recording=recording)

    def _run(self, case: Case, content: Content) -> list[Image]:
        if is_tensor(kind_of(content)[1]):
            return []
        return [image for _, image in self._steps.run(case, cast("Image", content))]

    def surroundings(self, case: Case | None, environment: Environment) -> Environment:
        """Return ``environment`` with what the case's steps compute with.

        The same object as long as neither changes.
        """
        if case is None or not case.postprocess:
            return environment
        if self._described is None or self._described[0] is not case.postprocess:
            self._described = (case.postprocess, described(case.postprocess))
        merged = {**environment, **self._described[1]}
        if self._merged is None or self._merged[0] is not environment or self._merged[1] != merged:
            self._merged = (environment, merged)
        return self._merged[1]

    def close(self) -> None:
        """Let go of what the steps have loaded."""
        self._steps.close()

    def _device(self, case: Case) -> str:
        wanted = case.model.device if case.model.device != "auto" else self._settings.device
        return device_for(wanted, self._settings.gpu_index)
