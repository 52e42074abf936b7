"""``python -m tests.benchmarks.drift``: make the images, score the rules."""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]


def main() -> None:
    verb, *rest = sys.argv[1:] or [""]
    if verb == "make" and len(rest) == 1:
        import making

        making.make_all(Path(rest[0]).absolute())
    elif verb == "child":
        import making

        suite, place, mode, names = rest
        making.make(Path(suite), Path(place), mode, json.loads(names))
    elif verb in {"kinds-make", "kinds-score"} and len(rest) == 1:
        import kind_making

        folder = Path(rest[0]).absolute()
        (kind_making.make_kinds if verb == "kinds-make" else kind_making.score_kinds)(folder)
    elif verb == "kinds-child":
        import kind_making

        kind_making.make_in(Path(rest[0]), rest[1])
    elif verb == "score" and len(rest) == 1:
        import scoring

        scoring.main(Path(rest[0]))
    elif verb == "fields" and len(rest) == 1:
        import fields

        fields.main(Path(rest[0]).absolute())
    else:
        sys.exit("python -m tests.benchmarks.drift make|score|fields|kinds-make|kinds-score FOLDER")


main()
