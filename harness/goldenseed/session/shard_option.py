"""Which shard a session is: as the option says it, or as the variables of a scheduler do."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from goldenseed.core.errors import GoldenseedError

_FORM = re.compile(r"(\d{1,6})/(\d{1,6})")
_FIX = "write the shard and how many there are, the first being 1: --golden-shard=2/8"


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several sessions that share the cases."""

    number: int
    """From 1."""
    of: int

    @property
    def words(self) -> str:
        """As a user would write it."""
        return f"{self.number}/{self.of}"


@dataclass(frozen=True, slots=True)
class _System:
    """What sets variables by which a job knows its share."""

    index: str
    """The variable that says which one; where it is not set, the job is none of several."""
    read: Callable[[Mapping[str, str]], Shard]


def shard_of(text: str, environ: Mapping[str, str]) -> Shard | None:
    """Return the shard that ``--golden-shard`` asks for; None for "".

    Args:
        text: ``2/8``; the name of what set the variables (``github``, ``gitlab``, ``kubernetes``,
            ``slurm``); or ``env``: whichever of them did.
        environ: the variables.

    Raises:
        GoldenseedError: no such form, a number out of range, or a variable that is not set, is no
            number, or does not say which of how many.

    """
    if not text:
        return None
    if text == "env":
        return _any(environ)
    if text in _SYSTEMS:
        return _checked(_SYSTEMS[text].read(environ), text)
    match = _FORM.fullmatch(text)
    if match is None:
        names = ", ".join(_SYSTEMS)
        raise GoldenseedError(
            f"--golden-shard={text}: no shard", fix=f"{_FIX}; or env, or one of {names}"
        )
    return _checked(Shard(int(match[1]), int(match[2])), text)


def _any(environ: Mapping[str, str]) -> Shard:
    if "GOLDENSEED_SHARD" in environ:
        text = environ["GOLDENSEED_SHARD"]
        match = _FORM.fullmatch(text)
        if match is None:
            raise GoldenseedError(f"GOLDENSEED_SHARD={text}: no shard", fix="write 2/8")
        return _checked(Shard(int(match[1]), int(match[2])), "GOLDENSEED_SHARD")
    found = [name for name, system in _SYSTEMS.items() if system.index in environ]
    if len(found) != 1:
        named = [_SYSTEMS[name].index for name in found or _SYSTEMS]
        what = "several say which shard this is" if found else "nothing says which shard this is"
        raise GoldenseedError(
            f"--golden-shard=env: {what}: {', '.join(named)}",
            fix=f"say which one counts, as --golden-shard={(found or ['gitlab'])[0]}, or set "
            "GOLDENSEED_SHARD=2/8",
        )
    return _checked(_SYSTEMS[found[0]].read(environ), found[0])


def _checked(shard: Shard, said: str) -> Shard:
    if not 1 <= shard.number <= shard.of:
        raise GoldenseedError(
            f"--golden-shard={said}: there is no shard {shard.number} of {shard.of}", fix=_FIX
        )
    return shard


def _number(environ: Mapping[str, str], name: str, hint: str = "") -> int:
    text = environ.get(name)
    if text is None or not re.fullmatch(r"\d{1,9}", text):
        what = "is not set" if text is None else f"is {text!r}, no number"
        raise GoldenseedError(
            f"{name} {what}: which shard this is cannot be told", fix=hint or _FIX
        )
    return int(text)


def _gitlab(environ: Mapping[str, str]) -> Shard:
    """Take GitLab's numbers, from 1; a job without ``parallel`` has a total of 1 and no index."""
    total = _number(environ, "CI_NODE_TOTAL", "give the job `parallel: 8`")
    if total == 1 and "CI_NODE_INDEX" not in environ:
        return Shard(1, 1)
    return Shard(_number(environ, "CI_NODE_INDEX", "give the job `parallel: 8`"), total)


def _github(environ: Mapping[str, str]) -> Shard:
    """Take GitHub's contexts, which count from 0; it sets no variables of its own for them."""
    hint = "give the step `env: {JOB_INDEX: ${{ strategy.job-index }}, "
    hint += "JOB_TOTAL: ${{ strategy.job-total }}}`"
    return Shard(_number(environ, "JOB_INDEX", hint) + 1, _number(environ, "JOB_TOTAL", hint))


def _slurm(environ: Mapping[str, str]) -> Shard:
    """Take an array that may begin anywhere and take steps: ``0-7``, ``1-8``, ``10-80:10``."""
    hint = "submit it as an array: sbatch --array=1-8"
    task, count = (_number(environ, f"SLURM_ARRAY_TASK_{each}", hint) for each in ("ID", "COUNT"))
    first, last = (_number(environ, f"SLURM_ARRAY_TASK_{each}", hint) for each in ("MIN", "MAX"))
    even = (last - first) // (count - 1) if count > 1 else 1
    named = "SLURM_ARRAY_TASK_STEP"
    step = _number(environ, named) if named in environ and count > 1 else even
    if count < 1 or step < 1 or first + step * (count - 1) != last or (task - first) % step:
        raise GoldenseedError(
            f"the array of {count} tasks from {first} to {last} has no even steps: which of them "
            f"task {task} is cannot be told",
            fix="to run some tasks again, say which shard each is: --golden-shard=3/8",
        )
    return Shard((task - first) // step + 1, count)


def _kubernetes(environ: Mapping[str, str]) -> Shard:
    """Take an indexed job, which counts from 0, and tells no pod how many they are."""
    hint = "give the job `completionMode: Indexed`, and its container the variable JOB_COMPLETIONS "
    hint += "with the number that `completions` has"
    index = _number(environ, "JOB_COMPLETION_INDEX", hint)
    return Shard(index + 1, _number(environ, "JOB_COMPLETIONS", hint))


_SYSTEMS = {
    "github": _System("JOB_INDEX", _github),
    "gitlab": _System("CI_NODE_INDEX", _gitlab),
    "kubernetes": _System("JOB_COMPLETION_INDEX", _kubernetes),
    "slurm": _System("SLURM_ARRAY_TASK_ID", _slurm),
}
