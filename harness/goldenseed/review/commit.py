"""One git commit of the baselines that decisions changed, which says who decided what and why."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.baselines.contents import Name
from goldenseed.baselines.store import Outcome, Step
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import json_sha256
from goldenseed.core.listing import first_of
from goldenseed.reporting.words import count_of, visible
from goldenseed.review.decisions import Marked
from goldenseed.runs.record import RunRecord

if TYPE_CHECKING:
    import git

_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")
_SHOWN = 12
_NAMED = 3


@dataclass(frozen=True)
class Committing:
    """A repository that was seen to be able to take a commit of the baselines."""

    root: Path
    """The folder in which the files lie."""

    @classmethod
    def checked(cls, root: Path) -> Committing:
        """See that a commit will be possible, before anything is decided.

        Raises:
            GoldenseedError: no repository, no identity, ignored baselines, or another commit under
                way, which git makes whole or not at all.

        """
        import git

        with _repository(root) as repository:
            folder = Path(repository.git_dir)
            under_way = [name for name in _UNDER_WAY if (folder / name).exists()]
            if under_way:
                raise GoldenseedError(
                    f"a merge, rebase, cherry-pick or revert is under way ({under_way[0]})",
                    path=folder,
                    fix="finish it first, or leave out --commit",
                )
            try:
                repository.git.var("GIT_COMMITTER_IDENT")
            except git.GitCommandError as error:
                raise _refused(error, "git knows no identity to commit with") from None
            if repository.ignored(str(root.resolve() / "images")):
                raise GoldenseedError(
                    "git ignores the files to be committed",
                    path=root,
                    fix="take them out of .gitignore, or leave out --commit",
                )
        return cls(root)

    def commit(self, files: Sequence[Path], message: str) -> str | None:
        """Commit the files and nothing else; return its id, None if all is committed already.

        What else is staged stays so.

        Raises:
            GoldenseedError: git refuses, which a hook may; the decisions stay applied.

        """
        import git

        if not files:
            return None
        with _repository(self.root) as repository, _listed(_known(repository, files)) as listed:
            arguments = (f"--pathspec-from-file={listed}", "--pathspec-file-nul")
            with repository.git.custom_environment(GIT_LITERAL_PATHSPECS="1"):
                try:
                    if not _changed(repository, files):
                        return None
                    repository.git.add(*arguments)
                    repository.git.commit("--only", "--quiet", "-m", message, *arguments)
                except git.GitCommandError as error:
                    raise _refused(
                        error, "the decisions are applied, and git did not commit them"
                    ) from None
            return str(repository.head.commit.hexsha)


@contextmanager
def _repository(root: Path) -> Iterator[git.Repo]:
    import git

    place = root.resolve()
    while not place.is_dir():
        place = place.parent
    try:
        repository = git.Repo(place, search_parent_directories=True)
    except git.GitError:
        raise GoldenseedError(
            "lies in no git repository", path=root, fix="git init, or leave out --commit"
        ) from None
    with repository:
        yield repository


@contextmanager
def _listed(files: Sequence[Path]) -> Iterator[Path]:
    """Write the files' names for git to read: a command line has no room for thousands."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "files"
        listed.write_bytes(b"\0".join(str(each.resolve()).encode() for each in files))
        yield listed


def _known(repository: git.Repo, files: Sequence[Path]) -> list[Path]:
    """Leave out files that are gone and that git never had: it knows no such place."""
    if all(each.exists() for each in files):
        return list(files)
    folder = Path(str(repository.working_tree_dir)).resolve()
    listed = set(repository.git.ls_files("-z").split("\0"))
    return [f for f in files if f.exists() or _place(f, folder) in listed]


def _place(file: Path, folder: Path) -> str:
    return file.resolve().relative_to(folder).as_posix()


def _changed(repository: git.Repo, files: Sequence[Path]) -> bool:
    """Say whether one of the files is not as the last commit has it."""
    folder = Path(str(repository.working_tree_dir)).resolve()
    status = repository.git.status("--porcelain", "-z", "--untracked-files=all")
    told = {entry[3:] for entry in status.split("\0")}
    return any(_place(each, folder) in told for each in files)


def _refused(error: git.GitCommandError, what: str) -> GoldenseedError:
    said = str(error.stderr).strip().removeprefix("stderr: ").strip("'\n ")
    return GoldenseedError(f"{what}: {said}", fix="mend that, and commit the baselines by hand")


def message_of(run: RunRecord, steps: Sequence[Step], by: str) -> str:
    """Return the commit's message: what was decided, by whom, of which run, made where, and why."""
    counts = Counter("reject" if each.rejects else "accept" for each in steps)
    what = " and ".join(f"{verb} {counts[verb]:,}" for verb in ("accept", "reject") if counts[verb])
    images = "image" if counts.total() == 1 else "images"
    made = dict.fromkeys(json_sha256(each.candidate.environment) for each in steps)
    lines = [
        f"{what[:1].upper()}{what[1:]} golden {images} of run {run.run_id}",
        "",
        f"Decided-by: {by}",
        f"Run: {run.run_id}"
        + (f" at {run.git.commit}{' and changes' if run.git.dirty else ''}" if run.git else ""),
        f"Fingerprint: {first_of(list(made), _NAMED)}",
        "",
        *map(_line, steps),
    ]
    return "\n".join(visible(line, lines=False) for line in lines)


def message_of_renames(
    run: RunRecord, pairs: Sequence[tuple[Name, Name]], by: str, reason: str
) -> str:
    """Return the message for baselines that moved to the names their cases have in ``run``."""
    lines = [
        f"Rename {count_of(len(pairs), 'golden case')}",
        "",
        f"Decided-by: {by}",
        f"Run: {run.run_id}",
        "",
        *(f"rename {'::'.join(old)} to {'::'.join(new)}: {reason}" for old, new in pairs),
    ]
    return "\n".join(visible(line, lines=False) for line in lines)


def message_of_folders(run: RunRecord, decided: Sequence[Marked], by: str) -> str:
    """Return the message for pictures of one folder that were taken over into another."""
    accepted = [each for each in decided if each.decision.decision == "accept"]
    images = "image" if len(accepted) == 1 else "images"
    lines = [
        f"Accept {len(accepted):,} {images} of {Path(run.options['b']).name}",
        "",
        f"Decided-by: {by}",
        f"Run: {run.run_id}",
        "",
        *(
            f"{each.decision.decision} {each.case.id} {each.decision.pixels_sha256[:_SHOWN]}…: "
            f"{each.decision.reason}"
            for each in decided
        ),
    ]
    return "\n".join(visible(line, lines=False) for line in lines)


def _line(step: Step) -> str:
    candidate, change = step.candidate, step.change
    images = change.baseline.rejected if step.rejects else change.baseline.accepted
    found = [each for each in images if each.pixels_sha256 == candidate.pixels_sha256]
    why = found[0].reason if found else ""
    verb = "reject" if step.rejects else "accept"
    note = "" if step.outcome is Outcome.REJECTED else f" ({step.outcome})"
    return f"{verb} {candidate.name} {candidate.pixels_sha256[:_SHOWN]}…{note}: {why}"
