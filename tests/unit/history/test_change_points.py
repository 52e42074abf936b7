"""Change points name what differs on record, and claim no more than that."""

from __future__ import annotations

from collections.abc import Sequence

from goldenseed.history.changes import ACCEPTED, IMAGE, TRACE, Certainty, Change, changes_of
from goldenseed.history.points import environments_of, points_of
from goldenseed.history.stability import Records
from goldenseed.runs.parts import Seconds
from goldenseed.runs.record import BaselineUsed, RunRecord
from made_history import PROFILE, START, digest_of, made, run_on

NEWER = {"package.diffusers": "0.31.0"}


def changes(runs: Sequence[RunRecord], *measures: str) -> tuple[Change, ...]:
    points = [point for run in runs for _, point in points_of(run)]
    environments = {k: v for run in runs for k, v in environments_of(run).items()}
    return changes_of(points, Records(environments), measures)


def test_an_image_that_held_and_is_another_with_a_new_package_is_certain():
    runs = [run_on(day, made()) for day in range(5)]
    runs += [run_on(day, made("new"), environment=NEWER, commit="d") for day in range(5, 8)]
    (change,) = changes(runs)
    assert (change.of, change.certainty) == (IMAGE, Certainty.CERTAIN)
    assert change.point.run == runs[5].run_id
    (difference,) = change.differences or ()
    assert (difference.key, difference.old, difference.new) == (
        "package.diffusers",
        "0.30.0",
        "0.31.0",
    )
    assert change.commits == ("c" * 40, "d" * 40)


def test_after_a_single_run_it_is_only_possible():
    runs = [run_on(0, made()), run_on(1, made("new"), environment=NEWER)]
    (change,) = changes(runs)
    assert change.certainty is Certainty.POSSIBLE


def test_of_an_image_that_flickers_no_change_is_certain():
    runs = [run_on(day, made(str(day))) for day in range(5)]
    runs += [run_on(day, made(str(day)), environment=NEWER) for day in range(5, 10)]
    (change,) = changes(runs)
    assert change.certainty is Certainty.POSSIBLE


def test_a_new_package_that_moves_nothing_is_no_change():
    runs = [run_on(day, made(), environment=NEWER if day > 3 else None) for day in range(8)]
    assert changes(runs) == ()


def test_a_lasting_change_without_a_cause_is_unexplained_and_a_flicker_is_none():
    held = [run_on(day, made()) for day in range(5)]
    (change,) = changes([*held, run_on(5, made("new")), run_on(6, made("new"))])
    assert (change.certainty, change.differences) == (Certainty.UNEXPLAINED, ())
    assert changes([*held, run_on(5, made("new")), run_on(6, made())]) == ()


def test_the_newest_run_is_told_of_although_nothing_follows():
    runs = [*(run_on(day, made()) for day in range(5)), run_on(5, made("new"))]
    (change,) = changes(runs)
    assert (change.point.run, change.certainty) == (runs[-1].run_id, Certainty.UNEXPLAINED)


def test_another_recipe_is_named():
    runs = [run_on(day, made()) for day in range(3)]
    runs.append(run_on(3, made("new", recipe_sha256=digest_of("other"))))
    (change,) = changes(runs)
    assert (change.recipe, change.certainty) == (True, Certainty.CERTAIN)


def test_where_an_environment_is_not_on_record_it_is_not_known():
    runs = [run_on(day, made()) for day in range(3)]
    runs.append(run_on(3, made("new", environment_sha256="f" * 64)))
    (change,) = changes(runs)
    assert (change.certainty, change.differences) == (Certainty.POSSIBLE, None)


def test_a_trace_that_moves_below_equal_pixels_shows():
    other = made("new").trace
    runs = [run_on(day, made()) for day in range(3)]
    runs += [run_on(day, made(trace=other), environment=NEWER) for day in range(3, 5)]
    (change,) = changes(runs)
    assert (change.of, change.certainty) == (TRACE, Certainty.CERTAIN)


def test_that_another_image_was_accepted_is_told_where_the_image_is_the_same():
    new = digest_of("new")
    accepted = BaselineUsed(profile=PROFILE, pixels_sha256=new, accepted_at=START)
    runs = [run_on(day, made()) for day in range(3)]
    runs += [run_on(day, made("new", mean=0.5), environment=NEWER) for day in range(3, 5)]
    runs += [run_on(day, made("new", baseline=accepted), environment=NEWER) for day in range(5, 7)]
    image, decided = changes(runs)
    assert (image.of, decided.of, decided.point.run) == (IMAGE, ACCEPTED, runs[5].run_id)


def test_seconds_that_step_up_are_likely_with_what_differs_there():
    def took(day: int) -> RunRecord:
        late = day >= 20
        seconds = Seconds(generate=(1.5 if late else 1.0) + 0.01 * (day % 3))
        driver = {"gpu.driver": "580"} if late else {"gpu.driver": "570"}
        return run_on(day, made(seconds=seconds), environment=driver)

    (change,) = changes([took(day) for day in range(40)], "generate_seconds")
    assert (change.of, change.certainty) == ("generate_seconds", Certainty.LIKELY)
    assert (change.old, change.new) == (1.01, 1.51)
    assert [each.key for each in change.differences or ()] == ["gpu.driver"]


def test_seconds_that_step_up_with_nothing_on_record_are_unexplained():
    runs = [
        run_on(day, made(seconds=Seconds(generate=2.0 if day >= 10 else 1.0))) for day in range(20)
    ]
    (change,) = changes(runs, "generate_seconds")
    assert change.certainty is Certainty.UNEXPLAINED


def test_a_distance_that_changes_with_the_image_is_one_change_and_not_two():
    runs = [run_on(day, made()) for day in range(10)]
    runs += [run_on(day, made("new", mean=0.5), environment=NEWER) for day in range(10, 20)]
    assert [each.of for each in changes(runs, "mean_difference")] == [IMAGE]
