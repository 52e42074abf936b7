from __future__ import annotations

from goldenseed.core.changes import changed


def test_digests_are_cut_to_twelve_digits_wherever_they_stand():
    assert changed("model.unet.sha256", "a" * 64, "b" * 64) == (
        f"model.unet.sha256 {'a' * 12}… → {'b' * 12}…"
    )
    files = changed("files", None, f"one {'0123456789abcdef' * 4}, two")
    assert files == "files none → one 0123456789ab…, two"


def test_what_stands_beside_nothing_is_not_cut_off():
    method = "StableDiffusionPipeline.encode_prompt = application.cached@01234567 x 1"
    assert changed("pipeline.methods", None, method) == f"pipeline.methods none → {method}"


def test_long_values_are_cut_to_where_they_part():
    old, new = "x" * 100 + "a" + "y" * 100, "x" * 100 + "b" + "y" * 100
    before, after = changed("key", old, new).removeprefix("key ").split(" → ")
    assert before.replace("a", "b") == after
    assert len(before) < 50
