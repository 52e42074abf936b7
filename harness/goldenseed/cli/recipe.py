"""``goldenseed recipe``: recipes of elsewhere into suite cases, and cases into recipes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from goldenseed.cli.common import AsJson
from goldenseed.cli.output import say, say_json
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_json, read_regular, write_atomically
from goldenseed.recipes.exporting import Format, export
from goldenseed.recipes.fields import Recipe, Source
from goldenseed.recipes.hidden import LARGEST_TEXT
from goldenseed.recipes.interpreting import Given, interpret
from goldenseed.recipes.pictures import LARGEST_PICTURE
from goldenseed.recipes.png_text import with_text
from goldenseed.recipes.reading import read_source, read_text_source
from goldenseed.recipes.writing import as_document, fidelity_lines, one_line, suite_text
from goldenseed.suite.cases import Case
from goldenseed.suite.loading import load_suite

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Recipes of other programs and people: into suite cases, and out of them.",
)


@app.command("import")
def import_(
    files: Annotated[
        list[str],
        typer.Argument(help="Pictures, graphs (.json), texts; - for standard input."),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="The suite file to write; else it is printed."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", help="The suite's model: a folder beside it, or a hub id."),
    ] = None,
    loras: Annotated[
        Path | None,
        typer.Option("--loras", help="The folder of LoRA files, inside that of the suite."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, help="For recipes without a fixed seed."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a suite of the recipes in FILES: each field exact, approximate or unsupported.

    Reads what A1111, Forge, ComfyUI, InvokeAI, Fooocus and NovelAI put into pictures, ComfyUI's
    graphs, A1111's parameters as text, and lines such as `Seed: 1`. Nothing is given a default in
    silence: what is not stated, or has no counterpart, is said and written as a comment.
    """
    folder = output.parent if output else Path.cwd()
    given = Given(
        model=model,
        flow=_is_flow(folder, model),
        seed=seed,
        loras=_loras(loras, folder) if loras else {},
    )
    recipes = [interpret(_source(file), given) for file in files]
    text = suite_text(_suite_name(output), model, recipes)
    if output is not None:
        _write(output, text)
    if as_json:
        say_json([as_document(recipe) for recipe in recipes])
        return
    for recipe in recipes:
        for line in fidelity_lines(recipe):
            say(line, err=output is None)
    if output is None:
        say(text.rstrip("\n"))
    else:
        _tell(output, recipes)


@app.command("export")
def export_(
    suite: Annotated[Path, typer.Argument(help="A suite file.")],
    case: Annotated[str, typer.Argument(help="A case's id: red-apple[seed=1].")],
    *,
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.TEXT,
    into: Annotated[
        Path | None,
        typer.Option("--into", help="A PNG: a copy with the recipe in it is written to --output."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; else it is printed.")
    ] = None,
) -> None:
    """Print the recipe of CASE as people and other programs read it; what it lacks is said."""
    exported = export(_case(suite, case), form)
    for each in exported.left_out:
        say(f"left out  {each.name}: {one_line(each.value)} ({each.why})", err=True)
    if into is not None:
        if output is None or output.exists():
            raise GoldenseedError(
                "--into needs --output with the name of a new file: pictures are not changed",
                path=output or into,
                fix="name the file to write with --output",
            )
        _write_picture(into, output, exported.text)
    elif output is None:
        say(exported.text.rstrip("\n"))
    else:
        write_atomically(output, exported.text.encode())
        say(f"wrote {output}")


def _source(file: str) -> Source:
    if file == "-":
        return read_text_source(sys.stdin.buffer.read(LARGEST_TEXT + 1)[:LARGEST_TEXT], "-")
    return read_source(Path(file))


def _is_flow(folder: Path, model: str | None) -> bool:
    """Return whether the model's own scheduler is one of flow matching, where it is a folder."""
    config = folder / (model or "") / "scheduler" / "scheduler_config.json"
    if model is None or not config.is_file():
        return False
    found = read_json(config)
    return isinstance(found, dict) and str(found.get("_class_name")).startswith("FlowMatch")


def _loras(loras: Path, folder: Path) -> dict[str, str]:
    if not loras.is_dir():
        raise GoldenseedError("is no folder", path=loras, fix="name the folder of LoRA files")
    base = folder.resolve()
    found = {}
    for file in sorted(loras.rglob("*.safetensors")):
        if not file.resolve().is_relative_to(base):
            raise GoldenseedError(
                "lies outside the suite's folder, and a suite names files inside it only",
                path=file,
                fix=f"move or link the folder of LoRA files into {folder}",
            )
        found[file.stem] = file.resolve().relative_to(base).as_posix()
    return found


def _suite_name(output: Path | None) -> str:
    return output.name.removesuffix(".suite.yaml") if output else "imported"


def _write(output: Path, text: str) -> None:
    if not output.name.endswith(".suite.yaml"):
        raise GoldenseedError(
            "a suite's file ends in .suite.yaml", path=output, fix=f"name it {output}.suite.yaml"
        )
    if output.exists():
        raise GoldenseedError("is there already", path=output, fix="choose another --output")
    write_atomically(output, text.encode())


def _tell(output: Path, recipes: list[Recipe]) -> None:
    say(f"wrote {output}: {len(recipes)} case{'s' * (len(recipes) != 1)}")
    say(f"next: pytest {output}   # every case is new: look at it before you accept")


def _case(path: Path, name: str) -> Case:
    suite = load_suite(path)
    found = next((case for case in suite.cases if case.id == name), None)
    if found is None:
        ids = ", ".join(case.id for case in suite.cases[:8])
        raise GoldenseedError(f"has no case {name!r}", path=path, fix=f"one of: {ids}")
    return found


def _write_picture(into: Path, output: Path, text: str) -> None:
    try:
        written = with_text(read_regular(into, LARGEST_PICTURE), "parameters", text.rstrip("\n"))
    except GoldenseedError as error:
        raise GoldenseedError(error.what, path=error.path or into, fix=error.fix) from None
    write_atomically(output, written)
    say(f"wrote {output}")
