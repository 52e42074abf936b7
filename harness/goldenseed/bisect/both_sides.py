"""Both sides of a search: their images made, what parts them, and what is odd of them."""

from __future__ import annotations

from goldenseed.bisect.making import other_images
from goldenseed.bisect.outcomes import Ends
from goldenseed.bisect.packages import normalised
from goldenseed.bisect.search import OutOfBudget
from goldenseed.bisect.sides import Side
from goldenseed.bisect.tables import TABLES, may_be_set
from goldenseed.bisect.trials import Trials
from goldenseed.bisect.tried import Tried
from goldenseed.core.errors import GoldenseedError
from goldenseed.environment.freeze import listed_sha256


def made_ends(trials: Trials) -> tuple[Tried, Tried]:
    """Make both sides' images, and remember how each case parts.

    Raises:
        GoldenseedError: the sides are the same, or one cannot be built or make the images.

    """
    everything = frozenset(trials.changes)
    if not everything:
        suites = ", and so are the suites" if trials.suites else ""
        raise GoldenseedError(
            f"{trials.good.name} and {trials.bad.name} are the same packages and variables{suites}",
            fix="name two sides that differ",
        )
    good, bad = _made_both(trials)
    trials.reference = good.run
    tried = trials.judge(bad)
    if tried.comparison is None:
        raise GoldenseedError("the two sides have no case in common")
    trials.ends = {pair.pair.b.id: Ends.of(pair) for pair in tried.comparison.pairs}
    trials.replace_judged()
    trials.all_tried.sort(key=lambda each: each.changes is None or len(each.changes))
    return trials.attempt(frozenset()), trials.attempt(everything)


def _made_both(trials: Trials) -> tuple[Tried, Tried]:
    """Make both sides' images, by the small runner where one side cannot run this package."""
    everything = frozenset(trials.changes)
    try:
        good, bad = trials.maker.processes.at_once(trials.attempt, (frozenset(), everything))
        failed = next((e for e in (good, bad) if e.run is None and e.build_seconds), None)
        if failed is not None:
            trials.budget.check_time()
    except OutOfBudget as over:
        raise GoldenseedError(f"both sides are needed: {over}", fix="allow more") from None
    beyond = trials.maker.beyond_the_runner()
    if failed is not None and not trials.maker.runner and beyond is None:
        said = (failed.failed or "").strip().splitlines()[-1:]
        trials.use_runner(
            f"the {failed.name} side cannot run this package ({''.join(said)}): all images here "
            "are the small runner's"
        )
        return _made_both(trials)
    for each, side in ((good, "good"), (bad, "bad")):
        _check_made(each, side, beyond)
    return good, bad


def flickering(trials: Trials, good: Tried, bad: Tried) -> tuple[str, ...]:
    """Name the cases of which the same environment makes another image the second time."""
    settings = [trials.setting(each.changes or frozenset()) for each in (good, bad)]
    try:
        again = trials.maker.processes.at_once(trials.repeat, settings)
    except OutOfBudget as over:
        trials.notes = (*trials.notes, f"whether cases flicker was not tried: {over}")
        return ()
    others = (other_images(a.run, b) for a, b in zip((good, bad), again, strict=True) if a.run)
    return tuple(dict.fromkeys(case for each in others for case in each))


def shown_by_tables(trials: Trials) -> tuple[str, ...]:
    """Return the cases that part at a table of their scheduler, and that its import decides."""
    suites = (trials.maker.suite, *([trials.suites.good] if trials.suites else []))
    usual = [{case.id for case in each.cases if may_be_set(case)} for each in suites]
    asked = tuple(
        case
        for case in trials.cases
        if (ends := trials.ends.get(case))
        and ends.until
        and ends.parting.stage in TABLES
        and all(case in each for each in usual)
    )
    if not asked or trials.maker.runner:
        return ()
    trials.tables = asked
    good, bad = trials.maker.processes.at_once(
        trials.tables_of, (frozenset(), frozenset(trials.changes))
    )
    return tuple(c for c in asked if trials.ends[c].are_shown_by(good.get(c), bad.get(c)))


def _check_made(tried: Tried, side: str, beyond: str | None) -> None:
    """Refuse to go on where a side has no images to hold others against."""
    if tried.run is None:
        runner = f"; nor can the small runner: {beyond}" if beyond and tried.build_seconds else ""
        ran = "see that its packages are those with which the suite ran"
        raise GoldenseedError(
            f"the {side} side cannot make the images: {tried.failed}{runner}",
            fix=ran if tried.build_seconds else "mend that, or name another side",
        )
    broken = next((each for each in tried.run.record.cases if each.error), None)
    if broken is not None:
        raise GoldenseedError(
            f"the {side} side cannot make {broken.id}: {broken.error}",
            fix="name other cases with --case, or another side",
        )


def notes_of(trials: Trials, good: Tried, bad: Tried) -> list[str]:
    """Say what is not as it was on record, since then something else has changed too."""
    notes = [*trials.good.notes, *trials.bad.notes, *trials.notes]
    for side, tried in ((trials.good, good), (trials.bad, bad)):
        if others := _other_files(trials, side):
            notes.append(
                f"rebuilt, {side.name} has other files of {', '.join(others)} than it has on record"
            )
        made = tried.run.pixels if tried.run else {}
        other = [case for case, pixels in side.expected.items() if made.get(case, pixels) != pixels]
        if other:
            notes.append(
                f"rebuilt, {side.name} makes other images of {', '.join(other)} than it has on "
                "record: something besides packages and variables is another one too "
                "(goldenseed diff names what; --good-suite takes the suite as it was)"
            )
    return notes


def _other_files(trials: Trials, side: Side) -> tuple[str, ...]:
    """Name the rebuilt packages that list other files than are on record."""
    if not side.files:
        return ()
    rebuilt = {
        normalised(info.name.partition("-")[0]): listed_sha256(info)
        for folder in trials.environments.of(side.packages).folders
        for info in folder.glob("*.dist-info")
    }
    return tuple(n for n, sha256 in sorted(rebuilt.items()) if side.files.get(n, sha256) != sha256)
