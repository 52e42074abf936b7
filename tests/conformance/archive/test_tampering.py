"""Every kind of tampering is found, at the level that docs/archive-format.md names."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sealing import sealed, signed_anew
from tampering import KINDS, RUN, Tampering, flipped, of_case, of_run, read, saved_again

from goldenseed.archive import layout, ssh_signatures
from goldenseed.archive.attestations import write_attestations
from goldenseed.archive.findings import Level, Status, Verification
from goldenseed.archive.keys import Signer, generate, read_signer
from goldenseed.archive.tree import read_tree
from goldenseed.archive.trust import Trust, TrustedKey, read_trusted
from goldenseed.archive.verify import verify

HERE = Path(__file__).parent
_CHEAP = (Level.STRUCTURE, Level.FIXITY, Level.SIGNATURE)
_JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.none())
THEM = Trust(read_trusted(HERE / "signer.pub"))
GOOD = sorted(HERE.glob("good-*.zip"))


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    with zipfile.ZipFile(GOOD[-1]) as packed:
        packed.extractall(folder)
    return folder


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    path = tmp_path_factory.mktemp("keys") / "signer"
    generate(path)
    return read_signer(path)


@pytest.fixture
def bag(good: Path, tmp_path: Path) -> Iterator[Path]:
    shutil.copytree(good, tmp_path / "bag")
    yield tmp_path / "bag"
    subprocess.run(["rm", "-rf", tmp_path / "bag"], check=True)  # Python's own cannot go that deep


def codes(found: Verification, level: int) -> set[str]:
    return {each.code for each in found.of(Level(level)).findings}


@pytest.mark.parametrize("archive", GOOD, ids=lambda path: path.stem)
def test_archives_of_every_version_of_the_format_verify(archive: Path) -> None:
    found = verify(archive, trusted=THEM)
    assert [each.status for each in found.levels] == [Status.PASSED] * 4
    assert len(found.signers) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_edit_is_found_at_its_level(kind: Tampering, bag: Path) -> None:
    kind.edit(bag)
    found = verify(bag, levels=(Level.STRUCTURE, Level.FIXITY))
    assert found.first_failed == kind.found
    assert kind.code in codes(found, kind.found)


SEALABLE = [each for each in KINDS if each.found == 2 or each.lied]


@pytest.mark.parametrize("kind", SEALABLE, ids=lambda kind: kind.name)
def test_an_edit_that_another_signs_is_not_the_trusted_signers(
    kind: Tampering, bag: Path, signer: Signer
) -> None:
    kind.edit(bag)
    sealed(bag, signer)
    found = verify(bag, trusted=THEM, levels=_CHEAP)
    assert found.of(Level.FIXITY).status is Status.PASSED
    assert "not_trusted" in codes(found, 3)
    assert not found.signers


def test_new_manifests_under_the_old_signature_are_nobodys(bag: Path) -> None:
    of_case("strict", verdict="warn")(bag)
    sealed(bag)
    found = verify(bag, trusted=THEM, levels=_CHEAP)
    assert found.of(Level.FIXITY).status is Status.PASSED
    assert {"bad_signature", "not_trusted"} <= codes(found, 3)


@pytest.mark.parametrize("kind", SEALABLE, ids=lambda kind: kind.name)
def test_a_lie_of_the_trusted_signer_is_found_by_judging_again(
    kind: Tampering, bag: Path, signer: Signer
) -> None:
    kind.edit(bag)
    sealed(bag, signer)
    found = verify(bag, trusted=Trust((TrustedKey(signer.public),)))
    assert found.of(Level.FIXITY).status is Status.PASSED
    if kind.lied is None:
        assert found.first_failed is None
    else:
        assert found.of(Level.SIGNATURE).status is Status.PASSED or kind.lied == "unreadable"
        assert kind.lied in codes(found, 4)


def test_the_same_pixels_saved_again_fail_in_fixity_and_not_in_judgement(bag: Path) -> None:
    saved_again(bag)
    found = verify(bag, trusted=THEM)
    assert [each.status for each in found.levels] == [
        Status.PASSED,
        Status.FAILED,
        Status.PASSED,
        Status.PASSED,
    ]
    assert any(
        "other files (level 2), and what they hold" in each for each in found.levels[3].notes
    )


@pytest.mark.parametrize("name", zipfile.ZipFile(GOOD[-1]).namelist())
def test_one_flipped_bit_in_any_file_is_found(name: str, bag: Path) -> None:
    flipped(name)(bag)
    levels = (Level.STRUCTURE, Level.FIXITY, Level.SIGNATURE)
    found = verify(bag, trusted=THEM, levels=levels)
    assert found.first_failed is not None


def test_a_signature_that_was_taken_away_before_another_is_missed(bag: Path) -> None:
    second = bag / layout.signature_name(2)
    (bag / layout.signature_name(1)).rename(second)
    found = verify(bag, trusted=THEM, levels=[Level.STRUCTURE])
    assert [(each.code, each.place) for each in found.of(Level.STRUCTURE).findings] == [
        ("extra_file", second.name)
    ]


def test_a_trusted_key_is_told_by_its_bytes_alone(
    bag: Path, signer: Signer, tmp_path: Path
) -> None:
    comment = (HERE / "signer.pub").read_text().split()[-1]
    (tmp_path / "signer.pub").write_text(f"{signer.public.line} {comment}\n")
    found = verify(
        bag, trusted=Trust(read_trusted(tmp_path / "signer.pub")), levels=[Level.SIGNATURE]
    )
    assert codes(found, 3) == {"not_trusted"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda each: None, None),
        (lambda each: each["dsseEnvelope"].update(payloadType="text/plain"), "bad_attestation"),
        (lambda each: each["dsseEnvelope"].update(payload="e30="), "bad_attestation"),
        (lambda each: each["dsseEnvelope"]["signatures"][0].update(sig="e30="), "bad_attestation"),
    ],
)
def test_an_attestation_is_told_by_its_signature_and_never_by_its_hint(
    change: Callable[[dict[str, Any]], object], code: str | None, bag: Path, signer: Signer
) -> None:
    sealed(bag, signer)
    path = bag / layout.ATTESTATIONS / "recipes.sigstore.json"
    document = read(path)
    hint = document["verificationMaterial"]["publicKey"]["hint"]
    document["dsseEnvelope"]["signatures"][0]["keyid"] = hint
    change(document)
    path.write_text(json.dumps(document))
    signed_anew(bag, signer)
    found = verify(bag, trusted=Trust((TrustedKey(signer.public),)), levels=_CHEAP)
    assert codes(found, 3) == ({code} if code else set())


def test_an_attestation_of_another_key_under_the_signers_hint_is_found(
    bag: Path, signer: Signer, tmp_path: Path
) -> None:
    sealed(bag, signer)
    name = f"{layout.ATTESTATIONS}/recipes.sigstore.json"
    hint = read(bag / name)["verificationMaterial"]["publicKey"]["hint"]
    generate(tmp_path / "eve")
    write_attestations(bag, [read_signer(tmp_path / "eve")])
    document = read(bag / name)
    document["verificationMaterial"]["publicKey"]["hint"] = hint
    (bag / name).write_text(json.dumps(document))
    signed_anew(bag, signer)
    found = verify(bag, trusted=Trust((TrustedKey(signer.public),)), levels=_CHEAP)
    assert codes(found, 3) == {"bad_attestation"}


def test_a_signature_for_another_purpose_is_none(
    bag: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ssh_signatures, "NAMESPACE", "file")
        sealed(bag, signer)
    found = verify(bag, trusted=Trust((TrustedKey(signer.public),)), levels=[Level.SIGNATURE])
    assert "bad_signature" in codes(found, 3)


def test_an_envelope_of_another_run_is_found(bag: Path, signer: Signer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(bag, other)
    of_run(lambda run: run.update(run_id="another"))(other)
    for each in (bag, other):
        sealed(each, signer)
    name = f"{layout.ATTESTATIONS}/test-result.sigstore.json"
    shutil.copyfile(other / name, bag / name)
    signed_anew(bag, signer)
    found = verify(bag, trusted=Trust((TrustedKey(signer.public),)))
    assert found.first_failed == Level.SIGNATURE
    assert codes(found, 3) == {"attestation_differs"}


def test_an_unsigned_archive_is_not_checked_without_a_key_and_fails_with_one(
    bag: Path, signer: Signer
) -> None:
    shutil.rmtree(bag / layout.ATTESTATIONS)
    (bag / layout.signature_name(1)).unlink()
    sealed(bag)
    assert verify(bag).of(Level.SIGNATURE).status is Status.NOT_CHECKED
    assert verify(bag, trusted=Trust((TrustedKey(signer.public),))).first_failed == Level.SIGNATURE


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_random_edit_passes_or_crashes(data: st.DataObject, good: Path, tmp_path: Path) -> None:
    bag = tmp_path / "edited"
    shutil.rmtree(bag, ignore_errors=True)
    shutil.copytree(good, bag)
    name = data.draw(st.sampled_from(sorted(read_tree(bag).files)))
    old = (bag / name).read_bytes()
    start = data.draw(st.integers(0, len(old)))
    end = data.draw(st.integers(start, min(len(old), start + 99)))
    new = old[:start] + data.draw(st.binary(max_size=9)) + old[end:]
    (bag / name).write_bytes(new)
    found = verify(bag, trusted=THEM, levels=_CHEAP)
    assert (found.first_failed is None) == (new == old)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_edit_of_the_record_crashes_the_judge(
    data: st.DataObject, good: Path, tmp_path: Path
) -> None:
    bag = tmp_path / "edited"
    if not bag.exists():
        shutil.copytree(good, bag)
    document = read(good / RUN)
    place, found = document, None
    while isinstance(place, dict | list) and place:
        found, key = (
            place,
            data.draw(
                st.sampled_from(list(place) if isinstance(place, dict) else range(len(place)))
            ),
        )
        place = place[key]
    found[key] = data.draw(_JSON)
    (bag / RUN).write_text(json.dumps(document))
    result = verify(bag, levels=[Level.JUDGEMENT]).of(Level.JUDGEMENT)
    assert not any("cannot be checked" in each.what for each in result.findings)
