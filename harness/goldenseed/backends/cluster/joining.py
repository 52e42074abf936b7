"""A Ray cluster is joined, or started here, and asked how many actors it has room for."""

from __future__ import annotations

import os
import time
from typing import Any, Final

from goldenseed.core.errors import GoldenseedError

LOCAL: Final = "local"
"""The address of a cluster that is started here, for this session alone."""
_KNOWS_WITHIN: Final = 10.0
"""Seconds until a cluster is believed that it has nothing free: it learns of it with a delay."""
_ASKED_EVERY: Final = 0.2


def joined(address: str, count: str) -> Any:
    """Import Ray and join a cluster; of ``local`` start one with ``count`` processors.

    Raises:
        GoldenseedError: Ray is not installed, this process has joined one already, or none answers.

    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise GoldenseedError(
            f"Ray is not installed: {error}", fix="pip install 'pytest-goldenseed[ray]'"
        ) from error
    if ray.is_initialized():
        raise GoldenseedError(
            "this process has joined a Ray cluster already, which is not ours to leave",
            fix="leave `ray.init` out of conftest.py, or run without --on ray",
        )
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
    if address == LOCAL:
        how |= {
            "address": "local",
            "include_dashboard": False,
            "num_cpus": int(count) if count else None,
        }
        how["_node_ip_address"] = "127.0.0.1"
    else:
        how["address"] = address
    try:
        ray.init(**how)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        ray.shutdown()
        raise GoldenseedError(
            f"no Ray cluster answers at {address}: {str(error).strip().splitlines()[0]}",
            fix="local starts one here, auto joins the one of this machine, ray://HOST:10001 "
            "another",
        ) from error
    return ray


def on_gpus(ray: Any, device: str) -> bool:
    """Whether actors take a GPU each: where there are some, and a CPU was not asked for.

    Raises:
        GoldenseedError: ``device`` asks for a GPU, and the cluster has none.

    """
    wanted, gpus = device.partition(":")[0], ray.cluster_resources().get("GPU", 0)
    if wanted == "cuda" and not gpus:
        raise GoldenseedError(
            "the cluster has no GPU, and --golden-device asks for one",
            fix="join nodes with GPUs, or leave the device out",
        )
    return bool(gpus) and wanted in {"cuda", "auto"}


def places(ray: Any, count: str, *, gpus: bool) -> int:
    """Return how many actors are to be started: ``count``, or as many as find a free place.

    Raises:
        GoldenseedError: there are fewer places than asked for, or none is free.

    """
    kind = "GPU" if gpus else "CPU"
    there = int(ray.cluster_resources().get(kind, 0))
    if count and int(count) > there:
        raise GoldenseedError(
            f"the cluster has {there} {kind}s, and {count} actors are asked for",
            fix=f"ask for as many as there are: an actor takes a {kind} and holds one model",
        )
    wanted = int(count) if count else there
    until = time.monotonic() + _KNOWS_WITHIN
    while (free := _free(ray, kind)) < (wanted if count else 1) and time.monotonic() < until:
        time.sleep(_ASKED_EVERY)
    if not free:
        what = f"all {there} {kind}s of the cluster are taken" if there else f"there is no {kind}"
        raise GoldenseedError(
            f"{what}: an actor would wait for one for ever",
            fix=f"join a node that has a {kind}, or wait until one is free",
        )
    return min(wanted, free)


def _free(ray: Any, kind: str) -> int:
    return int(ray.available_resources().get(kind, 0))
