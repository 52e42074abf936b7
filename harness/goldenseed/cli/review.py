"""``goldenseed review``: look at what a run made and decide, in a browser or in the terminal."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import webbrowser
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import Baselines, By, Reports, view_with_history
from goldenseed.cli.deciding import Commit, commit_steps, desk_of
from goldenseed.cli.from_archive import Untrusted, opened_run
from goldenseed.cli.output import say
from goldenseed.cli.seed_options import DEFAULT, LibraryPlace
from goldenseed.cli.trusting import Identities, Issuer, SigstoreRoot, StampRoot, Trusted, trusted
from goldenseed.core.errors import GoldenseedError
from goldenseed.images.metrics import DEFAULT_METRICS
from goldenseed.images.terms import terms_of
from goldenseed.reporting.html import is_single, write_report
from goldenseed.review.commit import Committing
from goldenseed.review.desk import Desk
from goldenseed.review.folders import FolderDesk, compared, decidable
from goldenseed.review.pictures import Way
from goldenseed.review.session import Review
from goldenseed.review.terminal import walk
from goldenseed.review.tty import Terminal
from goldenseed.runs.candidates import who_accepts
from goldenseed.seeds.desk import SeedDesk, is_picked_from, outcome_of

_FOLDERS = 2
_APPLY = "goldenseed accept --from"
AnyDesk = Desk | FolderDesk | SeedDesk


def review(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN | A B]",
            help="A run's id, a unique beginning of it, latest, or path; an archive, or draft:RUN "
            "of the store; or two folders of images.",
            show_default="latest",
        ),
    ] = None,
    *,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Decide here, one key a case, without a browser.")
    ] = False,
    pictures: Annotated[
        Way | None,
        typer.Option(
            "--pictures",
            help="How this terminal shows pictures.",
            show_default="what it is found to be able to",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Accept images in place of what is accepted so far."),
    ] = False,
    gates: Annotated[
        Path | None,
        typer.Option(
            "--gates",
            help="YAML file with `gates:`, for two folders.",
            show_default=False,
        ),
    ] = None,
    no_open: Annotated[
        bool, typer.Option("--no-open", help="Print the link, and start no browser.")
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65535, help="Where to listen.", show_default="a free one"
        ),
    ] = 0,
    commit: Commit = False,
    by: By = None,
    reports: Reports = Path("reports"),
    baselines: Baselines = Path("baselines"),
    trusted_key: Trusted = None,
    timestamp_root: StampRoot = None,
    trusted_identity: Identities = None,
    issuer: Issuer = None,
    sigstore_root: SigstoreRoot = None,
    untrusted: Untrusted = False,
    library: LibraryPlace = DEFAULT,
) -> None:
    """Serve the report of RUN to browsers of this machine, and apply what is decided there.

    With --terminal the same is decided here. Each decision is applied as it is made; Ctrl-C ends
    the review. Of two folders A and B, decisions are kept in a file, which `accept --from` applies.
    What is picked of a sweep, or of a page of a library, goes into the library of seeds.
    """
    trust = trusted(trusted_key, timestamp_root, trusted_identity, issuer, sigstore_root)
    who, place = by or who_accepts(Path.cwd()), None
    with ExitStack() as opened:
        if len(what or ()) == _FOLDERS:
            if commit or replace:
                raise GoldenseedError(
                    "two folders are only decided on", fix=f"{_APPLY} has --commit"
                )
            a, b = map(Path, what or ())
            desk: AnyDesk = _of_folders(a, b, gates, reports, who)
        else:
            run = _run_of(what or ["latest"], gates)
            found = opened.enter_context(opened_run(run, reports, baselines))
            archive = found.believed(trust, untrusted=untrusted)
            folder = found.folder if archive is None else _copied(found.folder, opened)
            place = found.place(baselines)
            if is_picked_from(found.record):
                if commit or replace:
                    raise GoldenseedError("seeds are kept, not accepted", fix="leave out --commit")
                desk = SeedDesk(found.record, folder, who, library, reports, baselines, Path.cwd())
            else:
                desk = desk_of(
                    found.record, folder, baselines, who, replace=replace, archive_sha256=archive
                )
        committing = Committing.checked(baselines) if commit else None
        view = view_with_history(
            desk.record, desk.folder, reports=reports, baselines=baselines, place=place
        )
        view = decidable(view, desk.folder)
        going_on = Review(desk)
        say(f"{desk.record.run_id}: {view.outcome}")
        if isinstance(desk, Desk) and not desk.record.complete:
            say("the run is incomplete: nothing of it can be accepted")
        with suppress(KeyboardInterrupt):
            if terminal:
                asked = walk(going_on, view, desk.folder, lambda: Terminal(pictures))
                say("" if asked else "nothing asks for a decision")
            else:
                # What is there may be of anybody; a page that held everything does so again.
                write_report(view, desk.folder, single=is_single(desk.folder))
                _serve(going_on, desk.folder, port, browse=not no_open)
        going_on.close()
        _end(going_on, desk, committing)


def _copied(folder: Path, opened: ExitStack) -> Path:
    """Copy the run of an archive, which stays as it is, to where a page of it can be written."""
    scratch = opened.enter_context(tempfile.TemporaryDirectory(prefix="goldenseed-"))
    return shutil.copytree(folder, Path(scratch) / "run")


def _of_folders(a: Path, b: Path, gates: Path | None, reports: Path, who: str) -> FolderDesk:
    terms = terms_of(metrics=DEFAULT_METRICS, gates=gates, mask=None, ignore=[])
    return FolderDesk(*compared(a, b, terms, reports), who)


def _run_of(what: Sequence[str], gates: Path | None) -> str:
    if len(what) > 1:
        raise GoldenseedError("review takes one run, or two folders")
    if gates is not None:
        raise GoldenseedError("--gates is for two folders: a suite has its own")
    return what[0]


def _end(going_on: Review, desk: AnyDesk, committing: Committing | None) -> None:
    """Say what was decided, where it is, and commit it where that was asked for."""
    if isinstance(desk, SeedDesk):
        say(outcome_of(going_on.done))
        return
    counts = Counter(each.rejects for applied in going_on.done for each in applied.done)
    say(f"accepted {counts[False]:,}, rejected {counts[True]:,}")
    if isinstance(desk, FolderDesk) and counts:
        say(f"kept in {desk.file}; to take over what was accepted:\n{_APPLY} '{desk.file}'")
    if isinstance(desk, Desk):
        steps = [step for applied in going_on.done for step in applied.steps]
        commit_steps(committing, desk, steps)


def _has_screen() -> bool:
    """Whether a browser has somewhere to open; one of text would take the terminal."""
    variables = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    return sys.platform != "linux" or any(map(os.environ.get, variables))


def _serve(going_on: Review, folder: Path, port: int, *, browse: bool) -> None:
    """Serve until somebody presses Ctrl-C."""
    from goldenseed.review.server import ReviewServer  # Python's own takes long to import

    with ReviewServer(going_on, folder, port=port) as server:
        server.opened = lambda: say(f"for another browser: {server.link()}")
        link = server.link()
        say(f"decide here, as {going_on.by}; the link works once, Ctrl-C ends the review:")
        say(link)
        if browse and not (_has_screen() and webbrowser.open(link)):
            say("no browser is started here: open the link yourself, or decide with --terminal")
        server.serve_forever()
