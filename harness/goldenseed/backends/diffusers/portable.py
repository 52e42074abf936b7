"""Float64 throughout: portable mode, and the exact image of a case.

Libraries compute in float32 in many places whatever the model's dtype is: a scheduler's cumulative
products, the frequencies of time steps and rotary embeddings, normalisations, the image processor.
Each such place is a rounding of 6e-8 that another instruction set or number of threads can take
the other way. They are not listed and patched one by one: while :func:`float64_only` holds, every
request for a narrower type is answered with float64, at the lowest level that all of torch passes
through, and whatever should escape that is refused with its name.

It is computed in float64, from the very numbers that the case itself computes with: its weights as
they are in the case's dtype, and the noise that is drawn in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

from goldenseed.backends.diffusers.noise import exchanged, instead_of, noise_of
from goldenseed.backends.diffusers.places import dtype_for
from goldenseed.backends.protocol import GenerationError
from goldenseed.core.listing import first_of

if TYPE_CHECKING:
    import torch

    from goldenseed.suite.cases import Case


MOST_NAMED = 3
PORTABLE = "determinism is portable"


class Float64:
    """What :func:`float64_only` has in force, and how to leave a few operations out of it."""

    def __init__(self, because: str) -> None:
        self.because = because
        self.at_work = True

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Let what is computed inside have the type that it asks for."""
        self.at_work = False
        try:
            yield
        finally:
            self.at_work = True


@contextmanager
def float64_only(*, loading: bool = False, because: str = PORTABLE) -> Iterator[Float64]:
    """Make torch, and NumPy as the modules of diffusers see it, compute in float64 only.

    float16, bfloat16, float32 and complex64 become float64 and complex128 wherever a result is
    created or converted; reinterpreting bytes is left alone. Costs some microseconds an operation.
    One that meets a narrower tensor or draws random numbers raises ``GenerationError`` with
    ``because``, but while ``loading``, of which :func:`check_float64` judges what is kept in the
    end.
    """
    import numpy as np
    import torch

    default = torch.get_default_dtype()
    float64 = Float64(because)
    with ExitStack() as restore:
        restore.callback(torch.set_default_dtype, default)
        torch.set_default_dtype(torch.float64)
        # The modules of diffusers are shown a NumPy without narrow types: tables are made with it.
        restore.enter_context(exchanged("np", np, _WideNumpy(np)))
        # Pipelines are shown a torch whose float32 is what it is here: some insist on it by name.
        wide = _WideTorch(torch)
        restore.enter_context(exchanged("torch", torch, wide, below="diffusers.pipelines."))
        restore.enter_context(_literal_mode(float64))
        restore.enter_context(_operation_mode(float64, strict=not loading))
        yield float64


def check_float64(pipeline: Any, because: str = PORTABLE) -> None:
    """Check that all weights and buffers are float64; the error names the first that are not."""
    check_float64_of(pipeline.components, because)


def check_float64_of(models: Mapping[str, Any], because: str = PORTABLE) -> None:
    """Check the same of models by their names."""
    narrow = [
        f"{name}.{key} ({str(tensor.dtype).removeprefix('torch.')})"
        for name, module in models.items()
        if hasattr(module, "named_parameters")
        for key, tensor in (*module.named_parameters(), *module.named_buffers())
        if tensor.dtype in _wider()
    ]
    if narrow:
        raise GenerationError(
            f"{because}, but not all is float64: {first_of(narrow, MOST_NAMED)}",
            fix="this model cannot be computed in float64: docs/determinism.md",
        )


def _wider() -> Mapping[Any, Any]:
    import torch

    return {
        torch.float16: torch.float64,
        torch.bfloat16: torch.float64,
        torch.float32: torch.float64,
        torch.complex32: torch.complex128,
        torch.complex64: torch.complex128,
    }


