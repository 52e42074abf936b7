"""The process: started once more, with other threads, with another instruction set."""

from __future__ import annotations

from functools import partial

from harness.probe.change import Change, Situation

_LEVELS = ("default", "avx2", "avx512")
"""torch's names for what x86-64 processors have, each containing those before it."""


def changes() -> tuple[Change, ...]:
    """Return the changes of this family."""
    return (
        Change("repeat", "the same once more, in a fresh process"),
        Change("threads-2", "two CPU threads an operation", determinism={"threads": 2}),
        *(
            Change(
                f"isa-{level}",
                f"torch, oneDNN and MKL kept to {words}",
                determinism={"cpu_isa": level},
                unfit=partial(_isa_unfit, level),
            )
            for level, words in (("avx2", "AVX2"), ("default", "what every x86-64 CPU has"))
        ),
        Change(
            "any-algorithm",
            "algorithms allowed that are not deterministic",
            determinism={"algorithms": False},
        ),
    )


def _isa_unfit(level: str, situation: Situation) -> str | None:
    own = str(situation.environment.get("cpu.capability", "")).lower()
    if own not in _LEVELS:
        return f"this CPU has no such levels: its capability is {own or 'unknown'}"
    if _LEVELS.index(own) < _LEVELS.index(level):
        return f"this CPU has {own} only"
    return f"is what this CPU has: {own}" if own == level else None
