from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from goldenseed.backends.diffusers.part_files import check_safetensors
from goldenseed.backends.diffusers.weights import check_model
from goldenseed.core.errors import GoldenseedError


@pytest.fixture
def unet(sd: Path) -> Path:
    return sd / "unet" / "diffusion_pytorch_model.safetensors"


def edit_json(file: Path, **changes: object) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**document, **changes}), encoding="utf-8")


@pytest.mark.parametrize("kind", ["sd", "sdxl", "flux"])
def test_a_whole_model_passes(models: Path, kind: str):
    checked = check_model(models / kind)
    assert {file.suffix for file in checked.weights} == {".safetensors"}
    assert set(checked.weights) == set((models / kind).rglob("*.safetensors"))


def test_the_check_needs_no_torch(sd: Path):
    code = (
        "import sys; from pathlib import Path\n"
        "from goldenseed.backends.diffusers.weights import check_model\n"
        f"check_model(Path({str(sd)!r}))\n"
        "print(sorted({'torch', 'diffusers', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "missing",
    [
        "model_index.json",
        "unet",
        "unet/config.json",
        "unet/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "scheduler/scheduler_config.json",
        "tokenizer",
    ],
)
def test_a_missing_file_is_an_error_that_names_its_place(sd: Path, missing: str):
    gone = sd / missing
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    with pytest.raises(GoldenseedError) as caught:
        check_model(sd)
    place = gone.parent if gone.suffix == ".safetensors" else gone
    assert caught.value.path == place
    assert caught.value.fix


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -1])
def test_a_truncated_weight_file_is_an_error_that_names_it(sd: Path, unet: Path, kept: int):
    unet.write_bytes(unet.read_bytes()[:kept])
    with pytest.raises(GoldenseedError, match="is truncated or corrupt") as caught:
        check_model(sd)
    assert caught.value.path == unet


def test_a_weight_file_with_bytes_too_many_is_an_error(unet: Path):
    unet.write_bytes(unet.read_bytes() + b"\0")
    with pytest.raises(GoldenseedError, match="is truncated or corrupt"):
        check_safetensors(unet)


@pytest.mark.parametrize(
    "header",
    [
        b"{",
        b"[]",
        b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}',
        b'{"a": {"dtype": "F99", "shape": [1], "data_offsets": [0, 4]}}',
    ],
)
def test_a_malformed_header_is_an_error(tmp_path: Path, header: bytes):
    file = tmp_path / "bad.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)
    with pytest.raises(GoldenseedError, match="is truncated or corrupt"):
        check_safetensors(file)


def test_a_header_length_beyond_all_measure_is_an_error(tmp_path: Path):
    file = tmp_path / "huge.safetensors"
    file.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    with pytest.raises(GoldenseedError, match="is truncated or corrupt"):
        check_safetensors(file)


def test_a_git_lfs_pointer_is_an_error_that_says_so(unet: Path):
    unet.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(GoldenseedError, match="git lfs pull"):
        check_safetensors(unet)


def test_a_pickle_is_refused_by_name(sd: Path, unet: Path):
    unet.rename(unet.with_suffix(".bin"))
    with pytest.raises(GoldenseedError, match="is a pickle") as caught:
        check_model(sd)
    assert caught.value.path == unet.with_suffix(".bin")
    assert 'allow_pickle: ["unet/diffusion_pytorch_model.bin"]' in (caught.value.fix or "")


def test_allowing_one_pickle_does_not_allow_another(sd: Path, unet: Path):
    unet.rename(unet.with_suffix(".bin"))
    text_encoder = sd / "text_encoder" / "model.safetensors"
    text_encoder.rename(text_encoder.with_name("pytorch_model.bin"))
    with pytest.raises(GoldenseedError, match=r"text_encoder/pytorch_model\.bin: is a pickle"):
        check_model(sd, allow_pickle=["unet/diffusion_pytorch_model.bin"])


def nest(model: Path, name: str = "prior_pipe") -> Path:
    """Make a copy of a model a component of it."""
    copy = model.parent / "copy"
    shutil.copytree(model, copy)
    copy.rename(model / name)
    edit_json(model / "model_index.json", **{name: ["diffusers", "StableDiffusionPipeline"]})
    return model / name


def test_the_parts_of_a_pipeline_that_is_a_component_are_checked_and_listed(sd: Path):
    own = set(check_model(sd).weights)
    nested = nest(sd)
    found = check_model(sd)
    assert set(found.weights) == own | {nested / file.relative_to(sd) for file in own}
    (nested / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"x")
    with pytest.raises(GoldenseedError, match=r"prior_pipe/vae/.*: is truncated or corrupt"):
        check_model(sd)


@pytest.mark.parametrize("hidden", [False, True])
def test_a_pickle_in_a_pipeline_that_is_a_component_is_refused_by_name(sd: Path, hidden: bool):
    nested = nest(sd)
    weights = nested / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    if hidden:  # what makes the pipeline look like any other component
        edit_json(sd / "model_index.json", prior_pipe=["diffusers", "UNet2DConditionModel"])
        (nested / "config.json").write_text("{}")
        shutil.copy(sd / "unet" / weights.name, nested)
    name = "prior_pipe/unet/diffusion_pytorch_model.bin"
    with pytest.raises(GoldenseedError, match="is a pickle") as caught:
        check_model(sd)
    assert f'allow_pickle: ["{name}"]' in (caught.value.fix or "")
    assert check_model(sd, allow_pickle=[name]).pickles == (name,)


