"""Moving an entry to another name: with all that it says, whole at every moment."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from baselines_world import CASE, CPU, GPU, NOON, SUITE, World

from goldenseed.baselines.candidate import Signature
from goldenseed.baselines.places import Places
from goldenseed.baselines.renaming import rename
from goldenseed.core.errors import GoldenseedError

NEW = ("fruit", "crimson-apple[seed=1024]")
OLD = (SUITE, CASE)
SIGNATURE = Signature("grace", "a clearer name", NOON.replace(microsecond=0))


def move(world: World, old: tuple[str, str] = OLD, new: tuple[str, str] = NEW) -> None:
    rename(Places(world.store.root), [(old, new)], SIGNATURE, "a-run")


def test_an_entry_moves_with_all_that_it_says_and_with_what_it_was_called(world: World):
    world.accept(world.candidate("red"), world.candidate("blue", profile=GPU))
    world.store.reject([world.candidate("white")], by="ada", reason="blank", now=NOON)
    before = world.store.entry(*OLD)
    move(world)
    after = world.store.entry(*NEW)
    assert before is not None
    assert after is not None
    assert after.profiles == before.profiles
    (was,) = after.renamed
    assert (was.suite, was.case) == OLD
    assert (was.renamed_by, was.reason, was.run_id) == ("grace", "a clearer name", "a-run")
    assert world.store.entry(*OLD) is None
    assert world.store.suites() == ("fruit",)


def test_a_second_name_is_added_to_the_first_and_accepting_keeps_both(world: World):
    world.accept(world.candidate("red"))
    move(world)
    move(world, NEW, OLD)
    world.accept(world.candidate("blue"))
    entry = world.store.entry(*OLD)
    assert entry is not None
    assert [(each.suite, each.case) for each in entry.renamed] == [OLD, NEW]


def test_an_entry_that_was_never_renamed_has_no_such_key(world: World):
    world.accept(world.candidate("red"))
    assert "renamed" not in world.store.entry_path(*OLD).read_text()


def test_a_name_that_has_an_entry_in_the_same_profile_is_refused_and_nothing_moves(world: World):
    world.accept(world.candidate("red"), world.candidate("blue", suite=NEW[0], case=NEW[1]))
    before = world.files()
    with pytest.raises(GoldenseedError, match=f"has an entry of its own in {CPU}"):
        move(world)
    assert world.files() == before


def test_profiles_of_both_names_come_together(world: World):
    world.accept(
        world.candidate("red"), world.candidate("blue", suite=NEW[0], case=NEW[1], profile=GPU)
    )
    move(world)
    entry = world.store.entry(*NEW)
    assert entry is not None
    assert set(entry.profiles) == {CPU, GPU}


def test_nothing_moves_through_a_link(world: World, tmp_path: Path):
    world.accept(world.candidate("red"))
    (tmp_path / "elsewhere").mkdir()
    (world.store.root / NEW[0]).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(GoldenseedError, match="is a symbolic link"):
        move(world)
    assert world.store.entry(*OLD) is not None


def test_killed_before_the_old_name_goes_the_same_again_ends_it(
    world: World,
    start: Callable[..., subprocess.Popen[str]],
    go: Callable[[subprocess.Popen[str]], None],
):
    world.accept(world.candidate("red"))
    child = start("rename_and_die_at_deletion", "0", CASE, "another")
    go(child)
    assert child.wait() != 0
    assert world.store.cases(SUITE) == ("another", CASE)
    move(world, OLD, (SUITE, "another"))
    assert world.store.cases(SUITE) == ("another",)
    entry = world.store.entry(SUITE, "another")
    assert entry is not None
    assert [each.renamed_by for each in entry.renamed] == ["child"]


def test_a_dry_run_names_the_files_refuses_the_same_and_writes_nothing(world: World):
    world.accept(world.candidate("red"))
    before = world.files()
    places = Places(world.store.root)
    files = rename(places, [(OLD, NEW)], SIGNATURE, "a-run", dry_run=True)
    assert files == (places.entry(*OLD), places.entry(*NEW))
    with pytest.raises(GoldenseedError, match="nothing is accepted for"):
        rename(places, [(NEW, OLD)], SIGNATURE, "a-run", dry_run=True)
    assert world.files() == before
