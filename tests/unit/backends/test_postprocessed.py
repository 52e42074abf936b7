"""The steps of a case on whatever a back end made: one picture, a sequence, tensors; the trace."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goldenseed.backends.postprocessed import Postprocessing
from goldenseed.backends.protocol import Element, Generation, Settings, record_stages
from goldenseed.backends.registry import Backends
from goldenseed.environment.keys import EnvironmentValue
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.trace.digesting import Recording
from goldenseed.trace.stages import Stage, ends_of
from offered_backends import offer

SUITE = """\
suite: toy
model: {source: toy}
postprocess:
  - {step: crop, left: 0, top: 0, width: 4, height: 4}
  - {step: vignette, strength: 1}
cases:
  - {id: steps, prompt: x, seeds: [1]}
  - {id: none, prompt: x, seeds: [1], postprocess: []}
  - {id: jpeg, prompt: x, seeds: [1], postprocess: [{step: colour, gamma: 2}]}
"""


@pytest.fixture
def cases(tmp_path: Path) -> dict[str, Case]:
    (tmp_path / "toy").mkdir()
    path = tmp_path / "toy.suite.yaml"
    path.write_text(SUITE)
    return {case.case_id: case for case in load_suite(path).cases}


def grey(level: int) -> Image.Image:
    return Image.new("L", (8, 8), level)


def recording(*contents: Image.Image | np.ndarray) -> Recording:  # type: ignore[type-arg]
    return record_stages((Stage.PIXELS, None, np.asarray(each)) for each in contents)


def sha256(image: Image.Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()


def test_a_picture_goes_through_the_steps_and_each_is_recorded(cases: dict[str, Case]):
    made = Generation(grey(200), 0.1, recording=recording(grey(200)), file=b"as returned")
    found = Postprocessing(Settings()).applied(cases["steps"], made)
    assert found.image is not None
    assert found.image.size == (4, 4)
    assert found.file == b"as returned"
    assert [(each.stage, each.source, each.shape) for each in found.trace] == [
        (Stage.UNPROCESSED, None, (8, 8)),
        (Stage.POSTPROCESSED, "crop", (4, 4)),
        (Stage.POSTPROCESSED, "vignette", (4, 4)),
        (Stage.PIXELS, None, (4, 4)),
    ]
    digests = [each.sha256 for each in found.trace]
    assert digests[0] == sha256(grey(200))
    assert digests[1] == sha256(grey(200).crop((0, 0, 4, 4)))
    assert digests[2] == digests[3] == sha256(found.image)
    assert found.recording is not None
    assert len(found.recording.stages) == 4


def test_of_a_sequence_each_picture_does_and_a_tensor_is_left_alone(cases: dict[str, Case]):
    depth = np.zeros((2, 3), np.float32)
    contents = (grey(100), grey(200), depth)
    names = ("images[0]", "images[1]", "depth")
    elements = tuple(map(Element, names, contents))
    made = Generation(None, 0.1, elements=elements, recording=recording(*contents))
    found = Postprocessing(Settings()).applied(cases["steps"], made)
    first, second, third = (each.content for each in found.elements)
    assert third is depth
    assert isinstance(first, Image.Image)
    assert isinstance(second, Image.Image)
    assert first.size == second.size == (4, 4)
    stages = [(each.stage, each.source, each.index) for each in found.trace]
    assert stages == [
        *((Stage.UNPROCESSED, None, n) for n in range(3)),
        *((Stage.POSTPROCESSED, "crop", n) for n in range(2)),
        *((Stage.POSTPROCESSED, "vignette", n) for n in range(2)),
        *((Stage.PIXELS, None, n) for n in range(3)),
    ]
    last = hashlib.sha256(depth.tobytes()).hexdigest()
    assert ends_of(found.trace, 3) == (sha256(first), sha256(second), last)


def test_a_case_without_steps_is_handed_on_as_it_was(cases: dict[str, Case]):
    made = Generation(grey(1), 0.1, recording=recording(grey(1)))
    assert Postprocessing(Settings()).applied(cases["none"], made) is made


def test_nothing_is_recorded_where_no_trace_was_wanted(cases: dict[str, Case]):
    found = Postprocessing(Settings()).applied(cases["steps"], Generation(grey(1), 0.1))
    assert found.recording is None


def test_the_environment_stays_one_object_while_nothing_of_it_changes(cases: dict[str, Case]):
    postprocessing = Postprocessing(Settings())
    around: dict[str, EnvironmentValue] = {"device.type": "cpu"}
    first = postprocessing.surroundings(cases["steps"], around)
    assert first["postprocess.pillow"] is not None
    assert postprocessing.surroundings(cases["jpeg"], around) is first  # by Pillow as well
    assert postprocessing.surroundings(cases["none"], around) is around
    assert postprocessing.surroundings(None, around) is around
    assert postprocessing.surroundings(cases["steps"], {"device.type": "cuda"}) != first


OTHER = """
from goldenseed import Generation
from PIL import Image

class Grey:
    def __init__(self, settings): pass
    def generate(self, case):
        return Generation(Image.new("L", (8, 8), 200), 0.1)
    def fingerprint(self):
        return {"device.type": "cpu", "platform.machine": "toy"}
"""


def test_the_steps_follow_the_back_end_of_another_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = offer(tmp_path / "package", "grey_of_tests", OTHER, grey="grey_of_tests:Grey")
    monkeypatch.syspath_prepend(folder)
    path = tmp_path / "toy.suite.yaml"
    path.write_text(SUITE.replace("{source: toy}", "{source: any, backend: grey}"))
    steps, none, _ = load_suite(path).cases
    backends = Backends(Settings())
    made = backends.generate(steps)
    assert made.image is not None
    assert made.image.size == (4, 4)
    assert "postprocess.pillow" in backends.fingerprint()
    assert "postprocess.pillow" in backends.surroundings(steps)
    assert backends.generate(none).image is not None
    assert backends.fingerprint() == {"device.type": "cpu", "platform.machine": "toy"}
    sys.modules.pop("grey_of_tests")
