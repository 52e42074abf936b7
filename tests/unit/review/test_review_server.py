"""The review server, asked by plain HTTP clients: what it serves, applies and refuses."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from reviewed import PROFILE, Reviewed, reviewed

from commands import goldenseed
from goldenseed.review.server import ReviewServer
from goldenseed.review.session import Review

PAGE = """<!doctype html>
<html lang="en"><head>
<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; img-src 'self'">
</head><body>the report</body></html>
"""
API = "/api/decisions"


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def outcomes(self) -> list[str]:
        return [each["outcome"] for each in json.loads(self.body)["results"]]

    @property
    def messages(self) -> list[str]:
        return [each["message"] for each in json.loads(self.body)["results"]]


@dataclass
class Browser:
    """A client with a cookie jar of one server, and the token of the page it shows."""

    port: int
    cookie: str = ""
    token: str = ""
    sent: dict[str, str] = field(default_factory=dict)
    """Headers in place of those that a browser would send; "" leaves one out."""

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> Answer:
        given = {
            "Host": f"127.0.0.1:{self.port}",
            "Cookie": self.cookie,
            "X-Goldenseed-Token": self.token,
            "Origin": "" if body is None else f"http://127.0.0.1:{self.port}",
            "Content-Length": "" if body is None else str(len(body)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(
            "GET" if body is None else "POST", path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in given.items():
            if value:
                connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        found = Answer(answer.status, dict(answer.getheaders()), answer.read())
        connection.close()
        return found

    def open(self, link: str) -> Answer:
        answer = self.ask(link.partition(str(self.port))[2])
        self.cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
        return answer

    def show(self) -> str:
        page = self.ask("/").text
        found = re.search(r'data-review="([^"]+)"', page)
        assert found is not None, page
        self.token = found[1]
        return page

    def decide(self, document: Mapping[str, Any], **headers: str) -> Answer:
        return self.ask(API, json.dumps(document).encode(), **headers)


@dataclass
class Served:
    project: Reviewed
    server: ReviewServer

    def browser(self) -> Browser:
        """A browser that was let in and shows the page."""
        found = Browser(self.server.port)
        assert found.open(self.server.link()).status == 303
        found.show()
        return found

    def decide(self, browser: Browser, *decisions: Mapping[str, Any]) -> Answer:
        answer = browser.decide(self.project.document(*decisions))
        assert answer.status == 200, answer.text
        return answer


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    project = reviewed(tmp_path)
    (project.folder / "index.html").write_text(PAGE)
    (tmp_path / "secret.txt").write_text("secret")
    with ReviewServer(project.review(), project.folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Served(project, server)
        server.shutdown()
        thread.join()


def test_a_link_lets_one_browser_in_once(served: Served):
    link = served.server.link()
    first, second = Browser(served.server.port), Browser(served.server.port)
    entered = first.open(link)
    assert (entered.status, entered.headers["Location"]) == (303, "/")
    cookie = entered.headers["Set-Cookie"]
    assert all(each in cookie for each in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert "the report" in first.show()
    assert second.open(link).status == 403
    assert second.ask("/").status == 403


def test_only_this_machine_is_listened_to(served: Served):
    assert served.server.server_address[0] == "127.0.0.1"


def test_decisions_are_applied_as_they_are_made(served: Served):
    browser, project = served.browser(), served.project
    answer = served.decide(
        browser, project.decision(0), project.decision(1, "reject"), project.decision(2, "skip")
    )
    assert answer.outcomes == ["accepted", "rejected", "skipped"]
    assert project.baseline(0).accepted[0].accepted_by == "ada"
    assert project.baseline(1).rejected[0].reason == "looked at"
    assert not project.baseline(2).digests()
    told = json.loads(browser.ask(API).body)
    told["decisions"].sort(key=lambda each: each["case"])
    assert told == project.document(
        project.decision(0), project.decision(1, "reject"), project.decision(2, "skip")
    )


def test_what_cannot_be_is_refused_and_the_rest_is_done(served: Served):
    browser, project = served.browser(), served.project
    image = project.folder / str(project.case(2).image)
    image.write_bytes(b"no picture")
    answer = served.decide(
        browser,
        project.decision(0),
        project.decision(1, pixels_sha256="0" * 64),
        project.decision(2),
        {**project.decision(3), "case": "pear"},
        project.decision(3, reason=" "),
    )
    assert answer.outcomes == ["accepted", "refused", "refused", "refused", "refused"]
    assert "was decided on the pixels 000000000000…" in answer.messages[1]
    assert "has no case" in answer.messages[3]
    assert "the reason is empty" in answer.messages[4]
    assert project.baseline(0).accepted
    assert not project.baseline(2).accepted


def test_a_case_that_is_decided_twice_stops_the_request(served: Served):
    browser, project = served.browser(), served.project
    twice = project.document(project.decision(0), project.decision(0, "reject"))
    answer = browser.decide(twice)
    assert (answer.status, answer.text) == (
        400,
        "fruit.suite.yaml::apple[seed=0] is decided twice\n",
    )
    assert not project.written()


def test_one_changes_ones_mind_and_the_history_stays(served: Served):
    browser, project = served.browser(), served.project
    served.decide(browser, project.decision(0))
    served.decide(browser, project.decision(0, "reject", reason="two stems"))
    assert not project.baseline(0).accepted
    assert served.decide(browser, project.decision(0, reason="one")).outcomes == ["accepted"]
    assert project.baseline(0).overruled[0].reason == "two stems"
    again = served.decide(browser, project.decision(0, "skip"))
    assert again.outcomes == ["refused"]


def test_the_rejection_of_an_earlier_review_is_not_overruled(served: Served):
    project = served.project
    said = goldenseed(project.root, "reject", "run", "*seed=0*", "--by", "eve", "--reason", "no")
    assert said.returncode == 0
    # not of this review: it began before, and this page was shown after
    answer = served.decide(served.browser(), project.decision(0))
    assert answer.outcomes == ["refused"]
    assert "rejected by eve" in answer.messages[0]


def test_two_pages_at_once_never_undo_each_other(served: Served):
    project = served.project
    one, two = served.browser(), served.browser()
    served.decide(one, project.decision(0, reason="mine"))
    answer = served.decide(two, project.decision(0, "reject"), project.decision(1))
    assert answer.outcomes == ["refused", "accepted"]
    assert "meanwhile: accepted by ada: mine" in answer.messages[0]
    assert project.baseline(0).accepted
    two.show()
    assert served.decide(two, project.decision(0, "reject")).outcomes == ["rejected"]


def test_many_pages_at_once_all_land(served: Served):
    project = served.project
    browsers = [served.browser() for _ in range(4)]
    found: list[list[str]] = [[] for _ in browsers]

    def decide(number: int) -> None:
        for case in range(4):
            answer = served.decide(browsers[number], project.decision(case, reason=f"by {number}"))
            found[number] += answer.outcomes

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    for case in range(4):
        assert sorted(each[case] for each in found) == ["accepted", *["refused"] * 3]
        assert len(project.baseline(case).accepted) == 1


def test_what_another_command_decides_meanwhile_is_not_overwritten(served: Served):
    browser, project = served.browser(), served.project
    goldenseed(project.root, "accept", "run", "*seed=0*", "--by", "eve", "--reason", "first")
    answer = served.decide(browser, project.decision(0, "reject"))
    assert answer.outcomes == ["refused"]
    assert "meanwhile: accepted by eve: first" in answer.messages[0]


def test_a_run_that_is_written_anew_meanwhile_is_looked_at_again(served: Served):
    browser, project = served.browser(), served.project
    decision = project.decision(0)
    text = (project.folder / "run.json").read_text()
    other = text.replace(decision["pixels_sha256"], "a" * 64)
    (project.folder / "run.json").unlink()
    (project.folder / "run.json").write_text(other)
    answer = served.decide(browser, decision)
    assert answer.outcomes == ["refused"]
    assert "those of the run are aaaaaaaaaaaa…" in answer.messages[0]


def test_a_review_that_is_begun_again_knows_what_was_decided(served: Served):
    project = served.project
    served.decide(served.browser(), project.decision(0), project.decision(1, "reject"))
    again = project.review()
    found = again.decided(again.new_page())
    assert [(each.case, each.decision) for each in found.decisions] == [
        ("apple[seed=0]", "accept"),
        ("apple[seed=1]", "reject"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Goldenseed_Token": ""},
        {"X_Goldenseed_Token": "wrong"},
        {"X_Goldenseed_Token": "ü"},
        {"Cookie": ""},
        {"Cookie": "goldenseed-review=wrong"},
        {"Origin": ""},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": ""},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_post_of_anybody_else_is_refused(served: Served, headers: dict[str, str]):
    browser, project = served.browser(), served.project
    answer = browser.decide(project.document(project.decision(0)), **headers)
    assert answer.status in {403, 421}
    assert not project.written()


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"format": "goldenseed-decisions"}', {}, 400),
        (b"{}", {"Content_Length": "-1"}, 411),
        (b"{}", {"Content_Length": "99999999999"}, 413),
        (b"{}", {"Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_a_post_that_is_no_document_is_refused(
    served: Served, body: bytes, headers: dict[str, str], status: int
):
    browser = served.browser()
    if headers.get("Content_Length", "").startswith("9"):
        with socket.create_connection(("127.0.0.1", browser.port), timeout=20) as raw:
            lines = (
                f"POST {API} HTTP/1.1",
                f"Host: 127.0.0.1:{browser.port}",
                f"Origin: http://127.0.0.1:{browser.port}",
                f"Cookie: {browser.cookie}",
                f"X-Goldenseed-Token: {browser.token}",
                f"Content-Length: {headers['Content_Length']}",
            )
            raw.sendall("\r\n".join((*lines, "", "")).encode())
            assert raw.recv(100).startswith(f"HTTP/1.1 {status}".encode())
        return
    assert browser.ask(API, body, **headers).status == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "HEAD"])
def test_no_other_method_is_known(served: Served, method: str):
    browser = served.browser()
    connection = http.client.HTTPConnection("127.0.0.1", browser.port, timeout=20)
    connection.request(method, API, headers={"Cookie": browser.cookie})
    assert connection.getresponse().status == 501
    connection.close()


def test_pictures_of_the_run_are_served(served: Served):
    image = str(served.project.case(0).image)
    answer = served.browser().ask(f"/{image}")
    assert answer.body == (served.project.folder / image).read_bytes()
    assert answer.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/../../secret.txt",
        "/%2e%2e/%2e%2e/secret.txt",
        "/..%2f..%2fsecret.txt",
        "/images/../../../secret.txt",
        "/..\\..\\secret.txt",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/linked/secret.txt",
        "/linked.txt",
        "/images",
        "/pipe",
        "/%00",
        "/%ff",
        "/missing.png",
    ],
)
def test_nothing_outside_of_the_run_is_served(served: Served, path: str):
    folder = served.project.folder
    (folder / "linked").symlink_to(served.project.root)
    (folder / "linked.txt").symlink_to(served.project.root / "secret.txt")
    os.mkfifo(folder / "pipe")
    assert served.browser().ask(path).status == 404


@pytest.mark.parametrize("path", ["/", "/index.html", "/run.json", API])
def test_nothing_is_shown_to_who_was_not_let_in(served: Served, path: str):
    stranger = Browser(served.server.port)
    assert stranger.ask(path).status == 403
    assert stranger.ask("/?token=wrong").status == 403


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_nothing_is_shown_to_pages_of_others(served: Served, headers: dict[str, str]):
    assert served.browser().ask("/run.json", **headers).status in {403, 421}


def test_every_answer_has_a_policy_and_no_other_page_acts(served: Served):
    browser = served.browser()
    (served.project.folder / "evil.html").write_text("<script>fetch('/')</script>")
    page, other, refused = browser.ask("/"), browser.ask("/evil.html"), browser.ask("/no")
    assert page.headers["Content-Security-Policy"] == (
        "default-src 'none'; img-src 'self'; frame-ancestors 'none'"
    )
    assert page.headers["Cache-Control"] == "no-store"
    assert other.headers["Content-Security-Policy"].endswith("; sandbox")
    for each in (page, other, refused):
        assert "default-src 'none'" in each.headers["Content-Security-Policy"]
        assert each.headers["X-Content-Type-Options"] == "nosniff"
        assert each.headers["X-Frame-Options"] == "DENY"


def test_each_page_that_is_shown_has_a_token_of_its_own(served: Served):
    browser = served.browser()
    first = browser.token
    browser.show()
    assert browser.token != first
    assert served.decide(browser, served.project.decision(0)).outcomes == ["accepted"]


def test_a_decision_that_is_being_applied_is_waited_for_at_the_end(served: Served):
    review: Review = served.server.review
    review.close()
    answers: list[Answer] = []
    browser = Browser(served.server.port)
    browser.open(served.server.link())
    late = threading.Thread(target=lambda: answers.append(browser.ask("/")), daemon=True)
    late.start()
    late.join(0.2)
    assert not answers
    review._lock.release()
    late.join(20)
    assert answers[0].status == 200


def test_the_profile_is_the_one_of_the_run(served: Served):
    served.decide(served.browser(), served.project.decision(0))
    case = served.project.case(0)
    entry = served.project.store.entry(case.suite, case.id)
    assert entry is not None
    assert set(entry.profiles) == {PROFILE}
