"""What is done to a loaded pipeline, or underneath it, to make an image come out otherwise.

Every function takes the pipeline, an exit stack that takes it back, and the fault's own options.
What is done at once is there to be read by the fingerprint; what ``during_call`` does is done and
taken back within the pipeline's call, so that neither recipe nor fingerprint can show it.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from types import FunctionType
from typing import Any
from unittest import mock

from goldenseed.tools.probe.change import call_otherwise, denoiser_of
from goldenseed.tools.probe.changes import memory
from goldenseed.tools.probe.changes.memory import in_a_batch
from tests.benchmarks.diagnosis.patches import PATCHES

Injection = Callable[..., None]


@contextmanager
def injected(pipeline: Any, what: list[Mapping[str, Any]]) -> Iterator[None]:
    """Inject one thing after the other; all is taken back at the end."""
    with ExitStack() as undo:
        for each in what:
            options = {name: value for name, value in each.items() if name != "what"}
            INJECTIONS[each["what"]](pipeline, undo, **options)
        yield


def during_call(pipeline: Any, change: Callable[[ExitStack, dict[str, Any]], None]) -> None:
    """Let ``change`` act within each call of the pipeline, its arguments included."""

    def call(own: Callable[..., Any], **arguments: Any) -> Any:
        with ExitStack() as undo:
            change(undo, arguments)
            return own(**arguments)

    call_otherwise(pipeline, call)


def argument(
    pipeline: Any, _undo: ExitStack, *, name: str, times: Any = 1, plus: Any = 0, to: Any = None
) -> None:
    """Call the pipeline with another value of an argument than the recipe has."""

    def change(_within: ExitStack, arguments: dict[str, Any]) -> None:
        arguments[name] = to if to is not None else arguments[name] * times + plus

    during_call(pipeline, change)


def generator(pipeline: Any, _undo: ExitStack, *, seed_plus: int = 0, drawn: int = 0) -> None:
    """Seed the generator otherwise, or let it have been used before."""

    def change(_within: ExitStack, arguments: dict[str, Any]) -> None:
        import torch

        own = arguments["generator"]
        own.manual_seed(own.initial_seed() + seed_plus)
        torch.randn(drawn, generator=own)

    during_call(pipeline, change)


def noise(pipeline: Any, _undo: ExitStack, *, dtype: str | None = None, larger: int = 0) -> None:
    """Draw the noise in another dtype, or larger and cut to size."""
    home = sys.modules[_own_class(pipeline).__module__]

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        draw = home.randn_tensor

        def drawn(shape: Any, *args: Any, **kwargs: Any) -> Any:
            wanted = kwargs.pop("dtype", None)
            *others, width = shape
            made = draw(
                (*others, width + larger),
                *args,
                dtype=getattr(torch, dtype) if dtype else wanted,
                **kwargs,
            )
            return made[..., :width].to(wanted).contiguous()

        within.enter_context(mock.patch.object(home, "randn_tensor", drawn))

    during_call(pipeline, change)


def tokenizer_option(
    pipeline: Any, undo: ExitStack, *, tokenizer: str, option: str, value: Any
) -> None:
    """Call a tokenizer with another option than the pipeline does."""
    cls = type(getattr(pipeline, tokenizer))
    own = cls.__call__

    @wraps(own)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return own(self, *args, **{**kwargs, option: value})

    undo.enter_context(mock.patch.object(cls, "__call__", call))


def schedule(pipeline: Any, undo: ExitStack, *, table: str, times: Any = 1, plus: Any = 0) -> None:
    """Move the timesteps or sigmas that the scheduler has set."""

    def after(scheduler: Any) -> None:
        setattr(scheduler, table, getattr(scheduler, table) * times + plus)

    _after_method(pipeline.scheduler, undo, "set_timesteps", lambda self, _result: after(self))


def step_formula(pipeline: Any, undo: ExitStack, *, times: float) -> None:
    """Let a step of the scheduler return something else, as another release of it may."""
    _after_method(
        pipeline.scheduler,
        undo,
        "step",
        lambda _self, result: (result[0] * times, *result[1:]),
        library=True,
    )


def _by_library(function: Any, module: str) -> Any:
    """Return the function as if a module of a library had it: what releases change is theirs."""
    names = {**function.__globals__, "__name__": module}
    return FunctionType(
        function.__code__, names, function.__name__, function.__defaults__, function.__closure__
    )


def weights(
    pipeline: Any, _undo: ExitStack, *, component: str, relative: float, only: str = ""
) -> None:
    """Move the weights in memory, after they were digested."""

    def change(_within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        random = torch.Generator().manual_seed(1)
        for name, weight in getattr(pipeline, component).named_parameters():
            if only in name:
                weight.data *= 1 + relative * torch.randn(weight.shape, generator=random)

    during_call(pipeline, change)


def adapter_scale(pipeline: Any, _undo: ExitStack, *, scale: float) -> None:
    """Give the adapter another scale than the recipe has."""

    def change(_within: ExitStack, _arguments: dict[str, Any]) -> None:
        pipeline.set_adapters(["adapter_0"], adapter_weights=[scale])

    during_call(pipeline, change)


def attention(pipeline: Any, _undo: ExitStack, *, processor: str, hidden: bool = False) -> None:
    """Compute the denoiser's attention with another processor."""

    def exchange(within: ExitStack | None) -> None:
        from diffusers.models import attention_processor

        denoiser = denoiser_of(pipeline)
        if within is not None:
            within.callback(denoiser.set_attn_processor, denoiser.attn_processors)
        denoiser.set_attn_processor(getattr(attention_processor, processor)())

    if hidden:
        during_call(pipeline, lambda within, _arguments: exchange(within))
    else:
        exchange(None)


