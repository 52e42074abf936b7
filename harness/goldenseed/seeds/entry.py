"""One seed of the library: a recipe, the image it made, and what people say of it."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic.types import StringConstraints

from goldenseed.core.errors import GoldenseedError
from goldenseed.core.names import SEED_DIGITS, seed_id
from goldenseed.suite.between import texts_of

ID_LENGTH: Final = SEED_DIGITS
HIGHEST_RATING: Final = 5

Text = Annotated[str, StringConstraints(max_length=100_000, pattern=r"^[^\x00]*$")]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Place = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class Seed(BaseModel):
    """What the library keeps; everything but recipe, image and thumbnail is for people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: dict[str, JsonValue]
    """What decides the pixels, by the keys of a run's record."""
    recipe_sha256: Digest
    pixels_sha256: Digest
    width: Annotated[int, Field(gt=0, lt=2**31)]
    height: Annotated[int, Field(gt=0, lt=2**31)]
    thumbnail: Annotated[str, StringConstraints(max_length=200_000)]
    """A WebP picture of at most 160 pixels a side, in base64."""
    scores: dict[Line, Finite] = Field(default_factory=dict)
    """Content score to value: ``sharpness`` → 31.2."""
    tags: tuple[Line, ...] = ()
    rating: Annotated[int, Field(ge=0, le=HIGHEST_RATING)] | None = None
    licence: Line | None = None
    """Under what the image, or what it was made with, may be used."""
    note: Text = ""
    written: Text = ""
    """The prompt that a language model wrote; the recipe then has what it was asked."""
    made_by: Line | None = None
    made_at: AwareDatetime | None = None
    profile: Line | None = None
    """The kind of machine it was made on, as of a run's record."""
    environment_sha256: Digest | None = None
    run: Place | None = None
    suite: Place | None = None
    """The suite file, relative to the root of the project that made it."""
    case: Place | None = None
    added_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))

    @property
    def id(self) -> str:
        """The seed's name: 16 hexadecimal digits of its recipe's and its pixels' digests."""
        return seed_id(self.recipe_sha256, self.pixels_sha256)

    @property
    def prompt(self) -> str:
        """The prompt as one text; several in one call, or two it lies between, are joined."""
        given = self.written or self.recipe.get("prompt")
        given = list(texts_of(given) or ()) or given
        return "\n".join(map(str, given)) if isinstance(given, list) else str(given or "")

    @property
    def seed(self) -> str:
        """The seed's number as text, since some have 64 bits; several are joined by commas."""
        given = self.recipe.get("seed")
        return ",".join(map(str, given)) if isinstance(given, list) else str(given)

    @property
    def model(self) -> str:
        """What the suite calls the model: a folder beside it, or a hub id; empty if unknown."""
        model = self.recipe.get("model")
        return str(model.get("source", "")) if isinstance(model, dict) else ""

    @property
    def picture(self) -> bytes:
        """The thumbnail's file."""
        return base64.b64decode(self.thumbnail)

    def changed(self, **changes: object) -> Seed:
        """Return the seed with changes; GoldenseedError where they are none that can be kept."""
        return read_seed({**self.model_dump(mode="json"), **changes}, self.id)

    def with_what_is_new(self, other: Seed) -> Seed:
        """Return this seed with what the other says too.

        Tags are joined, and lines of notes; scores, rating and licence are the other's where it has
        them. Raises as ``changed``.
        """
        theirs = {"rating": other.rating, "licence": other.licence}
        known = self.note.splitlines()
        new = [line for line in other.note.splitlines() if line not in known]
        return self.changed(
            **{name: value for name, value in theirs.items() if value is not None},
            tags=tuple(sorted({*self.tags, *other.tags})),
            note="\n".join([*([self.note] if self.note else []), *new]),
            scores={**self.scores, **other.scores},
        )


def read_seed(data: Any, place: str) -> Seed:
    """Return the seed of which ``data`` is said; ``place`` is where.

    Raises:
        GoldenseedError: it is none that can be kept, or its thumbnail is no base64.

    """
    try:
        seed = Seed.model_validate(data)
        base64.b64decode(seed.thumbnail, validate=True)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise GoldenseedError(f"{place}: {where}: {first['msg']}") from error
    except binascii.Error as error:
        raise GoldenseedError(f"{place}: thumbnail: {error}") from error
    return seed
