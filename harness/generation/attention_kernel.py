"""Which kernel a model's attention really calls: one small attention is computed and watched."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.environment.reading import EnvironmentValue, guarded

if TYPE_CHECKING:
    import torch

_TOKENS = 64
"""Of the sample; about those of a 64 by 64 image."""
_FUSED = MappingProxyType(
    {
        "scaled_dot_product_flash": "FLASH_ATTENTION",
        "scaled_dot_product_efficient": "EFFICIENT_ATTENTION",
        "scaled_dot_product_cudnn": "CUDNN_ATTENTION",
        "fused_attention_overrideable": "OVERRIDEABLE",
    }
)
"""A part of an operation's name to the kernel's name in ``torch.nn.attention.SDPBackend``."""


def attention_kernel(component: torch.nn.Module) -> EnvironmentValue:
    """Name the kernel that the component's first attention computes with; None without one.

    The module is given zeros, and what it calls is watched: the kernel, ``MATH`` for torch's own
    attention made of products and a softmax, ``products and softmax`` where the processor writes
    them out itself, or the name of a foreign operation. No random number is drawn. Takes a
    millisecond. A module that needs other arguments is not called; for it torch is asked what it
    would choose for tensors of this shape, and the value ends in ``(asked)``.
    """
    import torch

    for module in component.modules():
        if isinstance(getattr(module, "to_q", None), torch.nn.Linear):
            if not any(part.training for part in module.modules()):
                called = guarded(lambda module=module: _called(module))  # type: ignore[misc]
                if not str(called).startswith("unreadable"):
                    return called
            return guarded(lambda module=module: f"{_choice(module)} (asked)")  # type: ignore[misc]
    return None


def _called(module: Any) -> str:
    """Call the module and name its kernel.

    Raises:
        Exception: whatever a module raises that needs other arguments.

    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    names: list[str] = []

    class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, _types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            names.append(func.name())
            return func(*args, **(kwargs or {}))

    samples = {"hidden_states": _sample(module.to_q)}
    if isinstance(getattr(module, "add_k_proj", None), torch.nn.Linear):
        samples["encoder_hidden_states"] = _sample(module.add_k_proj)
    elif module.to_k.in_features != module.to_q.in_features:
        samples["encoder_hidden_states"] = _sample(module.to_k)
    with torch.no_grad(), Watch():  # type: ignore[no-untyped-call]
        module(**samples)
    return _name_of(names)


def _sample(layer: Any) -> torch.Tensor:
    shape = (1, _TOKENS, layer.in_features)
    return layer.weight.new_zeros(shape)  # type: ignore[no-any-return]


def _name_of(operations: list[str]) -> str:
    for operation in operations:
        for part, kernel in _FUSED.items():
            if part in operation:
                return kernel
    foreign = [each for each in operations if "attention" in each or "attn" in each]
    if foreign:
        return foreign[0]
    # torch's own attention guards its softmax against rows that are masked throughout.
    return "MATH" if "aten::_safe_softmax" in operations else "products and softmax"


def _choice(module: Any) -> str:
    import torch

    weight = module.to_q.weight
    shape = (1, module.heads, _TOKENS, weight.shape[0] // module.heads)
    sample = weight.new_zeros(shape)
    choice = torch._fused_sdp_choice(sample, sample, sample)  # noqa: SLF001 - nothing public tells
    return str(torch.nn.attention.SDPBackend(choice).name)