def channels_last(pipeline: Any, _undo: ExitStack, *, hidden: bool = False) -> None:
    """Lay the weights of convolutions out with the channels last."""
    if not hidden:
        memory.channels_last(pipeline)
        return

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        for model in (denoiser_of(pipeline), pipeline.vae):
            within.callback(model.to, memory_format=torch.contiguous_format)
            model.to(memory_format=torch.channels_last)

    during_call(pipeline, change)


def without_onednn(pipeline: Any, _undo: ExitStack) -> None:
    """Compute without oneDNN."""

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        within.enter_context(torch.backends.mkldnn.flags(enabled=False, fp32_precision="ieee"))

    during_call(pipeline, change)


def flash_attention(pipeline: Any, _undo: ExitStack) -> None:
    """Let scaled dot-product attention use the flash kernel alone."""

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        from torch.nn.attention import SDPBackend, sdpa_kernel

        within.enter_context(sdpa_kernel(SDPBackend.FLASH_ATTENTION))

    during_call(pipeline, change)


def autocast(pipeline: Any, _undo: ExitStack, *, dtype: str) -> None:
    """Compute under torch's autocast."""

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        within.enter_context(torch.autocast("cpu", dtype=getattr(torch, dtype)))

    during_call(pipeline, change)


def attention_slicing(pipeline: Any, _undo: ExitStack) -> None:
    """Compute attention slice by slice, to save memory."""
    pipeline.enable_attention_slicing("max")


def vae_tiling(pipeline: Any, _undo: ExitStack, *, hidden: bool = False) -> None:
    """Decode in tiles of half the image's side."""
    memory.tiled(pipeline)
    if hidden:
        pipeline.vae.use_tiling = False
        during_call(
            pipeline,
            lambda within, _arguments: within.enter_context(
                mock.patch.object(pipeline.vae, "use_tiling", new=True)
            ),
        )


def vae_slicing(pipeline: Any, _undo: ExitStack) -> None:
    """Decode the images of a batch one by one."""
    pipeline.vae.enable_slicing()


def stored_in(pipeline: Any, _undo: ExitStack, *, component: str, dtype: str) -> None:
    """Keep a component's weights in another dtype, computing as before (diffusers' own switch)."""
    import torch

    getattr(pipeline, component).enable_layerwise_casting(
        storage_dtype=getattr(torch, dtype), compute_dtype=torch.float32
    )


def computed_in(pipeline: Any, _undo: ExitStack, *, component: str, dtype: str) -> None:
    """Compute a component in another dtype; what it returns is float32 again."""
    import torch

    module = getattr(pipeline, component).to(getattr(torch, dtype))
    if component == "vae":
        decode = module.decode

        @wraps(decode)
        def decoded(latents: Any, *args: Any, **kwargs: Any) -> Any:
            result = decode(latents.to(module.dtype), *args, **kwargs)
            return _in_float32(result)

        module.decode = decoded
    else:
        module.register_forward_hook(lambda _module, _args, output: _in_float32(output))


def image(pipeline: Any, _undo: ExitStack, *, how: str) -> None:
    """Do something to the finished picture, floats of shape (1, height, width, 3) in [0, 1]."""

    def call(own: Callable[..., Any], **arguments: Any) -> Any:
        output = own(**arguments)
        output.images = _PICTURES[how](output.images).astype("float32").clip(0, 1)
        return output

    call_otherwise(pipeline, call)


def flag_dropped(pipeline: Any, _undo: ExitStack) -> None:
    """Let the pipeline keep to itself that its safety checker blanked the image."""

    def call(own: Callable[..., Any], **arguments: Any) -> Any:
        output = own(**arguments)
        output.nsfw_content_detected = None
        return output

    call_otherwise(pipeline, call)


