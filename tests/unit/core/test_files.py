import errno
import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from goldenseed.core import files
from goldenseed.core.errors import GoldenseedError
from goldenseed.core.files import (
    canonical_json,
    inside,
    json_sha256,
    pretty_json,
    read_json,
    read_regular,
    remove_leftovers,
    sha256_hex,
    write_atomically,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestWriteAtomically:
    @pytest.mark.parametrize("durable", [True, False])
    def test_makes_the_parents_and_leaves_only_the_file(self, tmp_path: Path, durable: bool):
        write_atomically(tmp_path / "a" / "b" / "c.json", b"{}", durable=durable)
        assert (tmp_path / "a" / "b" / "c.json").read_bytes() == b"{}"
        assert names(tmp_path / "a" / "b") == ["c.json"]

    def test_replaces_an_old_file(self, tmp_path: Path):
        path = tmp_path / "file"
        write_atomically(path, b"old and longer")
        write_atomically(path, b"new")
        assert path.read_bytes() == b"new"

    def test_a_new_file_has_the_permissions_of_an_ordinary_one(self, tmp_path: Path):
        (tmp_path / "ordinary").write_bytes(b"")
        write_atomically(tmp_path / "file", b"")
        assert (tmp_path / "file").stat().st_mode == (tmp_path / "ordinary").stat().st_mode

    def test_keeps_the_old_file_s_permissions(self, tmp_path: Path):
        path = tmp_path / "file"
        path.write_bytes(b"old")
        path.chmod(0o640)
        write_atomically(path, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == 0o640

    def test_replaces_a_link_and_not_what_it_points_to(self, tmp_path: Path):
        (tmp_path / "elsewhere").write_bytes(b"mine")
        (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
        write_atomically(tmp_path / "link", b"new")
        assert (tmp_path / "elsewhere").read_bytes() == b"mine"
        assert not (tmp_path / "link").is_symlink()

    def test_a_full_disk_leaves_the_old_file_and_nothing_else(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        path = tmp_path / "file"
        path.write_bytes(b"old")

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(files.os, "fsync", full)
        with pytest.raises(GoldenseedError) as caught:
            write_atomically(path, b"new")
        assert str(path) in str(caught.value)
        assert "No space left on device" in str(caught.value)
        assert "free some disk space" in str(caught.value)
        assert path.read_bytes() == b"old"
        assert names(tmp_path) == ["file"]

    def test_a_file_size_limit_leaves_the_old_file_and_nothing_else(self, tmp_path: Path):
        """A real failing write, in a process that may write no more than 4 KiB."""
        path = tmp_path / "file"
        path.write_bytes(b"old")
        code = textwrap.dedent("""
            import resource, signal, sys
            from pathlib import Path
            from goldenseed.core.errors import GoldenseedError
            from goldenseed.core.files import write_atomically
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            try:
                write_atomically(Path(sys.argv[1]), bytes(1 << 20))
            except GoldenseedError as error:
                print(error)
        """)
        done = run_python(code, path)
        assert "File too large" in done.stdout
        assert path.read_bytes() == b"old"
        assert names(tmp_path) == ["file"]

    def test_a_read_only_folder_is_named_with_the_fix(self, tmp_path: Path):
        """In a process without root's privilege to write anywhere."""
        (tmp_path / "file").write_bytes(b"old")
        tmp_path.chmod(0o555)
        code = textwrap.dedent("""
            import os, sys
            from pathlib import Path
            from goldenseed.core.errors import GoldenseedError
            from goldenseed.core.files import write_atomically
            os.chdir(sys.argv[1])
            if os.geteuid() == 0:
                os.setuid(65534)
            try:
                write_atomically(Path("file"), b"new")
            except GoldenseedError as error:
                print(error)
        """)
        done = run_python(code, tmp_path)
        tmp_path.chmod(0o755)
        assert done.stdout.startswith("file: cannot be written: Permission denied\n  fix: give")
        assert (tmp_path / "file").read_bytes() == b"old"

    def test_a_file_in_the_place_of_a_folder_is_named_with_the_fix(self, tmp_path: Path):
        (tmp_path / "a").write_bytes(b"")
        with pytest.raises(GoldenseedError, match="fix: a file stands where a folder is needed"):
            write_atomically(tmp_path / "a" / "b", b"")

    def test_a_folder_in_the_place_of_the_file_leaves_no_temporary_file(self, tmp_path: Path):
        (tmp_path / "file").mkdir()
        with pytest.raises(GoldenseedError, match="fix: a folder stands where the file should be"):
            write_atomically(tmp_path / "file", b"")
        assert names(tmp_path) == ["file"]

    def test_many_writers_of_one_file_leave_one_whole_version(self, tmp_path: Path):
        path = tmp_path / "file"
        versions = [bytes([n]) * 100_000 for n in range(16)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda data: write_atomically(path, data, durable=False), versions))
        assert path.read_bytes() in versions
        assert names(tmp_path) == ["file"]

    def test_a_reader_never_sees_a_part(self, tmp_path: Path):
        path = tmp_path / "file"
        versions = (b"a" * 300_000, b"b" * 200_000)
        write_atomically(path, versions[0], durable=False)
        seen: set[bytes] = set()
        stop = threading.Event()

        def read() -> None:
            while not stop.is_set():
                seen.add(path.read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        for turn in range(100):
            write_atomically(path, versions[turn % 2], durable=False)
        stop.set()
        reader.join()
        assert seen <= set(versions)

    def test_killed_at_any_moment_leaves_the_old_file_or_the_new_one(self, tmp_path: Path):
        path = tmp_path / "file"
        old, new = b"o" * 200_000, b"n" * 200_000
        path.write_bytes(old)
        code = textwrap.dedent("""
            import sys
            from pathlib import Path
            from goldenseed.core.files import write_atomically
            print("ready", flush=True)
            while True:
                for letter in b"no":
                    write_atomically(Path(sys.argv[1]), bytes([letter]) * 200_000, durable=False)
        """)
        for moment in range(6):
            process = subprocess.Popen(
                [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
            )
            process.stdout.readline()
            time.sleep(0.003 * moment)
            process.send_signal(signal.SIGKILL)
            process.communicate()
            assert path.read_bytes() in {old, new}
        remove_leftovers(tmp_path, older_than_seconds=0)
        assert names(tmp_path) == ["file"]


class TestRemoveLeftovers:
    def test_removes_old_temporary_files_below_the_folder_and_says_which(self, tmp_path: Path):
        (tmp_path / "aa").mkdir()
        old = tmp_path / "aa" / ".tmp-1-2-3"
        old.write_bytes(b"")
        os.utime(old, (0, 0))
        (tmp_path / "aa" / "kept.png").write_bytes(b"")
        assert remove_leftovers(tmp_path) == (old,)
        assert names(tmp_path / "aa") == ["kept.png"]

    def test_leaves_the_files_of_writers_still_at_work(self, tmp_path: Path):
        (tmp_path / ".tmp-1-2-3").write_bytes(b"")
        assert remove_leftovers(tmp_path) == ()
        assert names(tmp_path) == [".tmp-1-2-3"]

    def test_a_missing_folder_has_none(self, tmp_path: Path):
        assert remove_leftovers(tmp_path / "none") == ()


class TestCanonicalJson:
    def test_is_one_text_for_one_value(self):
        assert canonical_json({"b": [1.5, None, True], "a": "é\n"}) == (
            '{"a":"é\\n","b":[1.5,null,true]}'.encode()
        )

    def test_an_integral_float_is_the_integer(self):
        assert canonical_json([5.0, -0.0, 1e20]) == canonical_json([5, 0, 10**20])

    def test_true_is_not_one(self):
        assert canonical_json(True) != canonical_json(1)

    def test_floats_come_back_exactly(self):
        values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 2**53 + 2.0]
        assert json.loads(canonical_json(values)) == values

    def test_tuples_are_lists(self):
        assert canonical_json((1, (2,))) == b"[1,[2]]"

    @pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
    def test_refuses_what_is_no_number(self, value: float):
        with pytest.raises(GoldenseedError, match="not a number JSON can hold"):
            canonical_json({"guidance_scale": value})

    def test_refuses_half_a_surrogate_pair(self):
        with pytest.raises(GoldenseedError, match="surrogate"):
            canonical_json("\ud800")

    def test_refuses_a_value_that_contains_itself(self):
        value: list[object] = []
        value.append(value)
        with pytest.raises(GoldenseedError, match="nested deeper than 100 levels"):
            canonical_json(value)

    def test_refuses_keys_that_are_not_text(self):
        with pytest.raises(TypeError, match="not int"):
            canonical_json({1: "a"})

    def test_digest_is_that_of_the_canonical_text(self):
        assert json_sha256({"a": 5.0}) == sha256_hex(b'{"a":5}')

    def test_sha256_of_nothing(self):
        assert sha256_hex(b"").startswith("e3b0c44298fc1c14")


class TestPrettyJson:
    def test_is_sorted_indented_and_ends_in_one_newline(self):
        assert pretty_json({"b": 1.0, "a": "é"}).decode() == '{\n  "a": "é",\n  "b": 1.0\n}\n'

    def test_refuses_nan(self):
        with pytest.raises(GoldenseedError, match="cannot be written as JSON"):
            pretty_json(float("nan"))


class TestReadJson:
    def test_reads_what_pretty_json_writes(self, tmp_path: Path):
        value = {"a": [1, 2.5, None, {"b": "é"}]}
        write_atomically(tmp_path / "file.json", pretty_json(value))
        assert read_json(tmp_path / "file.json") == value

    @pytest.mark.parametrize(
        ("data", "line", "what"),
        [
            (b'{"a": 1,\n "a": 2}', 2, "'a' appears twice"),
            (b'{"a": {"a": 1},\n "b": [{"a": 1}, {"a": 2}],\n "a": 2}', 3, "'a' appears twice"),
            (b'{"{": 1, "\\"}": 2,\n "\\u0061": 3,\n\n "a" : 2}', 4, "'a' appears twice"),
            (b'{"a": 1,\n "a": 2}, "\x1f": "\\q", }}}', 2, "'a' appears twice"),
            (b'{"a": {"NaN": "NaN"}}}}},\n {"a": 1, "a": 2}', 1, "is not JSON"),
            (b'{"NaN": "NaN",\n "b": NaN}', 2, "NaN is not JSON"),
            (b"[1,\n -Infinity]", 2, "-Infinity is not JSON"),
            (b'{"a": 1,\n "b"}', 2, "is not JSON"),
            (b"", 1, "is not JSON"),
            (b"\xef\xbb\xbf{}", 1, "is not JSON"),
            (b'{}\n{"a"', 2, "is not JSON"),
            (b'{\n"a": "\xff"}', 2, "byte 0xff is not UTF-8"),
        ],
    )
    def test_names_the_file_and_the_line(self, tmp_path: Path, data: bytes, line: int, what: str):
        path = tmp_path / "file.json"
        path.write_bytes(data)
        with pytest.raises(GoldenseedError) as caught:
            read_json(path)
        assert str(caught.value).startswith(f"{path}:{line}: ")
        assert what in str(caught.value)
        assert "\n  fix: " in str(caught.value)

    @pytest.mark.parametrize("data", [b"[" * 100_000, b"9" * 5_000])
    def test_refuses_what_would_overwhelm_the_parser(self, tmp_path: Path, data: bytes):
        (tmp_path / "file.json").write_bytes(data)
        with pytest.raises(GoldenseedError, match=r"file\.json"):
            read_json(tmp_path / "file.json")

    def test_refuses_a_file_over_the_limit(self, tmp_path: Path):
        (tmp_path / "file.json").write_bytes(b'"123456"')
        assert read_json(tmp_path / "file.json", 8) == "123456"
        with pytest.raises(GoldenseedError, match="larger than the 7 bytes"):
            read_json(tmp_path / "file.json", 7)

    def test_names_a_missing_file(self, tmp_path: Path):
        with pytest.raises(GoldenseedError, match=r"none\.json: cannot be read: No such file"):
            read_json(tmp_path / "none.json")

    def test_does_not_wait_for_a_pipe(self, tmp_path: Path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(GoldenseedError, match="not a regular file"):
            read_regular(tmp_path / "pipe", 10)


class TestInside:
    @pytest.mark.parametrize("relative", ["a/b.png", "./a/b.png", "a//b.png", "a/./b.png"])
    def test_joins_what_lies_below(self, relative: str):
        assert inside(Path("root"), relative) == Path("root/a/b.png")

    @pytest.mark.parametrize("relative", ["..a", "a..b/c", "é", "a b"])
    def test_leaves_odd_names_alone(self, relative: str):
        assert inside(Path("root"), relative) == Path("root") / relative

    @pytest.mark.parametrize(
        "relative",
        [
            "", ".", "./", "/", "/etc/passwd", "//host/share", "..", "../a", "a/../../b", "a/..",
            "C:/a", "c:a", "a\\b", "..\\a", "a\0b", "a\nb", "a\x7f", "a\ud800",
        ],
    )  # fmt: skip
    def test_refuses_what_could_lie_elsewhere(self, relative: str):
        with pytest.raises(GoldenseedError, match="fix: give a path relative to root"):
            inside(Path("root"), relative)


def test_importing_files_pulls_in_neither_numpy_nor_pillow():
    done = run_python(
        "import sys, goldenseed.core.files; print({'numpy', 'PIL'} & set(sys.modules))"
    )
    assert done.stdout == "set()\n"


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True)
