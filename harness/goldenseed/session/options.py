"""The ``--golden-…`` options of one session."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldenseed.backends.devices import check_devices
from goldenseed.core.errors import GoldenseedError
from goldenseed.session.option_table import OPTIONS
from goldenseed.session.shard_option import Shard, shard_of
from goldenseed.verdict.model import UPDATED, Verdict, passing


@dataclass(frozen=True, slots=True)
class Options:
    """What the user asked for on the command line or in the ini file."""

    update: str
    require: str
    environment: str
    baselines: Path
    reports: Path
    report: str
    unreferenced: str
    annotations: str
    trace: str
    device: str
    """As the user wrote it: one device, or several with commas."""
    shard: str = ""
    """As the user wrote it: see ``goldenseed.session.shard_option``."""
    shard_by: str = "history"
    resume: str = ""
    """The run to go on with; "" for none."""
    ray: str = ""
    """The address of a Ray cluster; "" for none."""
    ray_actors: str = ""
    """How many actors there; "" for as many as it has room for."""

    @property
    def sharded(self) -> Shard | None:
        """Which shard this session is; None where it is all there is."""
        return shard_of(self.shard, os.environ)

    @property
    def first_device(self) -> str:
        """Where to generate in a process that has no device of its own."""
        return self.device.partition(",")[0]

    @property
    def annotated(self) -> bool:
        """Whether what fails is written as annotations too."""
        in_workflow = os.environ.get("GITHUB_ACTIONS") == "true"
        return self.annotations == "github" or (self.annotations == "auto" and in_workflow)

    @property
    def updated(self) -> frozenset[Verdict]:
        """The verdicts whose images are accepted at the end of this session."""
        return UPDATED[self.update]

    @property
    def passing(self) -> frozenset[Verdict]:
        """The verdicts that pass: the good enough ones, and those about to be accepted."""
        return passing(self.require, self.update)

    def recorded(self) -> dict[str, str]:
        """Return what the run record says of the options; folders are nobody's business."""
        names = ("update", "require", "environment", "unreferenced", "trace", "device")
        shard = self.sharded
        own = {"shard": shard.words} if shard else {}
        return {name: getattr(self, name) for name in names} | own


def read_options(config: pytest.Config) -> Options:
    """Read options, the command line before the ini file; raises GoldenseedError for a bad one."""
    values = {}
    for option, _default, choices, _help in OPTIONS:
        name = option.replace("-", "_")
        value = config.getoption(f"golden_{name}")
        if value is None:
            value = str(config.getini(f"golden_{name}"))
            if choices and value not in choices:
                raise GoldenseedError(
                    f"golden_{name} = {value}: not one of {', '.join(choices)}",
                    path=config.inipath,
                    fix=f"set golden_{name} to one of them or remove the line",
                )
        values[name] = value
    check_devices(values["device"])
    shard_of(values["shard"], os.environ)
    workers = getattr(config.option, "numprocesses", None) or hasattr(config, "workerinput")
    if values["trace"] == "deep" and workers:
        raise GoldenseedError(
            "--golden-trace=deep is for one case, which cannot be shared by several workers",
            fix="run it without -n",
        )
    check_ray(values, workers=bool(workers))
    forced = config.getoption("golden_update_in_ci")
    if values["update"] != "none" and os.environ.get("CI") and not forced:
        raise GoldenseedError(
            f"--golden-update={values['update']} does nothing under CI: a run must not rewrite "
            "the baselines that judge it",
            fix="accept on a machine of yours with `goldenseed accept`; or propose the images "
            "with `goldenseed archive create latest --draft`; or add --golden-update-in-ci if "
            "this job exists to make baselines",
        )
    folders = {name: config.rootpath / values.pop(name) for name in ("baselines", "reports")}
    return Options(**values, **folders)


def check_ray(values: Mapping[str, str], *, workers: bool) -> None:
    """Raise GoldenseedError for what does not go together with a Ray cluster."""
    if values["ray_actors"] and not re.fullmatch("[1-9][0-9]{0,4}", values["ray_actors"]):
        raise GoldenseedError(
            f"--golden-ray-actors={values['ray_actors']} is no number of actors",
            fix="a whole number from 1, or leave it out",
        )
    if not values["ray"]:
        return
    if workers:
        raise GoldenseedError(
            "--golden-ray and -n both share cases out", fix="leave one of them out"
        )
    if values["trace"] == "deep" or "," in values["device"]:
        raise GoldenseedError(
            "--golden-ray goes with neither --golden-trace=deep nor several devices",
            fix="each actor takes a GPU of its own; a deep trace is for one case, made here",
        )


def check_options(config: pytest.Config) -> None:
    """Raise ``pytest.UsageError`` where ``read_options`` refuses, before anything is collected."""
    try:
        read_options(config)
    except GoldenseedError as error:
        raise pytest.UsageError(str(error)) from None


def check_one_case(count: int) -> None:
    """Raise ``pytest.UsageError`` where a deep trace was asked for of more than one case."""
    if count > 1:
        error = GoldenseedError(
            f"--golden-trace=deep records every layer of one case, and {count} were selected",
            fix="name the case by its node id, or choose it with -k",
        )
        raise pytest.UsageError(str(error))