def _operation_mode(float64: Float64, *, strict: bool) -> Any:
    """Make the mode that sees every operation torch runs, also those inside others."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    wider = _wider()
    from_literals = torch.ops.aten.lift_fresh.default

    class Float64Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if not float64.at_work:
                return func(*args, **kwargs)
            wanted = wider.get(kwargs.get("dtype"))
            if wanted is not None:
                kwargs = {**kwargs, "dtype": wanted}
            if func is from_literals:
                wanted = wider.get(args[0].dtype)
                return func(args[0] if wanted is None else args[0].to(wanted))
            if strict:
                _refuse_narrow(func, (*args, *kwargs.values()), wider, float64.because)
                _refuse_random(func, float64.because)
            return func(*args, **kwargs)

    return Float64Operations()  # type: ignore[no-untyped-call]


def _literal_mode(float64: Float64) -> Any:
    """Make the mode for numbers written in Python, which torch rounds before it runs anything."""
    import torch
    from torch.overrides import TorchFunctionMode

    wider = _wider()
    of_literals = {torch.tensor, torch.as_tensor, torch.asarray, torch.scalar_tensor}

    class Float64Literals(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if float64.at_work and func in of_literals and kwargs.get("dtype") in wider:
                kwargs = {**kwargs, "dtype": wider[kwargs["dtype"]]}
            return func(*args, **kwargs)

    return Float64Literals()


def _refuse_narrow(
    func: Any, arguments: tuple[Any, ...], wider: Mapping[Any, Any], because: str
) -> None:
    import torch

    for argument in arguments:
        for each in argument if isinstance(argument, list | tuple) else (argument,):
            if isinstance(each, torch.Tensor) and each.dtype in wider:
                raise GenerationError(
                    f"{because}, but {func} meets {each.dtype} values of shape "
                    f"{tuple(each.shape)}, whose bits depend on the machine",
                    fix="this pipeline or scheduler cannot do that: docs/determinism.md",
                )


def _refuse_random(func: Any, because: str) -> None:
    import torch

    if torch.Tag.nondeterministic_seeded in func.tags and "dot_product" not in str(func):
        raise GenerationError(
            f"{because}, but {func} draws from torch's own generator, "
            "whose numbers depend on the machine",
            fix="this pipeline or scheduler cannot do that: docs/determinism.md",
        )


class _WideNumpy(ModuleType):
    """NumPy, except that its narrow floating-point types are float64."""

    def __init__(self, numpy: ModuleType) -> None:
        super().__init__(numpy.__name__)
        self.float16 = self.float32 = self.single = self.half = numpy.float64
        self.complex64 = numpy.complex128
        self._numpy = numpy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpy, name)


class _WideTorch(ModuleType):
    """torch, except that its float32 is float64.

    Narrower types keep their names: pipelines ask for them to learn whether they have to widen.
    """

    def __init__(self, torch: ModuleType) -> None:
        super().__init__(torch.__name__)
        self.float32 = self.float = torch.float64
        self._torch = torch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._torch, name)


EXACT = "the exact image is computed in float64"
"""Why all is float64, for messages."""


def round_weights(pipeline: Any, dtype_of: Callable[[str], torch.dtype]) -> None:
    """Round the numbers of each part of a float64 pipeline to those of its dtype, in float64."""
    for name, component in pipeline.components.items():
        dtype = dtype_of(name)
        for weight in component.state_dict().values() if hasattr(component, "parameters") else ():
            if weight.is_floating_point():
                weight.copy_(weight.to(dtype))


@contextmanager
def widened_noise_of(
    case: Case, *, outside: Callable[[], AbstractContextManager[None]]
) -> Iterator[None]:
    """Give a pipeline in float64 the noise of the case's own dtype, drawn ``outside`` that mode."""
    import torch
    from diffusers.utils import torch_utils

    narrow = dtype_for(case.model.dtype)
    with noise_of(case):
        own = torch_utils.randn_tensor

        def draw(
            shape: Sequence[int],
            generator: Any = None,
            device: Any = None,
            dtype: Any = None,
            layout: Any = None,
        ) -> torch.Tensor:
            wanted = torch.get_default_dtype() if dtype is None else dtype
            with outside():
                drawn: torch.Tensor = own(shape, generator, device, narrow, layout)
                return drawn.to(torch.float64 if wanted.is_floating_point else wanted)

        with instead_of(own, draw):
            yield
