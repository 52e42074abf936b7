"""The worker of one process: its own, or one whose cases are made on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from goldenseed.session.options import Options
from goldenseed.session.worker import Worker


def worker_for(options: Options, *, root: Path, folder: Path, **given: Any) -> Worker:
    """Return what runs the cases of a session, as its options ask; ``given`` is of ``Worker``.

    Raises:
        GoldenseedError: the cluster that the options name cannot be had.

    """
    if not options.ray:
        return Worker(root=root, folder=folder, **given)
    from goldenseed.session.on_ray import ray_worker

    return ray_worker(options, root=root, folder=folder, **given)
