"""The steps of the GitHub action and of the GitLab template, as a runner runs them.

What no machine of ours can be is a stand-in: the runner's expressions are looked up in a table,
and GitHub's API is a server on loopback that answers as docs.github.com/rest/issues/comments says.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Project

ROOT = Path(__file__).parents[2]
ACTION = ROOT / ".github/actions/goldenseed"
ARTIFACT = "https://github.test/o/r/actions/runs/7/artifacts/9"
MARKER = "<!-- goldenseed golden-report -->"
TOKEN = "a-token"


@dataclass
class Comments:
    """The comments of pull request 5, and what was asked of the API."""

    found: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    forbidden: bool = False
    url: str = ""

    def add(self, body: str, *, kind: str = "Bot") -> None:
        user = {"login": "someone", "id": 1, "type": kind}
        self.found.append({"id": 100 + len(self.found), "body": body, "user": user})

    def answer(self, method: str, path: str, data: bytes) -> tuple[int, object]:
        place, _, query = path.partition("?")
        self.asked.append(f"{method} {place}")
        if self.forbidden and method != "GET":
            return 403, {"message": "Resource not accessible by integration", "status": "403"}
        if method == "GET":
            page = int(re.findall(r"[?&]page=(\d+)", f"?{query}")[0])
            return 200, self.found[100 * (page - 1) : 100 * page]
        body = json.loads(data)["body"]
        assert len(body) <= 65_536
        if method == "POST":
            self.add(body)
            return 201, self.found[-1]
        (known,) = [each for each in self.found if place.endswith(f"/comments/{each['id']}")]
        known["body"] = body
        return 200, known


@pytest.fixture
def comments() -> Iterator[Comments]:
    kept = Comments()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            assert self.headers["Authorization"] == f"Bearer {TOKEN}"
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, document = kept.answer(self.command, self.path, data)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        do_GET = do_POST = do_PATCH = answer  # noqa: N815 - as http.server calls them

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}"
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


class Runner:
    """Runs the steps of the action in a project, as far as they are the action's own."""

    def __init__(self, folder: Path, files: Path, api: str) -> None:
        self.action = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
        self.folder = folder
        self.files = files
        self.values = {f"inputs.{k}": v["default"] for k, v in self.action["inputs"].items()}
        self.values |= {"inputs.python": sys.executable, "inputs.token": TOKEN}
        self.values["steps.upload.outputs.artifact-url"] = ARTIFACT
        self.values["steps.run.outputs.exit-code"] = ""
        event = files / "event.json"
        event.write_text('{"pull_request": {"number": 5}}')
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.environment = kept | {
            "OMP_NUM_THREADS": "1",
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_API_URL": api,
            "GITHUB_EVENT_PATH": str(event),
            "GITHUB_OUTPUT": str(files / "output"),
            "GITHUB_REPOSITORY": "o/r",
            "GITHUB_RUN_ID": "7",
            "GITHUB_SERVER_URL": "https://github.test",
            "GITHUB_STEP_SUMMARY": str(files / "summary.md"),
        }

    def step(self, name: str, **changed: str) -> subprocess.CompletedProcess[str]:
        (step,) = [each for each in self.action["runs"]["steps"] if each["name"] == name]
        (self.files / "output").write_text("")
        given = {key: self.looked_up(value) for key, value in step["env"].items()} | changed
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step["run"]],
            cwd=self.folder,
            env=self.environment | given,
            capture_output=True,
            text=True,
            check=False,
        )
        for line in (self.files / "output").read_text().splitlines():
            key, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{key}"] = value
        return done

    def looked_up(self, text: str) -> str:
        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: self.values[found[1]], text)

    @property
    def summary(self) -> str:
        return (self.files / "summary.md").read_text("utf-8")


@pytest.fixture
def runner(
    tmp_path_factory: pytest.TempPathFactory, project: Project, comments: Comments
) -> Runner:
    return Runner(project.path, tmp_path_factory.mktemp("runner"), comments.url)


def commands(output: str) -> list[str]:
    """The workflow commands that a runner would follow, as ``stop-commands`` has it."""
    found, stopped = [], ""
    for line in map(str.strip, output.splitlines()):
        if stopped:
            stopped = "" if line == f"::{stopped}::" else stopped
        elif line.startswith("::stop-commands::"):
            stopped = line.removeprefix("::stop-commands::")
        elif line.startswith("::"):
            found.append(line)
    return found


