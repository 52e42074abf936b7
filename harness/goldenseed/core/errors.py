"""The one exception for what a user can cause and mend."""

from __future__ import annotations

from pathlib import Path


class GoldenseedError(Exception):
    """Something a user caused and can mend: shown as its text, never as a traceback.

    ``str(error)`` is ``path:line: what`` and, on a line of its own, ``fix: …``.
    """

    def __init__(
        self,
        what: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        fix: str | None = None,
    ) -> None:
        self.what = what
        self.path = path
        self.line = line
        self.fix = fix
        where = "" if path is None else f"{path}: " if line is None else f"{path}:{line}: "
        super().__init__(f"{where}{what}" + (f"\n  fix: {fix}" if fix else ""))

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (self.what, self.path, self.line, self.fix))


def _rebuild(
    what: str, path: Path | str | None, line: int | None, fix: str | None
) -> GoldenseedError:
    return GoldenseedError(what, path=path, line=line, fix=fix)
