from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldenseed.core.errors import GoldenseedError
from goldenseed.recipes.fields import Concept
from goldenseed.recipes.text_block import TITLE, read_block, write_block

POSTED = """\
【图像复现指令】
Seed: 123456
Prompt: "未来城市夜景，霓虹灯闪烁，飞行汽车穿梭，赛博朋克风格"
Negative: "模糊，低分辨率，畸变"
Size: 1024x576
Steps: 50
CFG: 8.0
"""  # noqa: RUF001 (as it was posted)


def stated(text: str) -> dict[Concept | str, str]:
    return {each.concept or each.name: each.value for each in read_block(text, "x").stated}


def test_the_block_as_people_post_it():
    assert stated(POSTED) == {
        Concept.SEED: "123456",
        Concept.PROMPT: "未来城市夜景，霓虹灯闪烁，飞行汽车穿梭，赛博朋克风格",  # noqa: RUF001
        Concept.NEGATIVE: "模糊，低分辨率，畸变",  # noqa: RUF001
        Concept.SIZE: "1024x576",
        Concept.STEPS: "50",
        Concept.GUIDANCE: "8.0",
    }


def test_all_on_one_line():
    parts = [line for line in POSTED.splitlines() if line != TITLE]
    assert stated(f"{TITLE} " + " · ".join(parts)) == stated(POSTED)


def test_a_dot_within_a_prompt_is_no_end_of_it():
    assert stated('Seed: 1\nPrompt: "a · b · c: d"') == {
        Concept.SEED: "1",
        Concept.PROMPT: "a · b · c: d",
    }


def test_chinese_names_and_full_width_colons():
    lines = ["种子:7", "正面提示词:「一只猫」", "尺寸:512\u00d7768", "步数:20", "引导系数:7.5"]
    text = "\n".join(lines).replace(":", "\uff1a")
    assert stated(text) == {
        Concept.SEED: "7",
        Concept.PROMPT: "一只猫",
        Concept.SIZE: "512\u00d7768",
        Concept.STEPS: "20",
        Concept.GUIDANCE: "7.5",
    }


def test_lists_and_bold_names():
    assert stated("- **Seed**: 5\n* Prompt = a cat\n") == {
        Concept.SEED: "5",
        Concept.PROMPT: "a cat",
    }


def test_a_prompt_in_quotes_goes_over_lines():
    assert (
        stated('Seed: 1\nPrompt: "a cat\non: a mat"\nSteps: 3')[Concept.PROMPT]
        == "a cat\non: a mat"
    )


def test_what_is_not_known_is_kept_by_its_name():
    assert stated("Seed: 1\nMood: dark\nwithout a name")["Mood"] == "dark"
    assert stated("Seed: 1\nMood: dark\nwithout a name")["without a name"] == ""


def test_a_text_without_any_field_is_refused():
    with pytest.raises(GoldenseedError, match="holds no recipe"):
        read_block("Dear all,\nsee the picture.\n", "mail.txt")


@given(
    st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), min_size=1),
    st.integers(0, 2**63 - 1),
)
def test_what_is_written_is_read(prompt: str, seed: int):
    prompt = prompt.strip()
    written = write_block([("Seed", str(seed), False), ("Prompt", prompt, True)])
    found = stated(written)
    if " · " not in prompt:
        assert (found[Concept.SEED], found[Concept.PROMPT]) == (str(seed), prompt)
