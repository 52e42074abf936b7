"""Standing between an object and its callers for a while, without changing what either sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import new_class
from typing import Any

Watcher = Callable[..., Any]
"""Called in a method's place: with the original, then with what the caller gave."""


@contextmanager
def watch_methods(target: Any, watchers: Mapping[str, Watcher]) -> Iterator[None]:
    """Call ``watchers`` in place of methods of one plain object; they get the original first.

    The object's class is exchanged for a subclass of the same name. A copy of the object that is
    made inside therefore works on itself, not on the original, and special methods such as
    ``__call__`` are reached too. Signatures read as before. A method that was replaced on the
    object itself is watched there. An object whose class cannot be exchanged is left alone.
    """
    cls = type(target)
    own = vars(target) if hasattr(target, "__dict__") else {}
    on_object = {name: each for name, each in watchers.items() if name in own}
    on_class = {
        name: _between(getattr(cls, name), each)
        for name, each in watchers.items()
        if name not in own and hasattr(cls, name)
    }
    if not _exchange_class(target, on_class):
        yield
        return
    replaced = {name: own[name] for name in on_object}
    for name, watcher in on_object.items():
        own[name] = _between(_forgetting_self(own[name]), watcher).__get__(target)
    try:
        yield
    finally:
        own.update(replaced)
        target.__class__ = cls


@contextmanager
def watch_attribute(target: Any, name: str, watcher: Watcher) -> Iterator[None]:
    """Call ``watcher`` in place of one attribute of a module; it gets the original first.

    Set on the object itself, past whatever a wrapper (``torch.compile``) does on assignment.
    """
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


def _exchange_class(target: Any, methods: Mapping[str, Any]) -> bool:
    """Give the object a subclass of its own with these methods; False where Python refuses."""
    cls = type(target)
    names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
    try:
        target.__class__ = new_class(
            cls.__name__, (cls,), exec_body=lambda body: body.update(names | dict(methods))
        )
    except TypeError:
        return False
    return True
