"""The repository's own tests drive pytest through pytester."""

pytest_plugins = ["pytester"]