def test_a_red_run_is_reported_annotated_and_commented_on_once(
    project: Project, runner: Runner, comments: Comments
):
    project.conftest("def pytest_report_header():\n    return '::error::owned'\n")
    runner.values["inputs.arguments"] = "-k\napple and 1\n"
    ran = runner.step("Run the golden suites")
    assert ran.returncode == 0, ran.stderr
    assert runner.values["steps.run.outputs.exit-code"] == "1", ran.stdout
    assert "\n::error::owned\n" in ran.stdout
    assert commands(ran.stdout) == []
    folder = runner.values["steps.run.outputs.folder"]
    assert (project.path / folder / "index.html").is_file()

    reported = runner.step("Write the summary and annotations")
    assert reported.returncode == 0, reported.stderr
    (annotation,) = commands(reported.stdout)
    assert annotation.startswith("::error file=tiny.suite.yaml,line=")
    assert f'<a href="{ARTIFACT}">Download</a>' in runner.summary
    assert "1 of 1 case fails" in runner.summary

    for _ in range(2):
        done = runner.step("Comment on the pull request")
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
    (comment,) = comments.found
    assert comment["body"].startswith(f"{MARKER}\n{runner.summary}")
    assert '<a href="https://github.test/o/r/actions/runs/7">The job</a>' in comment["body"]
    assert comments.asked[1::2] == [
        "POST /repos/o/r/issues/5/comments",
        "PATCH /repos/o/r/issues/comments/100",
    ]
    assert runner.step("End as pytest did").returncode == 1


def test_a_run_of_which_no_case_ended_says_so_in_place_of_the_last_summary(
    project: Project, runner: Runner, comments: Comments
):
    project.accept_all()
    comments.add(f"{MARKER}\n## Golden images: all 4 cases pass")
    project.edit("suite: tiny", "suit: tiny")
    assert runner.step("Run the golden suites").returncode == 0
    assert runner.values["steps.run.outputs.folder"] == ""
    assert runner.step("Comment on the pull request").returncode == 0
    assert "no case ended\n\npytest ended with exit code 2." in comments.found[0]["body"]


@pytest.fixture
def reported(project: Project, runner: Runner) -> Runner:
    """A runner that has a run's folder, from a session of another process."""
    project.accept_all()
    latest = (project.path / "reports/latest").readlink()
    runner.values["steps.run.outputs.folder"] = f"reports/{latest}"
    return runner


def test_a_green_run_begins_no_comment_but_mends_its_own(reported: Runner, comments: Comments):
    reported.step("Comment on the pull request", EXIT_CODE="0")
    assert comments.asked == ["GET /repos/o/r/issues/5/comments"]
    for number in range(100):
        comments.add(f"comment {number}")
    comments.add(f"{MARKER}\nby a person", kind="User")
    comments.add(f"{MARKER}\nthe run before")
    reported.step("Comment on the pull request", EXIT_CODE="0")
    assert comments.asked[-1] == "PATCH /repos/o/r/issues/comments/201"
    assert "run <code>" in comments.found[-1]["body"]
    assert comments.found[-2]["body"] == f"{MARKER}\nby a person"


@pytest.mark.parametrize("how", ["forbidden", "no server"])
def test_a_comment_that_cannot_be_written_is_a_warning(
    reported: Runner, comments: Comments, how: str
):
    comments.forbidden = how == "forbidden"
    if how == "no server":
        reported.environment["GITHUB_API_URL"] = "http://127.0.0.1:9"
    done = reported.step("Comment on the pull request", EXIT_CODE="1")
    assert done.returncode == 0, done.stderr
    (line,) = commands(done.stdout)
    assert line.startswith("::warning::goldenseed could not comment on the pull request: ")


def test_no_input_reaches_a_shell_but_by_the_environment():
    action = yaml.safe_load((ACTION / "action.yml").read_text("utf-8"))
    for step in action["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step.get("uses", f"a@{'0' * 40}"))


def test_the_gitlab_job_leaves_what_its_artifacts_name(project: Project):
    job = yaml.safe_load((ROOT / ".gitlab/goldenseed.yml").read_text("utf-8"))[".goldenseed"]
    folder = Path(sys.executable).parent
    (project.path / "test_it.py").write_text(
        "from PIL import Image\n\n"
        "def test_it(golden_image):\n    golden_image.check(Image.new('RGB', (8, 8)))\n"
    )
    environment = {
        **job["variables"],
        "GOLDEN_ARGUMENTS": "-p no:cacheprovider -k it",
        "GOLDEN_SUITES": "test_it.py",
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOME": str(project.path),
        "CI": "true",
        "OMP_NUM_THREADS": "1",
    }
    codes = [
        subprocess.run(
            ["bash", "-eo", "pipefail", "-c", "\n".join(job[part])],
            cwd=project.path,
            env=environment,
            capture_output=True,
            check=False,
        ).returncode
        for part in ("script", "after_script")
    ]
    assert codes == [1, 0]
    artifacts = job["artifacts"]
    assert (project.path / artifacts["reports"]["junit"]).is_file()
    (issue,) = json.loads((project.path / artifacts["reports"]["codequality"]).read_text())
    assert (issue["severity"], issue["location"]["path"]) == ("minor", "test_it.py")
    assert (project.path / artifacts["paths"][0] / "latest/index.html").is_file()
