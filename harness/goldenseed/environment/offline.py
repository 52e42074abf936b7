"""No network while a model is loaded, whatever its configuration asks for."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")


@contextmanager
def offline() -> Iterator[None]:
    """Keep huggingface_hub and transformers from asking any hub; on exit all is as before.

    ``local_files_only`` is not handed on to what a configuration names in turn, such as the
    backbone of an encoder. The hub's own switch holds for every request, and is read from the
    environment when it is imported: the variable is for what is imported yet, or started.
    """
    with ExitStack() as restore:
        for name in _VARIABLES:
            restore.callback(_put_variable, name, os.environ.get(name))
            os.environ[name] = "1"
        constants = importlib.import_module("huggingface_hub.constants")
        _switch_on(restore, constants, "HF_HUB_OFFLINE")
        hub = importlib.import_module("transformers.utils.hub")
        if hasattr(hub, "_is_offline_mode"):  # transformers 4 keeps a copy
            _switch_on(restore, hub, "_is_offline_mode")
        yield


def _put_variable(name: str, value: str | None) -> None:
    """Give an environment variable its value; None is none."""
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _switch_on(restore: ExitStack, owner: object, name: str) -> None:
    restore.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, True)
