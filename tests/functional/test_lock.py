"""A suite's lock: every single change of what it pins is caught, and named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from click.testing import Result
from typer.testing import CliRunner

import tiny_pipelines
from goldenseed.backends.diffusers.backend import DiffusersBackend
from goldenseed.cli.main import app
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.keys import declaration_of
from goldenseed.environment.lock import Lock, write_lock
from goldenseed.session.lock_check import LockCheck
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from goldenseed.suite.recipes import as_the_suite_has_it

if TYPE_CHECKING:
    from conftest import Project

Prepare = Callable[[Any], None]
Document = dict[str, Any]

UNET = "unet/diffusion_pytorch_model.safetensors"


class Place:
    """A folder with a tiny model, its suite and its lock, in which something is then changed."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.prepare: Prepare | None = None
        self.document: Document = {
            "suite": "tiny",
            "model": {
                "source": "model",
                "adapters": [{"source": "lora/style.safetensors"}],
                "scheduler": {"class": "DDIMScheduler"},
            },
            "lock": "tiny.lock.json",
            "cases": [
                {
                    "id": "ball",
                    "prompt": "a red ball",
                    "seeds": [7],
                    "call": {"num_inference_steps": 1, "height": 32, "width": 32},
                }
            ],
        }

    @property
    def model(self) -> Path:
        return self.folder / "model"

    def case(self) -> Case:
        path = self.folder / "tiny.suite.yaml"
        path.write_text(json.dumps(self.document), encoding="utf-8")
        return load_suite(path).cases[0]

    def backend(self) -> DiffusersBackend:
        return DiffusersBackend(device="cpu", prepare=self.prepare)

    def lock(self) -> Lock:
        backend, case = self.backend(), self.case()
        backend.load(as_the_suite_has_it(case))
        return write_lock(self.folder / "tiny.lock.json", "tiny", backend.fingerprint())

    def refusal(self) -> str | None:
        """Run a session's check; return why the case must not run."""
        check, backend, case = LockCheck(strict=True), self.backend(), self.case()
        early = check.before_loading(case, backend)
        if early is not None:
            return early
        backend.load(case)
        return check.after_loading(case, backend)

    def flip(self, file: str) -> None:
        """Change one bit of the last byte: still a sound file."""
        data = bytearray((self.folder / file).read_bytes())
        data[-1] ^= 1
        (self.folder / file).write_bytes(data)

    def set_json(self, file: str, key: str, value: object) -> None:
        path = self.model / file
        path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))

    def determinism(self, **fields: object) -> None:
        self.document["determinism"] = fields

    def install(self, package: str, version: str) -> None:
        """Put another version of a package's metadata before the installed one."""
        home = self.folder / "site" / f"{package}-{version}.dist-info"
        home.mkdir(parents=True)
        (home / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        self.monkeypatch.syspath_prepend(home.parent)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A locked suite's folder; read only."""
    folder = tmp_path_factory.mktemp("locked")
    tiny_pipelines.tiny_stable_diffusion(folder / "model")
    tiny_pipelines.tiny_lora(folder / "lora" / "style.safetensors", folder / "model")
    with pytest.MonkeyPatch.context() as patch:
        Place(folder, patch).lock()
    return folder


@pytest.fixture
def place(locked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    shutil.copytree(locked, tmp_path, dirs_exist_ok=True)
    return Place(tmp_path, monkeypatch)


def _weights_moved(pipeline: Any) -> None:
    with torch.no_grad():
        pipeline.unet.conv_in.weight[0, 0, 0, 0] += 1e-6


def _other_processor(pipeline: Any) -> None:
    from diffusers.models.attention_processor import AttnProcessor

    pipeline.unet.set_attn_processor(AttnProcessor())


def _other_class(pipeline: Any) -> None:
    class CLIPTextModelOfMine(type(pipeline.text_encoder)):  # type: ignore[misc]
        pass

    pipeline.text_encoder.__class__ = CLIPTextModelOfMine


def _other_vocabulary(pipeline: Any) -> None:
    pipeline.tokenizer.add_tokens(["a-token-of-mine"])


def _offloaded(pipeline: Any) -> None:
    pipeline.unet.enable_group_offload(torch.device("cpu"), offload_type="leaf_level")


def _merged(adapters: Path, pipeline: Any) -> None:
    pipeline.load_lora_weights(adapters, weight_name="style.safetensors")
    pipeline.fuse_lora()


def _prepared(prepare: Prepare) -> Callable[[Place], None]:
    return lambda place: setattr(place, "prepare", prepare)


def _env(name: str, value: str) -> Callable[[Place], None]:
    return lambda place: place.monkeypatch.setenv(name, value)


def _determinism(**fields: object) -> Callable[[Place], None]:
    return lambda place: place.determinism(**fields)


CHANGES: dict[str, tuple[str, Callable[[Place], None]]] = {
    "a package": ("package.peft", lambda place: place.install("peft", "0.14.1")),
    "another package": ("package.tokenizers", lambda place: place.install("tokenizers", "0.21")),
    "one bit of the UNet's file": (
        f"model_file.{UNET}",
        lambda place: place.flip(f"model/{UNET}"),
    ),
    "one bit of the text encoder's file": (
        "model_file.text_encoder/model.safetensors",
        lambda place: place.flip("model/text_encoder/model.safetensors"),
    ),
    "one bit of an adapter": (
        "adapter_file.lora/style.safetensors",
        lambda place: place.flip("lora/style.safetensors"),
    ),
    "a field of the VAE's configuration": (
        "model_file.vae/config.json",
        lambda place: place.set_json("vae/config.json", "scaling_factor", 0.2),
    ),
    "a field of the scheduler's file": (
        "model_file.scheduler/scheduler_config.json",
        lambda place: place.set_json("scheduler/scheduler_config.json", "clip_sample", True),
    ),
    "a file more": (
        "model_file.unet/notes.json",
        lambda place: (place.model / "unet" / "notes.json").write_text("{}"),
    ),
    "a file less": (
        "model_file.tokenizer/tokenizer_config.json",
        lambda place: (place.model / "tokenizer" / "tokenizer_config.json").unlink(),
    ),
    "a scheduler field in the suite": (
        "scheduler.config.set_alpha_to_one",
        lambda place: place.document["model"]["scheduler"].update(set_alpha_to_one=True),
    ),
    "a scheduler class in the suite": (
        "scheduler.class",
        lambda place: place.document["model"].update(scheduler={"class": "PNDMScheduler"}),
    ),
    "the dtype": (
        "model.unet.dtype",
        lambda place: place.document["model"].update(dtype="float64"),
    ),
    "TF32": ("torch.cudnn.conv.fp32_precision", _determinism(float32_precision="tf32")),
    "nondeterministic algorithms": (
        "torch.deterministic_algorithms",
        _determinism(algorithms=False),
    ),
    "cuDNN's timing": ("torch.cudnn.benchmark", _determinism(cudnn_benchmark=True)),
    "half-precision sums": (
        "torch.matmul.allow_bf16_reduced_precision_reduction",
        _determinism(reduced_precision_gemm=True),
    ),
    "the kernel of attention": ("torch.sdp.flash", _determinism(sdpa="default")),
    "the processor of attention in the suite": (
        "attention.unet.processors",
        _determinism(attention_processor="AttnProcessor"),
    ),
    "the number of threads": ("cpu.threads", _determinism(threads=2)),
    "TF32 by a variable": ("env.NVIDIA_TF32_OVERRIDE", _env("NVIDIA_TF32_OVERRIDE", "1")),
    "MKL's code path": ("env.MKL_CBWR", _env("MKL_CBWR", "AVX2")),
    "cuBLAS's workspace": ("env.CUBLAS_WORKSPACE_CONFIG", _env("CUBLAS_WORKSPACE_CONFIG", ":16:8")),
    "diffusers' back end of attention": (
        "env.DIFFUSERS_ATTN_BACKEND",
        _env("DIFFUSERS_ATTN_BACKEND", "flash"),
    ),
    "oneDNN off": (
        "torch.mkldnn.enabled",
        lambda place: place.monkeypatch.setattr(torch.backends.mkldnn, "enabled", False),
    ),
    "memory left unfilled": (
        "torch.fill_uninitialized_memory",
        lambda place: place.monkeypatch.setattr(
            torch.utils.deterministic, "fill_uninitialized_memory", False
        ),
    ),
    "weights after loading": ("model.unet.weights_sha256", _prepared(_weights_moved)),
    "the processor of attention": ("attention.unet.processors", _prepared(_other_processor)),
    "the class of a component": ("model.text_encoder.class", _prepared(_other_class)),
    "the tokenizer's vocabulary": ("tokenizer.tokenizer.sha256", _prepared(_other_vocabulary)),
    "a silent cast": ("model.vae.dtype", _prepared(lambda p: p.vae.to(torch.bfloat16))),
    "dropout": ("model.unet.training", _prepared(lambda p: p.unet.train())),
    "channels last": (
        "model.unet.memory_format",
        _prepared(lambda p: p.unet.to(memory_format=torch.channels_last)),
    ),
    "VAE tiling": ("model.vae.tiling", _prepared(lambda p: p.vae.enable_tiling())),
    "VAE slicing": ("model.vae.slicing", _prepared(lambda p: p.vae.enable_slicing())),
    "torch.compile": ("model.unet.compiled", _prepared(lambda p: p.unet.compile())),
    "offloading": (
        "pipeline.offload",
        _prepared(_offloaded),
    ),
    "a LoRA adapter merged into the weights": (
        "pipeline.fused_loras",
        lambda place: setattr(place, "prepare", partial(_merged, place.folder / "lora")),
    ),
    "quantisation, as diffusers notes it": (
        "model.unet.quantisation",
        _prepared(
            lambda p: p.unet.register_to_config(quantization_config={"quant_method": "torchao"})
        ),
    ),
    "QKV fused": (
        "attention.unet.processors",
        _prepared(lambda p: p.fuse_qkv_projections(vae=False)),
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_each_single_change_is_caught_and_named(place: Place, change: str):
    key, plant = CHANGES[change]
    plant(place)
    assert f"  {key} " in (place.refusal() or "no refusal")


def test_where_nothing_changed_nothing_is_refused(place: Place):
    assert place.refusal() is None


def test_another_machine_is_not_refused(place: Place):
    machine = {key for key in place.lock().keys if key.startswith(("cpu.", "gpu.", "platform."))}
    assert machine == {"cpu.threads"}


def test_nothing_unlocked_is_in_a_lock(place: Place):
    pinned = [declaration_of(key) for key in place.lock().keys]
    assert all(declared is not None and declared.locked for declared in pinned)


def test_a_changed_file_is_found_before_anything_is_loaded(place: Place):
    place.flip(f"model/{UNET}")
    place.monkeypatch.setattr(DiffusersBackend, "load", lambda *_: pytest.fail("it was loaded"))
    assert UNET in (place.refusal() or "")


def test_the_values_of_both_sides_are_shown(place: Place):
    place.determinism(threads=2)
    (row,) = [line for line in (place.refusal() or "").splitlines() if "cpu.threads" in line]
    assert row.split() == ["cpu.threads", "1", "2"]


def test_a_case_with_a_scheduler_of_its_own_is_no_difference(place: Place):
    place.document["cases"][0]["model"] = {"scheduler": {"class": "EulerDiscreteScheduler"}}
    assert place.refusal() is None


LOCKED_SUITE = """\
suite: tiny
model: {source: model}
lock: tiny.lock.json
defaults:
  call: {num_inference_steps: 1, height: 32, width: 32}
cases:
  - id: ball
    prompt: a red ball
    seeds: [1, 2, 3]
"""


@pytest.fixture
def locked_project(make_project: Callable[[str], Project]) -> Project:
    project = make_project(LOCKED_SUITE)
    case = load_suite(project.suite).cases[0]
    backend = DiffusersBackend(device="cpu")
    backend.load(case)
    write_lock(project.path / "tiny.lock.json", "tiny", backend.fingerprint())
    return project


def change_a_switch(project: Project) -> None:
    project.edit("lock: tiny", "determinism: {cudnn_benchmark: true}\nlock: tiny")


def test_a_locked_suite_runs_where_it_was_locked(locked_project: Project):
    locked_project.accept_all()
    result = locked_project.run()
    result.assert_outcomes(passed=3)
    assert locked_project.record()["lock_differences"] == []


def test_strict_is_the_default_and_shows_the_table_once(locked_project: Project):
    locked_project.accept_all()
    change_a_switch(locked_project)
    result = locked_project.run()
    result.assert_outcomes(failed=3)
    text = result.stdout.str()
    assert text.count("torch.cudnn.benchmark  False     True") == 1
    assert text.count("listed at ball[seed=1]") == 2
    assert set(locked_project.verdicts().values()) == {"error"}
    assert "--golden-environment=report" in text


def test_strict_keeps_the_differences_in_the_record_too(locked_project: Project):
    change_a_switch(locked_project)
    locked_project.run()
    assert locked_project.record()["lock_differences"] == [
        {"suite": "tiny", "key": "torch.cudnn.benchmark", "expected": False, "found": True}
    ]


def test_report_runs_on_and_shows_the_differences_everywhere(locked_project: Project):
    locked_project.accept_all()
    change_a_switch(locked_project)
    result = locked_project.run("--golden-environment=report")
    assert set(locked_project.verdicts().values()) == {"incomparable"}
    headline = "the environment differs from the lock of tiny in 1 key"
    result.stdout.fnmatch_lines([f"golden: {headline}: torch.cudnn.benchmark False → True"])
    folder = locked_project.path / "reports" / "latest"
    assert headline in (folder / "index.html").read_text()
    assert headline in (folder / "summary.md").read_text()
    assert locked_project.record()["options"]["environment"] == "report"


def test_the_mode_may_stand_in_the_ini_file(locked_project: Project):
    change_a_switch(locked_project)
    locked_project.pytester.makeini("[pytest]\ngolden_environment = report\n")
    locked_project.run("--golden-update=missing").assert_outcomes(passed=3)


def broken_locks() -> dict[str, tuple[Callable[[Document], Document | None], str]]:
    return {
        "missing": (lambda _: None, "the suite's lock is missing"),
        "of another suite": (
            lambda lock: json.loads(
                write_lock(Path("other.lock.json"), "other", lock["keys"]).model_dump_json()
            ),
            "the lock of the suite 'other', not of 'tiny'",
        ),
        "edited by hand": (
            lambda lock: {**lock, "keys": {**lock["keys"], "cpu.threads": 2}},
            "the lock was edited by hand",
        ),
        "of another version": (
            lambda lock: {**lock, "schema_version": 2},
            "schema version 2; this release reads 1",
        ),
        "with a key too many": (lambda lock: {**lock, "torch": "2.13"}, "torch: Extra inputs"),
    }


@pytest.mark.parametrize("fault", broken_locks())
def test_a_lock_that_cannot_be_used_is_an_error_that_says_why(locked_project: Project, fault: str):
    damage, message = broken_locks()[fault]
    path = locked_project.path / "tiny.lock.json"
    changed = damage(json.loads(path.read_text()))
    path.unlink()
    if changed is not None:
        path.write_text(json.dumps(changed))
    result = locked_project.run("tiny.suite.yaml::ball[seed=1]")
    result.stdout.fnmatch_lines([f"*{message}*", "*fix: *goldenseed lock SUITE*"])
    assert locked_project.verdicts() == {"ball[seed=1]": "error"}


def verb(project: Project, *arguments: str) -> Result:
    """Run ``goldenseed`` in this process, which has torch imported already."""
    assert project.path == Path.cwd()
    return CliRunner().invoke(app, arguments)


def test_the_verb_writes_a_lock_that_then_holds(locked_project: Project):
    change_a_switch(locked_project)
    written = verb(locked_project, "lock", "tiny.suite.yaml")
    assert written.exit_code == 0, written.output
    assert "torch.cudnn.benchmark  False     True" in written.output
    assert "nothing of the machine" in written.output
    locked_project.run("--golden-update=missing").assert_outcomes(passed=3)


def test_the_verb_checks_without_writing(locked_project: Project):
    before = (locked_project.path / "tiny.lock.json").read_bytes()
    assert verb(locked_project, "lock", "tiny.suite.yaml", "--check").exit_code == 0
    change_a_switch(locked_project)
    checked = verb(locked_project, "lock", "tiny.suite.yaml", "--check")
    assert checked.exit_code == 1
    assert "torch.cudnn.benchmark" in checked.output
    assert (locked_project.path / "tiny.lock.json").read_bytes() == before


def test_a_first_lock_says_which_line_the_suite_needs(locked_project: Project):
    (locked_project.path / "tiny.lock.json").unlink()
    locked_project.edit("lock: tiny.lock.json\n", "")
    written = verb(locked_project, "lock", "tiny.suite.yaml")
    assert "next: add to tiny.suite.yaml:  lock: tiny.lock.json" in written.output


def test_a_run_and_this_machine_are_compared(locked_project: Project):
    locked_project.run("--golden-update=missing")
    same = verb(locked_project, "env", "--suite", "tiny.suite.yaml", "--diff", "latest")
    assert (same.exit_code, same.output) == (0, "no key differs\n")
    change_a_switch(locked_project)
    other = verb(locked_project, "env", "--suite", "tiny.suite.yaml", "--diff", "latest")
    assert (other.exit_code, other.output) == (
        1,
        "numeric\n  torch.cudnn.benchmark  False → True\n",
    )


def test_without_a_suite_only_what_every_suite_shares_is_compared(locked_project: Project):
    locked_project.run("--golden-update=missing")
    shown = verb(locked_project, "env", "--diff", "reports/latest")
    assert (shown.exit_code, shown.output) == (0, "no key differs\n")


def test_env_prints_json_that_it_can_compare_with(locked_project: Project):
    shown = verb(locked_project, "env", "--json")
    Path("there.json").write_text(shown.stdout)
    assert verb(locked_project, "env", "--diff", "there.json").exit_code == 0
    changed = {**json.loads(shown.stdout), "package.torch": "2.12.1", "cpu.capability": "AVX2"}
    Path("there.json").write_text(json.dumps(changed))
    told = verb(locked_project, "env", "--diff", "there.json").output.splitlines()
    assert [line.split()[0] for line in told] == [
        "identity",
        "cpu.capability",
        "numeric",
        "package.torch",
    ]


def test_env_reads_the_environments_kept_with_the_baselines(locked_project: Project):
    locked_project.run("--golden-update=missing")
    (kept,) = Path("baselines/environments").glob("*.json")
    assert verb(locked_project, "env", "--diff", str(kept)).exit_code == 0


def test_env_refuses_a_file_that_is_no_environment(locked_project: Project):
    shown = verb(locked_project, "env", "--diff", "tiny.lock.json")
    assert isinstance(shown.exception, GoldenseedError)
    assert "holds no environment" in str(shown.exception)
