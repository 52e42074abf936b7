"""The server back end against real HTTP servers on loopback."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Response
from PIL.PngImagePlugin import PngInfo

from goldenseed.backends.protocol import GenerationError, Settings
from goldenseed.backends.server.backend import ServerBackend
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.pixels import decode, pixels_sha256
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite
from image_servers import Served, discs, png, serving
from recipe_pictures import graph

SECRET = "sk-this-is-secret-1234"


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(Served()) as each:
        yield each


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def cases(folder: Path, served: Served, more: str = "", case: str = "") -> tuple[Case, ...]:
    server = f"url: '{served.url}', attempts: 2, {more or 'api: openai'}"
    said = case or "call: {width: 32, height: 32}"
    file = folder / "served.suite.yaml"
    file.write_text(
        f"suite: served\nmodel:\n  server: {{{server}}}\n"
        f"cases:\n  - {{id: a, prompt: a cat, seeds: [1, 2], {said}}}\n"
    )
    return load_suite(file).cases


@pytest.mark.parametrize(
    ("more", "case"),
    [
        ("api: openai", ""),
        ("api: a1111", ""),
        ("api: poll, dialect: fal, model: fal/model", "call: {}"),
        ("api: comfyui, graph: g.json, nodes: {prompt: 6.text, seed: 3.seed}", "call: {}"),
    ],
)
def test_every_api_gives_the_picture_that_the_server_drew(
    tmp_path: Path, served: Served, more: str, case: str
):
    (tmp_path / "g.json").write_text(json.dumps(graph()))
    backend = ServerBackend(Settings())
    for each in cases(tmp_path, served, more, case):
        made = backend.generate(each)
        assert made.image is not None
        assert pixels_sha256(made.image) == pixels_sha256(discs("a cat", each.seed, {}))
        assert len(made.trace) == 1
    assert backend.fingerprint()["server.seed"] == "exact"
    assert len(served.bodies) == 4  # the probe's three, of which the first is the first case's


def test_what_a_case_says_is_asked_for_by_the_servers_names(tmp_path: Path, served: Served):
    call = "call: {width: 64, height: 32, num_inference_steps: 7, guidance_scale: 3.5}"
    (case, _) = cases(
        tmp_path, served, "api: a1111, seed: any, model: sd, request: {scheduler: Karras}", call
    )
    ServerBackend(Settings()).generate(case)
    body = served.bodies[0]
    assert (body["steps"], body["cfg_scale"], body["width"]) == (7, 3.5, 64)
    assert body["override_settings"] == {"sd_model_checkpoint": "sd"}
    assert body["scheduler"] == "Karras"
    assert body["n_iter"] == 1


def test_a_wrong_argument_is_named_with_the_nearest(tmp_path: Path, served: Served):
    (case, _) = cases(tmp_path, served, "api: openai, seed: any", "call: {guidance: 3}")
    with pytest.raises(GoldenseedError, match=r"takes no argument 'guidance'") as error:
        ServerBackend(Settings()).generate(case)
    assert "guidance_scale" in str(error.value.fix)


def ignoring(body: dict[str, Any]) -> Response:
    import base64

    ignoring.count += 1  # type: ignore[attr-defined]
    picture = base64.b64encode(png(discs("x", ignoring.count, {}))).decode()  # type: ignore[attr-defined]
    return Response(json.dumps({"data": [{"b64_json": picture}]}))


ignoring.count = 0  # type: ignore[attr-defined]


def the_same(body: dict[str, Any]) -> Response:
    import base64

    picture = base64.b64encode(png(discs("x", 1, {}))).decode()
    return Response(json.dumps({"data": [{"b64_json": picture}]}))


def nearly(body: dict[str, Any]) -> Response:
    import base64

    import numpy as np

    nearly.count += 1  # type: ignore[attr-defined]
    image = np.asarray(discs("x", body["seed"], {})).copy()
    image[0, 0] = nearly.count  # type: ignore[attr-defined]
    from PIL import Image

    picture = base64.b64encode(png(Image.fromarray(image))).decode()
    return Response(json.dumps({"data": [{"b64_json": picture}]}))


nearly.count = 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("behaviour", "found", "serve"),
    [(ignoring, "ignored", []), (the_same, "ignored", []), (nearly, "honoured", ["honoured"])],
)
def test_a_seed_that_is_not_honoured_as_the_suite_needs_it_is_refused(
    tmp_path: Path,
    served: Served,
    behaviour: Callable[[dict[str, Any]], Response],
    found: str,
    serve: list[str],
):
    served.behaviour = behaviour
    for wanted in ("exact", "honoured"):
        (case, _) = cases(tmp_path, served, f"api: openai, seed: {wanted}")
        if wanted in serve:
            assert ServerBackend(Settings()).generate(case).image
            continue
        with pytest.raises(GoldenseedError, match=f"seed is {found}"):
            ServerBackend(Settings()).generate(case)
    (case, _) = cases(tmp_path, served, "api: openai, seed: any")
    assert ServerBackend(Settings()).generate(case).image


def answer(text: str | bytes, status: int = 200, **headers: str) -> Callable[..., Response]:
    return lambda _: Response(text, status, headers)


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (answer(f"key {SECRET} refused", 401), r"status 401: key \*\*\* refused"),
        (answer("slow down", 429, **{"retry-after": "0"}), r"status 429: slow down, 2 times"),
        (answer("oops", 500, **{"retry-after": "0"}), r"status 500: oops, 2 times"),
        (answer("<html>hello</html>", **{"content-type": "text/html"}), "text/html, not with JSON"),
        (answer(b""), "not with JSON"),
        (answer(b"{}"), "does not say a picture"),
        (answer(b'{"data": [{"b64_json": "!!"}]}'), "not in base64"),
        (answer(b'{"data": [{"b64_json": "iVBORw0KGgo="}]}'), "is no picture"),
        (answer(b"", 302, location="http://example.invalid/"), "sends .* elsewhere"),
        (answer(b'{"data": [{"url": "http://example.invalid/x"}]}'), "points to another host"),
        (answer(b'{"data": [{"url": "http://127.0.0.1:1/x"}]}'), "points to another host"),
    ],
)
def test_what_a_server_does_wrong_is_one_sentence(
    tmp_path: Path,
    served: Served,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: Callable[..., Response],
    said: str,
):
    monkeypatch.setenv("SERVER_KEY", SECRET)
    served.behaviour = behaviour
    (case, _) = cases(tmp_path, served, "api: openai, seed: any, key: SERVER_KEY")
    with pytest.raises(GenerationError, match=said) as error:
        ServerBackend(Settings()).generate(case)
    assert error.value.fix
    assert SECRET not in str(error.value)
    assert served.headers[0]["authorization"] == f"Bearer {SECRET}"


def test_another_size_and_another_seed_are_told(tmp_path: Path, served: Served):
    (case, _) = cases(tmp_path, served, "api: openai, seed: any", "call: {width: 64, height: 32}")
    served.draw = lambda prompt, seed, _: discs(prompt, seed, {})
    with pytest.raises(GenerationError, match="32 x 32 pixels where 64 x 32") as error:
        ServerBackend(Settings()).generate(case)
    assert error.value.code == "unusable_image"
    served.behaviour = lambda body: Response(
        json.dumps({"data": [{"b64_json": "iVBORw0KGgo=", "seed": body["seed"] + 1}]})
    )
    with pytest.raises(GenerationError, match="seed 2 where 1 was asked"):
        ServerBackend(Settings()).generate(case)


def test_a_rewritten_prompt_is_on_record(tmp_path: Path, served: Served):
    served.revised = "a dog"
    (case, _) = cases(tmp_path, served)
    made = ServerBackend(Settings()).generate(case)
    assert made.in_force == ({"server.revised_prompt": "a dog"},)
    assert made.remarks == ("the server made another prompt of it: a dog",)


def test_the_picture_s_file_and_who_answered_are_on_record(tmp_path: Path, served: Served):
    served.model = "shapes-sd-2"
    (case, _) = cases(tmp_path, served)
    made = ServerBackend(Settings()).generate(case)
    assert made.in_force == ({"server.answered_model": "shapes-sd-2"},)
    assert made.image is not None
    assert made.file is not None
    assert decode(made.file).tobytes() == made.image.tobytes()
    (case, _) = cases(tmp_path, served, "api: a1111, seed: any")
    (said,) = ServerBackend(Settings()).generate(case).in_force
    assert said == {"server.answered_model": "shapes-sd-2", "server.answered_version": "v1"}


def test_a_key_that_an_answer_says_back_is_kept_nowhere(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KEY_OF_TESTS", SECRET)
    told = PngInfo()
    told.add_text("authorization", SECRET)
    stream = io.BytesIO()
    discs("x", 1, {}).save(stream, "PNG", pnginfo=told)
    picture = base64.b64encode(stream.getvalue()).decode()
    data = [{"b64_json": picture, "seed": 1, "revised_prompt": f"a dog, {SECRET}"}]
    served.behaviour = lambda _: Response(json.dumps({"data": data, "model": f"m {SECRET}"}))
    (case, _) = cases(tmp_path, served, "api: openai, seed: any, key: KEY_OF_TESTS")
    made = ServerBackend(Settings()).generate(case)
    assert made.file is None
    assert SECRET not in f"{made.in_force} {made.remarks}"
    assert made.in_force[0]["server.answered_model"] == "m ***"


def test_a_server_that_never_answers_is_left(tmp_path: Path, served: Served):
    served.behaviour = lambda _: time.sleep(3) or None  # type: ignore[func-returns-value]
    (case, _) = cases(tmp_path, served, "api: openai, seed: any, timeout: 0.3")
    began = time.monotonic()
    with pytest.raises(GenerationError, match=r"within 0\.3 seconds"):
        ServerBackend(Settings()).generate(case)
    assert time.monotonic() - began < 2


def test_a_server_that_is_not_there(tmp_path: Path):
    (case, _) = cases(tmp_path, Served(url="http://127.0.0.1:1"), "api: openai, seed: any")
    with pytest.raises(GenerationError, match="cannot be reached"):
        ServerBackend(Settings()).generate(case)


def test_busy_servers_are_asked_again(tmp_path: Path, served: Served):
    busy = [Response("", 503, {"retry-after": "0.05"})]
    served.behaviour = lambda _: busy.pop() if busy else None
    (case, _) = cases(tmp_path, served, "api: openai, seed: any")
    assert ServerBackend(Settings()).generate(case).image
    assert len(served.bodies) == 2


def test_requests_keep_to_the_pace_and_the_quota(tmp_path: Path, served: Served):
    both = cases(tmp_path, served, "api: openai, per_second: 10, quota: 4")
    backend = ServerBackend(Settings())
    for case in both:
        backend.generate(case)
    gaps = [b - a for a, b in zip(served.times, served.times[1:], strict=False)]
    assert all(gap > 0.05 for gap in gaps)
    with pytest.raises(GenerationError, match="quota of 4 requests is used up"):
        backend.generate(both[0])


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, served: Served):
    (case, _) = cases(tmp_path, served, "api: openai, seed: any, reuse_minutes: 5")
    first = ServerBackend(Settings()).generate(case)
    again = ServerBackend(Settings()).generate(case)
    assert first.image == again.image
    assert len(served.bodies) == 1
    (case, _) = cases(tmp_path, served, "api: openai, seed: any")
    ServerBackend(Settings()).generate(case)
    assert len(served.bodies) == 2


def test_a_key_that_is_not_set(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SERVER_KEY", raising=False)
    (case, _) = cases(tmp_path, served, "api: openai, key: SERVER_KEY")
    with pytest.raises(GoldenseedError, match="SERVER_KEY holds no key"):
        ServerBackend(Settings()).load(case)


def test_a_server_without_seeds_is_said_to_be_one(tmp_path: Path, served: Served):
    (case, _) = cases(tmp_path, served, "api: openai, dialect: gpt-image")
    with pytest.raises(GoldenseedError, match="honours no seed: it takes no seed"):
        ServerBackend(Settings()).load(case)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{url: 'http://u:p@host', api: openai}", "holds a user"),
        ("{url: 'http://host/?key=abc', api: openai}", "holds a user, a query"),
        ("{url: 'ftp://host', api: openai}", "no http or https URL"),
        ("{url: 'http://host', api: openai, key: sk-abc}", "never the key"),
        ("{url: 'http://host', api: openai, request: {api_key: abc}}", "looks like a secret"),
        ("{url: 'http://host', api: comfyui}", "needs a graph"),
        ("{url: 'http://host', api: openai, graph: g.json}", "`api: comfyui` alone"),
        ("{url: 'http://host', api: soap}", "api"),
    ],
)
def test_what_a_suite_may_not_say_of_a_server(tmp_path: Path, section: str, said: str):
    file = tmp_path / "x.suite.yaml"
    file.write_text(
        f"suite: x\nmodel:\n  server: {section}\ncases: [{{id: a, prompt: b, seeds: [1]}}]\n"
    )
    with pytest.raises(GoldenseedError, match=said) as error:
        load_suite(file)
    assert "abc" not in str(error.value)
    assert "u:p" not in str(error.value)


def test_what_only_sounds_like_a_secret_may_be_asked_for(tmp_path: Path):
    file = tmp_path / "x.suite.yaml"
    request = "{max_tokens: 5, author_style: x, keyframes: 2, tokenizer: t}"
    server = f"{{url: 'http://h', api: openai, request: {request}}}"
    file.write_text(
        f"suite: x\nmodel: {{server: {server}}}\ncases: [{{id: a, prompt: b, seeds: [1]}}]\n"
    )
    assert load_suite(file).model.server.described["request"]["max_tokens"] == 5
    file.write_text(file.read_text().replace("keyframes", "extra.auth-token"))
    with pytest.raises(GoldenseedError, match="looks like a secret"):
        load_suite(file)


def test_a_server_has_no_dtype_and_no_folder(tmp_path: Path):
    file = tmp_path / "x.suite.yaml"
    file.write_text(
        "suite: x\nmodel: {server: {url: 'http://h', api: openai}, dtype: float16, source: m}\n"
        "cases: [{id: a, prompt: b, seeds: [1]}]\n"
    )
    with pytest.raises(GoldenseedError, match="no effect beside `server`"):
        load_suite(file)
