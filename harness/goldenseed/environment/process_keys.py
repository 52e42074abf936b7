"""The keys that describe the machine and the process: hardware, software, switches."""

from __future__ import annotations

from typing import Final

from goldenseed.environment.declaration import Key, Kind, Moves, Scope


def _identity(pattern: str, meaning: str, read: str) -> Key:
    return Key(pattern, meaning, Kind.IDENTITY, read)


def _numeric(
    pattern: str, meaning: str, read: str, scope: Scope = Scope.PROCESS, *, locked: bool = False
) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, scope, locked)


def _recorded(pattern: str, meaning: str, read: str) -> Key:
    return Key(pattern, meaning, Kind.RECORDED, read)


def _cpu(pattern: str, meaning: str, read: str, *, locked: bool = False) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, locked=locked, of_cpu=True)


VERSION_KEY: Final = "fingerprint.version"

_SYSTEM = (
    _recorded(VERSION_KEY, "which keys are known to it, and so absent for a reason", "goldenseed"),
    _identity("device.type", "what computes the images: cpu, cuda, …", "the pipeline"),
    _identity("platform.machine", "the processor's architecture", "platform.machine()"),
    _numeric("platform.system", "the operating system", "platform.system()"),
    _recorded("platform.kernel", "the kernel's release", "platform.release()"),
    _numeric("platform.libc", "the C library, whose libm computes", "platform.libc_ver()"),
    _recorded("python.version", "Python's version", "platform.python_version()"),
    _recorded("python.implementation", "which Python", "platform.python_implementation()"),
    _cpu("cpu.model", "the processor's name", "/proc/cpuinfo, or py-cpuinfo"),
    _cpu("cpu.vendor", "its maker, for whom MKL chooses its code", "/proc/cpuinfo, or py-cpuinfo"),
    _cpu("cpu.isa", "its vector and matrix instructions", "flags of /proc/cpuinfo, or py-cpuinfo"),
    _cpu("cpu.cache.{level}", "bytes of cache, after which blocks are cut", "sysfs"),
    _recorded("cpu.microcode", "the microcode's revision", "/proc/cpuinfo"),
    _identity(
        "cpu.capability",
        "the instruction set torch's own kernels and CPU noise use",
        "torch.backends.cpu.get_cpu_capability()",
    ),
    _cpu(
        "cpu.threads",
        "threads of one operation; sums are cut by them",
        "torch.get_num_threads()",
        locked=True,
    ),
    _recorded(
        "cpu.interop_threads",
        "operations that may run at once",
        "torch.get_num_interop_threads()",
    ),
)

_TEXT_AND_FILES: Final = frozenset(
    {
        "beautifulsoup4",
        "compel",
        "ftfy",
        "protobuf",
        "safetensors",
        "sentencepiece",
        "tiktoken",
        "tokenizers",
    }
)
"""Packages that read texts or files: what they make of them is recorded, and no rounding."""

_SOFTWARE = (
    Key(
        "package.{name}",
        "a package's version, without a label such as +cpu",
        Kind.NUMERIC,
        "importlib.metadata",
        locked=True,
        bystanders=_TEXT_AND_FILES,
        since=2,
    ),
    _recorded(
        "tool.{name}",
        "the version of a package that takes no part in computing an image",
        "importlib.metadata",
    ),
    _recorded(
        "codec.{name}",
        "a library that packs pixels into files; pixels do not depend on it",
        "PIL.features.version()",
    ),
    _numeric(
        "postprocess.{library}",
        "a library that a step of the suite's post-processing computes with",
        "importlib.metadata, cv2, PIL.features",
    ),
    Key(
        "postprocess.{step}.weights_sha256",
        "the weights of a model that enlarges",
        Kind.NUMERIC,
        "the folder's .safetensors files",
        moves=Moves.SUBSTANCE,
    ),
    _numeric(
        "cuda.package.{name}",
        "the version of a CUDA library's wheel, or of triton",
        "importlib.metadata",
        Scope.GPU,
        locked=True,
    ),
    _numeric(
        "env.{name}",
        "an environment variable that changes the arithmetic",
        "os.environ",
        locked=True,
    ),
    _recorded(
        "machine.env.{name}",
        "an environment variable that a suite overrules, or that no image depends on",
        "os.environ",
    ),
    _numeric("torch.version", "torch, with the label of its build", "torch.__version__"),
    _numeric("torch.git_version", "the commit it was built from", "torch.version"),
    _numeric("torch.cuda", "the CUDA release it was built for", "torch.version.cuda"),
    _numeric("torch.hip", "the ROCm release it was built for", "torch.version.hip"),
    _numeric(
        "torch.build.{name}",
        "compiler, MKL, oneDNN and OpenMP it was built with",
        "torch.__config__.show()",
    ),
    _numeric("numpy.{name}", "linear algebra that NumPy was built with", "numpy.show_config()"),
    _numeric(
        "library.{package}.{library}.version",
        "a library of linear algebra or threads that torch or NumPy brings, or that they share",
        "threadpoolctl",
    ),
    _cpu(
        "library.{package}.{library}.architecture",
        "the processors for which it took its code",
        "threadpoolctl",
    ),
    _recorded(
        "library.{package}.{library}.threads",
        "its threads; those of OpenMP in torch are `cpu.threads`",
        "threadpoolctl",
    ),
    _recorded("library.unread", "why threadpoolctl said nothing", "threadpoolctl"),
    _numeric(
        "torch.cudnn",
        "cuDNN's version",
        "torch.backends.cudnn.version()",
        Scope.GPU,
        locked=True,
    ),
)


