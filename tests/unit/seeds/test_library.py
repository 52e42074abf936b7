"""The library keeps seeds and finds them by words, filters and likeness, in both databases."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import numpy as np
import pytest
import sqlalchemy as sa
from PIL import Image

from goldenseed.core.errors import GoldenseedError
from goldenseed.images.looks import PLAIN, plain_vector
from goldenseed.seeds.entry import read_seed
from goldenseed.seeds.library import Found, Library
from goldenseed.seeds.likeness import alike
from goldenseed.seeds.opening import opened
from goldenseed.seeds.recommending import recommend
from goldenseed.seeds.wanted import Wanted
from kept_seeds import Open, picture, seed


def add_and_stop(place: Library) -> NoReturn:
    place.add(seed(2), {})
    raise KeyboardInterrupt


def numbers(found: list[Found]) -> list[str]:
    return [each.seed.seed for each in found]


def test_a_seed_comes_back_as_it_was_put_in(library: Open) -> None:
    given = seed(2**64 - 1, "未来城市夜景 霓虹灯闪烁", tags=("city", "夜"), rating=4, note="zoë's")
    with library() as place:
        assert place.add(given, {})
    with library() as place:
        assert place.named(given.id[:6]).seed == given
        assert place.count() == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("apple", ["1", "2"]),
        ("APPLE table", ["2"]),
        ('"red apple"', ["1"]),
        ("apple red", ["1", "2"]),
        ("霓虹", ["3"]),
        ("虹霓", []),
        ("cafe", ["4"]),
        ("hero", ["4"]),
        ("it's", ["5"]),
        ("zebra", []),
        ("apple* OR cat", []),
        ("example", ["6"]),
        ("example.com", ["6"]),
        ("7.5", ["6"]),
        ("5", ["6"]),
        ("steps", ["6"]),
        ("3d", ["6"]),
        ("1e5", ["6"]),
        ("x2y", ["6"]),
    ],
)
def test_words_are_found_in_prompt_tags_and_note(
    library: Open, words: str, expected: list[str]
) -> None:
    with library() as place:
        place.add(seed(1, "a red apple"), {})
        place.add(seed(2, "an apple, red as wine, on a table"), {})
        place.add(seed(3, "未来城市夜景 霓虹灯闪烁"), {})
        place.add(seed(4, "a café at night", tags=("hero",)), {})
        place.add(seed(5, "a boat", note="it's blue"), {})
        said = "https://example.com/a?b cfg 7.5 shift -5 me@my-site.org 3d 1e5 x2y no_steps"
        place.add(seed(6, said), {})
        assert sorted(numbers(place.search(Wanted(words=words), limit=10))) == expected


def test_all_filters_have_to_hold(library: Open) -> None:
    with library() as place:
        place.add(seed(1, tags=("a", "b"), rating=5, scores={"sharpness": 10.0}), {})
        place.add(seed(2, tags=("a",), rating=3, scores={"sharpness": 30.0}), {})
        place.add(seed(3, tags=("b",), scores={}), {})

        def found(**wanted: object) -> list[str]:
            return sorted(numbers(place.search(Wanted(**wanted), limit=10)))  # type: ignore[arg-type]

        assert found(tags=("a",)) == ["1", "2"]
        assert found(tags=("a", "b")) == ["1"]
        assert found(min_rating=4) == ["1"]
        assert found(seed="3") == ["3"]
        assert found(limits={"min_sharpness": 10}) == ["1", "2"]
        assert found(limits={"min_sharpness": 10, "max_sharpness": 20}) == ["1"]
        assert found(size=(48, 32)) == ["1", "2", "3"]
        assert found(size=(32, 48)) == []
        assert found(words="apple", model="model", min_rating=4) == ["1"]
        assert found(model="another") == []


def test_what_is_said_anew_is_kept_beside_the_old(library: Open) -> None:
    with library() as place:
        assert place.add(seed(1, tags=("a",), rating=2, note="old"), {})
        assert not place.add(seed(1, tags=("b",), licence="CC0-1.0", note="new"), {})
        kept = place.search(Wanted(words="old"), limit=1)[0].seed
        assert (kept.tags, kept.rating, kept.licence, kept.note) == (
            ("a", "b"),
            2,
            "CC0-1.0",
            "old\nnew",
        )


def test_notes_are_joined_line_by_line_and_no_further_than_can_be_kept(library: Open) -> None:
    with library() as place:
        for note in ("found in May\nfor the cover", "in May", "for the cover\nsharp", ""):
            place.add(seed(1, note=note), {})
        kept = place.named(seed(1).id)
        assert kept.seed.note == "found in May\nfor the cover\nin May\nsharp"
        with pytest.raises(GoldenseedError, match="note: "):
            place.add(seed(1, note="x" * 99_999), {})
        with pytest.raises(GoldenseedError, match="rating: "):
            place.change(kept, rating=9)
        assert place.named(seed(1).id).seed == kept.seed


def test_a_seed_of_a_case_with_a_long_name_is_kept_or_refused_in_a_sentence(library: Open) -> None:
    long = seed(1, suite="a/" * 500 + "x.suite.yaml", case=f"apple[{'x=1,' * 300}seed=1]")
    with library() as place:
        place.add(long, {})
        assert place.named(long.id).seed == long
    with pytest.raises(GoldenseedError, match="my run: case: "):
        read_seed({**long.model_dump(mode="json"), "case": "x" * 5000}, "my run")


def test_words_that_are_no_longer_said_find_nothing(library: Open) -> None:
    with library() as place:
        place.add(seed(1, tags=("hero",)), {PLAIN: plain_vector(picture(1))})
        place.change(place.named(seed(1).id), tags=("villain",), rating=1)
        assert not place.search(Wanted(words="hero"), limit=1)
        assert numbers(place.search(Wanted(words="villain", min_rating=1), limit=1)) == ["1"]
        place.remove(place.named(seed(1).id))
        assert not place.search(Wanted(words="villain"), limit=1)
        assert (place.count(), place.kinds()) == (0, {})


def test_the_nearest_images_come_first(
    library: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with library() as place:
        for number in range(1, 30):
            place.add(seed(number, rating=number % 5), {PLAIN: plain_vector(picture(number))})
        vector = plain_vector(picture(7))
        found = alike(place, PLAIN, vector, Wanted(), limit=3)
        everything = {n: float(plain_vector(picture(n)) @ vector) for n in range(1, 30)}
        best = sorted(everything, key=lambda n: -everything[n])[:3]
        assert numbers(found) == [str(n) for n in best]
        assert found[0].relevance == pytest.approx(1)
        rated = alike(place, PLAIN, vector, Wanted(min_rating=4), limit=29)
        assert {each.seed.rating for each in rated} == {4}
        assert len(rated) == 6
        place.remove(place.named(found[0].seed.id))
    with library() as place:
        place.add(seed(99), {PLAIN: plain_vector(picture(99))})
        again = alike(place, PLAIN, vector, Wanted(), limit=29)
        assert "7" not in numbers(again)
        assert "99" in numbers(again)


def test_an_older_seed_that_gets_its_vector_later_is_found(
    library: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    vectors = {number: plain_vector(picture(number)) for number in (1, 2)}
    with library() as place:
        place.add(seed(1), {})
        place.add(seed(2), {PLAIN: vectors[2]})
        assert numbers(alike(place, PLAIN, vectors[1], Wanted(), limit=2)) == ["2"]
        place.add(seed(1), {PLAIN: vectors[1]})
        assert numbers(alike(place, PLAIN, vectors[1], Wanted(), limit=2)) == ["1", "2"]


def test_where_vectors_cannot_be_kept_they_are_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "seeds.sqlite"
    (tmp_path / "seeds.sqlite.vectors").touch()  # as a folder in which nobody may write
    for number in (1, 2):
        with opened(str(path), writing=True) as place:
            place.add(seed(number), {PLAIN: plain_vector(picture(number))})
            found = alike(place, PLAIN, plain_vector(picture(1)), Wanted(), limit=5)
            assert numbers(found) == ["1", "2"][:number]


def test_what_is_kept_of_vectors_is_for_all_who_read_the_library(tmp_path: Path) -> None:
    path = tmp_path / "seeds.sqlite"
    with opened(str(path), writing=True) as place:
        place.add(seed(1), {PLAIN: plain_vector(picture(1))})
        alike(place, PLAIN, plain_vector(picture(1)), Wanted(), limit=5)
    (kept,) = (tmp_path / "seeds.sqlite.vectors").iterdir()
    assert kept.stat().st_mode == path.stat().st_mode


def test_a_failure_leaves_the_library_as_it_was(library: Open) -> None:
    with library() as place:
        place.add(seed(1), {})
    with pytest.raises(KeyboardInterrupt), library() as place:
        add_and_stop(place)
    with library() as place:
        assert place.count() == 1


def test_a_newer_release_s_library_is_refused(library: Open) -> None:
    with library() as place:
        place._connection.execute(sa.text("UPDATE goldenseed_library SET version = 99"))
    with pytest.raises(GoldenseedError, match="newer release"), library():
        pass


def test_the_seeds_of_near_prompts_are_recommended(library: Open) -> None:
    with library() as place:
        for prompt in ("a red apple", "a green apple", "a black cat"):
            for number in range(1, 6):
                best = 5 if "apple" in prompt else 1
                value = 100.0 - abs(number - best) + 50 * ("green" in prompt)
                place.add(seed(number, prompt, scores={"sharpness": value}), {})
        recommended = recommend(place, "a yellow apple", by="max_sharpness")
        assert recommended[0].seed == "5"
        assert recommend(place, "a yellow apple", by="min_sharpness")[0].seed == "1"
        assert recommend(place, "one cat", by="max_sharpness")[0].seed == "1"
        with pytest.raises(GoldenseedError, match="has a rating"):
            recommend(place, "a yellow apple", by="rating")


def test_seeds_without_a_value_are_no_neighbours(
    library: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("goldenseed.seeds.recommending._NEIGHBOURS", 3)
    with library() as place:
        for number in range(1, 9):  # nearer, and unrated
            place.add(seed(number, "a red apple", scores={}), {})
        place.add(seed(9, "an apple of many colours on a table", rating=5, scores={}), {})
        for number, value in ((10, 1.0), (11, 2.0)):
            place.add(seed(number, "an old apple, seen from afar", scores={"faces": value}), {})
        assert [each.seed for each in recommend(place, "a red apple", by="rating")] == ["9"]
        assert recommend(place, "a red apple", by="max_faces")[0].seed == "11"


@pytest.mark.parametrize("other", ["TABLE tags (name text)", "VIEW scores AS SELECT 1 AS number"])
def test_a_database_with_another_s_tables_of_our_names_is_left_alone(
    server: str, other: str
) -> None:
    import psycopg

    name = f"other_{uuid4().hex}"
    address = server.rpartition("/")[0] + f"/{name}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    with psycopg.connect(address) as connection:
        connection.execute(f"CREATE {other}")
        connection.execute("CREATE TABLE photographs (name text)")
    said = 'another\'s database: it has the table tags|"?scores"? already exists'
    with pytest.raises(GoldenseedError, match=said), opened(address, writing=True):
        pass
    with psycopg.connect(address) as connection:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        there = {row[0] for row in connection.execute(query)}
    assert there == {other.split()[1], "photographs"}


def test_a_file_that_is_no_library_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE photographs (name TEXT)")
    connection.close()
    before = path.read_bytes()
    for writing in (False, True):
        with (
            pytest.raises(GoldenseedError, match=r"no library|another's"),
            opened(str(path), writing=writing),
        ):
            pass
    assert path.read_bytes() == before
    path.write_text("no database at all")
    with pytest.raises(GoldenseedError, match="not a database"), opened(str(path)):
        pass
    with pytest.raises(GoldenseedError, match="is no file"), opened(str(tmp_path)):
        pass
    absent = str(tmp_path / "absent.sqlite")
    with pytest.raises(GoldenseedError, match="there is no library"), opened(absent):
        pass


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("postgresql://127.0.0.1/seeds?password=secret", "password"),
        ("postgresql://me@127.0.0.1:secret/seeds", "cannot be read"),
        ("postgresql://me:secret@127.0.0.1:1/seeds", "password"),
        ("mysql://127.0.0.1/seeds", "mysql"),
        ("postgresql://127.0.0.1:1/seeds", "cannot be read or written"),
    ],
)
def test_a_server_s_address_is_refused_in_a_sentence(address: str, said: str) -> None:
    with pytest.raises(GoldenseedError, match=said) as refused, opened(address):
        pass
    assert "secret" not in str(refused.value)


def test_likeness_is_of_forms_and_colours() -> None:
    vectors = [plain_vector(picture(n)) for n in (1, 2)]
    assert all(v.shape == (112,) and np.linalg.norm(v) == pytest.approx(1) for v in vectors)
    assert np.isfinite(plain_vector(picture(1).resize((1, 1)))).all()
    for grey in (0, 118, 119, 255):
        flat = plain_vector(Image.new("RGB", (16, 16), (grey, grey, grey)))
        assert np.linalg.norm(flat) == pytest.approx(1)
