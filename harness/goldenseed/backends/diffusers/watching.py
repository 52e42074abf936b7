"""Standing between an object and its callers for a while, without changing what either sees."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache, wraps
from types import new_class
from typing import Any

Watcher = Callable[..., Any]
"""Called in a method's place: with the original, then with what the caller gave."""


class MethodWatch:
    """Calls watchers in place of methods of plain objects; they get the original first.

    An object's class is exchanged for a subclass of the same name. A copy of the object made
    meanwhile therefore works on itself, not on the original, and special methods such as
    ``__call__`` are reached too. Signatures read as before. A method that was replaced on the
    object itself is watched there. An object whose class cannot be exchanged is left alone.

    Subclasses are made once for each class and kept, since making one takes some 50 microseconds;
    they equal it.
    """

    def __init__(self, watchers: Mapping[str, Watcher]) -> None:
        self._watchers = watchers
        self._subclasses: dict[tuple[type, frozenset[str]], type] = {}

    @contextmanager
    def on(self, target: Any) -> Iterator[None]:
        """Watch one object for a while; whatever is raised inside, it is afterwards as it was."""
        cls = type(target)
        own = vars(target) if hasattr(target, "__dict__") else {}
        replaced = {name: own[name] for name in self._watchers if name in own}
        try:
            target.__class__ = self._subclass(cls, frozenset(replaced))
        except TypeError:
            yield
            return
        for name, method in replaced.items():
            between = _between(_forgetting_self(method), self._watchers[name])
            own[name] = between.__get__(target)
        try:
            yield
        finally:
            own.update(replaced)
            target.__class__ = cls

    def _subclass(self, cls: type, but: frozenset[str]) -> type:
        """Return a class like ``cls`` whose methods are watched, all but those named."""
        if (cls, but) not in self._subclasses:
            watched = {
                name: _between(getattr(cls, name), watcher)
                for name, watcher in self._watchers.items()
                if name not in but and hasattr(cls, name)
            }
            names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
            self._subclasses[cls, but] = new_class(
                cls.__name__,
                (cls,),
                {"metaclass": _equal_to(cls)},
                exec_body=lambda body: body.update(names | watched),
            )
        return self._subclasses[cls, but]


def _equal_to(cls: type) -> type:
    """Make a metaclass whose class equals ``cls``, for pipelines that ask ``type(x) != cls``."""
    return type(
        type(cls).__name__,
        (type(cls),),
        {
            "__eq__": lambda self, other: other is cls or self is other,
            "__hash__": lambda _self: hash(cls),
        },
    )


@contextmanager
def watch_attribute(target: Any, name: str, watcher: Watcher) -> Iterator[None]:
    """Call ``watcher`` with the original in an attribute's place, past any wrapper's setter."""
    own: dict[str, Any] = vars(target)
    was_own = name in own
    original = getattr(target, name)
    own[name] = _between(original, watcher)
    try:
        yield
    finally:
        if was_own:
            own[name] = original
        else:
            own.pop(name, None)


def by_name(module: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a module's call is given by its parameters' names; numbered beyond those."""
    cls: Any = type(module)
    known = _parameters_of(cls)
    positional = {
        known[place] if place < len(known) else str(place): value
        for place, value in enumerate(args)
    }
    return {**positional, **kwargs}


@lru_cache(maxsize=256)
def _parameters_of(cls: Any) -> tuple[str, ...]:
    try:
        parameters = list(inspect.signature(cls.forward).parameters.values())[1:]
    except (TypeError, ValueError):
        return ()
    return tuple(each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD)


def _between(original: Callable[..., Any], watcher: Watcher) -> Any:
    @wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        return watcher(original, *args, **kwargs)

    return watched


def _forgetting_self(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def unbound(_self: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return unbound
