"""Versions of firmware: one order for the offer, the rollout, the proof of an update and the way back."""

import re

MAX_VERSION = 64
"""Signs of a version that are looked at."""

# A word before it, a word or count of commits after it (as `git describe` writes them), and what tells of the build
# only: v2.0.0, 2.0.0-rc.1, 2.0.1-3-g1a2b3c4-dirty, 2.0.0+20261130.
_VERSION = re.compile(
    # The name of a commit is none, whatever it begins with.
    r"(?![0-9a-f]{7,40}$)"
    r"(?:(?:smartair|firmware|fw|release|rel|version|ver|v)[-_ ./]?)*"
    r"(?P<numbers>\d{1,6}(?:\.\d{1,6}){0,3})"
    r"(?:[-.]?(?!dirty)(?P<early>[a-z][0-9a-z.-]*?))?"
    r"(?:-(?P<commits>\d{1,6})-g[0-9a-f]{4,40})?"
    r"(?P<dirty>-dirty)?"
    r"(?:\+[0-9a-z.-]+)?"
    r"(?: \([^()]*\))?",
    re.ASCII | re.IGNORECASE,
)
_PART = re.compile(r"\d+|[a-z]+", re.ASCII)

type VersionKey = tuple[tuple[int, ...], bool, tuple[tuple[int, int, str], ...], tuple[int, bool]]


def version_key(text: str | None) -> VersionKey | None:
    """Return what versions are ordered by, or None for what is no version.

    A pre-release precedes its release, and what was built some commits after a release follows it.
    """
    found = _VERSION.fullmatch(text) if text and len(text) <= MAX_VERSION else None
    if found is None:
        return None
    numbers = tuple(int(part) for part in found["numbers"].split("."))
    early = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part)
        for part in _PART.findall((found["early"] or "").lower())
    )
    after = (int(found["commits"] or 0), found["dirty"] is not None)
    return (*numbers, 0, 0, 0)[:4], not early, early, after


def newer(version: str | None, than: str | None) -> bool:
    """Tell whether a version comes after another; what cannot be compared does not."""
    one, other = version_key(version), version_key(than)
    return one is not None and other is not None and one > other


def same_version(one: str | None, other: str | None) -> bool:
    """Tell whether two texts mean one version, in whatever spelling; what is no version is the same as itself."""
    key = version_key(one)
    return one == other if key is None else key == version_key(other)
