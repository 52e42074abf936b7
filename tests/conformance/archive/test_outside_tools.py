"""What tools of others see of an archive, as the table in docs/archive-format.md has it."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from sealing import sealed
from tampering import added, flipped, of_case

from goldenseed.archive import layout
from goldenseed.archive.keys import Signer, generate, read_signer

HERE = Path(__file__).parent
Tool = Callable[[Path, Path], bool]
"""Whether a tool takes the archive in a folder, with the folder of the signer's key."""


def _fine(folder: Path, *words: str, given: bytes | None = None) -> bool:
    done = subprocess.run(words, cwd=folder, input=given, capture_output=True, check=False)
    return done.returncode == 0


def sha256sum(bag: Path, _: Path) -> bool:
    check = ("sha256sum", "--check", "--strict", "--quiet")
    return all(_fine(bag, *check, each) for each in (layout.TAG_MANIFEST, layout.MANIFEST))


def bagit_py(bag: Path, _: Path) -> bool:
    try:
        return bool(bagit.Bag(str(bag)).validate())
    except bagit.BagError:
        return False


def ssh_keygen(bag: Path, keys: Path) -> bool:
    (keys / "signers").write_text(f"me {(keys / 'key.pub').read_text()}")
    words = ("-f", str(keys / "signers"), "-I", "me", "-n", "goldenseed-archive")
    data = (bag / layout.TAG_MANIFEST).read_bytes()
    signature = ("-s", layout.signature_name(1))
    return _fine(bag, "ssh-keygen", "-Y", "verify", *words, *signature, given=data)


def openssl(bag: Path, keys: Path) -> bool:
    for file in sorted((bag / layout.ATTESTATIONS).iterdir()):
        envelope = json.loads(file.read_text())["dsseEnvelope"]
        payload, kind = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
        data = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
        (keys / "signature").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        words = ("dgst", "-sha256", "-verify", "key.pem", "-signature", "signature")
        if not _fine(keys, "openssl", *words, given=data):
            return False
    return True


def model_signing(bag: Path, keys: Path) -> bool:
    for each in ("model_signing", "OpenSSL"):
        if importlib.util.find_spec(each) is None:
            pytest.skip(f"{each} is not installed: see the extra dev")
    bundle = str(bag / layout.ATTESTATIONS / "model-signing.sigstore.json")
    words = ("--public_key", str(keys / "key.pem"), "--signature", bundle, str(bag))
    return _fine(bag.parent, sys.executable, "-m", "model_signing", "verify", "key", *words)


def sigstore_js(bag: Path, keys: Path) -> bool:
    _install_sigstore_js(keys / "js")
    bundles = sorted(str(each) for each in (bag / layout.ATTESTATIONS).iterdir())
    return _fine(keys / "js", "node", "verify.cjs", str(keys / "key.pem"), *bundles)


def _install_sigstore_js(folder: Path) -> None:
    if folder.exists():
        return
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm is not installed")
    made = folder.with_name("making")
    shutil.copytree(HERE / "sigstore_js", made)
    if not _fine(made, "npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"):
        shutil.rmtree(made)
        assert "CI" not in os.environ, "npm could not install @sigstore/verify"
        pytest.skip("npm could not install @sigstore/verify: no network")
    made.rename(folder)


TOOLS: tuple[Tool, ...] = (sha256sum, bagit_py, ssh_keygen, openssl, model_signing, sigstore_js)


def sealed_by_another(bag: Path, keys: Path) -> None:
    flipped("data/summary.md")(bag)
    sealed(bag, _signer(keys / "other"))


def forged_by_the_signer(bag: Path, keys: Path) -> None:
    of_case("strict", verdict="warn")(bag)
    sealed(bag, _signer(keys / "key"))


def _signer(path: Path) -> Signer:
    if not path.exists():
        generate(path)
    return read_signer(path)


EDITS: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "nothing": (lambda bag, keys: None, ""),
    "a changed file in data/": (
        lambda bag, keys: flipped("data/run/run.json")(bag),
        "sha256sum bagit_py model_signing",
    ),
    "an extra file in data/": (
        lambda bag, keys: added("data/x")(bag),
        "bagit_py model_signing",
    ),
    "an extra file beside it": (lambda bag, keys: added("x")(bag), "model_signing"),
    "an extra file below .github/": (lambda bag, keys: added(".github/x")(bag), ""),
    "a changed VERIFY.txt": (
        lambda bag, keys: flipped("VERIFY.txt")(bag),
        "sha256sum bagit_py model_signing",
    ),
    "all written anew by another signer": (
        sealed_by_another,
        "ssh_keygen openssl model_signing sigstore_js",
    ),
    "a verdict forged by the signer": (forged_by_the_signer, ""),
}
"""Edit → the tools that see it."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the signer's key, and what is installed once for all tests."""
    keys = tmp_path_factory.mktemp("keys")
    generate(keys / "key")
    words = ["ssh-keygen", "-e", "-m", "PKCS8", "-f", "key.pub"]
    done = subprocess.run(words, cwd=keys, capture_output=True, check=True)
    (keys / "key.pem").write_bytes(done.stdout)
    return keys


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    folder = tmp_path_factory.mktemp("outside") / "bag"
    with zipfile.ZipFile(max(HERE.glob("good-*.zip"))) as packed:
        packed.extractall(folder)
    sealed(folder, _signer(keys / "key"))
    return folder


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
@pytest.mark.parametrize("edit", EDITS)
def test_a_tool_of_others_sees_what_the_table_says(
    edit: str, tool: Tool, good: Path, keys: Path, tmp_path: Path
) -> None:
    bag = Path(shutil.copytree(good, tmp_path / "bag"))
    change, seen = EDITS[edit]
    change(bag, keys)
    assert tool(bag, keys) == (tool.__name__ not in seen.split())
