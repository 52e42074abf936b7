"""The block of lines that people mail each other: ``Seed: 123456``, ``Prompt: "…"``, one a line.

Names are taken in English and in Chinese. ``write_block`` writes the block that ``read_block``
reads, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from goldenseed.recipes.fields import Concept, Source, by_name, refuse_nothing

TITLE: Final = "【图像复现指令】"
"""The heading under which such blocks are posted ("instructions to reproduce an image")."""

_LINE = re.compile(r"^[\s\-*•·>#|]*([^:\uff1a=]{1,40}?)\s*[:\uff1a=]\s*(.*?)\s*$")
_QUOTES: Final = (('"', '"'), ("“", "”"), ("「", "」"), ("'", "'"), ("`", "`"))
_CONCEPTS: Final[dict[str, Concept]] = {
    **dict.fromkeys(("seed", "种子", "随机种子"), Concept.SEED),
    **dict.fromkeys(
        ("prompt", "positive", "positive prompt", "提示词", "正向提示词", "正面提示词"),
        Concept.PROMPT,
    ),
    **dict.fromkeys(
        ("negative", "negative prompt", "负面提示词", "负向提示词", "反向提示词"), Concept.NEGATIVE
    ),
    **dict.fromkeys(("size", "resolution", "尺寸", "分辨率", "大小"), Concept.SIZE),
    **dict.fromkeys(("width", "宽度", "宽"), Concept.WIDTH),
    **dict.fromkeys(("height", "高度", "高"), Concept.HEIGHT),
    **dict.fromkeys(
        ("steps", "sampling steps", "num_inference_steps", "步数", "采样步数", "迭代步数"),
        Concept.STEPS,
    ),
    **dict.fromkeys(
        (
            "cfg",
            "cfg scale",
            "guidance",
            "guidance scale",
            "guidance_scale",
            "引导系数",
            "提示词相关性",
            "引导强度",
        ),
        Concept.GUIDANCE,
    ),
    **dict.fromkeys(("sampler", "scheduler", "采样器", "采样方法"), Concept.SAMPLER),
    **dict.fromkeys(("schedule", "schedule type", "调度", "调度类型"), Concept.SCHEDULE),
    **dict.fromkeys(("clip skip", "跳过层"), Concept.CLIP_SKIP),
    **dict.fromkeys(("model", "checkpoint", "模型", "底模"), Concept.MODEL),
    **dict.fromkeys(("version", "版本"), Concept.FORMAT),
}
_KNOWN: Final = dict.fromkeys(
    ("postprocess", "post-processing", "后处理", "后期处理"), "a step after the pipeline"
)


_NAMES = "|".join(re.escape(name) for name in sorted(_CONCEPTS, key=len, reverse=True))
_BETWEEN = re.compile(rf"\s+·\s+(?=(?:{_NAMES})\s*[:\uff1a])", re.IGNORECASE)


def read_block(text: str, name: str) -> Source:
    """Return what the lines state; a line without a name goes on with the value before it.

    ``GoldenseedError`` where nothing in the text is a field that is known.
    """
    stated = by_name(_joined(text), _CONCEPTS, _KNOWN)
    refuse_nothing(name, stated)
    return Source(name, "text", stated)


def _joined(text: str) -> list[tuple[str, str]]:
    """Return names and values, a quoted value over as many lines as its quotes enclose."""
    found: list[tuple[str, str]] = []
    for part in _parts(text):
        match = _LINE.match(part)
        if found and _is_open(found[-1][1]):
            found[-1] = found[-1][0], f"{found[-1][1]}\n{part}"
        elif match:
            found.append((match[1].strip(" *_"), match[2]))
        elif part.strip() and found:
            found.append((part.strip(), ""))
    return [(name, _unquoted(value)) for name, value in found]


def _parts(text: str) -> Iterator[str]:
    """Yield a field at a time: people also put all of them on one line, with ``·`` between."""
    for line in text.replace("\r\n", "\n").split("\n"):
        body = line.removeprefix(TITLE) if line.startswith(TITLE) else line
        yield from (piece for piece in _BETWEEN.split(body) if piece.strip())


def _is_open(value: str) -> bool:
    for opening, closing in _QUOTES:
        if value.startswith(opening):
            return len(value) == 1 or not value.rstrip().endswith(closing)
    return False


def _unquoted(value: str) -> str:
    for opening, closing in _QUOTES:
        if len(value) > 1 and value.startswith(opening) and value.endswith(closing):
            return value[1:-1]
    return value


def write_block(fields: Iterable[tuple[str, str, bool]]) -> str:
    """Return the block: names, values, and whether the value is text and stands in quotes."""
    lines = [f'{name}: "{value}"' if text else f"{name}: {value}" for name, value, text in fields]
    return "\n".join([TITLE, *lines]) + "\n"
