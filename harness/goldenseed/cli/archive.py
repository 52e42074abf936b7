"""``goldenseed archive``: runs that a stranger can check years later, offline and without torch."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from goldenseed.archive.findings import Level
from goldenseed.baselines.drafts import PREFIX, put_draft, store_of_drafts
from goldenseed.baselines.setting import store_of_project
from goldenseed.cli.archive_answer import Certificate, Statement, answer
from goldenseed.cli.chain import chain
from goldenseed.cli.common import AsJson, Baselines, Reports, Run, find_run
from goldenseed.cli.output import say
from goldenseed.cli.replay import replay
from goldenseed.cli.trusting import (
    Identities,
    Issuer,
    SigstoreRoot,
    StampRoot,
    Trusted,
    trusted,
)
from goldenseed.core.errors import GoldenseedError
from goldenseed.reporting.words import visible

if TYPE_CHECKING:
    from goldenseed.archive.keys import Signer

app = typer.Typer(
    name="archive",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Archive runs so that anybody can check them, offline and without torch.",
)
KEY_VARIABLE = "GOLDENSEED_ARCHIVE_KEY"


@app.command("create")
def create(
    run: Run = "latest",
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            help="A new folder, or a file that ends in .zip; by default RUN.goldenseed.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            help=f"A private key to sign with; several are several signers. ${KEY_VARIABLE}, if "
            "set, holds one as text.",
            show_default=False,
        ),
    ] = None,
    draft: Annotated[
        bool,
        typer.Option("--draft", help="Put it into the project's store, for somebody to decide on."),
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="Archive a run that left cases of its suites out.")
    ] = False,
    timestamp: Annotated[
        str | None,
        typer.Option(
            "--timestamp",
            help="The address of a time stamp authority (RFC 3161) to ask over HTTP.",
            show_default=False,
        ),
    ] = None,
    keyless: Annotated[
        bool,
        typer.Option("--keyless", help="Sign with the identity at hand, through Sigstore."),
    ] = False,
    sigstore_config: Annotated[
        Path | None,
        typer.Option(
            "--sigstore-config",
            help="A client trust config: other services than Sigstore's public ones.",
            show_default=False,
        ),
    ] = None,
    root: Annotated[
        Path, typer.Option("--root", help="The folder that was pytest's root.")
    ] = Path(),
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
) -> None:
    """Archive RUN with all it was judged by: a folder or a zip file, the same bytes each time."""
    from goldenseed.archive.create import create as create_archive
    from goldenseed.archive.keyless import keyless_bundles

    if draft and output is not None:
        raise GoldenseedError("--draft goes to the store, and --output to a file: give one")
    remote = store_of_drafts(baselines) if draft else None
    record, folder = find_run(run, reports)
    if remote is not None and not record.complete:
        raise GoldenseedError(
            f"the run {record.run_id} is incomplete, so that nobody can accept anything of it",
            path=folder,
            fix="run the suite to its end, and put a draft of that run",
        )
    signers = _signers(key or [])
    made = functools.partial(
        create_archive,
        record,
        folder,
        root=root,
        store=store_of_project(baselines),
        signers=signers,
        partial=partial,
        timestamp=timestamp,
        keyless=functools.partial(keyless_bundles, config=sigstore_config) if keyless else None,
    )
    if remote is None:
        target = output or Path(f"{record.run_id}.goldenseed")
        remarks = made(target)
        say(f"archive  {target}")
    else:
        with tempfile.TemporaryDirectory(prefix="goldenseed-") as scratch:
            remarks = made(Path(scratch) / "draft.zip")
            put = put_draft(remote, record.run_id, Path(scratch) / "draft.zip")
        say(f"draft  {PREFIX}{put.run_id}  {put.sha256}")
    for signer in signers:
        say(f"signed by {signer.public.fingerprint}")
    for remark in remarks:
        say(remark)


def _signers(paths: list[Path]) -> tuple[Signer, ...]:
    from goldenseed.archive.keys import read_signer, signer_of

    found = [read_signer(path) for path in paths]
    text = os.environ.get(KEY_VARIABLE)
    if text:
        found.append(signer_of(f"{text.strip()}\n".encode(), f"${KEY_VARIABLE}"))
    return tuple(found)


@app.command("keygen")
def keygen(
    *,
    output: Annotated[
        Path, typer.Option("--output", help="Where to write KEY; KEY.pub beside it.")
    ],
) -> None:
    """Make a key to sign archives with: ECDSA P-256, in OpenSSH's form."""
    from goldenseed.archive.keys import generate

    public = generate(output)
    say(f"private  {output}  (keep it to yourself)")
    say(f"public   {output}.pub  {public.fingerprint}")


@app.command("timestamp")
def timestamp(
    path: Annotated[Path, typer.Argument(help="An archive: its folder or its zip file.")],
    url: Annotated[str, typer.Argument(help="The address of a time stamp authority (RFC 3161).")],
) -> None:
    """Have an authority say when this archive existed; the time stamp is added to it."""
    from goldenseed.archive.timestamps import stamp_archive

    stamp_archive(path, url)
    say(f"time stamp  {path}")


@app.command("list")
def list_archives(
    folder: Annotated[Path, typer.Argument(help="A folder in which archives lie.")],
    *,
    trusted_key: Trusted = None,
) -> None:
    """List the archives in FOLDER as they say: date, profile, suites, outcome, signer.

    Of what they hold nothing is verified: see `goldenseed archive verify`.
    """
    from goldenseed.archive.listing import listed

    if not folder.is_dir():
        raise GoldenseedError("is no folder", path=folder, fix="name the folder of the archives")
    for each in listed(folder, trusted(trusted_key)):
        say(visible(each.line, lines=False))


@app.command("verify")
def verify(
    path: Annotated[Path, typer.Argument(help="An archive: its folder or its zip file.")],
    *,
    trusted_key: Trusted = None,
    timestamp_root: StampRoot = None,
    trusted_identity: Identities = None,
    issuer: Issuer = None,
    sigstore_root: SigstoreRoot = None,
    levels: Annotated[
        str, typer.Option("--levels", help="Which levels to check, parted by commas.")
    ] = "1,2,3,4",
    certificate: Certificate = None,
    statement: Statement = None,
    as_json: AsJson = False,
) -> None:
    """Check an archive: structure, fixity, signature and judgement, each with all its findings.

    Exit code 0: every level passed. 11 to 14: that level is the first that failed. 10: none failed,
    and not all were checked.
    """
    from goldenseed.archive.verify import verify as verify_archive

    trust = trusted(trusted_key, timestamp_root, trusted_identity, issuer, sigstore_root)
    found = verify_archive(path, trusted=trust, levels=_levels(levels))
    answer(found, certificate=certificate, statement=statement, as_json=as_json)


app.command("replay")(replay)
app.command("chain")(chain)


def _levels(text: str) -> tuple[Level, ...]:
    try:
        found = tuple(Level(int(each)) for each in text.split(","))
    except ValueError:
        found = ()
    if not found or Level.REPLAY in found:
        raise GoldenseedError(
            f"--levels is {text!r}",
            fix="give numbers from 1 to 4, parted by commas: 1,2,4; 5 is `goldenseed archive "
            "replay`",
        )
    return found
