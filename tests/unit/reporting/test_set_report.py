"""Sets in the closing lines, the summary and the page."""

from __future__ import annotations

from pathlib import Path

from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.terminal import summary_lines
from goldenseed.reporting.view import run_view
from goldenseed.runs.parts import SetRecord, SetResult
from goldenseed.runs.record import RunRecord
from tests.unit.reporting.recorded import page_of, record, stored

RECORDED = record().sets[0]
PAIR = RECORDED.results[0].worst_pair
HELD = RECORDED.results[0].model_copy(
    update={
        "limit_name": "max_phash_distance",
        "metric": "phash_distance",
        "limit": 20,
        "value": 12.5,
        "worst_value": 26.0,
        "pairs": 1000,
        "of_pairs": 19_900,
        "passed": True,
    }
)
BROKEN = HELD.model_copy(
    update={
        "limit_name": "max_psnr",
        "side": "between",
        "other": "dogs",
        "metric": "psnr",
        "limit": 30.0,
        "value": "inf",
        "worst_value": "inf",
        "passed": False,
    }
)


def a_set(name: str, *results: SetResult, **fields: object) -> SetRecord:
    """The recorded set with other results."""
    passed = all(each.passed for each in results) and not fields.get("error")
    given = {"id": name, "statistic": "mean", "passed": passed, "results": results}
    return SetRecord.model_validate(RECORDED.model_dump() | given | fields)


SETS = (
    a_set("held", HELD),
    a_set("broken", HELD, BROKEN),
    a_set("part", HELD, not_judged=["between part and held: 0 of 2 cases ran"]),
    a_set("waiting", not_judged=["1 of 2 cases ran"]),
    a_set("hurt", error="a.png: <b>damaged</b>\x1b[31m"),
)


def a_run(folder: Path) -> RunRecord:
    return stored(folder).model_copy(update={"sets": SETS})


def told(found: RunRecord) -> list[str]:
    lines = summary_lines(run_view(found))
    return [line for line in lines if "consistency" in line or "set hold" in line]


def test_a_recorded_broken_set_is_told_with_its_worst_pair(tmp_path: Path):
    line, held = told(record())
    assert held == "golden: 1 set holds"
    assert line == (
        "golden: consistency apples (moved.suite.yaml:19): max_mean_difference 1 BROKEN: mean "
        "difference 45.15 in the worst pair, red-apple[seed=1024] and red-apple[seed=7] (1 pair)"
    )


def test_the_closing_lines_name_what_is_broken_and_count_what_holds(tmp_path: Path):
    assert told(a_run(tmp_path)) == [
        (
            "golden: consistency broken (moved.suite.yaml:19): max_psnr 30 dB to dogs BROKEN: "
            "mean psnr inf, in the worst pair inf, red-apple[seed=1024] and red-apple[seed=7] "
            "(1,000 of 19,900 pairs)"
        ),
        "golden: consistency hurt (moved.suite.yaml:19): a.png: <b>damaged</b>⟨U+001B⟩[31m",
        (
            "golden: not judged: consistency part (between part and held: 0 of 2 cases ran), "
            "consistency waiting (1 of 2 cases ran)"
        ),
        "golden: 1 set holds",
    ]


def test_the_summary_lists_all_but_those_that_hold(tmp_path: Path):
    text = summary_markdown(run_view(a_run(tmp_path)))
    assert "6 of 13 cases fail, 2 sets are broken" in text
    rows = [line for line in text.splitlines() if "</code> | consistency |" in line]
    assert [row.split("<code>")[1].split("</code>")[0] for row in rows] == [
        "broken",
        "part",
        "waiting",
        "hurt",
    ]
    assert "<b>" not in text
    assert "1 set holds." in text


def test_the_page_shows_the_worst_pair_the_broken_sets_first(tmp_path: Path):
    page = page_of(run_view(a_run(tmp_path), tmp_path))
    section = page[page.index('<details class="fold sets"') : page.index('id="cases"')]
    names = ("broken", "hurt", "held", "part", "waiting")
    places = [section.index(f"consistency {name}<") for name in names]
    assert places == sorted(places)
    first = section[: places[1]]
    images = {case.id: case.image for case in record().cases}
    assert all(f'src="{images[each]}"' in first for each in PAIR)
    assert first.count("<figure ") == 2  # one pair, although two limits have it as their worst
    assert "1,000 of 19,900 pairs" in first
    assert "&lt;b&gt;damaged" in section


def test_a_record_with_an_infinity_survives_its_file(tmp_path: Path):
    infinite = a_run(tmp_path)
    assert RunRecord.model_validate_json(infinite.model_dump_json()) == infinite
