"""The keys that describe the machine and the process: hardware, software, switches."""

from __future__ import annotations

from typing import Final

from goldenseed.environment.declaration import Key, Kind, Scope


def _cpu(pattern: str, meaning: str, read: str, *, locked: bool = False) -> Key:
    return Key(pattern, meaning, Kind.NUMERIC, read, locked=locked, of_cpu=True)


_SYSTEM = (
    Key("device.type", "what computes the images: cpu, cuda, …", Kind.IDENTITY, "the pipeline"),
    Key("platform.machine", "the processor's architecture", Kind.IDENTITY, "platform.machine()"),
    Key("platform.system", "the operating system", Kind.NUMERIC, "platform.system()"),
    Key("platform.kernel", "the kernel's release", Kind.RECORDED, "platform.release()"),
    Key("platform.libc", "the C library, whose libm computes", Kind.NUMERIC, "platform.libc_ver()"),
    Key("python.version", "Python's version", Kind.RECORDED, "platform.python_version()"),
    Key(
        "python.implementation",
        "which Python",
        Kind.RECORDED,
        "platform.python_implementation()",
    ),
    _cpu("cpu.model", "the processor's name", "/proc/cpuinfo, or py-cpuinfo"),
    _cpu("cpu.vendor", "its maker, for whom MKL chooses its code", "/proc/cpuinfo, or py-cpuinfo"),
    _cpu("cpu.isa", "its vector and matrix instructions", "flags of /proc/cpuinfo, or py-cpuinfo"),
    _cpu("cpu.cache.{level}", "bytes of cache, after which blocks are cut", "sysfs"),
    Key("cpu.microcode", "the microcode's revision", Kind.RECORDED, "/proc/cpuinfo"),
    Key(
        "cpu.capability",
        "the instruction set torch's own kernels and CPU noise use",
        Kind.IDENTITY,
        "torch.backends.cpu.get_cpu_capability()",
    ),
    _cpu(
        "cpu.threads",
        "threads of one operation; sums are cut by them",
        "torch.get_num_threads()",
        locked=True,
    ),
    Key(
        "cpu.interop_threads",
        "operations that may run at once",
        Kind.RECORDED,
        "torch.get_num_interop_threads()",
    ),
)

_SOFTWARE = (
    Key(
        "package.{name}",
        "a package's version, without a label such as +cpu",
        Kind.NUMERIC,
        "importlib.metadata",
        locked=True,
    ),
    Key(
        "tool.{name}",
        "the version of a package that takes no part in computing an image",
        Kind.RECORDED,
        "importlib.metadata",
    ),
    Key(
        "codec.{name}",
        "a library that packs pixels into files; pixels do not depend on it",
        Kind.RECORDED,
        "PIL.features.version()",
    ),
    Key(
        "cuda.package.{name}",
        "the version of a CUDA library's wheel, or of triton",
        Kind.NUMERIC,
        "importlib.metadata",
        Scope.GPU,
        locked=True,
    ),
    Key(
        "env.{name}",
        "an environment variable that changes the arithmetic",
        Kind.NUMERIC,
        "os.environ",
        locked=True,
    ),
    Key(
        "machine.env.{name}",
        "an environment variable that a suite overrules, or that no image depends on",
        Kind.RECORDED,
        "os.environ",
    ),
    Key("torch.version", "torch, with the label of its build", Kind.NUMERIC, "torch.__version__"),
    Key("torch.git_version", "the commit it was built from", Kind.NUMERIC, "torch.version"),
    Key("torch.cuda", "the CUDA release it was built for", Kind.NUMERIC, "torch.version.cuda"),
    Key("torch.hip", "the ROCm release it was built for", Kind.NUMERIC, "torch.version.hip"),
    Key(
        "torch.build.{name}",
        "compiler, MKL, oneDNN and OpenMP it was built with",
        Kind.NUMERIC,
        "torch.__config__.show()",
    ),
    Key(
        "numpy.{name}",
        "linear algebra that NumPy was built with",
        Kind.NUMERIC,
        "numpy.show_config()",
    ),
    Key(
        "library.{package}.{library}.version",
        "a library of linear algebra or threads that torch or NumPy brings, or that they share",
        Kind.NUMERIC,
        "threadpoolctl",
    ),
    _cpu(
        "library.{package}.{library}.architecture",
        "the processors for which it took its code",
        "threadpoolctl",
    ),
    Key(
        "library.{package}.{library}.threads",
        "its threads; those of OpenMP in torch are `cpu.threads`",
        Kind.RECORDED,
        "threadpoolctl",
    ),
    Key("library.unread", "why threadpoolctl said nothing", Kind.RECORDED, "threadpoolctl"),
    Key(
        "torch.cudnn",
        "cuDNN's version",
        Kind.NUMERIC,
        "torch.backends.cudnn.version()",
        Scope.GPU,
        locked=True,
    ),
)


def _switch(name: str, meaning: str, read: str, scope: Scope = Scope.PROCESS) -> Key:
    return Key(f"torch.{name}", meaning, Kind.NUMERIC, read, scope, locked=True)


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
    _switch("default_dtype", "the dtype of numbers without one", "torch.get_default_dtype()"),
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
    return Key(name, meaning, kind, read, Scope.GPU)


_TORCH = "torch.cuda.get_device_properties()"

_GPU = (
    _gpu("gpu.platform", "cuda or rocm", Kind.IDENTITY, "torch.version.hip"),
    _gpu("gpu.name", "the card, or the slice of it", Kind.IDENTITY, _TORCH),
    _gpu("gpu.compute_capability", "its generation", Kind.IDENTITY, _TORCH),
    _gpu(
        "gpu.multiprocessors",
        "its SM count, on which cuBLAS and CUDA's noise depend",
        Kind.IDENTITY,
        _TORCH,
    ),
    _gpu("gpu.threads_per_multiprocessor", "on which CUDA's noise depends", Kind.NUMERIC, _TORCH),
    _gpu("gpu.architecture", "AMD's name of the generation", Kind.NUMERIC, _TORCH),
    _gpu("gpu.l2_cache_bytes", "bytes of cache", Kind.NUMERIC, _TORCH),
    _gpu("gpu.memory_bytes", "bytes of memory", Kind.RECORDED, _TORCH),
    _gpu("gpu.visible", "how many GPUs the process sees", Kind.PASSING, "torch.cuda"),
    _gpu("gpu.mig", "whether the card is cut into slices", Kind.NUMERIC, "NVML"),
    _gpu("gpu.mig_slice", "the slice, as compute.memory", Kind.NUMERIC, "NVML"),
    _gpu("gpu.ecc", "whether memory corrects its errors", Kind.RECORDED, "NVML"),
    _gpu(
        "gpu.ecc_errors.{kind}",
        "errors of memory since the driver was loaded",
        Kind.PASSING,
        "NVML",
    ),
    _gpu("gpu.vbios", "the card's firmware", Kind.RECORDED, "NVML"),
    _gpu("gpu.gsp_firmware", "the firmware of its own processor", Kind.NUMERIC, "NVML"),
    _gpu("gpu.uuid_sha256", "tells cards apart without naming them", Kind.PASSING, "NVML"),
    _gpu("gpu.driver", "the driver's version", Kind.NUMERIC, "NVML"),
    _gpu("gpu.cuda_driver", "the CUDA release the driver serves", Kind.NUMERIC, "NVML"),
    _gpu("gpu.nvml", "why NVML said nothing", Kind.RECORDED, "NVML"),
)

PROCESS_KEYS: Final = (*_SYSTEM, *_SOFTWARE, *_SWITCHES, *_GPU)
