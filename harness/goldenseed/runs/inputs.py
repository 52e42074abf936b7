"""What a case's pipeline is given: accepted images of other cases looked up, copies kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import read_regular, write_atomically
from goldenseed.core.tensor_files import Tensor
from goldenseed.runs.parts import InputUsed
from goldenseed.suite.decoding import LARGEST_TENSOR
from goldenseed.suite.inputs import InputCase, InputFile, InputValue, input_files
from goldenseed.verdict.evidence import reference_to

if TYPE_CHECKING:
    from goldenseed.baselines.store import BaselineStore
    from goldenseed.suite.cases import Case


def names_cases(inputs: Mapping[str, InputValue]) -> bool:
    """Tell whether some input is the accepted image of a case."""
    return any(isinstance(each, InputCase) for _, each in input_files(inputs))


def refuse_accepted_inputs(cases: Iterable[Case], verb: str) -> None:
    """Raise GoldenseedError for a case that is given the accepted image of another.

    Those are looked up in the profile of the machine that a session runs on; a verb that makes the
    images of other machines' settings has none to take.
    """
    for case in cases:
        for argument, named in input_files(case.inputs):
            if isinstance(named, InputCase):
                raise GoldenseedError(
                    f"{case.id} is given the accepted image of {named.source} as `{argument}`, "
                    f"which `goldenseed {verb}` does not look up",
                    path=named.suite,
                    line=named.line,
                    fix=f"name other cases to {verb}, or save that image beside the suite and give "
                    "it as `file`",
                )


def with_accepted_inputs(case: Case, store: BaselineStore, profile: str) -> Case:
    """Return ``case`` with the accepted image of each case that its inputs name, as a file.

    Raises:
        GoldenseedError: nothing is accepted for one in a profile that may be used, or its image
            cannot be read.

    """

    def found(value: InputValue) -> InputValue:
        if isinstance(value, tuple):
            return tuple(None if each is None else found(each) for each in value)
        return _accepted(case, value, store, profile) if isinstance(value, InputCase) else value

    return replace(case, inputs={name: found(each) for name, each in case.inputs.items()})


def _accepted(case: Case, named: InputCase, store: BaselineStore, profile: str) -> InputFile:
    suite = named.of_suite or case.suite.name
    accepted = reference_to(store, store.entry(suite, named.case), profile).accepted
    if accepted is None:
        raise GoldenseedError(
            f"is given the image of {suite}::{named.case}, for which nothing is accepted",
            path=named.suite,
            line=named.line,
            fix="accept an image of that case first",
        )
    elements = accepted.images[0].elements
    if elements:
        raise GoldenseedError(
            f"is given the image of {suite}::{named.case}, of which {len(elements)} elements are "
            f"accepted ({elements[0].name}, …)",
            path=named.suite,
            line=named.line,
            fix="name a case that makes one image",
        )
    digest = accepted.images[0].pixels_sha256
    store.image(digest)  # verified here: what follows trusts the file
    path = store.image_path(digest)
    return InputFile(named.source, path, named.mode, None, named.suite, named.line)


def kept_inputs(folder: Path, inputs: Mapping[str, InputValue]) -> tuple[InputUsed, ...]:
    """Keep what a case's pipeline is given in the run's folder; return what the record says."""
    return tuple(_kept_input(folder, name, file) for name, file in input_files(inputs))


def _kept_input(folder: Path, argument: str, file: InputFile | InputCase) -> InputUsed:
    from goldenseed.core.pixels import encode_png

    assert isinstance(file, InputFile)  # noqa: S101 - cases were looked up before
    told = file.description
    picture = told.get("pixels_sha256")
    digest = str(picture or told["tensor_sha256"])
    place = f"images/{digest}.png" if picture else f"inputs/{digest}{file.path.suffix.lower()}"
    if not (folder / place).exists():
        value = file.read_as_recorded()
        data = (
            read_regular(file.path, LARGEST_TENSOR)
            if isinstance(value, Tensor)
            else encode_png(value)
        )
        write_atomically(folder / place, data, durable=False)
    return InputUsed(argument=argument, source=file.source, sha256=digest, file=place)
