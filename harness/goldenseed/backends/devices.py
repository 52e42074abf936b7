"""Which device a process takes: GPUs are counted without torch, and each holds one model."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.determinism import set_before_torch

if TYPE_CHECKING:
    from goldenseed.suite.cases import Suite

VISIBLE = "CUDA_VISIBLE_DEVICES"
"""What CUDA, and ROCm's HIP as well, take for the list of GPUs of a process."""

_DEVICE = re.compile(r"[a-z][a-z0-9_]*(:(0|[1-9][0-9]*))?")
_GPU = re.compile(r"[0-9]+|(GPU|MIG)-[0-9A-Za-z/-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """A device that one process at a time may have."""

    device: str
    """What the process asks torch for, once ``visible`` is set: ``auto``, ``cuda``, ``xpu:1``."""
    visible: str | None = None
    """The process's ``CUDA_VISIBLE_DEVICES``; None leaves it as it is."""
    otherwise: str | None = None
    """What to ask torch for where CUDA has started already, which reads the variable once."""

    @property
    def variables(self) -> Mapping[str, str]:
        """What to add to the environment of the process."""
        return {} if self.visible is None else {VISIBLE: self.visible}

    def taken(self, *, too_late: bool) -> Place:
        """Take the place for this process; return it with the device to ask torch for."""
        if too_late and self.otherwise is not None:
            return replace(self, device=self.otherwise)
        os.environ.update(self.variables)
        return self


def check_devices(wanted: str) -> None:
    """Raise unless it is one device (``auto``, ``cuda:1``) or several by commas, there or not."""
    each = wanted.split(",")
    alone = {"auto", "cuda"}
    if all(map(_DEVICE.fullmatch, each)) and (len(each) == 1 or not alone.intersection(each)):
        return
    raise GoldenseedError(
        f"{wanted!r} names no device",
        fix="write auto, cpu, cuda, cuda:1, mps, xpu, …, or several as in cuda:0,cuda:1",
    )


def places(wanted: str, chosen: str | None) -> tuple[Place, ...]:
    """Return the places of a device option on this machine: see ``places_of``.

    ``chosen`` is the user's ``CUDA_VISIBLE_DEVICES``; that of a worker names one place later on.
    """
    if wanted.partition(":")[0] not in {"auto", "cuda"}:
        return places_of(wanted, ())
    return places_of(wanted, visible_gpus(chosen, count_gpus()))


def places_of(wanted: str, gpus: Sequence[str]) -> tuple[Place, ...]:
    """Return one place for each process that ``wanted`` allows; none where any number may run.

    That is so on the CPU, and where ``auto`` or ``cuda`` is wanted and no GPU was counted. A GPU
    that is named twice has two places. ``gpus`` is what CUDA may be told for each, in torch's
    order.
    """
    if wanted in {"auto", "cuda"}:
        return tuple(Place(wanted, gpu, f"cuda:{at}") for at, gpu in enumerate(gpus))
    return () if wanted == "cpu" else tuple(_place(each, gpus) for each in wanted.split(","))


def _place(device: str, gpus: Sequence[str]) -> Place:
    kind, _, number = device.partition(":")
    if kind != "cuda":
        return Place(device)
    if gpus and int(number) >= len(gpus):
        many = "1 GPU" if len(gpus) == 1 else f"{len(gpus)} GPUs"
        raise GoldenseedError(
            f"the device {device} was asked for, and this process sees {many}",
            fix=f"name devices up to cuda:{len(gpus) - 1}, or set {VISIBLE} to more",
        )
    return Place("cuda", gpus[int(number)] if gpus else number, device)


def visible_gpus(chosen: str | None, count: int | None) -> tuple[str, ...]:
    """Return what CUDA may be told for each GPU that a process sees, in the order of its numbers.

    ``chosen`` is its ``CUDA_VISIBLE_DEVICES``, ``count`` the machine's GPUs; None where not known.
    As CUDA has it, the first entry that is none ends the list, and an entry that stands there twice
    leaves none.
    """
    if chosen is None:
        return tuple(map(str, range(count or 0)))
    found: list[str] = []
    for entry in map(str.strip, chosen.split(",")):
        if not _GPU.fullmatch(entry):
            break
        if entry.isdigit() and count is not None and int(entry) >= count:
            break
        if entry in found:
            return ()
        found.append(entry)
    return tuple(found)


def count_gpus() -> int | None:
    """Count NVIDIA's GPUs without torch, by NVML or else their device files; None if unknown."""
    try:
        nvml = importlib.import_module("pynvml")
        nvml.nvmlInit()
        try:
            return int(nvml.nvmlDeviceGetCount())
        finally:
            nvml.nvmlShutdown()
    except Exception:  # noqa: BLE001 - no package, no driver, no permission: all the same
        files = Path("/dev").glob("nvidia[0-9]*")
        return sum(file.name.removeprefix("nvidia").isdigit() for file in files) or None


class Lending:
    """Lends each place to one process at a time; who finds none free waits."""

    def __init__(self, found: Sequence[Place]) -> None:
        self._limited = bool(found)
        self._free: SimpleQueue[Place] = SimpleQueue()
        for place in found:
            self._free.put(place)

    @contextmanager
    def lent(self, device: str) -> Iterator[Place]:
        """Yield a place of one's own; where any number may run, one that asks for ``device``."""
        if not self._limited:
            yield Place(device)
            return
        place = self._free.get()
        try:
            yield place
        finally:
            self._free.put(place)


def wanted_for(suite: Suite, option: str) -> str:
    """Return which devices a suite's images may be made on, given the option of the session."""
    own = suite.model.device
    follows = own == "auto" or (own == "cuda" and option.startswith("cuda"))
    return option if follows else own


def lending_for(suite: Suite, option: str) -> Lending:
    """Return what lends the processes of ``probe`` and ``calibrate`` their devices."""
    wanted = wanted_for(suite, option)
    found = places(wanted, os.environ.get(VISIBLE))
    if wanted == suite.model.device and ":" in wanted:
        # The process goes by the number in its suite, so that it has to see all GPUs.
        found = tuple(Place(wanted) for _ in found)
    return Lending(found)


def place_of_worker(
    suite: Suite, option: str, chosen: str | None, *, slot: int, workers: int | None
) -> Place | None:
    """Return the place of xdist's worker ``slot`` for a suite; None without one, or no need.

    ``chosen`` is the user's ``CUDA_VISIBLE_DEVICES``.
    With ``workers`` None only those that have a place are given cases. ``GoldenseedError`` where
    some would have none, or the suite asks for a GPU by its number, where each worker sees only its
    own.
    """
    wanted = wanted_for(suite, option)
    found = places(wanted, chosen)
    if not found:
        return None
    if wanted == suite.model.device and wanted.startswith("cuda:") and wanted != "cuda:0":
        raise GoldenseedError(
            f"`model.device` is {wanted}, and under -n each worker sees one GPU only",
            path=suite.path,
            fix=f"write `device: cuda` and give --golden-device={wanted}, or leave -n out",
        )
    if workers is not None and workers > len(found):
        raise GoldenseedError(
            f"{workers} workers would share {len(found)} of the device {wanted}",
            path=suite.path,
            fix=f"use -n {len(found)}; or --dist loadgroup, under which only as many workers make "
            "images; or name a device several times: --golden-device=cuda:0,cuda:0",
        )
    return found[slot] if slot < len(found) else None


def check_repeatable(suite: Suite, option: str) -> None:
    """Set what cuBLAS reads when CUDA starts; raises if too late for a suite that needs it."""
    note = set_before_torch()
    kind = wanted_for(suite, option).partition(":")[0]
    if note is None or not suite.determinism.algorithms or kind not in {"auto", "cuda"}:
        return
    if too_late() or visible_gpus(os.environ.get(VISIBLE), count_gpus()):
        what, _, fix = note.partition("; ")
        raise GoldenseedError(what, path=suite.path, fix=fix)


def too_late() -> bool:
    """Whether CUDA has started in this process, so that its environment is read no more."""
    torch = sys.modules.get("torch")
    return torch is not None and bool(torch.cuda.is_initialized())
