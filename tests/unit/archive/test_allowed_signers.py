"""A line of OpenSSH's allowed signers is obeyed as `ssh-keygen -Y verify` obeys it, or refused."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldenseed.archive.trust import Trust, read_trusted
from goldenseed.core.errors import GoldenseedError

NAMESPACE = "goldenseed-archive"
AT = datetime(2026, 1, 1, tzinfo=UTC)
LINES = (
    "me KEY",
    "you,me KEY comment",
    '"me" KEY',
    "  me\tKEY",
    'me namespaces="goldenseed-archive" KEY',
    'me namespaces="git,golden*" KEY',
    'me namespaces="golden?eed-archive" KEY',
    'me namespaces="git" KEY',
    'me namespaces="" KEY',
    'me namespaces="*,!golden*" KEY',
    'me namespaces="!git" KEY',
    'me NameSpaces="goldenseed.archive" KEY',
    'me valid-before="20260101Z" KEY',
    'me valid-before="20251231235959Z" KEY',
    'me valid-before="202512312359Z" KEY',
    'me valid-before="20251231" KEY',
    'me valid-after="20260101UTC" KEY',
    'me valid-after="20260102Z" KEY',
    'me valid-after="20250101Z",valid-before="20270101Z",namespaces="x,goldenseed-archive" KEY',
    'me namespaces="git" KEY\nme KEY',
    'me valid-before="20200101Z" KEY\nme valid-after="20300101Z" KEY',
)
REFUSED = (
    "me cert-authority KEY",
    "me colour KEY",
    'me colour="red" KEY',
    "me namespaces=goldenseed-archive KEY",
    "me namespaces KEY",
    'me namespaces="goldenseed-archive", KEY',
    'me namespaces="git",namespaces="goldenseed-archive" KEY',
    'me namespaces="git" valid-after="20250101Z" KEY',
    'me namespaces="git"KEY',
    'me valid-after="20261301Z" KEY',
    'me valid-after="2026" KEY',
    'me valid-after="20260101Z",valid-before="20260101Z" KEY',
    "me",
    "me ssh-ed25519",
    'me namespaces="x"',
    'me namespaces="x" ',
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signers")
    (folder / "data").write_text("data")
    _run(folder, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "key")
    _run(folder, "ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", "key", "data")
    return folder


def _run(folder: Path, *words: str) -> bool:
    data = (folder / "data").read_bytes()
    done = subprocess.run(words, cwd=folder, input=data, capture_output=True, check=False)
    return done.returncode == 0


def _given(folder: Path, lines: str, target: Path) -> bool:
    """Write the lines for the key of ``folder``; say what OpenSSH makes of them."""
    key = (folder / "key.pub").read_text().rsplit(" ", 1)[0]
    target.write_text(lines.replace("KEY", key) + "\n")
    words = ("-f", str(target), "-I", "me", "-n", NAMESPACE, "-s", "data.sig")
    return _run(folder, "ssh-keygen", "-Y", "verify", *words, f"-Overify-time={AT:%Y%m%d%H%M%SZ}")


@pytest.mark.parametrize("lines", LINES)
def test_a_key_is_believed_where_openssh_believes_it(
    lines: str, folder: Path, tmp_path: Path
) -> None:
    theirs = _given(folder, lines, tmp_path / "signers")
    (known,) = read_trusted(folder / "key.pub")
    trust = Trust(read_trusted(tmp_path / "signers"))
    assert (trust.believed(known.key, AT)[0] is not None) == theirs


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_understood_is_refused_by_line(line: str, folder: Path, tmp_path: Path) -> None:
    assert not _given(folder, f"# ours\n{line}", tmp_path / "signers")
    with pytest.raises(GoldenseedError, match=r"signers:2: "):
        read_trusted(tmp_path / "signers")


def test_why_a_known_key_is_not_believed_is_said(folder: Path, tmp_path: Path) -> None:
    _given(folder, 'me valid-before="20251231Z" KEY', tmp_path / "signers")
    trust = Trust(read_trusted(tmp_path / "signers"))
    assert trust.believed(trust.keys[0].key, AT) == (
        None,
        "is trusted until 2025-12-31 00:00:00 UTC, and not at 2026-01-01 00:00:00 UTC",
    )
