"""By what pictures are judged where there is no suite: gates, metrics and masks, all checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode
from goldenseed.images.gates import default_limits, parse_gate, parse_limit
from goldenseed.images.metrics import DEFAULT_METRICS, look_up

if TYPE_CHECKING:
    from goldenseed.suite.cases import Limit


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

    Raises GoldenseedError for a metric, gate or limit that cannot be, for a mask that cannot be
    read, or as ``read_gates``.
    """
    from goldenseed.suite.cases import Limit

    if mask is not None:
        decode(Path(mask))  # once, before it spoils every pair
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

    Raises GoldenseedError, with the line, for what is no such file or names no such gate or limit.
    """
    from goldenseed.suite.cases import Limit
    from goldenseed.suite.document import Problem, failure, read_document

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


COUNTS = 128
"""The level of a mask file from which on a pixel counts."""


def mask_of(
    size: tuple[int, int],
    *,
    file: Path | None = None,
    ignore: Iterable[Region] = (),
    path: Path | None = None,
    line: int | None = None,
) -> Image.Image | None:
    """Return a mask for images of ``size``: mode L, 255 where a pixel counts, 0 where not.

    ``file`` is an image of that size, white where pixels count and black where they do not (grey
    from ``COUNTS`` on counts); ``ignore`` are regions that do not. None if both are empty. ``path``
    and ``line`` are those of what asks for the mask. Raises GoldenseedError for a mask that cannot
    be read, of another size or with alpha, a region beyond the image, or no pixel that counts.
    """
    regions = tuple(ignore)
    if file is None and not regions:
        return None
    mask = Image.new("L", size, 255) if file is None else _read(file, size, path, line)
    for left, top, width, height in regions:
        right, bottom = left + width, top + height
        inside = 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        if not inside:
            raise GoldenseedError(
                f"the region [{left}, {top}, {width}, {height}] (left, top, width, height) "
                f"is not inside the image, which has {size[0]} x {size[1]} pixels",
                path=path,
                line=line,
                fix="correct it; every region is at least one pixel",
            )
        mask.paste(0, (left, top, right, bottom))
    if not mask.getbbox():
        raise GoldenseedError(
            "the mask leaves no pixel that counts",
            path=path or file,
            line=line,
            fix="ignore less; a mask file is white where pixels count",
        )
    return mask


def _read(file: Path, size: tuple[int, int], path: Path | None, line: int | None) -> Image.Image:
    image = decode(file)
    fault = None
    if image.mode not in {"L", "RGB"}:
        fault = f"has the mode {image.mode!r}, not 8-bit grey or RGB"
    elif image.size != size:
        fault = f"has {image.width} x {image.height} pixels, the image has {size[0]} x {size[1]}"
    if fault:
        raise GoldenseedError(
            f"the mask {file.name} {fault}",
            path=path or file,
            line=line if path else None,
            fix="draw the mask in the image's size, white where pixels count",
        )
    return image.convert("L").point([255 * (level >= COUNTS) for level in range(256)])
