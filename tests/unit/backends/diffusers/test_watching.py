from __future__ import annotations

import copy
from typing import Any

import pytest

from goldenseed.backends.diffusers.watching import MethodWatch, watch_attribute


class Counter:
    def __init__(self) -> None:
        self.count = 0

    def add(self, number: int = 1) -> int:
        self.count += number
        return self.count

    def __call__(self) -> int:
        return self.count


class Slotted:
    __slots__ = ()

    def add(self) -> int:
        return 5


@pytest.fixture
def seen() -> list[Any]:
    return []


@pytest.fixture
def watcher(seen: list[Any]) -> Any:
    def watch(original: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        seen.append(result)
        return result

    return watch


def test_methods_and_special_methods_are_watched_on_one_object_only(watcher: Any, seen: list[Any]):
    target, other = Counter(), Counter()
    with MethodWatch({"add": watcher, "__call__": watcher}).on(target):
        assert (target.add(2), target(), other.add(7)) == (2, 2, 7)
    assert seen == [2, 2]


def test_the_class_looks_as_before_inside_and_is_the_same_after(watcher: Any):
    target = Counter()
    with MethodWatch({"add": watcher}).on(target):
        assert isinstance(target, Counter)
        assert (type(target).__name__, type(target).__module__) == ("Counter", Counter.__module__)
    assert type(target) is Counter


def test_an_error_inside_leaves_no_trace_and_no_other_error(watcher: Any):
    target = Counter()
    with pytest.raises(ZeroDivisionError) as error, MethodWatch({"add": watcher}).on(target):
        raise ZeroDivisionError
    assert type(target) is Counter
    assert error.value.__context__ is None


def test_an_object_whose_class_cannot_be_exchanged_is_left_alone(watcher: Any, seen: list[Any]):
    target = Slotted()
    with MethodWatch({"add": watcher}).on(target):
        assert target.add() == 5
    assert seen == []
    assert type(target) is Slotted


def test_a_method_that_is_not_there_is_not_made_up(watcher: Any):
    with MethodWatch({"multiply": watcher}).on(Counter()) as _:
        assert not hasattr(Counter(), "multiply")


def test_one_watch_serves_object_after_object(watcher: Any, seen: list[Any]):
    watch = MethodWatch({"add": watcher})
    for _ in range(2):
        target = Counter()
        with watch.on(target):
            target.add(3)
        target.add(4)
    assert seen == [3, 3]


def test_a_method_replaced_on_the_object_is_watched_there_and_put_back(
    watcher: Any, seen: list[Any]
):
    watch = MethodWatch({"add": watcher})
    with watch.on(Counter()):  # its subclass watches `add`, which must not be seen twice
        pass
    target = Counter()
    mine = vars(target)["add"] = lambda number: number
    with watch.on(target):
        assert target.add(4) == 4
    assert seen == [4]
    assert vars(target)["add"] is mine


def test_a_copy_works_on_itself(watcher: Any):
    target = Counter()
    with MethodWatch({"add": watcher}).on(target):
        twin = copy.deepcopy(target)
        twin.add(3)
    assert (target.count, twin.count) == (0, 3)


def test_an_attribute_is_watched_and_put_back(watcher: Any, seen: list[Any]):
    target = Counter()
    with watch_attribute(target, "add", watcher):
        target.add(4)
    assert seen == [4]
    assert "add" not in vars(target)


def test_an_attribute_of_the_object_itself_is_put_back_too(watcher: Any):
    target = Counter()
    mine = vars(target)["add"] = lambda number: number
    with watch_attribute(target, "add", watcher):
        assert target.add(4) == 4
    assert vars(target)["add"] is mine


def test_the_class_of_what_is_watched_equals_its_own(watcher: Any):
    counter = Counter()
    with MethodWatch({"add": watcher}).on(counter):
        assert type(counter) is not Counter
        assert type(counter) == Counter  # noqa: E721 - as pipelines ask
        assert not type(counter) != Counter  # noqa: E721, SIM202
        assert type(counter) in {Counter, Slotted}
        assert type(counter) != Slotted  # noqa: E721
    assert type(counter) is Counter
