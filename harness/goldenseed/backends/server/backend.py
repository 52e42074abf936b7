"""The back end that asks a server for the image of a case."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib.metadata import entry_points, version
from typing import TYPE_CHECKING, Any, Final

from goldenseed.backends.protocol import Generation, GenerationError, Settings, record_stages
from goldenseed.backends.server.apis import APIS, Answer, Asked
from goldenseed.backends.server.asking import body_of, identity, path_of
from goldenseed.backends.server.cache import Answers
from goldenseed.backends.server.dialects import DIALECTS, GROUP, Dialect, found_at
from goldenseed.backends.server.seeds import Probed, probed
from goldenseed.backends.server.transport import Client
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import did_you_mean
from goldenseed.core.pixels import decode
from goldenseed.environment.file_digests import cache_folder
from goldenseed.environment.keys import VERSION, VERSION_KEY
from goldenseed.trace.stages import Stage

if TYPE_CHECKING:
    from PIL.Image import Image

    from goldenseed.environment.fingerprint import EnvironmentValue
    from goldenseed.suite.cases import Case
    from goldenseed.suite.server import ServerSpec

_SAID_OF_ITSELF: Final = {
    "answered_model": ("model", "sd_model_name"),
    "answered_version": ("version", "sd_model_hash"),
}
"""What is recorded of who answered, and where an answer or A1111's ``info`` says it."""
_LONGEST: Final = 200
_ANOTHER_SEED: Final = 7919
"""Added to a case's seed for an image that has to be another."""