def decoded(pipeline: Any, _undo: ExitStack, *, value: float) -> None:
    """Let the VAE return the same value everywhere: -1 is black."""
    decode = pipeline.vae.decode

    @wraps(decode)
    def blank(*args: Any, **kwargs: Any) -> Any:
        result = decode(*args, **kwargs)
        return (result[0].fill_(value), *result[1:])

    pipeline.vae.decode = blank


def threads(pipeline: Any, _undo: ExitStack, *, number: int) -> None:
    """Compute with another number of threads than the suite has."""

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        within.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(number)

    during_call(pipeline, change)


def matmul_precision(pipeline: Any, _undo: ExitStack, *, precision: str) -> None:
    """Let oneDNN compute float32 products in less."""

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        for place in (torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv):
            within.callback(setattr, place, "fp32_precision", place.fp32_precision)
            place.fp32_precision = precision

    during_call(pipeline, change)


def products_in_tf32(pipeline: Any, _undo: ExitStack) -> None:
    """Round what linear layers and convolutions are given to ten bits, as tensor cores do."""

    def change(within: ExitStack, _arguments: dict[str, Any]) -> None:
        import torch

        for name in ("linear", "conv2d"):
            own = getattr(torch.nn.functional, name)
            within.enter_context(mock.patch.object(torch.nn.functional, name, _of_tf32(own)))

    during_call(pipeline, change)


def _of_tf32(function: Callable[..., Any]) -> Callable[..., Any]:
    import torch

    def rounded(values: Any) -> Any:
        """Keep ten bits of the mantissa, halves away from zero."""
        bits = values.contiguous().view(torch.int32)
        return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)

    @wraps(function)
    def product(values: Any, weight: Any, *args: Any, **kwargs: Any) -> Any:
        return function(rounded(values), rounded(weight), *args, **kwargs)

    return product


def batch(pipeline: Any, _undo: ExitStack, *, position: int) -> None:
    """Make the image together with another one."""
    in_a_batch(pipeline, position=position)
    # The probe tells the trace which row is the image's; who batches by oversight does not.
    del pipeline.goldenseed_place


def package(_pipeline: Any, undo: ExitStack, *, name: str, version: str) -> None:
    """Let the metadata of an installed package tell another version."""
    told = importlib.metadata.version

    def version_of(asked: str) -> str:
        return version if asked == name else told(asked)

    undo.enter_context(mock.patch.object(importlib.metadata, "version", version_of))


def torch_silu(_pipeline: Any, undo: ExitStack) -> None:
    """Compute torch's SiLU in another order of rounding, as another release may."""
    import torch

    def silu(values: Any, inplace: bool = False) -> Any:
        return values / (1 + (-values).exp())

    undo.enter_context(
        mock.patch.object(torch.nn.functional, "silu", _by_library(silu, "torch.nn.functional"))
    )


def torch_layer_norm(_pipeline: Any, undo: ExitStack) -> None:
    """Compute torch's layer norm in another order of rounding, as another release may."""
    import torch

    def layer_norm(
        values: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
    ) -> Any:
        axes = tuple(range(-len(shape), 0))
        centred = values - values.mean(axes, keepdim=True)
        scaled = centred * (centred.pow(2).mean(axes, keepdim=True) + eps).rsqrt()
        scaled = scaled if weight is None else scaled * weight
        return scaled if bias is None else scaled + bias

    made = _by_library(layer_norm, "torch.nn.functional")
    undo.enter_context(mock.patch.object(torch.nn.functional, "layer_norm", made))


def unet_gelu(_pipeline: Any, undo: ExitStack) -> None:
    """Compute the GELU of diffusers' gated layers by its approximation, as another release may."""
    import torch
    from diffusers.models.activations import GEGLU

    def gelu(_self: Any, gate: Any) -> Any:
        return torch.nn.functional.gelu(gate, approximate="tanh")

    undo.enter_context(mock.patch.object(GEGLU, "gelu", _by_library(gelu, GEGLU.__module__)))


def text_activation(pipeline: Any, undo: ExitStack, *, component: str) -> None:
    """Compute GELU of a text encoder by its approximation, as another release may."""
    import torch

    for module in getattr(pipeline, component).modules():
        if hasattr(module, "activation_fn"):
            undo.enter_context(
                mock.patch.object(module, "activation_fn", torch.nn.GELU(approximate="tanh").eval())
            )


