"""The parts that every payload is made of: texts, numbers and names that can be trusted afterwards."""

from collections.abc import Iterable
import json
import re
from typing import Any

import orjson

MAX_TEXT = 64
MAX_NAMES = 64
# Up to here every whole number is exactly itself, in JSON as in a float.
MAX_EXACT = 2**53

NOT_SETTINGS = frozenset({"device_uid", "revision", "timestamp"})
NAME = re.compile(r"[a-z][a-z0-9_]{0,47}", re.ASCII)
CHANNEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_]{0,31}", re.ASCII)
# What printf makes of no number, and, so as to be passed over, any text in quotation marks.
_NOT_A_NUMBER = re.compile(
    r'"(?:[^"\\]|\\.)*+"?'
    r"|[-+]?\b(?:1\.#[a-z0-9]+|nan(?:\([a-z0-9]*\))?|inf(?:inity)?\b|ovf\b|undefined\b)",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)


class ParseError(ValueError):
    """A message on one of our topics that cannot be understood; `reason` is a fixed word for counting."""

    def __init__(self, reason: str, uid: str | None = None, detail: str = "") -> None:
        """Keep the reason, whose message it was, and a detail for people."""
        detail = clean_text(detail) or ""
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.uid = uid


def clean_text(value: object, limit: int = MAX_TEXT) -> str | None:
    """Return a text that is safe to show and store, at most `limit` characters, or None when there is none."""
    if not isinstance(value, str):
        return None
    if len(value) <= limit and value.isprintable():
        return value.strip() or None
    text = "".join(sign for sign in value[: 4 * limit] if sign.isprintable()).strip()[:limit].rstrip()
    return text or None


# What makes a link, a picture, a tag or code of a text where Home Assistant shows Markdown.
_MARKUP = str.maketrans("[]<>`|", "()‹›'¦")


def without_markup(text: str) -> str:
    """Return a device's words so that they stay words wherever they are shown."""
    return text.translate(_MARKUP)


