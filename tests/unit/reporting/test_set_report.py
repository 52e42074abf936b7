"""Sets in the closing lines, the summary and the page."""

from __future__ import annotations

from pathlib import Path

from goldenseed.reporting.html import render
from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.sets import set_lines
from goldenseed.runs.record import RunRecord, SetRecord, SetResult
from tests.unit.reporting.sample_report import case, draw, run, save

HELD = SetResult(
    limit_name="max_phash_distance",
    side="within",
    metric="phash_distance",
    limit=20,
    value=12.5,
    worst_value=26,
    worst_pair=("a[seed=1]", "a[seed=2]"),
    pairs=1000,
    of_pairs=19_900,
    passed=True,
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
    passed = all(each.passed for each in results) and not fields.get("error")
    return SetRecord.model_validate(
        {
            "kind": "consistency",
            "id": name,
            "suite": "s",
            "path": "suites/s.suite.yaml",
            "line": 7,
            "statistic": "mean",
            "cases": ["a[seed=1]", "a[seed=2]"],
            "passed": passed,
            "results": results,
            **fields,
        }
    )


SETS = (
    a_set("held", HELD),
    a_set("broken", HELD, BROKEN),
    a_set("part", HELD, not_judged=["between part and held: 0 of 2 cases ran"]),
    a_set("waiting", not_judged=["1 of 2 cases ran"]),
    a_set("hurt", error="a.png: <b>damaged</b>\x1b[31m"),
)


def a_run(folder: Path) -> RunRecord:
    cases = [
        case(id=f"a[seed={seed}]", image=save(folder, f"images/{seed}.png", draw("red")))
        for seed in (1, 2)
    ]
    cases = [each.model_copy(update={"path": "suites/s.suite.yaml"}) for each in cases]
    return run(*cases).model_copy(update={"sets": SETS})


def test_the_closing_lines_name_what_is_broken_and_count_what_holds(tmp_path: Path):
    assert set_lines(a_run(tmp_path)) == [
        (
            "consistency broken (suites/s.suite.yaml:7): max_psnr 30 dB to dogs BROKEN: "
            "mean psnr inf, in the worst pair inf, a[seed=1] and a[seed=2]"
        ),
        "consistency hurt (suites/s.suite.yaml:7): a.png: <b>damaged</b>⟨U+001B⟩[31m",
        (
            "not judged: consistency part (between part and held: 0 of 2 cases ran), "
            "consistency waiting (1 of 2 cases ran)"
        ),
        "1 set holds",
    ]


def test_the_summary_lists_all_but_those_that_hold(tmp_path: Path):
    text = summary_markdown(a_run(tmp_path))
    assert "all 2 cases pass, 2 sets are broken" in text
    rows = [line for line in text.splitlines() if line.startswith("| <code>")]
    assert [row.split("<code>")[1].split("</code>")[0] for row in rows] == [
        "broken",
        "part",
        "waiting",
        "hurt",
    ]
    assert "<b>" not in text
    assert "1 set holds." in text


def test_the_page_shows_the_worst_pair_the_broken_sets_first(tmp_path: Path):
    page = render(a_run(tmp_path), tmp_path)
    section = page[page.index('class="sets"') : page.index('id="cases"')]
    names = ("broken", "hurt", "held", "part", "waiting")
    places = [section.index(f"consistency {name}<") for name in names]
    assert places == sorted(places)
    first = section[: places[1]]
    assert 'src="images/1.png"' in first
    assert 'src="images/2.png"' in first
    assert first.count("<figure>") == 2  # one pair, although two limits have it as their worst
    assert "1,000 of 19,900 pairs" in first
    assert "&lt;b&gt;damaged" in section


def test_a_record_with_an_infinity_survives_its_file(tmp_path: Path):
    record = a_run(tmp_path)
    assert RunRecord.model_validate_json(record.model_dump_json()) == record