class ServerBackend:
    """Asks servers for images; one connection at a time, and each server's seed probed once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Client | None = None
        self._spec: ServerSpec | None = None
        self._probes: dict[str, Probed] = {}
        self._kept: dict[str, Answer] = {}
        self._dialect = DIALECTS["openai"]

    def load(self, case: Case) -> float:
        """Connect to the case's server, and see once whether it honours seeds.

        Raises:
            GoldenseedError: no such dialect, no key, or a seed that is not honoured as the suite
                needs it.

        """
        began = time.perf_counter()
        spec = _spec_of(case)
        if spec is not self._spec:
            self.close()
            self._dialect = _dialect_of(spec, case)
            self._client = Client(spec, self._dialect, case.suite.path, _folder())
            self._spec = spec
        self._check_seed(case, spec)
        return time.perf_counter() - began

    def generate(self, case: Case) -> Generation:
        """Ask for the case's image.

        Raises:
            GoldenseedError: the case asks for what the API does not take.
            GenerationError: the server refused, failed, was late, or answered with no such image.

        """
        self.load(case)
        began = time.perf_counter()
        answer = self._kept.pop(case.id, None) or self._asked(case, case.seed)
        seconds = time.perf_counter() - began
        image, client = self._image(case, answer), self._client
        assert client is not None  # noqa: S101 - it was loaded
        revised = found_at(answer.document, *self._dialect.revised_prompt)
        another = isinstance(revised, str) and revised != case.prompt
        in_force: dict[str, EnvironmentValue] = {
            f"server.{name}": client.cleaned(said)[:_LONGEST]
            for name, places in _SAID_OF_ITSELF.items()
            if isinstance(said := found_at(answer.document, *places), str) and said
        }
        if another:
            revised = client.cleaned(revised)
            in_force["server.revised_prompt"] = revised
        recording = None
        if self._settings.trace:
            recording = record_stages([(Stage.PIXELS, None, _array(image))])
        return Generation(
            image=image,
            seconds=seconds,
            recording=recording,
            in_force=(in_force,) if in_force else (),
            remarks=(f"the server made another prompt of it: {revised}",) if another else (),
            file=None if client.holds_key(answer.picture) else answer.picture,
        )

    def fingerprint(self) -> Mapping[str, EnvironmentValue]:
        """Return what is known of the server; where it is, is not kept."""
        spec = self._spec
        assert spec is not None  # noqa: S101 - it was loaded
        found = self._probes.get(_key(spec))
        return {
            VERSION_KEY: VERSION,
            "device.type": "server",
            "platform.machine": spec.dialect,
            "server.api": spec.api,
            "server.dialect": spec.dialect,
            "server.model": spec.model,
            "server.seed": None if found is None else str(found.honoured),
            "package.pillow": version("pillow"),
        }

    def surroundings(self, case: Case) -> Mapping[str, EnvironmentValue]:
        """Return the same; nothing of a server is known without asking it."""
        self._spec = self._spec or _spec_of(case)
        return self.fingerprint()

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
        self._client = self._spec = None

    def _asked(self, case: Case, seed: int, *, fresh: bool = False) -> Answer:
        spec, client, dialect = self._spec, self._client, self._dialect
        assert spec is not None and client is not None  # noqa: S101, PT018 - they were loaded
        body, path = body_of(case, spec, dialect, seed), path_of(case, spec)
        answers = Answers(_folder() / "answers", 0 if fresh else spec.reuse_minutes)
        asked_for = identity(body, path)
        if (known := answers.get(spec.url, asked_for)) is not None:
            return Answer(*known)
        deadline = time.monotonic() + spec.timeout
        answer = APIS[dialect.api](Asked(client, spec, dialect, body, deadline, path))
        answers.put(spec.url, asked_for, answer.document, answer.picture)
        return answer

    def _image(self, case: Case, answer: Answer) -> Image:
        """Decode the picture and hold what the server said of it against what was asked."""
        said = found_at(answer.document, *self._dialect.returned_seed, "all_seeds.0")
        if isinstance(said, int) and not isinstance(said, bool) and said != case.seed:
            raise _unusable(f"the server used the seed {said} where {case.seed} was asked for")
        try:
            image = decode(answer.picture, name="the server's picture")
        except GoldenseedError as error:
            raise _unusable(f"the server's answer is no picture: {error.what}") from None
        wanted = tuple(case.arguments().get(side) for side in ("width", "height"))
        if None not in wanted and image.size != wanted:
            got, asked = (f"{width} x {height}" for width, height in (image.size, wanted))
            raise _unusable(f"the server answered with {got} pixels where {asked} were asked for")
        return image

    def _check_seed(self, case: Case, spec: ServerSpec) -> None:
        if spec.seed == "any":
            return
        if self._dialect.seed is None and spec.api != "comfyui":
            why = self._dialect.cannot or "it takes none"
            raise spec.refusal(
                case.suite.path,
                f"a server of {spec.dialect} honours no seed: {why}",
                "write `seed: any`, and gates for how far its images may differ",
            )
        if _key(spec) not in self._probes:
            self._settings.progress("asking the server whether it honours seeds")
            # Answers of before would say what the server did then.
            first = self._asked(case, case.seed, fresh=True)
            self._kept[case.id] = first
            again = self._asked(case, case.seed, fresh=True)
            other = self._asked(case, case.seed + _ANOTHER_SEED, fresh=True)
            images = [decode(each.picture, name="a probe") for each in (first, again, other)]
            self._probes[_key(spec)] = probed(*images)
        found = self._probes[_key(spec)]
        if not found.serves(spec.seed):
            raise spec.refusal(
                case.suite.path,
                f"the server's seed is {found.honoured}: two images of one seed differ by "
                f"{found.same:.3g} levels in the mean, those of two seeds by {found.other:.3g}",
                "write `seed: honoured` or `seed: any` and gates that allow it, or mend the server",
            )


def _folder() -> Any:
    return cache_folder() / "servers"


def _array(image: Image) -> Any:
    import numpy as np

    return np.asarray(image)


def _spec_of(case: Case) -> ServerSpec:
    spec = case.model.server
    if spec is None:
        raise GoldenseedError(
            "names the back end `server` without a `server:` section",
            path=case.suite.path,
            fix="write `model: {server: {url: …, api: openai}}`",
        )
    return spec


def _key(spec: ServerSpec) -> str:
    return f"{spec.url} {sorted(spec.described.items())!r}"


def _dialect_of(spec: ServerSpec, case: Case) -> Dialect:
    offered = {each.name: each for each in entry_points(group=GROUP)}
    found = offered[spec.dialect].load() if spec.dialect in offered else DIALECTS.get(spec.dialect)
    if not isinstance(found, Dialect) or found.api != spec.api:
        known = sorted(name for name, each in DIALECTS.items() if each.api == spec.api)
        raise spec.refusal(
            case.suite.path,
            f"there is no dialect {spec.dialect!r} of {spec.api}",
            did_you_mean(spec.dialect, [*known, *offered]),
        )
    return found


def _unusable(what: str) -> GenerationError:
    error = GenerationError(what, fix="see the server's own log, and what it does to requests")
    error.code = "unusable_image"
    return error
