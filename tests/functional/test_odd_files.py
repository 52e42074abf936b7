"""Each verb, given a pipe, a device, a folder or a gigantic file for each file that it reads."""

from __future__ import annotations

import ast
import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from test_hostile_files import RECORD, edited

from commands import goldenseed

SECONDS = 60
SUITE = """\
suite: x
model: {source: m}
mask: mask.png
lock: x.lock.json
noise: {file: n.npy}
cases: [{id: a, prompt: p, seeds: [1]}]
"""


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def gigantic(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**42)


def folder(path: Path) -> None:
    path.mkdir()


def link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


KINDS = [pipe, device, gigantic, folder, link_to_nothing, unix_socket]


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """End a test that waits, or works, for ever."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs, a picture, a suite with its files, a model and a baseline, all sound."""
    here = tmp_path_factory.mktemp("p")
    monkeypatch.chdir(here)
    Path("reports").mkdir()
    for name in ("a", "b"):
        edited(Path("reports", name), run_id=name, environment={"torch.version": "1"})
    Image.new("L", (4, 4), 255).save("one.png")
    Image.new("L", (4, 4), 255).save("mask.png")
    Path("gates.yaml").write_text("gates: {fail: {min_ssim: 0.5}}\n")
    Path("env.json").write_text('{"torch.version": "1"}')
    Path("x.suite.yaml").write_text(SUITE)
    Path("n.npy").write_bytes(b"")
    Path("x.lock.json").write_text("{}")
    Path("m/unet").mkdir(parents=True)
    Path("m/model_index.json").write_text(
        json.dumps({"_class_name": "X", "unet": ["diffusers", "UNet2DConditionModel"]})
    )
    Path("m/unet/config.json").write_text("{}")
    Path("m/unet/diffusion_pytorch_model.safetensors").write_bytes(b"")
    Path("baselines/s").mkdir(parents=True)
    Path("baselines/s/a[seed=1].json").write_text("{}")
    return here