def _switch(name: str, meaning: str, read: str, scope: Scope = Scope.PROCESS) -> Key:
    return _numeric(f"torch.{name}", meaning, read, scope, locked=True)


_SWITCHES = (
    _switch(
        "deterministic_algorithms",
        "only algorithms that repeat themselves",
        "torch.are_deterministic_algorithms_enabled()",
    ),
    _switch(
        "deterministic_warn_only",
        "others only warn",
        "torch.is_deterministic_algorithms_warn_only_enabled()",
    ),
    _switch(
        "fill_uninitialized_memory",
        "new memory is filled, so that reading it shows",
        "torch.utils.deterministic",
        Scope.CPU,
    ),
    Key(
        "torch.default_dtype",
        "the dtype of numbers without one",
        Kind.NUMERIC,
        "torch.get_default_dtype()",
        locked=True,
        moves=Moves.SUBSTANCE,
    ),
    _switch(
        "float32_matmul_precision",
        "the old switch of float32 products",
        "torch.get_float32_matmul_precision()",
    ),
    _switch("fp32_precision", "the switch above all", "torch.backends.fp32_precision"),
    _switch(
        "{library}.{operation}.fp32_precision",
        "ieee or tf32 (or bf16), by library and operation",
        "torch.backends",
    ),
    _switch("cuda.matmul.allow_tf32", "TF32 before torch 2.9", "torch.backends.cuda.matmul"),
    _switch("cudnn.allow_tf32", "TF32 before torch 2.9", "torch.backends.cudnn"),
    _switch("cudnn.enabled", "whether cuDNN is used", "torch.backends.cudnn"),
    _switch("cudnn.deterministic", "cuDNN repeats itself", "torch.backends.cudnn"),
    _switch("cudnn.benchmark", "cuDNN chooses by timing", "torch.backends.cudnn"),
    _switch("mkldnn.enabled", "whether oneDNN is used", "torch.backends.mkldnn"),
    _switch("mkldnn.deterministic", "oneDNN repeats itself", "torch.backends.mkldnn"),
    _switch(
        "matmul.{switch}",
        "half-precision products may be summed in half precision",
        "torch.backends.cuda.matmul",
    ),
    _switch(
        "sdp.{kernel}",
        "whether scaled dot-product attention may use this kernel",
        "torch.backends.cuda",
        Scope.CPU,
    ),
    Key(
        "cuda.sdp_kernels",
        "all of them on a GPU as one value, which the lock pins there",
        Kind.RECORDED,
        "torch.backends.cuda",
        Scope.GPU,
        locked=True,
    ),
    _switch(
        "preferred_blas_library",
        "cuBLAS, cuBLASLt or CK",
        "torch.backends.cuda.preferred_blas_library()",
    ),
    _switch(
        "preferred_linalg_library",
        "cuSOLVER or MAGMA",
        "torch.backends.cuda.preferred_linalg_library()",
    ),
)


def _gpu(name: str, meaning: str, kind: Kind, read: str) -> Key:
    return Key(f"gpu.{name}", meaning, kind, read, Scope.GPU)


_TORCH = "torch.cuda.get_device_properties()"

_GPU = (
    _gpu("platform", "cuda or rocm", Kind.IDENTITY, "torch.version.hip"),
    _gpu("name", "the card, or the slice of it", Kind.IDENTITY, _TORCH),
    _gpu("compute_capability", "its generation", Kind.IDENTITY, _TORCH),
    _gpu(
        "multiprocessors",
        "its SM count, on which cuBLAS and CUDA's noise depend",
        Kind.IDENTITY,
        _TORCH,
    ),
    _gpu("threads_per_multiprocessor", "on which CUDA's noise depends", Kind.NUMERIC, _TORCH),
    _gpu("architecture", "AMD's name of the generation", Kind.NUMERIC, _TORCH),
    _gpu("l2_cache_bytes", "bytes of cache", Kind.NUMERIC, _TORCH),
    _gpu("memory_bytes", "bytes of memory", Kind.RECORDED, _TORCH),
    _gpu("visible", "how many GPUs the process sees", Kind.PASSING, "torch.cuda"),
    _gpu("mig", "whether the card is cut into slices", Kind.NUMERIC, "NVML"),
    _gpu("mig_slice", "the slice, as compute.memory", Kind.NUMERIC, "NVML"),
    _gpu("ecc", "whether memory corrects its errors", Kind.RECORDED, "NVML"),
    _gpu("ecc_errors.{kind}", "errors of memory since the driver was loaded", Kind.PASSING, "NVML"),
    _gpu("vbios", "the card's firmware", Kind.RECORDED, "NVML"),
    _gpu("gsp_firmware", "the firmware of its own processor", Kind.NUMERIC, "NVML"),
    _gpu("uuid_sha256", "tells cards apart without naming them", Kind.PASSING, "NVML"),
    _gpu("driver", "the driver's version", Kind.NUMERIC, "NVML"),
    _gpu("cuda_driver", "the CUDA release the driver serves", Kind.NUMERIC, "NVML"),
    _gpu("nvml", "why NVML said nothing", Kind.RECORDED, "NVML"),
)

PROCESS_KEYS: Final = (*_SYSTEM, *_SOFTWARE, *_SWITCHES, *_GPU)
