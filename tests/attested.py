"""Archives that no key signed: attested by an identity and stamped with a time, on loopback."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

import sigstore_double
from commands import goldenseed
from time_stamp_authority import answered, serving, write_authority

WHO = "ada@example.org"


def archive_attested(project: Path, output: str, places: Path) -> tuple[str, ...]:
    """Archive the project's latest run as ``output``; return the options that say to believe it.

    The trusted root and the authority's certificate are written into ``places``.
    """
    root = write_authority(places / "authority")
    services = sigstore_double.Services()
    with (
        pytest.MonkeyPatch.context() as patch,
        sigstore_double.serving(services) as url,
        serving(partial(answered, root.parent)) as authority,
    ):
        patch.setenv("SIGSTORE_ID_TOKEN", sigstore_double.token(WHO))
        config = services.trust_config(url)
        (places / "config.json").write_text(json.dumps(config))
        words = ("--keyless", "--sigstore-config", str(places / "config.json"))
        more = ("--timestamp", authority, "--output", output)
        done = goldenseed(project, "archive", "create", *words, *more)
    assert done.returncode == 0, done.stderr
    (places / "root.json").write_text(json.dumps(config["trustedRoot"]))
    return (
        *("--trusted-identity", WHO, "--issuer", sigstore_double.ISSUER),
        *("--sigstore-root", str(places / "root.json"), "--timestamp-root", str(root)),
    )