READ = [
    ("reports/a/run.json", ("report", "reports/a")),
    ("reports/a/run.json", ("accept", "reports/a", "--reason", "x", "--by", "x")),
    ("reports/a/run.json", ("reject", "reports/a", "a*", "--reason", "x", "--by", "x")),
    ("reports/a/run.json", ("diff", "a", "b")),
    ("reports/b/run.json", ("diff", "a", "b", "--json")),
    ("reports/a/run.json", ("env", "--diff", "reports/a")),
    ("env.json", ("env", "--diff", "env.json")),
    ("one.png", ("compare", "one.png", "mask.png")),
    ("one.png", ("compare", "mask.png", "one.png")),
    ("mask.png", ("compare", "one.png", "one.png", "--mask", "mask.png")),
    ("gates.yaml", ("compare", "one.png", "one.png", "--gates", "gates.yaml")),
    ("baselines/s/a[seed=1].json", ("show", "a")),
    ("m/model_index.json", ("init", "m")),
    ("m/unet/config.json", ("init", "m", "--name", "y")),
    ("x.suite.yaml", ("lock", "x.suite.yaml")),
    ("x.suite.yaml", ("probe", "x.suite.yaml", "--cases", "a")),
    ("x.suite.yaml", ("selfcheck", "x.suite.yaml")),
    ("x.suite.yaml", ("calibrate", "x.suite.yaml", "--reason", "x", "--by", "x")),
    ("m/model_index.json", ("lock", "x.suite.yaml")),
    ("n.npy", ("lock", "x.suite.yaml")),
    ("mask.png", ("selfcheck", "x.suite.yaml")),
    ("m/unet/config.json", ("lock", "x.suite.yaml")),
    ("m/unet/diffusion_pytorch_model.safetensors", ("lock", "x.suite.yaml")),
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
@pytest.mark.parametrize(("file", "command"), READ, ids=lambda each: str(each)[:40])
def test_no_odd_file_is_waited_for_read_for_ever_or_a_traceback(
    place: Path, file: str, command: tuple[str, ...], kind: Callable[[Path], None]
):
    Path(file).unlink()
    kind(Path(file))
    done = goldenseed(place, *command)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    if command[0] == "init" and file.endswith("config.json") and kind is not gigantic:
        return  # a configuration that is not there leaves its values to be written by hand
    assert done.returncode in (1, 2), said
    assert said.strip()


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
def test_weights_of_no_kind_at_all_still_give_a_first_suite_or_an_error(
    place: Path, kind: Callable[[Path], None]
):
    weights = Path("m/unet/diffusion_pytorch_model.safetensors")
    weights.unlink()
    kind(weights)
    done = goldenseed(place, "init", "m", "--name", "y")
    assert done.returncode in (0, 2)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("kind", [pipe, device, gigantic], ids=lambda each: each.__name__)
@pytest.mark.parametrize("name", ["run.json", "cases.jsonl"])
def test_an_odd_run_does_not_hide_the_others(place: Path, name: str, kind: Callable[[Path], None]):
    edited(Path("reports/a"), finished=None, complete=False)
    Path("reports/a", name).unlink(missing_ok=True)
    kind(Path("reports/a", name))
    done = goldenseed(place, "runs")
    assert done.returncode == 0, done.stderr
    assert "\nb" in f"\n{done.stdout}"


@pytest.mark.parametrize("kind", [pipe, device, gigantic], ids=lambda each: each.__name__)
def test_an_odd_picture_in_a_folder_is_an_error_of_its_pair(
    place: Path, kind: Callable[[Path], None]
):
    for name in ("A", "B"):
        Path(name).mkdir()
        kind(Path(name, "x.png"))
        kind(Path(name, "y.bin"))
    done = goldenseed(place, "compare", "A", "B")
    assert done.returncode == 2
    assert "2 pairs: 2 errors" in done.stdout.replace("error\n", "errors\n")


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
def test_a_place_for_a_report_that_holds_an_odd_record_is_not_taken(
    place: Path, kind: Callable[[Path], None]
):
    Path("out").mkdir()
    kind(Path("out/run.json"))
    done = goldenseed(place, "diff", "a", "b", "--report", "out")
    assert done.returncode == 2
    assert "holds something that is not this report" in done.stderr or "regular" in done.stderr


ESCAPES = "\x1b[31m\x1b]0;x\x07\x9b2J\u202e"


@pytest.mark.parametrize(
    "command",
    [
        ("report", "reports/a"),
        ("accept", "reports/a", "--reason", "x", "--by", "x"),
        ("reject", "reports/a", "*", "--reason", "x", "--by", "x"),
        ("runs",),
        ("runs", "--json"),
        ("diff", "a", "b"),
        ("diff", "a", "b", "--json"),
        ("env", "--diff", "a"),
        ("env", "--diff", "a", "--json"),
        ("env", "--diff", "env.json"),
        ("env", "--diff", "env.json", "--json"),
        ("show", "*"),
        ("lock", "x.suite.yaml"),
        ("selfcheck", "x.suite.yaml"),
        ("probe", "x.suite.yaml"),
        ("compare", "A", "B"),
        ("compare", "A", "B", "--json"),
        ("compare", "one.png", "one.png", "--gates", "x.suite.yaml"),
        ("init", f"m{ESCAPES}"),
        ("report", ESCAPES),
    ],
    ids=" ".join,
)
def test_no_text_of_a_file_reaches_the_terminal_as_it_is(place: Path, command: tuple[str, ...]):
    case = {**RECORD["cases"][0], "id": f"a{ESCAPES}", "error": ESCAPES, "verdict": "error"}
    for name in ("a", "b"):
        edited(
            Path("reports", name),
            run_id=name,
            cases=[{**case, "recipe": {"call": {ESCAPES: ESCAPES + name}}}],
            environment={f"torch.{ESCAPES}": ESCAPES + name, "torch.version": ESCAPES},
            profile=f"cpu{ESCAPES}",
            options={ESCAPES: ESCAPES},
        )
        Path(name.upper()).mkdir()
        Image.new("L", (4, 4), len(name)).save(Path(name.upper(), f"x{ESCAPES}.png"))
    Image.new("L", (4, 4), 200).save(Path("B", f"x{ESCAPES}.png"))
    Path("A", f"y.{ESCAPES}").touch()
    Path("env.json").write_text(json.dumps({f"torch.{ESCAPES}": ESCAPES, "torch.version": ESCAPES}))
    Path("x.suite.yaml").write_text(SUITE + json.dumps(ESCAPES) + ": 1\n")
    Path("baselines/s/a[seed=1].json").write_text(json.dumps({ESCAPES: 1}))
    done = goldenseed(place, *command)
    said = done.stdout + done.stderr
    assert said.strip()
    assert not {*said} & {*ESCAPES} - {*"[31m]0;x2J"}, ascii(said)


def test_a_suite_s_keys_reach_no_terminal_as_they_are(pytester: pytest.Pytester):
    (pytester.path / "x.suite.yaml").write_text(SUITE + json.dumps(ESCAPES) + ": 1\n")
    said = pytester.runpytest("-q", "--color=no").stdout.str()
    assert "unknown key" in said
    assert not {*said} & {*ESCAPES} - {*"[31m]0;x2J"}, ascii(said)


def test_no_verb_writes_to_the_terminal_by_itself():
    import goldenseed.cli

    for file in Path(goldenseed.cli.__path__[0]).glob("*.py"):
        if file.name == "output.py":
            continue
        called = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.Call)
        }
        assert not called & {"typer.echo", "print", "click.echo", "sys.stdout.write"}, file.name
