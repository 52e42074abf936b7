"""No network while a model is loaded, whatever its configuration asks for."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock


@contextmanager
def offline() -> Iterator[None]:
    """Keep huggingface_hub and transformers from asking any hub; on exit all is as before.

    ``local_files_only`` is not handed on to what a configuration names in turn, such as the
    backbone of an encoder. The hub's own switch holds for every request, and is read from the
    environment when it is imported: the variable is for what is imported yet, or started.
    """
    with ExitStack() as restore:
        variables = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
        restore.enter_context(mock.patch.dict(os.environ, variables))
        constants = importlib.import_module("huggingface_hub.constants")
        restore.enter_context(mock.patch.object(constants, "HF_HUB_OFFLINE", new=True))
        hub = importlib.import_module("transformers.utils.hub")
        if hasattr(hub, "_is_offline_mode"):  # transformers 4 keeps a copy
            restore.enter_context(mock.patch.object(hub, "_is_offline_mode", new=True))
        yield
