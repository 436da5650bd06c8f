"""Versions: one order and one sameness, in whatever spelling."""

from itertools import pairwise

from hypothesis import given, strategies as st
import pytest

from custom_components.smartair.pysmartair.updates.versions import newer, same_version, version_key


def test_versions_are_ordered_as_their_makers_mean_them() -> None:
    ordered = ["0.9", "1.0.0-alpha.2", "1.0.0-alpha.10", "1.0.0b1", "1.0.0-rc1", "1.0.0", "1.0.0.1", "1.2", "1.10.0"]
    for lower, higher in pairwise(ordered):
        assert newer(higher, lower)
        assert not newer(lower, higher)
    assert version_key("v1.2") == version_key("1.2.0+build.7")


@pytest.mark.parametrize("text", [None, "", "one", "1.2.3.4.5", "1" * 24, "1.0.0-", "1..2", "1.0 ", "\uff11.0"])
def test_what_is_no_version_is_never_newer(text: str | None) -> None:
    assert version_key(text) is None
    assert not newer(text, "0.0.1")
    assert not newer("1.0.0", text)


@given(*[st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-(a|b|rc)[0-9]{0,2})?", fullmatch=True)] * 3)
def test_versions_have_one_order(a: str, b: str, c: str) -> None:
    assert [newer(a, b), newer(b, a), version_key(a) == version_key(b)].count(True) == 1
    assert not (newer(a, b) and newer(b, c)) or newer(a, c)


def test_what_was_built_after_a_release_follows_it_and_precedes_the_next() -> None:
    ordered = [
        "2.0.1-rc1",
        "2.0.1-rc1-4-g0a1b2c3",
        "2.0.1",
        "2.0.1-dirty",
        "2.0.1-3-g1a2b3c4",
        "v2.0.1-3-g1a2b3c4-dirty",
    ]
    for lower, higher in pairwise([*ordered, "v2.0.1-12-gabcdef0", "2.0.2-rc1", "2.1.0"]):
        assert newer(higher, lower)
        assert not newer(lower, higher)


SPELLINGS = [
    "2.0.0",
    "v2.0.0",
    "V2.0",
    "2",
    "2.0.0+build.7",
    "version 2.0.0",
    "firmware-v2.0.0",
    "2.0.0 (Nov 20 2026)",
]


@pytest.mark.parametrize("one", SPELLINGS)
@pytest.mark.parametrize("other", SPELLINGS)
def test_a_version_is_the_same_in_any_spelling(one: str, other: str) -> None:
    assert same_version(one, other)
    assert not newer(one, other)
    assert not same_version(one, "2.0.1")


@pytest.mark.parametrize("text", ["nightly", "1a2b3c4", "2.0.0_beta", "20-11-2026", "main-2.0", "2.0.1-3", None])
def test_what_is_no_version_is_the_same_as_itself_alone(text: str | None) -> None:
    assert version_key(text) is None
    assert same_version(text, text)
    assert not same_version(text, "2.0.0")
    assert not same_version("2.0.0", text)


def test_a_text_made_to_be_slow_is_judged_at_once() -> None:
    assert version_key("v-" * 31 + "x") is None
    assert version_key("1" + "-a" * 31 + "!") is None
