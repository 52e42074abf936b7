"""Image servers on loopback that serve a real pipeline, and such as misbehave.

OpenAI's and A1111's APIs, a queue to poll, and ComfyUI's ``/prompt``, ``/history`` and ``/view`` as
its documentation has them (ComfyUI itself cannot be installed from an index).
"""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from PIL import Image

Draw = Callable[[str, int, dict[str, Any]], Image.Image]
"""Makes the picture of a prompt, a seed and arguments by diffusers' names."""


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def discs(prompt: str, seed: int, arguments: dict[str, Any]) -> Image.Image:
    """Draw without a model: a picture that depends on prompt and seed alone."""
    import numpy as np

    words = sum(prompt.encode())
    size = arguments.get("height", 32), arguments.get("width", 32), 3
    return Image.fromarray(
        np.random.default_rng([seed, words]).integers(0, 256, size, dtype=np.uint8)
    )


@dataclass
class Served:
    """What a server was asked, and how it behaves."""

    draw: Draw = discs
    behaviour: Callable[[dict[str, Any]], Response | None] = lambda body: None
    """Answers in place of the server, given the request's body; None leaves it alone."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    url: str = ""
    revised: str | None = None
    model: str | None = None
    jobs: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    async def take(self, request: Request) -> dict[str, Any]:
        self.times.append(time.monotonic())
        self.headers.append(dict(request.headers))
        body: dict[str, Any] = json.loads(await request.body() or b"{}")
        self.bodies.append(body)
        return body


def app_of(served: Served) -> FastAPI:  # noqa: C901 (a route each)
    app = FastAPI()

    @app.post("/v1/images/generations")
    async def openai(request: Request) -> Response:
        body = await served.take(request)
        if (answer := served.behaviour(body)) is not None:
            return answer
        width, height = map(int, body.get("size", "32x32").split("x"))
        known = ("num_inference_steps", "guidance_scale", "negative_prompt")
        arguments = {"width": width, "height": height} | {k: body[k] for k in known if k in body}
        picture = png(served.draw(body["prompt"], body["seed"], arguments))
        data = {"b64_json": base64.b64encode(picture).decode(), "seed": body["seed"]}
        if served.revised:
            data["revised_prompt"] = served.revised
        named = {"model": served.model} if served.model else {}
        return _json({"created": 1, "data": [data], **named})

    @app.post("/sdapi/v1/{way}")
    async def a1111(request: Request, way: str) -> Response:
        body = await served.take(request)
        if (answer := served.behaviour(body)) is not None:
            return answer
        names = {"steps": "num_inference_steps", "cfg_scale": "guidance_scale"}
        taken = ("width", "height", "negative_prompt", *names)
        arguments = {names.get(key, key): body[key] for key in taken if key in body}
        picture = png(served.draw(body["prompt"], body["seed"], arguments))
        named = {"sd_model_name": served.model, "version": "v1"} if served.model else {}
        info = {"all_seeds": [body["seed"]], **named, "infotexts": [body["prompt"]], "way": way}
        images = [base64.b64encode(picture).decode()]
        return _json({"images": images, "parameters": {}, "info": json.dumps(info)})

    @app.post("/fal/model")
    @app.post("/prompt")
    async def queued(request: Request) -> Response:
        body = await served.take(request)
        if (answer := served.behaviour(body)) is not None:
            return answer
        number = str(len(served.bodies))
        if "prompt" in body and isinstance(body["prompt"], dict):
            graph = body["prompt"]
            seed, prompt = graph["3"]["inputs"]["seed"], graph["6"]["inputs"]["text"]
            served.jobs[number] = (0, png(served.draw(prompt, seed, {})))
            return _json({"prompt_id": number, "number": 1, "node_errors": {}})
        served.jobs[number] = (0, png(served.draw(body["prompt"], body["seed"], {})))
        places = {"status_url": f"{served.url}/status/{number}"}
        return _json({**places, "response_url": f"{served.url}/result/{number}"})

    @app.get("/status/{number}")
    def status(number: str) -> Response:
        looks, picture = served.jobs[number]
        served.jobs[number] = looks + 1, picture
        return _json({"status": ("IN_QUEUE", "IN_PROGRESS", "COMPLETED")[min(looks, 2)]})

    @app.get("/result/{number}")
    def result(number: str) -> Response:
        seed = served.bodies[int(number) - 1]["seed"]
        return _json({"images": [{"url": f"{served.url}/file/{number}"}], "seed": seed})

    @app.get("/file/{number}")
    def file(number: str) -> Response:
        return Response(served.jobs[number][1], media_type="image/png")

    @app.get("/history/{number}")
    def history(number: str) -> Response:
        looks, picture = served.jobs[number]
        served.jobs[number] = looks + 1, picture
        if looks < 1:
            return _json({})
        saved = {"filename": number, "subfolder": "", "type": "output"}
        preview = {"filename": "preview", "subfolder": "", "type": "temp"}
        outputs = {"8": {"images": [preview]}, "9": {"images": [saved]}}
        return _json({number: {"outputs": outputs, "status": {"completed": True}}})

    @app.get("/view")
    def view(filename: str) -> Response:
        return Response(served.jobs[filename][1], media_type="image/png")

    return app


def _json(document: Any) -> Response:
    return Response(json.dumps(document), media_type="application/json")


@contextmanager
def serving(served: Served) -> Iterator[Served]:
    """Serve on a free port of loopback until the block ends."""
    config = uvicorn.Config(app_of(served), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    served.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.should_exit = True
        thread.join(10)
