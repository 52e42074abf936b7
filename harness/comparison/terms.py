"""By what pictures are judged where there is no suite: gates, metrics and masks, all checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.comparison.gates import default_limits, parse_gate, parse_limit
from harness.comparison.names import DEFAULT_METRICS, look_up
from harness.errors import GoldenseedError

if TYPE_CHECKING:
    from harness.suites.expansion import Limit

Region = tuple[int, int, int, int]
"""Left, top, width and height in pixels."""

_SHAPE = "write `gates:`, below it `fail:`, and below that lines such as `min_ssim: 0.95`"


@dataclass(frozen=True, slots=True)
class Terms:
    """By what pictures are judged."""

    limits: Mapping[str, Limit]
    """Gate to limit."""
    metrics: tuple[str, ...] = DEFAULT_METRICS
    """What is measured besides what the gates need."""
    mask: Path | None = None
    """A file as ``masks.mask_of`` wants it."""
    ignore: tuple[Region, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Every metric to be measured, once."""
        gated = (parse_gate(gate).metric for gate in self.limits)
        return tuple(dict.fromkeys((*self.metrics, *gated)))


def terms_of(
    *,
    metrics: Iterable[str] = DEFAULT_METRICS,
    gates: Mapping[str, float] | Path | str | None = None,
    mask: Path | str | None = None,
    ignore: Iterable[Region] = (),
) -> Terms:
    """Check what a user asked for; without gates, the default one of suites is in force.

    Raises:
        GoldenseedError: a metric or gate that does not exist, a limit that its metric cannot have,
            or a file of gates that cannot be read; with its line, where there is one.

    """
    from harness.suites.expansion import Limit

    if isinstance(gates, Path | str):
        limits = read_gates(Path(gates))
    else:
        limits = {
            name: Limit(parse_limit(parse_gate(name), value), "gates")
            for name, value in (gates or {}).items()
        }
    return Terms(
        limits=limits or default_limits(),
        metrics=tuple(look_up(name).name for name in metrics),
        mask=None if mask is None else Path(mask),
        ignore=tuple(ignore),
    )


def read_gates(path: Path) -> dict[str, Limit]:
    """Read gates from a YAML file: a suite's own ``gates:`` section, or a whole suite.

    Raises:
        GoldenseedError: no such file, broken YAML, another form, an unknown gate, or a limit that
            its metric cannot have; with the line.

    """
    from harness.suites.document import read_document
    from harness.suites.expansion import Limit
    from harness.suites.problems import Problem, failure

    document = read_document(path)
    problems = list(document.problems)
    if problems:
        raise failure(path, problems)
    gates = document.data.get("gates") if isinstance(document.data, dict) else None
    fail = gates.get("fail") if isinstance(gates, dict) else None
    if not isinstance(fail, dict) or not isinstance(gates, dict) or not fail:
        line = document.key_line_of(("gates",))
        raise GoldenseedError("holds no gates", path=path, line=line, fix=_SHAPE)
    for key in gates.keys() - {"fail"}:
        line = document.key_line_of(("gates", key))
        raise GoldenseedError(f"`gates` has no `{key}`", path=path, line=line, fix="keep `fail:`")
    limits: dict[str, Limit] = {}
    for name, value in fail.items():
        line = document.key_line_of(("gates", "fail", name))
        try:
            limits[name] = Limit(parse_limit(parse_gate(name), value), path.name, line)
        except GoldenseedError as error:
            problems.append(Problem(line, error.what, error.fix))
    if problems:
        raise failure(path, problems)
    return limits
