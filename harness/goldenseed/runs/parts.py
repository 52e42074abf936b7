"""The parts of a run's record that stand for themselves: one try, a case left out, a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from goldenseed.verdict.model import Reason, Verdict


class Document(BaseModel):
    """What a record is made of: nothing changes, no key is unknown, every number is one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class GitState(Document):
    """The repository the suite was run from."""

    commit: str
    """The 40-hex commit id."""
    dirty: bool
    """Whether tracked files differed from that commit."""


class ElementRecord(Document):
    """One picture or tensor of those that a call returned."""

    name: str
    """What the pipeline's output calls it: ``frames[17]``, ``images[1]``, ``image_embeds``."""
    sha256: str
    """Of a picture the digest of its pixels; see ``goldenseed.core.elements``."""
    width: int
    """Of a tensor its last dimension, and ``height`` the product of the others."""
    height: int
    mode: str
    """Pillow's mode; of a tensor the dtype of its numbers."""
    file: str | None = None
    """The PNG, of a tensor the NumPy file, relative to the run's folder."""
    verdict: Verdict | None = None
    """Of it by itself; None where nothing was compared."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """Metric to value against the accepted one; empty where it is the same, or none was."""
    baseline: str | None = None
    """A copy of the accepted one, relative to the run's folder."""


class ReturnedFile(Document):
    """A picture's file as the call returned it, which says more than its pixels."""

    name: str | None = None
    """Of several pictures which one; see ``ElementRecord``."""
    sha256: str
    """Of the file's bytes."""
    file: str
    """Relative to the run's folder."""


class ProvenanceRecord(Document):
    """What the files were expected to say of their origin, and what they say."""

    expected: dict[str, JsonValue]
    """As the suite has it: ``c2pa``, ``png_text``, ``exif``."""
    found: dict[str, str] = Field(default_factory=dict)
    """``c2pa`` → valid, trusted, none, …; ``png_text.parameters`` → its text, cut short."""


class AnswerRecord(Document):
    """What a model answered to a question about the image."""

    question: str
    expected: str
    """In words, as the suite has it: ``'no', at least 0.8 probable``."""
    answer: str | None = None
    """None where it could not be asked."""
    probability: float | None = None
    """Of the answer's tokens to the model, 0…1."""
    cut: bool = False
    """Whether it was stopped after ``max_new_tokens``."""
    holds: bool
    element: str | None = None
    """Of several pictures the one that it is about."""


@dataclass(frozen=True, slots=True)
class GateInForce:
    """A gate or a content limit of a case, in its parts."""

    name: str
    """As suites write it: ``min_ssim``."""
    metric: str
    direction: Literal["min", "max"]
    """On which side of a value the limit lies."""
    limit: float
    source: str | None = None
    """Where the limit is from: ``suite``, ``case``, …; None where that is not on record."""

    @classmethod
    def named(cls, name: str, limit: float, source: str | None = None) -> GateInForce:
        """Take a gate's name apart; of an altered record any name is taken."""
        direction, _, metric = name.partition("_")
        return cls(name, metric or name, "min" if direction == "min" else "max", limit, source)


class MaskUsed(Document):
    """Which pixels of a case did not count."""

    source: str | None = None
    """The mask's file as the suite names it."""
    ignore: tuple[tuple[int, int, int, int], ...] = ()
    """Left, top, width and height of each region that was ignored."""
    image: str
    """Mask and regions as one picture, white where pixels counted; relative to the folder."""


class Try(Document):
    """What came of one try at a case that was run more than once."""

    verdict: Verdict
    passed: bool
    retried: bool = False
    """Whether a plugin ran the case once more because of it; then pytest does not count it."""
    reasons: tuple[Reason, ...] = ()
    metrics: dict[str, float] = Field(default_factory=dict)
    pixels_sha256: str | None = None
    image: str | None = None
    """The generated PNG, relative to the run's folder."""
    difference: str | None = None
    error: str | None = None


class Seconds(Document):
    """Wall-clock seconds a case took."""

    load: float = 0.0
    generate: float = 0.0
    compare: float = 0.0


