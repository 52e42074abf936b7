"""The digest of what was loaded: the same for the same weights, another for any other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import diffusers
import pytest
import torch

from goldenseed.backends.diffusers import as_loaded, digests
from goldenseed.backends.diffusers.digests import tensor_sha256, tensors_sha256


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8))


def described(module: torch.nn.Module) -> dict[str, Any]:
    class Pipeline:
        components = {"unet": module}  # noqa: RUF012 - never changed

    found = dict(as_loaded.describe_components(Pipeline()))
    return {key.removeprefix("model.unet."): value for key, value in found.items()}


def digest(module: torch.nn.Module) -> str:
    found: str = described(module)["sha256"]
    return found


def test_the_digest_is_of_names_dtypes_shapes_and_bytes():
    weight = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    inner = hashlib.sha256(weight.numpy().tobytes()).hexdigest()
    line = json.dumps(["weight", "float32", [2, 3], inner]).encode() + b"\n"
    assert tensors_sha256({"weight": weight}) == hashlib.sha256(line).hexdigest()


def test_equal_weights_have_equal_digests():
    assert digest(model()) == digest(model())


def smallest_step(module: Any) -> None:
    module[0].weight.data[0, 0, 0, 0] = torch.nextafter(
        module[0].weight.data[0, 0, 0, 0], torch.tensor(2.0)
    )


def swapped(module: Any) -> None:
    module[0].weight.data = module[0].weight.data[torch.tensor([1, 0, 2, 3, 4, 5, 6, 7])]


def reshaped(module: Any) -> None:
    module[0].weight.data = module[0].weight.data.reshape(8, 3, 9, 1)


def a_buffer(module: Any) -> None:
    module[1].running_mean[3] += 1


def a_cast(module: Any) -> None:
    module.double()


def renamed(module: Any) -> None:
    module.add_module("2", module[1])
    del module._modules["1"]


@pytest.mark.parametrize(
    "change",
    [smallest_step, swapped, reshaped, a_buffer, a_cast, renamed],
    ids=lambda c: c.__name__,
)
def test_any_change_changes_the_digest(change: Callable[[Any], None]):
    changed = model()
    change(changed)
    assert digest(changed) != digest(model())


def test_the_memory_format_is_told_but_does_not_count():
    moved = model().to(memory_format=torch.channels_last)
    assert digest(moved) == digest(model())
    assert (described(model())["memory_format"], described(moved)["memory_format"]) == (
        "NCHW",
        "NHWC",
    )


def test_many_threads_find_the_same_digest(monkeypatch: pytest.MonkeyPatch):
    alone = digest(model())
    monkeypatch.setattr(digests, "_ALONE_BYTES", 0)
    assert digest(model()) == alone


def test_a_computed_buffer_is_digested_apart():
    module = model()
    before = digest(module)
    module.register_buffer("frequencies", torch.ones(3), persistent=False)
    assert digest(module) == before
    assert described(module)["tables_sha256"] == tensors_sha256({"frequencies": torch.ones(3)})


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.int8])
def test_every_dtype_has_bytes(dtype: torch.dtype):
    assert len(tensor_sha256(torch.ones(3, 2).to(dtype))) == 64


@pytest.mark.parametrize("shape", [(), (0,), (1,)])
def test_scalars_and_empty_tensors_have_digests(shape: tuple[int, ...]):
    assert len(tensor_sha256(torch.zeros(shape))) == 64


def test_weights_that_are_not_in_memory_are_unreadable():
    found = described(torch.nn.Linear(2, 2, device="meta"))
    assert found["sha256"] == "unreadable: RuntimeError: its weights are not in memory"
    assert found["parameters"] == 6


def test_a_transposed_weight_is_read_in_its_own_order():
    weight = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    assert tensor_sha256(weight.T) == tensor_sha256(weight.T.contiguous())
    assert tensor_sha256(weight.T) != tensor_sha256(weight)


def test_the_compilers_configuration_counts_where_it_is_at_work():
    import torch._inductor.config as inductor

    module = torch.nn.Linear(2, 2)
    assert described(module)["inductor_sha256"] is None
    module.compile()
    plain = described(module)["inductor_sha256"]
    with inductor.patch(max_autotune=not inductor.max_autotune):
        assert described(module)["inductor_sha256"] != plain
    assert described(module)["inductor_sha256"] == plain


def test_weights_made_of_several_tensors_are_digested_by_all_and_named_by_their_class():
    from torch.testing._internal.two_tensor import TwoTensor

    def quantised(scale: float) -> torch.nn.Module:
        module = torch.nn.Linear(2, 2, bias=False)
        weight = TwoTensor(torch.ones(2, 2), torch.full((2, 2), scale))
        module.weight = torch.nn.Parameter(weight, requires_grad=False)
        return module

    assert (
        described(quantised(1.0))["weights_sha256"] == described(quantised(1.0))["weights_sha256"]
    )
    assert (
        described(quantised(1.0))["weights_sha256"] != described(quantised(2.0))["weights_sha256"]
    )
    assert described(quantised(1.0))["quantisation"] == "TwoTensor"
    assert described(model())["quantisation"] is None


@pytest.mark.parametrize("cls", ["AutoencoderKLWan", "AutoencoderKLQwenImage"])
def test_norms_that_leave_only_signs_are_named(cls: str):
    def decoder(width: int) -> Any:
        sizes = {"base_dim": width, "dim_mult": [1, 1, 1], "temperal_downsample": [False, True]}
        return getattr(diffusers, cls)(z_dim=4, num_res_blocks=1, **sizes)

    norms = described(decoder(3))["tips"]
    assert norms.endswith("RMS_norm x 2"), "of three channels one is left where they are enlarged"
    assert "tips" not in described(decoder(8))


def test_a_norm_leaves_signs_by_what_it_sums_over():
    norms = [torch.nn.LayerNorm(2), torch.nn.LayerNorm(1), torch.nn.LayerNorm(4)]
    others = [torch.nn.RMSNorm(1), torch.nn.GroupNorm(1, 1), torch.nn.BatchNorm2d(1)]
    assert described(torch.nn.Sequential(*norms, *others))["tips"] == "LayerNorm x 1, RMSNorm x 1"