def ip_adapter(pipeline: Any, _undo: ExitStack) -> None:
    """Load a random IP-Adapter and give every call the same picture for it."""
    import torch
    from diffusers.models.attention_processor import IPAdapterAttnProcessor
    from PIL import Image, ImageDraw

    torch.manual_seed(3)
    unet, width = pipeline.unet, pipeline.unet.config.cross_attention_dim
    layers: dict[str, Any] = {}
    number = 1
    for name in unet.attn_processors:
        if name.endswith("attn2.processor"):
            channels = _channels_at(unet.config.block_out_channels, name)
            own = IPAdapterAttnProcessor(channels, width, scale=1.0).state_dict()
            for part in ("k", "v"):
                layers[f"{number}.to_{part}_ip.weight"] = own[f"to_{part}_ip.0.weight"]
            number += 2
    projection = {
        "proj.weight": torch.randn(4 * width, width) / width**0.5,
        "proj.bias": torch.zeros(4 * width),
        "norm.weight": torch.ones(width),
        "norm.bias": torch.zeros(width),
    }
    pipeline.load_ip_adapter(
        {"image_proj": projection, "ip_adapter": layers},
        subfolder=None,
        weight_name=None,
        image_encoder_folder=None,
    )
    picture = Image.new("RGB", (32, 32), (200, 180, 160))
    ImageDraw.Draw(picture).ellipse((6, 6, 26, 26), fill=(190, 30, 40))
    during_call(
        pipeline, lambda _within, arguments: arguments.setdefault("ip_adapter_image", picture)
    )


def reference_picture(pipeline: Any, undo: ExitStack) -> None:
    """Give the IP-Adapter another picture."""
    from PIL import Image

    argument(pipeline, undo, name="ip_adapter_image", to=Image.new("RGB", (32, 32), (30, 90, 200)))


def _channels_at(blocks: Any, name: str) -> int:
    if name.startswith("mid_block"):
        return int(blocks[-1])
    number = int(name.split(".")[1])
    return int(blocks[number] if name.startswith("down") else blocks[::-1][number])


def _after_method(
    target: Any,
    undo: ExitStack,
    name: str,
    after: Callable[[Any, Any], Any],
    *,
    library: bool = False,
) -> None:
    """Let ``after(self, result)`` follow a method of the object's class; None keeps the result."""
    original = getattr(type(target), name)

    @wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        other = after(self, result)
        return result if other is None else other

    made = method
    if library:
        made = wraps(original)(_by_library(method, type(target).__module__))
    undo.enter_context(mock.patch.object(type(target), name, made))


def _own_class(pipeline: Any) -> type:
    """Return the pipeline's class as diffusers has it, past those given by injections."""
    return next(
        cls for cls in type(pipeline).__mro__ if cls.__module__.startswith("diffusers.pipelines")
    )


def _in_float32(output: Any) -> Any:
    import torch

    def cast(value: Any) -> Any:
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            return value.float()
        return tuple(map(cast, value)) if isinstance(value, tuple) else value

    if hasattr(output, "items"):
        for name, value in list(output.items()):
            output[name] = cast(value)
        return output
    return cast(output)


def _resized(values: Any) -> Any:
    import numpy as np
    from PIL import Image

    levels = Image.fromarray((values[0] * 255).round().astype("uint8"))
    half = levels.resize((levels.width // 2, levels.height // 2), Image.Resampling.BILINEAR)
    return np.asarray(half.resize(levels.size, Image.Resampling.LANCZOS))[None] / 255


def _sharpened(values: Any) -> Any:
    import numpy as np
    from PIL import Image, ImageFilter

    levels = Image.fromarray((values[0] * 255).round().astype("uint8"))
    return np.asarray(levels.filter(ImageFilter.UnsharpMask(1, 40, 0)))[None] / 255


_PICTURES: Mapping[str, Callable[[Any], Any]] = {
    "black": lambda values: values * 0,
    "gamma": lambda values: values**1.02,
    "bgr": lambda values: values[..., ::-1],
    "resized": _resized,
    "sharpened": _sharpened,
    "truncated": lambda values: (values * 255) // 1 / 255,
}

INJECTIONS: Mapping[str, Injection] = {
    each.__name__: each
    for each in (
        adapter_scale,
        argument,
        attention,
        attention_slicing,
        autocast,
        batch,
        channels_last,
        computed_in,
        decoded,
        flag_dropped,
        flash_attention,
        generator,
        image,
        ip_adapter,
        matmul_precision,
        noise,
        package,
        products_in_tf32,
        reference_picture,
        schedule,
        step_formula,
        stored_in,
        text_activation,
        threads,
        tokenizer_option,
        torch_layer_norm,
        torch_silu,
        unet_gelu,
        vae_slicing,
        vae_tiling,
        weights,
        without_onednn,
    )
} | PATCHES
