"""Every key is declared once, and everything known to change pixels has a key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import recorded_gpu

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.environment.declaration import Kind, Scope
from goldenseed.environment.fingerprint import read_fingerprint
from goldenseed.environment.gpu import read_nvml
from goldenseed.environment.keys import (
    KEYS,
    declaration_of,
    fitting,
    kind_of,
)
from goldenseed.environment.machine import read_software
from goldenseed.environment.profile import profile_slug
from goldenseed.environment.switches import read_switches
from goldenseed.suite.loading import load_suite

SUITE = """\
suite: tiny
model:
  source: model
  adapters: [{source: lora/style.safetensors}]
cases: [{id: ball, prompt: a ball, seeds: [1]}]
"""

WHAT_CHANGES_PIXELS = {
    "torch's build": ["torch.version", "torch.git_version", "torch.cuda", "torch.build.mkl"],
    "cuDNN, cuBLAS": ["torch.cudnn", "cuda.package.cublas", "cuda.package.cudnn"],
    "deterministic mode": [
        "torch.deterministic_algorithms",
        "torch.deterministic_warn_only",
        "torch.fill_uninitialized_memory",
        "env.CUBLAS_WORKSPACE_CONFIG",
    ],
    "TF32": [
        "torch.fp32_precision",
        "torch.cuda.matmul.fp32_precision",
        "torch.cudnn.conv.fp32_precision",
        "torch.cudnn.rnn.fp32_precision",
        "torch.float32_matmul_precision",
        "env.NVIDIA_TF32_OVERRIDE",
        "env.TORCH_ALLOW_TF32_CUBLAS_OVERRIDE",
    ],
    "reduced-precision GEMM": [
        "torch.matmul.allow_fp16_reduced_precision_reduction",
        "torch.matmul.allow_bf16_reduced_precision_reduction",
        "torch.matmul.allow_fp16_accumulation",
        "torch.preferred_blas_library",
        "env.PYTORCH_TUNABLEOP_ENABLED",
    ],
    "SDPA's kernel": [
        "torch.sdp.flash",
        "torch.sdp.mem_efficient",
        "torch.sdp.math",
        "torch.sdp.cudnn",
        "attention.unet.kernel",
    ],
    "diffusers' attention": ["attention.unet.processors", "env.DIFFUSERS_ATTN_BACKEND"],
    "torch.compile": [
        "model.unet.compiled",
        "model.unet.inductor_sha256",
        "cuda.package.triton",
    ],
    "initial noise of a CUDA generator": [
        "device.type",
        "gpu.multiprocessors",
        "gpu.threads_per_multiprocessor",
        "gpu.mig",
    ],
    "initial noise of a CPU generator": ["cpu.capability"],
    "a generator used again": ["generation.generator"],
    "batch size": ["generation.batch"],
    "CPU threads": ["cpu.threads", "machine.env.OMP_NUM_THREADS", "machine.env.MKL_NUM_THREADS"],
    "the CPU's instruction set": [
        "cpu.model",
        "cpu.isa",
        "env.ATEN_CPU_CAPABILITY",
        "env.ONEDNN_MAX_CPU_ISA",
        "env.MKL_CBWR",
    ],
    "the GPU": [
        "gpu.name",
        "gpu.compute_capability",
        "gpu.multiprocessors",
        "gpu.vbios",
        "gpu.uuid_sha256",
        "gpu.mig",
        "gpu.ecc",
        "gpu.ecc_errors.corrected",
        "gpu.ecc_errors.uncorrected",
    ],
    "the driver": ["gpu.driver", "gpu.cuda_driver", "gpu.gsp_firmware"],
    "weights": [
        "model.source",
        "model.revision",
        "model_file.unet/diffusion_pytorch_model.safetensors",
        "adapter_file.lora/style.safetensors",
        "model.unet.dtype",
        "model.unet.weights_sha256",
        "model.unet.sha256",
    ],
    "attributes set after loading": [
        "model.unet.attributes_sha256",
        "pipeline.attributes_sha256",
        "scheduler.attributes.sha256",
    ],
    "the scheduler": [
        "scheduler.class",
        "scheduler.config.timestep_spacing",
        "scheduler.timesteps_sha256",
    ],
    "the scheduler's noise": ["scheduler.step_takes_generator"],
    "the tokenizer": [
        "tokenizer.tokenizer.class",
        "tokenizer.tokenizer.sha256",
        "package.tokenizers",
    ],
    "tiling, slicing, offload, fused LoRA and QKV, quantisation": [
        "model.vae.tiling",
        "model.vae.slicing",
        "pipeline.offload",
        "pipeline.fused_loras",
        "attention.unet.processors",
        "model.unet.quantisation",
    ],
    "post-processing": ["generation.conversion"],
    "the file's encoder": ["codec.zlib", "codec.webp", "package.pillow"],
}
"""Sources: PyTorch's notes on reproducibility, NVIDIA's on cuBLAS and cuDNN, the issues of
diffusers and transformers, and measurements on CPUs."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """All keys that are written anywhere: here, and on a machine with a GPU as it was recorded."""
    folder = tmp_path_factory.mktemp("suite")
    tiny_pipelines.tiny_stable_diffusion(folder / "model")
    tiny_pipelines.tiny_lora(folder / "lora" / "style.safetensors", folder / "model")
    (folder / "tiny.suite.yaml").write_text(SUITE)
    backend = DiffusersBackend(device="cpu")
    backend.load(load_suite(folder / "tiny.suite.yaml").cases[0])
    with pytest.MonkeyPatch.context() as patch:
        recorded_gpu.install(patch, recorded_gpu.WholeCard())
        gpu = dict(read_nvml(recorded_gpu.PROPERTIES))
        of_torch = dict(recorded_gpu.read_gpu_keys(patch))
    cuda = {**dict(read_software(cuda=True)), **dict(read_switches(cuda=True))}
    return {*backend.fingerprint(), *gpu, *of_torch, *cuda}


def test_every_key_that_is_written_is_declared_exactly_once(written: set[str]):
    wrong = {key: [each.pattern for each in fitting(key)] for key in written}
    assert {key: found for key, found in wrong.items() if len(found) != 1} == {}


def test_every_declaration_is_of_use(written: set[str]):
    used = {declared.pattern for key in written for declared in fitting(key)}
    before_torch_2_9 = {"torch.cuda.matmul.allow_tf32", "torch.cudnn.allow_tf32"}
    only_in_trouble = {"gpu.nvml", "library.unread"}
    of_transformers_alone = {"attention.{component}.implementation"}
    of_models_built_small = {"model.{component}.tips"}
    of_postprocessing = {"postprocess.{library}", "postprocess.{step}.weights_sha256"}
    of_own_code = {"model.factory_sha256", "model.pipeline_sha256"}
    of_what_is_put_on = {"ip_adapter_file.{path}", "embedding_file.{path}"}
    of_written_prompts = {"language_model_file.{path}"}
    inside_a_call = {each.pattern for each in KEYS if each.scope is Scope.CALL}
    only_where_others_had_a_hand = {
        "attention.{component}.processors_sha256",
        "model.{component}.adapters",
        "model.{component}.forwards",
        "model.{component}.hooks",
        "model.{component}.switches",
        "pipeline.functions",
        "pipeline.methods",
        "scheduler.methods",
    }
    never_here = before_torch_2_9 | only_in_trouble | of_transformers_alone | inside_a_call
    of_guiders = {"guider.{component}.class", "guider.{component}.config.{field}"}
    never_here |= of_models_built_small | of_postprocessing | of_written_prompts
    never_here |= only_where_others_had_a_hand | of_own_code | of_what_is_put_on | of_guiders
    assert {each.pattern for each in KEYS} - used <= never_here


@pytest.mark.parametrize("what", WHAT_CHANGES_PIXELS)
def test_everything_known_to_change_pixels_has_a_key(what: str, written: set[str]):
    assert set(WHAT_CHANGES_PIXELS[what]) - written == set()


def test_every_declaration_says_what_it_means_and_where_it_comes_from():
    assert all(each.meaning and each.read for each in KEYS)
    assert len({each.pattern for each in KEYS}) == len(KEYS)


def test_no_identity_is_locked_so_that_one_lock_serves_all_machines():
    assert [each.pattern for each in KEYS if each.kind is Kind.IDENTITY and each.locked] == []
    assert [each.pattern for each in KEYS if each.pattern.startswith("gpu.") and each.locked] == []
    assert [each.pattern for each in KEYS if each.kind is Kind.PASSING and each.locked] == []


def test_the_profile_depends_on_identity_keys_and_no_others():
    identity = {"device.type": "cuda", "gpu.name": "NVIDIA H200", "gpu.platform": "cuda"}
    identity |= {"gpu.compute_capability": "9.0", "gpu.multiprocessors": 132}
    assert {kind_of(key) for key in identity} == {Kind.IDENTITY}
    here = read_fingerprint("cpu")
    only = {key: value for key, value in here.items() if kind_of(key) is Kind.IDENTITY}
    assert profile_slug(only) == profile_slug(here)
    others = {key: None if key not in only else value for key, value in here.items()}
    assert profile_slug(others) == profile_slug(here)


def test_a_key_of_another_release_is_only_recorded():
    assert declaration_of("gpu.favourite_colour") is None
    assert kind_of("gpu.favourite_colour") is Kind.RECORDED


def test_a_file_of_the_model_may_be_called_anything():
    for name in ("unet/class", "dtype", "a.b/c.d.sha256"):
        (declared,) = fitting(f"model_file.{name}")
        assert declared.scope is Scope.FILES


def test_the_declarations_need_no_torch():
    code = "import goldenseed.environment.fingerprint, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


PAGE = Path(__file__).parents[3] / "docs" / "environment.md"


@pytest.mark.parametrize("what", WHAT_CHANGES_PIXELS)
def test_the_page_names_what_changes_pixels_with_its_keys(what: str):
    keys = ", ".join(f"`{key}`" for key in WHAT_CHANGES_PIXELS[what])
    assert f"| {what} | {keys} | " in PAGE.read_text(encoding="utf-8")


def test_the_page_names_every_key():
    page = PAGE.read_text(encoding="utf-8")
    assert [each.pattern for each in KEYS if f"`{each.pattern}`" not in page] == []
