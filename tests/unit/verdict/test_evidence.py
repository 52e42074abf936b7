"""What is known of an image is read when it is asked for, and once."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from goldenseed.baselines.store import BaselineStore, Candidate
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.core.pixels import encode_png, pixels_sha256
from goldenseed.verdict.evidence import Evidence, reference_to

IMAGE = Image.linear_gradient("L").resize((24, 16))
RECIPE = {"prompt": "a red apple"}
ENVIRONMENT = {"torch.version": "2.13.0", "cpu.threads": 1}
AVX512, AVX2 = "cpu-x86_64-avx512", "cpu-x86_64-avx2"


@pytest.fixture
def store(tmp_path: Path) -> BaselineStore:
    file = tmp_path / "image.png"
    file.write_bytes(encode_png(IMAGE))
    store = BaselineStore(tmp_path / "baselines")
    made = Candidate(
        suite="s",
        case="c",
        profile=AVX512,
        image=file,
        pixels_sha256=pixels_sha256(IMAGE),
        recipe=RECIPE,
        recipe_sha256=json_sha256(RECIPE),
        environment=ENVIRONMENT,
        in_force={"cpu.threads": 2},
        run_id="r",
    )
    store.accept([made], by="ada", reason="it looks right")
    return store


def accepted(store: BaselineStore, profile: str = AVX512) -> Evidence:
    reference = reference_to(store, store.entry("s", "c"), profile)
    assert reference.accepted
    return reference.accepted.images[0]


def test_an_accepted_image_is_known_without_its_files(store: BaselineStore):
    store.image_path(pixels_sha256(IMAGE)).unlink()
    known = accepted(store)
    assert (known.size, known.mode, known.recipe) == ((24, 16), "L", RECIPE)
    with pytest.raises(GoldenseedError, match="the accepted image is missing"):
        _ = known.image


def test_what_was_read_is_not_read_again(store: BaselineStore):
    known = accepted(store)
    first = known.image
    store.image_path(pixels_sha256(IMAGE)).unlink()
    assert known.image is first


def test_what_was_in_force_inside_the_call_counts(store: BaselineStore):
    known = accepted(store)
    assert known.environment == ENVIRONMENT
    assert known.surroundings == {**ENVIRONMENT, "cpu.threads": 2}


def test_an_image_without_a_trace_has_an_empty_one(store: BaselineStore):
    assert accepted(store).trace == ()


def test_where_another_profile_stands_in_its_calibration_is_at_hand(store: BaselineStore):
    another = reference_to(store, store.entry("s", "c"), AVX2)
    assert another.accepted
    assert another.accepted.read_environment is not None
    assert (another.accepted.profile, another.own) == (AVX512, AVX2)


def test_what_is_accepted_where_it_may_not_be_used_is_named(store: BaselineStore):
    reference = reference_to(store, store.entry("s", "c"), "cuda-h200-sm90-132sm")
    assert (reference.accepted, reference.chain) == (None, ())
    assert reference.elsewhere == (AVX512,)


def test_adapters_that_an_image_did_not_wear_are_no_part_of_its_surroundings():
    """A back end names the adapters of a whole suite, for its cases share one loaded model."""
    environment = {"cpu.threads": 1, "adapter_file.anna": "a", "adapter_file.ben": "b"}
    model = {"source": "m", "adapters": [{"source": "anna", "scale": 1}]}
    worn = Evidence(recipe={"model": model}, read_environment=lambda: environment)
    assert worn.environment == {"cpu.threads": 1, "adapter_file.anna": "a"}
    none = Evidence(recipe={"model": {"source": "m"}}, read_environment=lambda: environment)
    assert none.surroundings == {"cpu.threads": 1}
    unknown = Evidence(recipe={}, read_environment=lambda: environment)
    assert unknown.environment is environment
