"""``make archive``: the latest run of these suites archived, checked, and made again.

It is checked by our verifier and by tools that others trust. Its images are made again by the same
model, and once more by one of other weights, which has to be found. Each command is printed before
it runs, and the first that answers otherwise than it should ends all.
"""

from __future__ import annotations

import base64
import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
MANIFEST, TAGS = "manifest-sha256.txt", "tagmanifest-sha256.txt"
DRIFTED = 15
"""What ``archive replay`` ends with where an image is another."""


def main(folder: Path) -> None:
    """Do all of it in ``folder``, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bag, key, public = folder / "golden", folder / "signer", folder / "signer.pub"
    ours = BIN / "goldenseed"
    run(ours, "archive", "keygen", "--output", key)
    run(ours, "archive", "create", "latest", "--key", key, "--output", bag)
    answers = ("--certificate", folder / "golden.html", "--statement", folder / "golden.svr.json")
    run(ours, "archive", "verify", bag, "--trusted-key", public, *answers)
    ask_others(bag, public, folder)
    replay = (ours, "archive", "replay", bag, "--trusted-key", public)
    run(*replay, "--model", ROOT)
    with_other_weights(folder / "other")
    run(*replay, one_case(bag), "--model", folder / "other", code=DRIFTED)


def run(*words: object, cwd: Path = ROOT, given: bytes | None = None, code: int = 0) -> None:
    """Run a command, which has to end with ``code``."""
    command = [str(each) for each in words]
    print("$", shlex.join(command), flush=True)
    ended = subprocess.run(command, cwd=cwd, input=given, check=False)  # noqa: S603
    if ended.returncode != code:
        sys.exit(f"ended with {ended.returncode}, not with {code}")


def ask_others(bag: Path, public: Path, folder: Path) -> None:
    """Have tools that others trust check the files, the signature and the attestations."""
    for manifest in (TAGS, MANIFEST):
        run("sha256sum", "--check", "--strict", "--quiet", manifest, cwd=bag)
    run(sys.executable, "-m", "bagit", "--validate", "--quiet", bag)
    signers = folder / "signers"
    signers.write_text(f"signer {public.read_text()}")
    who = ("-f", signers, "-I", "signer", "-n", "goldenseed-archive", "-s", bag / f"{TAGS}.sig")
    run("ssh-keygen", "-Y", "verify", *who, given=(bag / TAGS).read_bytes())
    words = ["ssh-keygen", "-e", "-m", "PKCS8", "-f", str(public)]
    pem, signed, signature = (folder / name for name in ("signer.pem", "signed", "signature"))
    pem.write_bytes(subprocess.run(words, check=True, capture_output=True).stdout)  # noqa: S603
    for file in sorted((bag / "attestations").iterdir()):
        envelope = json.loads(file.read_text())["dsseEnvelope"]
        kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
        signed.write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
        signature.write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        run("openssl", "dgst", "-sha256", "-verify", pem, "-signature", signature, signed)


def one_case(bag: Path) -> str:
    """Name a case that the altered weights make; which suites ran depends on the machine."""
    cases = json.loads((bag / "data/run/run.json").read_text())["cases"]
    return next(f"{c['suite']}::{c['id']}" for c in cases if c["suite"].startswith("shapes"))


def with_other_weights(target: Path) -> None:
    """Copy the models, and change one tensor of one of them by a hundredth."""
    from safetensors.torch import load_file, save_file

    for name in ("shapes-sd", "shapes-edges", "shapes-loras"):
        shutil.copytree(ROOT / "suites" / name, target / "suites" / name)
    file = target / "suites/shapes-sd/unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    first = min(tensors)
    save_file({**tensors, first: tensors[first] + 0.01}, file, metadata={"format": "pt"})


if __name__ == "__main__":
    main(Path(sys.argv[1]).absolute())
