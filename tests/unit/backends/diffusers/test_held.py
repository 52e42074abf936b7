"""What a model holds beside its weights is on record, whoever put it there, and by what it does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from types import MethodType
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, FasterCacheConfig
from diffusers.models.attention_processor import AttnProcessor, SlicedAttnProcessor

import tiny_pipelines
from goldenseed.backends.diffusers.digests import tensors_sha256, weights_sha256
from goldenseed.backends.diffusers.foreign import code_sha256, is_foreign, name_of
from goldenseed.backends.diffusers.held import Look, held_by
from goldenseed.backends.diffusers.pipeline_state import describe_state
from goldenseed.backends.diffusers.processors import processors_of, processors_sha256


@pytest.fixture
def pipeline(tmp_path: Path) -> Any:
    return DiffusionPipeline.from_pretrained(
        tiny_pipelines.tiny_stable_diffusion(tmp_path / "sd"), local_files_only=True
    )


def held(component: Any) -> dict[str, Any]:
    found = held_by("x", component)
    return {key.removeprefix("model.x."): value for key, value in found.items()}


def test_a_model_as_it_was_loaded_holds_attributes_alone(pipeline: Any):
    for component in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        found = held(component)
        assert len(found.pop("attributes_sha256")) == 64
        assert set(found.values()) == {None}


def test_nothing_is_said_of_a_pipeline_as_it_was_loaded(pipeline: Any):
    found = dict(describe_state(pipeline, pipeline.scheduler))
    others = ("pipeline.methods", "pipeline.functions", "scheduler.methods")
    assert not found.keys() & {*others, "attention.unet.processors_sha256"}


@pytest.mark.parametrize(
    "model", ["tiny_stable_diffusion", "tiny_stable_diffusion_xl", "tiny_flux"]
)
def test_a_first_call_leaves_nothing_on_record(tmp_path: Path, model: str):
    folder = getattr(tiny_pipelines, model)(tmp_path / "model")
    pipeline = DiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    modules = {
        name: each
        for name, each in pipeline.components.items()
        if isinstance(each, torch.nn.Module)
    }
    before = [held_by(name, each) for name, each in modules.items()]
    assert len(before) >= 3
    pipeline("a red apple", num_inference_steps=1, height=32, width=32)
    assert [held_by(name, each) for name, each in modules.items()] == before


def test_hooks_are_named_by_whose_they_are_and_what_they_do(pipeline: Any):
    pipeline.unet.mid_block.register_forward_hook(lambda _m, _a, output: output * 1.5)
    once = held(pipeline.unet)["hooks"]
    assert f"{__name__}." in once
    assert once.endswith(" x 1")
    pipeline.unet.mid_block._forward_hooks.clear()
    pipeline.unet.mid_block.register_forward_hook(lambda _m, _a, output: output * 1.25)
    assert held(pipeline.unet)["hooks"] != once


def test_a_cache_of_diffusers_is_a_hook_that_computes(pipeline: Any):
    config = FasterCacheConfig(
        spatial_attention_block_skip_range=2,
        current_timestep_callback=lambda: 0,
        attention_weight_callback=lambda _module: 0.3,
        tensor_format="BFCHW",
    )
    from diffusers.hooks import apply_faster_cache

    apply_faster_cache(pipeline.unet, config)
    found = held(pipeline.unet)
    assert "FasterCache" in found["hooks"]
    assert found["forwards"] is None, "what a library's hook puts there is told by the hook"


def test_a_forward_on_a_part_or_on_its_class_is_named(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
):
    part = pipeline.vae.post_quant_conv
    own = part.forward
    part.forward = MethodType(lambda _self, values: own(values) * 1.5, part)
    assert held(pipeline.vae)["forwards"].startswith(f"Conv2d.forward = {__name__}.")
    cls = type(pipeline.unet)
    original = cls.forward

    @wraps(original)
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs)

    monkeypatch.setattr(cls, "forward", forward)
    assert held(pipeline.unet)["forwards"].startswith(f"UNet2DConditionModel.forward = {__name__}.")


def test_any_method_of_a_part_s_class_is_named_and_seen_to_be_exchanged(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
):
    from diffusers.models.attention_processor import Attention

    look = Look(pipeline.unet)
    own = Attention.get_attention_scores
    monkeypatch.setattr(
        Attention, "get_attention_scores", lambda *args, **kwargs: own(*args, **kwargs) * 0.9
    )
    assert not look.holds_the_same()
    assert held(pipeline.unet)["forwards"].startswith(
        f"Attention.get_attention_scores = {__name__}."
    )
    monkeypatch.undo()
    assert look.holds_the_same()


def test_methods_and_functions_of_the_pipeline_are_named(
    pipeline: Any, monkeypatch: pytest.MonkeyPatch
):
    own = pipeline.encode_prompt
    norm = torch.nn.functional.group_norm

    def encode_prompt(*args: Any, **kwargs: Any) -> Any:
        return own(*args, **kwargs)

    def group_norm(*args: Any, **kwargs: Any) -> Any:
        return norm(*args, **kwargs)

    pipeline.encode_prompt = encode_prompt
    monkeypatch.setattr(torch.nn.functional, "group_norm", group_norm)
    monkeypatch.setattr(type(pipeline.scheduler), "step", lambda _self, *_a, **_k: None)
    found = dict(describe_state(pipeline, pipeline.scheduler))
    assert "encode_prompt" in found["pipeline.methods"]
    assert "torch.nn.functional.group_norm" in found["pipeline.functions"]
    assert "DDIMScheduler.step" in found["scheduler.methods"]


Change = Callable[[Any], object]


@pytest.mark.parametrize(
    "change",
    [
        lambda p: setattr(p.unet.mid_block.attentions[0].transformer_blocks[0].attn1, "scale", 1.0),
        lambda p: setattr(p.unet.conv_norm_out, "eps", 1e-3),
        lambda p: p.unet.register_to_config(time_cond_proj_dim=7),
        lambda p: setattr(p.unet, "tea_cache", True),
    ],
    ids=["a scale", "an epsilon", "an option", "a switch of somebody's own"],
)
def test_any_plain_attribute_counts(pipeline: Any, change: Change):
    before = held(pipeline.unet)["attributes_sha256"]
    change(pipeline)
    assert held(pipeline.unet)["attributes_sha256"] != before


def test_switches_of_diffusers_are_written_out_and_off_they_are_none(pipeline: Any):
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    assert held(pipeline.unet)["switches"].startswith("b1=1.2 x ")
    pipeline.disable_freeu()
    assert held(pipeline.unet)["switches"] is None


def test_adapters_are_named_with_their_scales_as_long_as_they_are_on(pipeline: Any, tmp_path: Path):
    file = tiny_pipelines.tiny_lora(tmp_path / "style.safetensors", tmp_path / "sd")
    pipeline.load_lora_weights(str(file.parent), weight_name=file.name, adapter_name="style")
    pipeline.set_adapters(["style"], [0.5])
    assert held(pipeline.unet)["adapters"].startswith("style 0.5 x ")
    pipeline.disable_lora()
    assert held(pipeline.unet)["adapters"] is None


def test_processors_that_compute_the_same_hold_nothing_and_foreign_ones_their_code(pipeline: Any):
    unet = pipeline.unet
    for exact in (AttnProcessor(), SlicedAttnProcessor(1)):
        unet.set_attn_processor(exact)
        assert processors_sha256(unet) is None

    class Mine(AttnProcessor):
        def __call__(self, *args: Any, **kwargs: Any) -> Any:
            return super().__call__(*args, **kwargs) * self.factor

    found = set()
    for factor in (1.0, 1.5):
        mine = Mine()
        mine.factor = factor
        unet.set_attn_processor(mine)
        found.add(processors_sha256(unet))
    assert len(found) == 2
    assert f"{__name__}." in str(processors_of(unet))


def test_weights_are_the_same_under_other_names_and_others_in_another_order():
    def layers(*names: str) -> torch.nn.Module:
        random = torch.Generator().manual_seed(0)
        module = torch.nn.Module()
        for name in names:
            layer = torch.nn.Linear(3, 3, bias=False)
            layer.weight.data = torch.randn(3, 3, generator=random)
            module.add_module(name, layer)
        return module

    before, renamed = layers("text_model_a", "text_model_b"), layers("a", "b")
    assert weights_sha256(before) == weights_sha256(renamed)
    assert tensors_sha256(dict(before.named_parameters())) != tensors_sha256(
        dict(renamed.named_parameters())
    )
    a, b = before.text_model_a, before.text_model_b
    a.weight, b.weight = b.weight, a.weight
    assert weights_sha256(before) != weights_sha256(renamed)


def test_a_look_sees_what_is_written_to_and_what_is_held(pipeline: Any):
    look = Look(pipeline.unet)
    assert look.holds_the_same()
    assert look.has_the_same_tensors()
    with torch.no_grad():
        pipeline.unet.conv_out.bias.add_(1)
    assert not look.has_the_same_tensors()
    assert look.holds_the_same()
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    assert not look.holds_the_same()


def counter() -> Callable[[], None]:
    """Return a function that counts up what it closes over: that is no setting of it."""
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1

    return count


def test_a_function_is_known_by_where_it_was_written_and_by_what_it_does():
    def times(factor: float) -> Callable[[float], float]:
        return lambda value: value * factor

    assert code_sha256(times(2.0)) == code_sha256(times(2.0)) != code_sha256(times(3.0))
    counting = counter()
    before = code_sha256(counting)
    counting()
    assert code_sha256(counting) == before
    wrapped = wraps(torch.nn.Module.forward)(lambda *_args: None)
    assert is_foreign(wrapped)
    assert name_of(partial(wrapped)).startswith(f"{__name__}.")
    assert not is_foreign(torch.nn.Linear.forward)
