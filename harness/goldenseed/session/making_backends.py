"""The back ends of one process: that of its cases, and those of changed images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from goldenseed.backends.devices import Place
from goldenseed.backends.protocol import Progress, Settings
from goldenseed.backends.registry import Backends
from goldenseed.session.options import Options

if TYPE_CHECKING:
    from goldenseed.tools.probe.child import Preparation


@dataclass(frozen=True)
class MakingBackends:
    """Makes back ends as a session's options and its device ask for them."""

    progress: Progress
    """Told what takes long."""
    options: Options
    slot: int | None
    """The number of an xdist worker, from 0."""
    place: Callable[[], Place | None]
    """Returns the device of this process, where it has one of its own."""

    @property
    def device(self) -> str:
        """Where images are made, as a user would name it."""
        place = self.place()
        return self.options.first_device if place is None else place.device

    def own(self) -> Backends:
        """Make the back end of the cases."""
        return Backends(self._settings())

    def other(self, prepare: Preparation | None, exact: bool) -> Backends:  # noqa: FBT001
        """Make one for the changed images of relations, which are always traced."""
        return Backends(
            replace(self._settings(), trace=True, layers=False, prepare=prepare, exact=exact)
        )

    def _settings(self) -> Settings:
        return Settings(
            device=self.device,
            gpu_index=(self.slot or 0) if self.place() is None else 0,
            progress=self.progress,
            trace=self.options.trace != "off",
            layers=self.options.trace == "deep",
        )
