"""Attestations by an identity: believed by the caller's trusted root, and named where they fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest
from sealing import sealed, signed_anew
from tampering import of_case

import sigstore_double
from goldenseed.archive import layout
from goldenseed.archive.attestations import statement_bytes, statements_of
from goldenseed.archive.findings import Level, LevelResult, Status
from goldenseed.archive.keyless import (
    Identity,
    attested_by,
    keyless_bundles,
    keyless_name,
    read_verifier,
)
from goldenseed.archive.trust import Trust, TrustedKey, read_trusted
from goldenseed.archive.verify import verify
from goldenseed.core.errors import GoldenseedError

HERE = Path(__file__).parent
ADA = Identity("ada@example.org", sigstore_double.ISSUER)
LEVELS = (Level.STRUCTURE, Level.FIXITY, Level.SIGNATURE)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("roots")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, roots: Path) -> Path:
    """An archive that an identity attested and no key signed; read only."""
    bag = tmp_path_factory.mktemp("keyless") / "bag"
    with zipfile.ZipFile(max(HERE.glob("good-*.zip"))) as packed:
        packed.extractall(bag)
    shutil.rmtree(bag / layout.ATTESTATIONS)
    (bag / layout.signature_name(1)).unlink()
    services = sigstore_double.Services()
    with sigstore_double.serving(services) as url:
        config = services.trust_config(url)
        (roots / "config.json").write_text(json.dumps(config))
        (roots / "root.json").write_text(json.dumps(config["trustedRoot"]))
        said = {kind: statement_bytes(each) for kind, each in statements_of(bag).items()}
        token = sigstore_double.token(ADA.name)
        made = keyless_bundles(said, roots / "config.json", token)
    other = sigstore_double.Services().trust_config("http://127.0.0.1:1")["trustedRoot"]
    (roots / "other.json").write_text(json.dumps(other))
    (bag / layout.ATTESTATIONS).mkdir()
    for place, data in made.items():
        (bag / place).write_bytes(data)
    signed_anew(bag, None)
    return bag


@pytest.fixture
def bag(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "bag"))


def _level_3(bag: Path, trust: Trust) -> LevelResult:
    found = verify(bag, trusted=trust, levels=LEVELS)
    assert found.of(Level.STRUCTURE).status is Status.PASSED
    return found.of(Level.SIGNATURE)


def _trusting(roots: Path, *who: Identity, root: str = "root.json") -> Trust:
    return Trust(identities=who or (ADA,), sigstore=read_verifier(roots / root))


def _codes(found: LevelResult) -> set[str]:
    return {each.code for each in found.findings}


def test_a_trusted_identity_stands_for_an_archive(good: Path, roots: Path) -> None:
    found = _level_3(good, _trusting(roots))
    assert found.status is Status.PASSED
    assert found.notes == (f"attested by the trusted identity {ADA}",)


@pytest.mark.parametrize(
    ("who", "root"),
    [
        (Identity("eve@example.org", ADA.issuer), "root.json"),
        (Identity(ADA.name, "https://other.test"), "root.json"),
        (ADA, "other.json"),
    ],
)
def test_another_identity_issuer_or_instance_is_not_believed(
    who: Identity, root: str, good: Path, roots: Path
) -> None:
    found = _level_3(good, _trusting(roots, who, root=root))
    assert _codes(found) == {"bad_attestation", "not_trusted"}


def test_nobody_vouches_for_an_identity_that_was_not_named(good: Path) -> None:
    found = _level_3(good, Trust())
    assert found.status is Status.NOT_CHECKED
    assert any("nobody vouches" in each for each in found.notes)
    key = read_trusted(HERE / "signer.pub")[-1]
    assert _codes(_level_3(good, Trust((TrustedKey(key.key),)))) == {"not_trusted"}


def _forged(bag: Path) -> None:
    of_case("strict", verdict="warn")(bag)
    sealed(bag)


def _of_another_kind(bag: Path) -> None:
    one, other = (bag / keyless_name(each) for each in ("recipes", "environment"))
    shutil.copyfile(one, other)
    signed_anew(bag, None)


def _without_one(bag: Path) -> None:
    (bag / keyless_name("recipes")).unlink()
    signed_anew(bag, None)


def _edited(change: Callable[[dict[str, object]], object]) -> Callable[[Path], None]:
    def edit(bag: Path) -> None:
        path = bag / keyless_name("recipes")
        document = json.loads(path.read_text())
        change(document)
        path.write_text(json.dumps(document))
        signed_anew(bag, None)

    return edit


def _log_of(document: dict[str, object]) -> dict[str, object]:
    (entry,) = document["verificationMaterial"]["tlogEntries"]
    return entry


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (_forged, "attestation_differs"),
        (_of_another_kind, "attestation_differs"),
        (_without_one, "missing_attestation"),
        (
            _edited(lambda each: each["verificationMaterial"].update(tlogEntries=[])),
            "bad_attestation",
        ),
        (_edited(lambda each: _log_of(each).update(integratedTime="1")), "bad_attestation"),
        (
            _edited(lambda each: _log_of(each)["inclusionProof"].update(rootHash="AAAA")),
            "bad_attestation",
        ),
        (_edited(lambda each: each["dsseEnvelope"].update(payload="e30=")), "bad_attestation"),
        (
            _edited(lambda each: each["dsseEnvelope"].update(payloadType="text/plain")),
            "bad_attestation",
        ),
        (_edited(lambda each: each.update(dsseEnvelope={})), "bad_attestation"),
    ],
)
def test_what_does_not_hold_is_named(
    edit: Callable[[Path], None], code: str, bag: Path, roots: Path
) -> None:
    edit(bag)
    assert code in _codes(_level_3(bag, _trusting(roots)))


def test_a_bundle_that_sigstore_itself_made_is_believed_by_its_own_root() -> None:
    """The bundle is from sigstore-python's tests (Apache-2.0), made by Sigstore's staging instance.

    Its log is Rekor 2, and its time is from a time stamp authority.
    """
    store = files("sigstore") / "_store" / "https%3A%2F%2Ftuf-repo-cdn.sigstage.dev"
    verifier = read_verifier(Path(str(store / "trusted_root.json")))
    repository = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon"
    workflow = ".github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main"
    who = Identity(f"{repository}/{workflow}", "https://token.actions.githubusercontent.com")
    path = HERE / "real-keyless.sigstore.json"
    assert attested_by(path, verifier, [who])[0] == who
    with pytest.raises(GoldenseedError, match="SANs do not match"):
        attested_by(path, verifier, [Identity("eve", who.issuer)])


@pytest.mark.skipif(find_spec("model_signing") is None, reason="model-signing is not installed")
def test_model_signing_believes_the_same_identity(good: Path, roots: Path) -> None:
    def believes(who: str) -> bool:
        words = ["--trust_config", str(roots / "config.json"), "--identity", who]
        words += ["--identity_provider", ADA.issuer]
        words += ["--signature", str(good / keyless_name("model-signing")), str(good)]
        command = [sys.executable, "-m", "model_signing", "verify", "sigstore", *words]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    assert believes(ADA.name)
    assert not believes("eve@example.org")


def test_who_has_no_token_or_no_service_is_told_so(
    roots: Path, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS", "GITLAB_CI", "CIRCLECI", "BUILDKITE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(GoldenseedError, match="SIGSTORE_ID_TOKEN"):
        keyless_bundles({"x": b"{}"}, roots / "config.json", "no token")
    with pytest.raises(GoldenseedError, match="no identity signed"):  # nobody serves any more
        keyless_bundles({"x": b"{}"}, roots / "config.json", sigstore_double.token("ada"))
    with pytest.raises(GoldenseedError, match="no trusted root"):
        read_verifier(roots / "config.json")


def test_without_the_extra_it_is_said_how_to_get_it(
    roots: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sigstore", None)
    with pytest.raises(GoldenseedError, match=r"pytest-goldenseed\[keyless\]"):
        read_verifier(roots / "root.json")
