"""While a model is loaded no hub is asked; afterwards all is as the user had it."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest

from goldenseed.environment.offline import offline

constants = pytest.importorskip("huggingface_hub.constants")
pytest.importorskip("transformers")


def switches() -> tuple[str | None, str | None, bool]:
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    first, second = (os.environ.get(name) for name in names)
    return first, second, constants.HF_HUB_OFFLINE


@pytest.mark.parametrize("before", [None, "0"])
def test_every_switch_is_on_and_put_back(monkeypatch: pytest.MonkeyPatch, before: str | None):
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    if before is None:
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    else:
        monkeypatch.setenv("HF_HUB_OFFLINE", before)
    with suppress(KeyError), offline():
        assert switches() == ("1", "1", True)
        raise KeyError
    assert switches() == (before, None, False)
