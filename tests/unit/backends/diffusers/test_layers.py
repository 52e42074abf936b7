"""The deep trace of real, tiny pipelines."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from tiny_suites import one_case

from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.backends.diffusers.layers import DeepTrace, recorded_layers
from goldenseed.core.errors import GoldenseedError
from goldenseed.diagnosis.divergence import first_differing_layer, layer_in_words
from goldenseed.diagnosis.model import LayerDivergence
from goldenseed.trace.files import LAYERS_SUFFIX, LayerRecord, read_layers


@pytest.fixture
def pipeline(sd: Path) -> Any:
    loaded = DiffusionPipeline.from_pretrained(sd)
    loaded.set_progress_bar_config(disable=True)
    return loaded


def deep_trace(pipeline: Any, **more: Any) -> DeepTrace:
    with recorded_layers(pipeline) as recorder:
        pipeline(
            "a red ball",
            **{"num_inference_steps": 2, "height": 32, "width": 32, "output_type": "np", **more},
            generator=torch.Generator().manual_seed(7),
        )
    return recorder.finish()


def kept(folder: Path, trace: DeepTrace) -> Path:
    path = folder / f"{trace.sha256}{LAYERS_SUFFIX}"
    path.write_bytes(trace.data)
    return path


def records(folder: Path, trace: DeepTrace) -> list[LayerRecord]:
    return list(read_layers(kept(folder, trace)))


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_recording_every_layer_leaves_every_pixel_as_it_is(models: Path, tmp_path: Path, kind: str):
    (tmp_path / kind).symlink_to(models / kind)
    case = one_case(tmp_path, kind)
    deep = DiffusersBackend(layers=True).generate(case)
    plain = DiffusersBackend(trace=False).generate(case)
    assert deep.image.tobytes() == plain.image.tobytes()
    assert plain.layers is None
    assert deep.layers is not None
    components = {each.module.split(".")[0] for each in records(tmp_path, deep.layers)}
    denoiser = {"transformer"} if kind == "flux" else {"unet"}
    assert components >= {"text_encoder", "vae"} | denoiser


def test_the_same_image_has_the_same_deep_trace_and_no_hook_stays(pipeline: Any, tmp_path: Path):
    trace = deep_trace(pipeline)
    assert deep_trace(pipeline) == trace
    for component in (pipeline.unet, pipeline.vae, pipeline.text_encoder):
        for module in component.modules():
            assert not module._forward_hooks
            assert not module._forward_pre_hooks
    found = first_differing_layer(records(tmp_path, trace), records(tmp_path, trace))
    assert found.module is None
    assert layer_in_words(found).startswith("every layer is identical in all ")


@pytest.mark.parametrize(
    "changed",
    ["unet.down_blocks.0.resnets.0.conv2", "text_encoder.final_layer_norm", "vae.decoder.conv_out"],
)
def test_the_changed_layer_is_the_one_that_is_named(pipeline: Any, tmp_path: Path, changed: str):
    component, _, path = changed.partition(".")
    modules = dict(getattr(pipeline, component).named_modules())
    name = next(each for each in modules if each.endswith(path))
    before = deep_trace(pipeline)
    with torch.no_grad():
        modules[name].weight *= 1.001
    found = first_differing_layer(
        records(tmp_path, before), records(tmp_path, deep_trace(pipeline))
    )
    assert (found.module, found.call, found.same_inputs) == (f"{component}.{name}", 0, True)
    assert found.distance is not None
    assert 1e-5 < found.distance < 1e-2
    assert found.only_in_one == 0


def test_what_a_function_between_the_layers_changes_is_named_by_the_layer_around_it(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    before = deep_trace(pipeline)
    attend = torch.nn.functional.scaled_dot_product_attention

    def other(*args: Any, **kwargs: Any) -> Any:
        return attend(*args, **kwargs) * 1.001

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", other)
    found = first_differing_layer(
        records(tmp_path, before), records(tmp_path, deep_trace(pipeline))
    )
    assert found.module is not None
    assert found.same_inputs
    assert "attn" in found.module.rsplit(".", 1)[-1]


def test_traces_of_different_length_are_compared_as_far_as_both_go(pipeline: Any, tmp_path: Path):
    two, three = deep_trace(pipeline), deep_trace(pipeline, num_inference_steps=3)
    found = first_differing_layer(records(tmp_path, two), records(tmp_path, three))
    assert found.only_in_one > 0
    assert "calls are in one trace only" in layer_in_words(found)


def test_a_compiled_model_is_left_alone_and_the_others_are_recorded(pipeline: Any, tmp_path: Path):
    pipeline.unet = torch.compile(pipeline.unet, backend="eager")
    components = {each.module.split(".")[0] for each in records(tmp_path, deep_trace(pipeline))}
    assert components == {"text_encoder", "vae"}


def test_models_under_offload_hooks_are_recorded(pipeline: Any):
    expected = deep_trace(pipeline)
    from accelerate import cpu_offload

    for module in (pipeline.text_encoder, pipeline.unet, pipeline.vae):
        cpu_offload(module, torch.device("cpu"))
    assert deep_trace(pipeline) == expected


def test_traces_with_nothing_in_common_say_so():
    assert layer_in_words(LayerDivergence(only_in_one=3)) == (
        "the two deep traces have no layer in common; 3 calls are in one trace only"
    )


def test_a_deep_trace_cut_short_or_altered_is_refused(pipeline: Any, tmp_path: Path):
    path = kept(tmp_path, deep_trace(pipeline))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(GoldenseedError, match="no whole gzip file"):
        list(read_layers(path))
    lines = gzip.decompress(whole).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[1:])))
    with pytest.raises(GoldenseedError, match="does not hold the deep trace"):
        list(read_layers(path))
    path.write_bytes(gzip.compress(b'{"module": 1}\n'))
    with pytest.raises(GoldenseedError, match="module"):
        list(read_layers(path))
