"""Weights that are missing or left over: what diffusers and transformers say when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import PurePath
from typing import Any

from harness.environment.reading import EnvironmentValue
from harness.files import sha256_hex

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class LoadingReport:
    """What was wrong with the weights of one component."""

    component: str
    missing: tuple[str, ...]
    """Filled at random, since the files lack them."""
    unexpected: tuple[str, ...]
    """In the files, and used by nothing."""


@contextmanager
def loading_reports() -> Iterator[list[LoadingReport]]:
    """Yield a list to which every model that is loaded meanwhile adds its report.

    ``from_pretrained(…, output_loading_info=True)`` of both libraries tells which weights were
    missing, after their own renaming and tying. A pipeline does not pass that option on to its
    components, so for as long as this holds they are all asked. A component is known by the folder
    that it is loaded from.
    """
    from diffusers import ModelMixin
    from transformers import PreTrainedModel

    reports: list[LoadingReport] = []
    with ExitStack() as restore:
        for base in (ModelMixin, PreTrainedModel):
            own = vars(base)["from_pretrained"]
            restore.callback(setattr, base, "from_pretrained", own)
            asked = classmethod(_asked_for_report(own.__func__, reports))
            setattr(base, "from_pretrained", asked)  # noqa: B010 - mypy takes it for a method
        yield reports


def _asked_for_report(
    from_pretrained: Callable[..., Any], reports: list[LoadingReport]
) -> Callable[..., Any]:
    @wraps(from_pretrained)
    def asked(cls: type, place: Any, *args: Any, **options: Any) -> Any:
        if options.get("output_loading_info"):
            return from_pretrained(cls, place, *args, **options)
        model, told = from_pretrained(cls, place, *args, output_loading_info=True, **options)
        names = (tuple(sorted(told[f"{kind}_keys"])) for kind in ("missing", "unexpected"))
        component = options.get("subfolder") or PurePath(place).name
        reports.append(LoadingReport(component, *names))
        return model

    return asked


def describe_reports(
    components: Iterable[str], reports: Iterable[LoadingReport]
) -> Mapping[str, EnvironmentValue]:
    """Describe the weights that are missing or left over, for every component; None for none."""
    known = {report.component: report for report in reports}
    found: dict[str, EnvironmentValue] = {}
    for component in components:
        report = known.get(component, LoadingReport(component, (), ()))
        found[f"model.{component}.missing"] = names_in_words(report.missing)
        found[f"model.{component}.unexpected"] = names_in_words(report.unexpected)
    return found


def names_in_words(names: tuple[str, ...]) -> str | None:
    """Name the first few weights; count and digest the others, so that no change goes unseen."""
    if len(names) <= _SHOWN:
        return ", ".join(names) or None
    digest = sha256_hex("\n".join(names).encode())[:12]
    return f"{', '.join(names[:_SHOWN])} and {len(names) - _SHOWN} more ({digest})"
