"""Weights that are missing or left over: what the libraries really say of them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ModelMixin
from safetensors.torch import load_file, save_file
from tiny_suites import one_case
from transformers import PreTrainedModel

from goldenseed.backends.diffusers import loading as pipeline_loading
from goldenseed.backends.diffusers.as_loaded import names_in_words
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.protocol import GenerationError

FILES = {
    "unet": "diffusion_pytorch_model.safetensors",
    "text_encoder": "model.safetensors",
}


def rewrite(model: Path, component: str, *, without: str | None = None, extra: str | None = None):
    file = model / component / FILES[component]
    weights = load_file(file)
    if without is not None:
        del weights[without]
    if extra is not None:
        weights[extra] = torch.ones(2)
    save_file(weights, file, metadata={"format": "pt"})


def first_weight(model: Path, component: str) -> str:
    return min(load_file(model / component / FILES[component]))


def environment(folder: Path, model: dict[str, Any] | str = "sd") -> dict[str, Any]:
    backend = DiffusersBackend(device="cpu")
    backend.load(one_case(folder, model))
    return dict(backend.fingerprint())


@pytest.mark.parametrize("component", FILES)
def test_weights_that_nothing_uses_are_named(sd: Path, component: str):
    rewrite(sd, component, extra="left.over")
    found = environment(sd.parent)
    assert found[f"model.{component}.unexpected"] == "left.over"
    assert found[f"model.{component}.missing"] is None


@pytest.mark.parametrize("component", FILES)
def test_weights_that_would_be_random_are_refused(sd: Path, component: str):
    rewrite(sd, component, without=first_weight(sd, component))
    with pytest.raises(GenerationError, match="filled at random") as caught:
        environment(sd.parent)
    assert f"allow_new_weights: [{component}]" in (caught.value.fix or "")


@pytest.mark.parametrize("component", FILES)
def test_where_the_suite_allows_it_they_are_the_same_every_time(sd: Path, component: str):
    missing = first_weight(sd, component)
    rewrite(sd, component, without=missing)
    model = {"source": "sd", "allow_new_weights": [component]}
    torch.manual_seed(1)
    first = environment(sd.parent, model)
    torch.manual_seed(2)
    second = environment(sd.parent, model)
    assert missing.endswith(first[f"model.{component}.missing"])
    assert first[f"model.{component}.sha256"] == second[f"model.{component}.sha256"]


def test_another_component_is_still_refused(sd: Path):
    rewrite(sd, "unet", without=first_weight(sd, "unet"))
    with pytest.raises(GenerationError, match="filled at random"):
        environment(sd.parent, {"source": "sd", "allow_new_weights": ["text_encoder"]})


def test_a_sound_model_has_neither(sd: Path):
    found = environment(sd.parent)
    keys = [f"model.{name}.{what}" for name in FILES for what in ("missing", "unexpected")]
    assert {key: found[key] for key in keys} == dict.fromkeys(keys)


@pytest.mark.parametrize("component", FILES)
def test_missing_weights_are_found_whatever_the_libraries_log(
    sd: Path, component: str, monkeypatch: pytest.MonkeyPatch
):
    """A release that rewords its warnings, or drops them, must not let random weights through."""
    monkeypatch.setattr(pipeline_loading, "_RANDOM_WEIGHTS", ())
    rewrite(sd, component, without=first_weight(sd, component))
    with pytest.raises(GenerationError, match=f"filled at random: {component} lacks "):
        environment(sd.parent)


@pytest.mark.parametrize("component", FILES)
def test_the_libraries_log_is_a_second_witness(
    sd: Path, component: str, monkeypatch: pytest.MonkeyPatch
):
    """Fails where a release words its warnings otherwise: mend `_RANDOM_WEIGHTS` then."""
    monkeypatch.setattr(pipeline_loading, "loading_reports", lambda: nullcontext([]))
    rewrite(sd, component, without=first_weight(sd, component))
    with pytest.raises(GenerationError, match="filled at random"):
        environment(sd.parent)


def test_the_libraries_are_as_they_were_afterwards(sd: Path):
    before = [vars(base)["from_pretrained"] for base in (ModelMixin, PreTrainedModel)]
    environment(sd.parent)
    assert [vars(base)["from_pretrained"] for base in (ModelMixin, PreTrainedModel)] == before


def test_of_many_weights_no_change_goes_unseen():
    many = tuple(f"layer.{number}.weight" for number in range(100))
    text = names_in_words(many) or ""
    assert text.startswith("layer.0.weight, ")
    assert " and 95 more (" in text
    assert text != names_in_words((*many[:-1], "layer.x.weight"))
