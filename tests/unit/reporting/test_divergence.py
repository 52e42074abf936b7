from __future__ import annotations

from pathlib import Path

from sample_report import case, run

from goldenseed.diagnosis.model import Diagnosis, FirstDivergence, Jump
from goldenseed.reporting.divergence import HEIGHT, divergence_lines, plot_of
from goldenseed.reporting.html import render
from goldenseed.reporting.markdown import summary_markdown
from goldenseed.reporting.terminal import failure_text
from goldenseed.trace.distances import StageDistance
from goldenseed.trace.stages import Stage

WORDS = "denoising step 2 of 3; prompt embeddings and initial noise are identical"


def diverging(*distances: float | None) -> Diagnosis:
    flow = (
        StageDistance(stage=Stage.INITIAL_NOISE, index=0, distance=0.0),
        *(
            StageDistance(stage=Stage.DENOISING_STEP, index=step, source="scheduler", distance=each)
            for step, each in enumerate(distances)
        ),
        StageDistance(stage=Stage.LATENTS_BEFORE_VAE, index=0, source="vae", distance=3e-6),
        StageDistance(stage=Stage.PIXELS, index=0),
    )
    found = FirstDivergence(
        stage=Stage.DENOISING_STEP, index=1, of=3, source="scheduler", words=WORDS, distances=flow
    )
    return Diagnosis(first_divergence=found)


def test_the_failure_text_says_where_it_began_and_how_far_it_grew():
    text = failure_text(case("drift", diagnosis=diverging(0.0, 1.3e-7, 1e-6)), "run", None)
    assert f"\n  first divergence: {WORDS}\n" in text
    assert "relative distance 1.3e-07 there, 3.0e-06 before the VAE" in text


def test_a_jump_is_told():
    found = diverging(0.0, 1e-7, 1e-5).first_divergence
    assert found
    jump = Jump(stage=Stage.DENOISING_STEP, index=2, factor=100.0)
    lines = list(
        divergence_lines(Diagnosis(first_divergence=found.model_copy(update={"jump": jump})))
    )
    assert lines[1].endswith("100 times as far at denoising step 3 as just before")


def test_distances_that_are_not_known_are_not_told():
    lines = list(divergence_lines(diverging(0.0, None, None)))
    assert lines[1] == "relative distance 3.0e-06 before the VAE"


def test_what_hinders_a_diagnosis_is_said():
    note = Diagnosis(note="the accepted image has no trace")
    assert list(divergence_lines(note)) == [
        "first divergence: unknown, since the accepted image has no trace"
    ]


def test_the_plot_rises_with_the_distance_on_a_logarithmic_scale():
    found = diverging(0.0, 1e-6, 1e-3).first_divergence
    assert found
    plot = plot_of(found)
    assert plot
    heights = [dot.y for dot in plot.dots]
    assert heights[0] == heights[1] == HEIGHT - 4
    assert heights[3] < heights[2] < heights[1]
    assert [dot.label for dot in plot.dots][2] == "denoising step 2: 1.0e-06"


def test_one_known_distance_is_no_plot():
    found = diverging().first_divergence
    assert found
    assert plot_of(found.model_copy(update={"distances": found.distances[:1]})) is None


def test_the_card_shows_line_and_plot(tmp_path: Path):
    html = render(run(case("drift", diagnosis=diverging(0.0, 1e-7, 1e-6))), tmp_path)
    assert f"First divergence: {WORDS}" in html
    assert "<polyline" in html
    assert "<title>denoising step 3: 1.0e-06</title>" in html


def test_the_summary_says_where_it_began():
    text = summary_markdown(run(case("drift", diagnosis=diverging(0.0, 1e-7, 1e-6))))
    assert f"{WORDS} |" in text


def test_hostile_words_are_escaped(tmp_path: Path):
    hostile = Diagnosis(note="<script>\x1b[31m")
    html = render(run(case("drift", diagnosis=hostile)), tmp_path)
    assert "<script>\x1b" not in html
    assert "&lt;script&gt;" in html
