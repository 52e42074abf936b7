"""A process that has the heavy libraries imported and forks a pytest session on request.

Reads one JSON object a line, ``{"folder": …, "arguments": […], "output": …}``, answers with the
session's process id on one line, and with its exit status (negative: the signal) on the next when
it ended. It computes nothing itself: a forked process must not inherit torch's threads.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import pytest
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from goldenseed.backends.diffusers import backend as diffusers_backend
from goldenseed.images import measure as compare
from goldenseed.session import golden_session

IMPORTED = (
    AutoencoderKL,
    CLIPTextModel,
    CLIPTokenizer,
    DDIMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    compare,
    diffusers_backend,
    golden_session,
)


def run_session(asked: dict[str, Any]) -> int:
    os.chdir(asked["folder"])
    output = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for stream in (1, 2):
        os.dup2(output, stream)
    return int(pytest.main(asked["arguments"]))


def main() -> None:
    print("warm", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(run_session(asked))
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