class Quarantined(Document):
    """By whose leave a case may fail without failing the session."""

    owner: str
    reason: str
    until: str
    """The first day on which it fails again, in UTC: ``2026-12-31``."""
    over: bool = False
    """Whether that day had come when the case was run."""

    @property
    def words(self) -> str:
        """What the suite says, in a sentence."""
        if self.over:
            return f"its quarantine ended on {self.until} ({self.owner}: {self.reason})"
        return f"in quarantine until {self.until} ({self.owner}: {self.reason})"


class NotCompared(Document):
    """A case that was selected, and of which no image was held against anything."""

    id: str
    suite: str
    path: str
    line: int | None = None
    why: str
    """What pytest says of it: ``skipped: too slow for this machine``."""


class InputUsed(Document):
    """A picture or tensor that the pipeline was given."""

    argument: str
    """The pipeline's keyword, and the place in a list: ``image``, ``control_image[1]``."""
    source: str
    """The file as the suite names it."""
    sha256: str
    """The digest of the decoded values."""
    file: str
    """A copy, relative to the run's folder: of a picture a PNG as it was given."""


class SetResult(Document):
    """What became of one limit on the pairs of a set."""

    limit_name: str
    """The limit as the suite writes it: ``max_phash_distance``."""
    side: Literal["within", "between"]
    other: str | None = None
    """Of ``between``: the id of the other set."""
    metric: str
    limit: float
    value: float | Literal["inf"]
    """The statistic over the pairs."""
    worst_value: float | Literal["inf"]
    worst_pair: tuple[str, str]
    """The metric of the worst pair, and the ids of its two cases."""
    pairs: int
    of_pairs: int
    """How many pairs were measured, and of how many; of very many a sample is taken."""
    passed: bool


class SetRecord(Document):
    """What became of one set of cases that are held against each other."""

    kind: Literal["consistency", "diversity"]
    id: str
    suite: str
    path: str
    """The suite file, relative to pytest's root, with forward slashes."""
    suite_sha256: str | None = None
    """Of that file when the set was judged; None of older records."""
    line: int | None = None
    statistic: Literal["worst", "mean"]
    cases: tuple[str, ...]
    """The ids of its members."""
    passed: bool
    """Whether no limit is broken and nothing went wrong."""
    results: tuple[SetResult, ...] = ()
    """One for each limit that could be judged."""
    not_judged: tuple[str, ...] = ()
    """Why some or all of it could not be judged: ``3 of 8 cases ran``."""
    error: str | None = None
    """What went wrong while it was judged."""


class PilotRecord(Document):
    """The few cases of a suite that ran before the others, and whether they held."""

    suite: str
    path: str
    """The suite file, relative to pytest's root, with forward slashes."""
    line: int | None = None
    asked: int
    """How many the suite wants."""
    require: Literal["identical", "match", "warn"]
    """The worst verdict with which one holds."""
    cases: tuple[str, ...]
    """The ids of those that were drawn, of the cases that the session selected."""
    held: bool = False
    broken: tuple[str, ...] = ()
    """The ids of those that did not hold."""
    not_run: int = 0
    """How many cases were not run for it."""


class Extent(Document):
    """How much of its project a session ran: what it did not meet may be gone."""

    whole: bool
    """Whether it ran all that the project's settings say, and every test of it."""
    narrowed: str | None = None
    """What left something out, where it was not whole: ``-k``, ``a path``, ``tests left out``."""
    failed: int = 0
    """How many tests failed, golden or not."""
    tests: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Of names in the baselines that are those of test files of which every test was run: the
    tests that did not pass, as their images are called."""


@dataclass(frozen=True, slots=True)
class Block:
    """Sentences, and a table with its details below them."""

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    sentences: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    details: tuple[str, ...] = ()


class VerbRecord(Document):
    """What a verb that is no test session did, and what it found beside its cases."""

    name: Literal[
        "bisect", "calibrate", "compare", "diff", "import", "lossless", "probe", "seeds",
        "selfcheck", "sweep", "upgrade",
    ]  # fmt: skip
    passed: bool
    """Whether its exit code was 0."""
    outcome: str | None = None
    """What came of it in a few words; None where that of its cases says it."""
    notes: tuple[Block, ...] = ()
    """What stands above the cases."""
    alike: dict[str, int] = Field(default_factory=dict)
    """Of a sweep: by a case's id its group of images that look alike, the largest is 0."""

    @property
    def of_a_suite(self) -> bool:
        """Whether the images are those that a suite asks for, so that they may be accepted."""
        return self.name in {"diff", "import"}
