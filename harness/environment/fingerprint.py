"""Everything known of where a run happened, as one flat table of dotted keys.

Each key is declared in ``keys``. No host name, no user, no path and no serial number is among the
values.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping

from harness.environment.gpu import read_gpu
from harness.environment.linked_libraries import read_linked_libraries
from harness.environment.machine import read_machine
from harness.environment.reading import EnvironmentValue
from harness.environment.software import read_software
from harness.environment.switches import read_switches
from harness.files import json_sha256

__all__ = ["EnvironmentValue", "fingerprint_sha256", "read_fingerprint"]


def read_fingerprint(device: str) -> dict[str, EnvironmentValue]:
    """Read the environment as it is now, for a device such as ``cpu`` or ``cuda:0``.

    Switches are read inside whatever :func:`harness.environment.determinism.settings` is in force.
    What refuses to be read is recorded as ``unreadable: …``; a package or variable that is not
    there is None. Takes some milliseconds: read it once per process and settings.
    """
    return dict(sorted(_read(device)))


def fingerprint_sha256(fingerprint: Mapping[str, EnvironmentValue]) -> str:
    """Digest a fingerprint: SHA-256 of its canonical JSON, in hex, the name it is stored under."""
    return json_sha256(dict(fingerprint))


def _read(device: str) -> Iterator[tuple[str, EnvironmentValue]]:
    kind = device.partition(":")[0]
    cuda = kind == "cuda"
    yield "device.type", kind
    yield from read_machine()
    yield from read_software(cuda=cuda)
    if importlib.util.find_spec("torch") is not None:
        yield from read_switches(cuda=cuda)
        yield from read_linked_libraries()
        if cuda:
            yield from read_gpu(device)
