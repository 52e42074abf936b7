from __future__ import annotations

from goldenseed.bisect.index import configured, translated

LISTING = """\
:env:.find-links='/opt/wheels'
:env:.index-url='https://index.example/simple'
global.cert='/etc/ssl/ca.crt'
global.constraint='/etc/pip/constraints.txt'
global.extra-index-url='file:///opt/one/simple file:///opt/two/simple'
global.find-links='/other'
install.index-url='https://other.example/simple'
user.nonsense
freeze.all='true'
"""


def test_the_environment_goes_before_a_verb_s_section_and_that_before_the_global_one():
    found = configured(LISTING)
    assert found["index-url"] == "https://index.example/simple"
    assert found["find-links"] == "/opt/wheels"
    assert "all" not in found


def test_several_extra_indexes_and_folders_become_options_of_uv():
    index = translated(configured(LISTING))
    assert index.options == (
        "--index-strategy", "unsafe-best-match",
        "--default-index", "https://index.example/simple",
        "--index", "file:///opt/one/simple",
        "--index", "file:///opt/two/simple",
        "--find-links", "/opt/wheels",
    )  # fmt: skip
    assert index.constraints == ("/etc/pip/constraints.txt",)
    assert dict(index.variables) == {"SSL_CERT_FILE": "/etc/ssl/ca.crt"}


def test_no_index_and_previews_are_switches():
    options = translated({"no-index": "yes", "pre": "1"}).options
    assert "--no-index" in options
    assert options[-2:] == ("--prerelease", "allow")
    assert "--no-index" not in translated({"no-index": "0"}).options


def test_without_pip_uv_has_its_own_configuration():
    assert translated(configured("")).options == ("--index-strategy", "unsafe-best-match")