def json_object(uid: str, payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a payload that speaks for this device, or raise ParseError."""
    try:
        content = orjson.loads(payload)
    except orjson.JSONDecodeError:
        content = _lenient_json(payload)
    if type(content) is not dict:
        raise ParseError("not_an_object")
    claimed = content.get("device_uid")
    if claimed is not None and claimed not in ("", uid) and not _same_uid(claimed, uid):
        raise ParseError("foreign_uid", detail=f"{said(claimed)} on the topic of {uid}")
    return content


def _same_uid(claimed: object, uid: str) -> bool:
    """Tell whether a payload means the uid of its topic, which some write in another case or as a number."""
    if not isinstance(claimed, str) and (whole := integer_meant(claimed)) is not None:
        claimed = str(whole)
    return isinstance(claimed, str) and claimed.strip().lower() == uid.lower()


def _lenient_json(payload: bytes) -> object:
    """Read what many a device's C library writes: NaN and infinity spoil one metric, not the message."""
    try:
        # A C string may be sent with its end.
        text = payload.rstrip(b"\0").decode("utf-8-sig")
        return json.loads(_NOT_A_NUMBER.sub(lambda found: found[0] if found[0][0] == '"' else "NaN", text))
    except UnicodeDecodeError as err:
        raise ParseError("not_utf8") from err
    except (ValueError, RecursionError) as err:
        raise ParseError("not_json", detail=str(err)) from err


# Longer texts are no numbers that anything measures.
_MAX_DIGITS = 32
_PLAIN = re.compile(r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d+", re.ASCII)
_THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}", re.ASCII)
# Groups of three that nothing else can be: between signs that no decimals have, or with decimals by another sign, or
# more than one of them.
_GROUPED = re.compile(
    r"([-+]?[1-9][0-9]{0,2})(?:"
    r"((?:[ '\u2019\xa0\u2009\u202f][0-9]{3})+)([.,][0-9]+)?"
    r"|((?:,[0-9]{3})+)(\.[0-9]+)|((?:\.[0-9]{3})+)(,[0-9]+)|((?:,[0-9]{3}){2,}|(?:\.[0-9]{3}){2,}))"
)
_NO_DIGIT = re.compile(r"\D", re.ASCII)


def readings(text: str) -> tuple[float, ...]:
    """Return what a text can mean as a number: none, one, or two where a comma may part decimals or thousands."""
    text = text.strip().replace("\u2212", "-")
    if len(text) > _MAX_DIGITS:
        return ()
    if not _PLAIN.fullmatch(text):
        return _grouped(text)
    if _WHOLE.fullmatch(text):
        return (int(text),)
    decimal = float(text.replace(",", "."))
    return (decimal, float(text.replace(",", ""))) if _THOUSANDS.fullmatch(text) else (decimal,)


def _grouped(text: str) -> tuple[float, ...]:
    """Return a number whose thousands stand apart."""
    if (found := _GROUPED.fullmatch(text)) is None:
        return ()
    first, *rest = found.groups("")
    groups, decimals = rest[0] + rest[2] + rest[4] + rest[6], rest[1] + rest[3] + rest[5]
    return (float(f"{first}{_NO_DIGIT.sub('', groups)}{decimals.replace(',', '.')}"),)


def number(value: object, minimum: float = -MAX_EXACT, maximum: float = MAX_EXACT) -> float | None:
    """Return a number inside the limits, which are finite, or None."""
    if (type(value) is not float and type(value) is not int) or not minimum <= value <= maximum:
        return None
    return float(value)


def number_meant(value: object, minimum: float = -MAX_EXACT, maximum: float = MAX_EXACT) -> float | None:
    """Return the only number inside the limits that a value can mean, which may be a text, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        return number(value, minimum, maximum)
    meant = [float(one) for one in readings(value) if minimum <= one <= maximum]
    return meant[0] if len(meant) == 1 else None


def integer(value: object) -> int | None:
    """Return a whole number that fits 64 bits and is not negative, or None."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def integer_meant(value: object) -> int | None:
    """Return the whole number that a value means, which may be a float or a text, or None."""
    if type(value) is int:
        return value if 0 <= value < 2**63 else None
    if type(value) is float and value.is_integer():
        return integer(int(value))
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and _WHOLE.fullmatch(value.strip()):
        return integer(int(value))
    return integer(value)


_YES = frozenset({"1", "on", "true", "yes"})
_NO = frozenset({"0", "off", "false", "no"})


def boolean(value: object) -> bool | None:
    """Return a yes or a no in any of the forms in which JSON carries one, or None where it is neither."""
    if value is True or value is False:
        return value
    if isinstance(value, str):
        word = value.strip().lower()
        if word in _YES or word in _NO:
            return word in _YES
        value = meant[0] if len(meant := readings(word)) == 1 else None
    return bool(value) if (type(value) is int or type(value) is float) and value in (0, 1) else None


def said(value: object) -> str:
    """Return a value that was sent as people can read it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{clean_text(value, _MAX_DIGITS) or ""}"'
        case int():
            return str(value)[:_MAX_DIGITS]
        case float():
            return f"{value:g}"
        case list():
            return "[…]"
        case _:
            return "{…}"


def objects(value: object, limit: int = MAX_NAMES) -> Iterable[dict[str, Any]]:
    """Return the objects in a list, at most `limit`; none where it is no list."""
    return (item for item in value[:limit] if isinstance(item, dict)) if isinstance(value, list) else ()


def strings(value: list[object], pattern: re.Pattern[str] = NAME) -> tuple[str, ...]:
    """Return the different texts in a list that fit a pattern."""
    good = (item for item in value[:MAX_NAMES] if isinstance(item, str) and pattern.fullmatch(item))
    return tuple(dict.fromkeys(good))


def text_or_number(value: object) -> str | None:
    """Return a text, which some write as a number (a version, a serial), or None where there is none."""
    if value is None:
        return None
    return clean_text(str(value) if type(value) is not str and number(value) is not None else value)


def channel_id(value: object) -> str | None:
    """Return what names a channel, which may be a number, or None."""
    text = str(value) if type(value) is int else value
    return text if isinstance(text, str) and CHANNEL_ID.fullmatch(text) else None


def word(value: object) -> str | None:
    """Return a word in lower case, however it is written, or None where it is none."""
    return type_code(value.strip().lower()) if isinstance(value, str) else None


def type_code(value: object) -> str | None:
    """Return a word of lower case, or None."""
    return value if isinstance(value, str) and NAME.fullmatch(value) else None
