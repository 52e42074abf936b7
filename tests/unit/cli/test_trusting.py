"""Every verb that verifies an archive can be told of everybody whom its caller trusts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.cli.accept import accept
from goldenseed.cli.archive import verify
from goldenseed.cli.chain import chain
from goldenseed.cli.replay import replay
from goldenseed.cli.trusting import trusted
from goldenseed.core.errors import GoldenseedError

OPTIONS = ("trusted_key", "timestamp_root", "trusted_identity", "issuer", "sigstore_root")


@pytest.mark.parametrize("verb", [verify, replay, chain, accept])
def test_a_verb_that_verifies_takes_all_options_of_trust(verb: Callable[..., None]) -> None:
    assert set(OPTIONS) <= set(inspect.signature(verb).parameters)


@pytest.mark.parametrize(
    ("names", "issuer", "root", "lacking"),
    [
        (["ada@example.org"], None, None, "--issuer"),
        (["ada@example.org"], "https://issuer.test", None, "--sigstore-root"),
        (None, "https://issuer.test", None, "--trusted-identity"),
        (None, None, Path("root.json"), "--trusted-identity"),
    ],
)
def test_an_identity_is_not_trusted_by_halves(
    names: list[str] | None, issuer: str | None, root: Path | None, lacking: str
) -> None:
    with pytest.raises(GoldenseedError) as raised:
        trusted(None, None, names, issuer, root)
    assert lacking in str(raised.value.fix)
