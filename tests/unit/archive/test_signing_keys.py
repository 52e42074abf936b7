"""Keys: made for their owner alone, read strictly, told apart by their bytes."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from goldenseed.archive.keys import generate, read_signer
from goldenseed.archive.ssh_signatures import armoured_signature, read_signature
from goldenseed.archive.trust import read_trusted
from goldenseed.core.errors import GoldenseedError


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "key"
    generate(path)
    return path


def test_only_its_owner_can_read_a_key_and_none_is_overwritten(key: Path) -> None:
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with pytest.raises(GoldenseedError, match="is there already"):
        generate(key)


def test_a_key_is_read_from_every_form_of_it(key: Path, tmp_path: Path) -> None:
    (public,) = read_trusted(Path(f"{key}.pub"))
    done = subprocess.run(
        ["ssh-keygen", "-e", "-m", "PKCS8", "-f", f"{key}.pub"], capture_output=True, check=True
    )
    (tmp_path / "key.pem").write_bytes(done.stdout)
    (tmp_path / "signers").write_text(f'# us\nme@us namespaces="x" {public.key.line} comment\n')
    (signer,) = read_trusted(tmp_path / "signers")
    assert (signer.key, signer.name, signer.namespaces) == (public.key, "me@us", "x")
    assert read_trusted(tmp_path / "key.pem") == (public,)
    assert read_signer(key).public == public.key


def test_a_key_that_is_commented_out_is_not_trusted(key: Path, tmp_path: Path) -> None:
    line = Path(f"{key}.pub").read_text()
    (tmp_path / "signers").write_text(f"#me@us {line} # me {line}")
    with pytest.raises(GoldenseedError, match="no public key"):
        read_trusted(tmp_path / "signers")


def test_who_trusts_a_private_key_is_told_so(key: Path) -> None:
    with pytest.raises(GoldenseedError, match="private"):
        read_trusted(key)


@pytest.mark.parametrize("text", ["", "ssh-ed25519 AAAA me", "-----BEGIN PUBLIC KEY-----\nx\n"])
def test_what_holds_no_key_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.pub").write_text(text)
    with pytest.raises(GoldenseedError):
        read_trusted(tmp_path / "x.pub")


def test_a_signature_fits_its_data_alone_and_to_the_last_byte(key: Path) -> None:
    data = armoured_signature(read_signer(key), b"data")
    assert read_signature(data).fault(b"data") is None
    assert read_signature(data).fault(b"Data") is not None
    with pytest.raises(GoldenseedError):
        read_signature(data + b"x")
    with pytest.raises(GoldenseedError):
        read_signature(data[:200] + data[201:])


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.rstrip("\n"),
        lambda text: text + "\n",
        lambda text: text[:60] + text[60:].replace("\n", "", 1),
        lambda text: text.replace("\n-----END", "=\n-----END"),
    ],
)
def test_a_signature_is_read_as_it_is_written_and_in_no_other_form(
    change: Callable[[str], str], key: Path
) -> None:
    text = armoured_signature(read_signer(key), b"data").decode()
    assert read_signature(text.encode()).fault(b"data") is None
    with pytest.raises(GoldenseedError, match="OpenSSH"):
        read_signature(change(text).encode())
