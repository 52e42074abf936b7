"""The ``--golden-…`` options as data; imports nothing, since pytest reads it at every start."""

from __future__ import annotations

FIXTURE = "golden_image"
"""The name by which tests ask for the fixture."""

OPTIONS: tuple[tuple[str, str, tuple[str, ...] | None, str], ...] = (
    (
        "update",
        "none",
        ("none", "missing", "changed", "all"),
        (
            "Accept images at the end of the run: none (default), missing (new cases), changed "
            "(incomparable, warn, drift), or all."
        ),
    ),
    (
        "require",
        "warn",
        ("identical", "match", "warn"),
        "The worst verdict that still passes (default: warn).",
    ),
    (
        "environment",
        "strict",
        ("strict", "report"),
        (
            "What to do where the environment is not as the suite's lock has it: fail (strict, "
            "the default), or run on and report the differences."
        ),
    ),
    (
        "baselines",
        "baselines",
        None,
        "Folder of the accepted baselines, relative to pytest's root (default: baselines).",
    ),
    (
        "reports",
        "reports",
        None,
        "Folder in which runs are written, relative to pytest's root (default: reports).",
    ),
    (
        "report",
        "folder",
        ("folder", "single"),
        (
            "Write the page with its data and pictures beside it (folder, the default), or with "
            "everything in one file (single)."
        ),
    ),
    (
        "unreferenced",
        "ignore",
        ("ignore", "warn", "fail"),
        "What to do about baselines that no case of their suite refers to (default: ignore).",
    ),
    (
        "annotations",
        "auto",
        ("auto", "github", "off"),
        (
            "Write what fails as annotations of GitHub's workflows: auto (default: where "
            "GITHUB_ACTIONS is set), github, or off."
        ),
    ),
    (
        "shard",
        "",
        None,
        (
            "Run one share of the cases, which `goldenseed merge` puts together: 2/8 is the second "
            "of eight; github, gitlab, kubernetes or slurm read it from their variables, env from "
            "whichever are set."
        ),
    ),
    (
        "shard-by",
        "history",
        ("history", "steps"),
        (
            "Cut shards by the seconds that cases took, where the history has them (history, the "
            "default), or by steps and pixels alone."
        ),
    ),
    (
        "resume",
        "",
        None,
        (
            "Go on with a run that was cut short, by its id or path: what it made is taken over. "
            "`last` is the newest of this shard that did not end, if there is one."
        ),
    ),
    (
        "ray",
        "",
        None,
        (
            "Make the images on a Ray cluster: local starts one here, auto joins the one of this "
            "machine, ray://HOST:10001 another."
        ),
    ),
    (
        "ray-actors",
        "",
        None,
        "How many actors make images (default: one for each GPU, else for each CPU).",
    ),
    (
        "trace",
        "on",
        ("off", "on", "deep"),
        (
            "Record the stages of each image, so that a difference can be traced to where it "
            "begins (default: on); `deep` records every layer of one case as well."
        ),
    ),
    (
        "device",
        "auto",
        None,
        (
            "Where to generate, for suites whose device is auto (default: auto, a GPU if there is "
            "one): cpu, cuda, cuda:1, mps, xpu, …; several, as cuda:0,cuda:1, give each worker of "
            "-n one of them, and a device named twice takes two."
        ),
    ),
)
"""Each option's name, default, choices and help: ``--golden-update`` and ini ``golden_update``."""
