"""What the package imports is what it declares, and what it declares it needs."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "harness" / "goldenseed"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

DISTRIBUTIONS = {
    "_pytest": "pytest",
    "PIL": "pillow",
    "c2pa": "c2pa-python",
    "cpuinfo": "py-cpuinfo",
    "cv2": "opencv-contrib-python-headless",
    "flip_evaluator": "flip-evaluator",
    "git": "gitpython",
    "huggingface_hub": "huggingface-hub",
    "kornia_rs": "kornia-rs",
    "pynvml": "nvidia-ml-py",
    "rfc3161_client": "rfc3161-client",
    "sd_parsers": "sd-parsers",
    "skimage": "scikit-image",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}
"""The distribution of each import that has another name."""
USED_BY_OTHERS = {"accelerate", "peft", "psycopg", "s3fs"}
"""What others import for us: diffusers to load weights piece by piece and for adapters, SQLAlchemy
and fsspec for an address."""
WITH_AN_EXTRA = {
    "harness/goldenseed/images/ssim_compiled.py",
    "harness/goldenseed/seeds/library.py",
    "harness/goldenseed/seeds/opening.py",
    "harness/goldenseed/seeds/tables.py",
    "harness/goldenseed/seeds/wanted.py",
}
"""Modules that are themselves imported only where an extra is needed, or say that it is."""
FOR_DEVELOPERS = {"dev", "docs"}


def names(requirements: list[str]) -> set[str]:
    found = (re.match(r"[A-Za-z0-9._-]+", each) for each in requirements)
    return {re.sub(r"[._]", "-", match.group().lower()) for match in found if match}


CORE = names(PROJECT["dependencies"])
EXTRAS = {
    extra: names(requirements)
    for extra, requirements in PROJECT["optional-dependencies"].items()
    if extra not in FOR_DEVELOPERS
}


def imported(node: ast.AST, *, lazy: bool = False) -> Iterator[tuple[str, bool]]:
    """Yield each package imported below ``node``, and whether inside a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name.partition(".")[0], lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module.partition(".")[0], lazy
        elif isinstance(child, ast.Call) and ast.unparse(child.func).endswith("import_module"):
            given = child.args[0]
            if isinstance(given, ast.Constant):
                yield str(given.value).partition(".")[0], lazy
        inside = isinstance(child, ast.FunctionDef | ast.Lambda)
        yield from imported(child, lazy=lazy or inside)


def foreign_imports() -> dict[str, list[tuple[str, bool]]]:
    found: dict[str, list[tuple[str, bool]]] = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        for name, lazy in imported(ast.parse(file.read_text())):
            if name not in sys.stdlib_module_names and name != "goldenseed":
                distribution = DISTRIBUTIONS.get(name, name)
                found.setdefault(distribution, []).append((str(file.relative_to(ROOT)), lazy))
    return found


IMPORTS = foreign_imports()


@pytest.mark.parametrize("distribution", IMPORTS)
def test_what_is_imported_is_declared(distribution: str):
    assert distribution in CORE.union(*EXTRAS.values()), IMPORTS[distribution]


@pytest.mark.parametrize("distribution", sorted(CORE.union(*EXTRAS.values()) - USED_BY_OTHERS))
def test_what_is_declared_is_imported(distribution: str):
    assert distribution in IMPORTS


@pytest.mark.parametrize("distribution", sorted(IMPORTS.keys() - CORE))
def test_what_only_an_extra_brings_is_imported_where_it_is_needed(distribution: str):
    at_once = {file for file, lazy in IMPORTS[distribution] if not lazy}
    assert at_once <= WITH_AN_EXTRA


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_repeats_nothing_of_the_core(extra: str):
    assert not EXTRAS[extra] & CORE


def test_every_declared_package_has_its_tested_version():
    pinned = names((ROOT / "constraints.txt").read_text().splitlines())
    declared = names(
        [each for extra in PROJECT["optional-dependencies"].values() for each in extra]
    )
    assert CORE | declared <= pinned | {"mkdocs-material", "mkdocstrings"}
