from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from baselines_world import World

import goldenseed


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def start(world: World) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``baselines_child.py`` on the world's folder and wait until it is ready to begin."""
    children: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> subprocess.Popen[str]:
        script = Path(__file__).with_name("baselines_child.py")
        child = subprocess.Popen(
            [sys.executable, str(script), str(world.folder), *arguments],
            env={**os.environ, "PYTHONPATH": str(Path(goldenseed.__file__).parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", child.communicate()[1]
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def go() -> Callable[[subprocess.Popen[str]], None]:
    """Let a child begin."""

    def go(child: subprocess.Popen[str]) -> None:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()

    return go