def test_a_module_of_a_pipeline_that_is_a_component_is_refused_as_well(sd: Path):
    edit_json(nest(sd) / "model_index.json", scheduler=["mymodel", "XScheduler"])
    with pytest.raises(GoldenseedError, match="whose code is never run"):
        check_model(sd)


def test_a_pipeline_that_holds_itself_is_refused(sd: Path):
    edit_json(sd / "model_index.json", again=["diffusers", "StableDiffusionPipeline"])
    (sd / "again").symlink_to(sd)
    with pytest.raises(GoldenseedError, match="stand in one another"):
        check_model(sd)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pickle_that_is_a_pipe_is_not_waited_for(sd: Path, unet: Path):
    unet.unlink()
    os.mkfifo(unet.with_suffix(".bin"))
    with pytest.raises(GoldenseedError, match="not a regular file"):
        check_model(sd, allow_pickle=["unet/diffusion_pytorch_model.bin"])


def test_a_pickle_beside_safetensors_is_not_loaded_and_so_not_refused(sd: Path, unet: Path):
    unet.with_suffix(".bin").write_bytes(b"whatever")
    assert check_model(sd).pickles == ()


def test_the_variant_goes_before_the_plain_weights(sd: Path, unet: Path):
    variant = unet.with_name("diffusion_pytorch_model.fp16.safetensors")
    shutil.copy(unet, variant)
    assert variant in check_model(sd, variant="fp16").weights
    assert variant not in check_model(sd).weights


def test_every_shard_of_a_sharded_model_is_checked(sd: Path, unet: Path):
    shard = unet.with_name("diffusion_pytorch_model-00001-of-00001.safetensors")
    unet.rename(shard)
    index = unet.with_name("diffusion_pytorch_model.safetensors.index.json")
    index.write_text(json.dumps({"weight_map": {"a": shard.name}}), encoding="utf-8")
    assert shard in check_model(sd).weights
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(GoldenseedError, match="is truncated or corrupt"):
        check_model(sd)


@pytest.mark.parametrize("shard", ["absent.safetensors", "../escape.safetensors", "code.bin"])
def test_an_index_that_names_no_shard_beside_it_is_an_error(sd: Path, unet: Path, shard: str):
    unet.rename(unet.parent.parent / "escape.safetensors")
    index = unet.with_name("diffusion_pytorch_model.safetensors.index.json")
    index.write_text(json.dumps({"weight_map": {"a": shard}}), encoding="utf-8")
    with pytest.raises(GoldenseedError, match=shard):
        check_model(sd)


@pytest.mark.parametrize("content", ["{", "[]", '"text"', "\0"])
def test_an_index_that_is_no_json_object_is_an_error(sd: Path, content: str):
    (sd / "model_index.json").write_text(content, encoding="utf-8")
    with pytest.raises(GoldenseedError) as caught:
        check_model(sd)
    assert caught.value.path == sd / "model_index.json"


def test_a_pipeline_that_brings_its_own_code_is_refused(sd: Path):
    edit_json(sd / "model_index.json", _class_name=["pipeline", "MyPipeline"])
    with pytest.raises(GoldenseedError, match="its own pipeline code"):
        check_model(sd)


def test_a_pipeline_file_in_the_folder_is_refused(sd: Path):
    (sd / "pipeline.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(GoldenseedError, match=r"pipeline\.py: the model brings its own"):
        check_model(sd)


def test_a_component_that_brings_its_own_code_is_refused(sd: Path):
    edit_json(sd / "model_index.json", unet=["my_unet", "MyUNet"])
    (sd / "unet" / "my_unet.py").write_text("raise SystemExit", encoding="utf-8")
    with pytest.raises(GoldenseedError, match=r"my_unet\.py: component 'unet' brings its own code"):
        check_model(sd)


@pytest.mark.parametrize("component", [{"../unet": ["a", "B"]}, {"unet": ["../a", "B"]}])
def test_a_component_that_points_elsewhere_is_an_error(sd: Path, component: dict[str, object]):
    edit_json(sd / "model_index.json", **component)
    with pytest.raises(GoldenseedError, match="no plain word"):
        check_model(sd)


def test_a_guider_has_neither_weights_nor_a_configuration_of_a_model(sd: Path):
    index = json.loads((sd / "model_index.json").read_text())
    index["guider"] = ["diffusers", "AdaptiveProjectedMixGuidance"]
    (sd / "model_index.json").write_text(json.dumps(index))
    (sd / "guider").mkdir()
    with pytest.raises(GoldenseedError, match=r"guider_config\.json"):
        check_model(sd)
    (sd / "guider" / "guider_config.json").write_text("{}")
    assert "guider" in check_model(sd).components


def test_a_tokenizer_s_file_that_never_ends_is_refused(sd: Path):
    with (sd / "tokenizer" / "merges.txt").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(GoldenseedError, match=r"merges\.txt: is larger than"):
        check_model(sd)
