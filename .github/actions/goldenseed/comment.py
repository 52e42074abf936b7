"""Comment on the pull request with the run's summary: one comment, written anew by every run.

A run that passes writes its comment anew too, but begins none. A comment that the token may not
write (as for a pull request from a fork) is a warning and no failure: the summary is in the job.
"""

from __future__ import annotations

import json
import os
import re
import urllib.request
from pathlib import Path
from typing import Any

PAGE = 100
SECONDS = 30


def ask(method: str, url: str, body: object = None) -> Any:
    """Ask GitHub's API, with the token of the environment."""
    request = urllib.request.Request(  # noqa: S310 - the runner says where the API is
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['TOKEN']}",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
    )
    with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310
        return json.load(response)


def own_comment(comments: str, marker: str) -> dict[str, Any] | None:
    """Return the bot's comment that begins with the marker; a person's is never written over."""
    page = 1
    while True:
        found = ask("GET", f"{comments}?per_page={PAGE}&page={page}")
        for each in found:
            bot = (each["user"] or {}).get("type") == "Bot"
            if bot and (each["body"] or "").startswith(marker):
                return dict(each)
        if len(found) < PAGE:
            return None
        page += 1


def text() -> str:
    """Return the run's summary, or that there is none, and where the job is."""
    given = os.environ
    job = f"{given['GITHUB_SERVER_URL']}/{given['GITHUB_REPOSITORY']}/actions/runs"
    link = f'<a href="{job}/{given["GITHUB_RUN_ID"]}">The job</a>'
    if not given["FOLDER"]:
        nothing = "## Golden images: no case ended"
        return f"{nothing}\n\npytest ended with exit code {given['EXIT_CODE']}.\n\n{link}\n"
    return f"{Path(given['FOLDER'], 'summary.md').read_text('utf-8')}\n{link}\n"


def main() -> None:
    """Write the comment."""
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    number = int(event["pull_request"]["number"])
    issues = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    marker = f"<!-- goldenseed {re.sub('[^A-Za-z0-9_.]+', '-', os.environ['NAME'])} -->"
    body = {"body": f"{marker}\n{text()}"}
    try:
        known = own_comment(f"{issues}/{number}/comments", marker)
        if known is not None:
            ask("PATCH", f"{issues}/comments/{int(known['id'])}", body)
        elif os.environ["EXIT_CODE"] != "0":
            ask("POST", f"{issues}/{number}/comments", body)
    except (OSError, ValueError, KeyError) as error:  # URLError is an OSError
        said = str(error).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        print(f"::warning::goldenseed could not comment on the pull request: {said}")


if __name__ == "__main__":
    main()
