"""Catalogues, versions and images: what is good is offered where it fits, and nothing hostile gets through."""

from collections import Counter
from dataclasses import replace
import hashlib
import json
from pathlib import Path
import re
from typing import Any

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.smartair.pysmartair import Channel, Descriptor, Snapshot, parse, topic_for, update_order
from custom_components.smartair.pysmartair.updates.firmware import (
    MAX_CATALOGUE,
    MAX_IMAGE,
    MAX_IMAGES,
    MAX_NOTES,
    CatalogueError,
    Contents,
    Denied,
    Flaw,
    Image,
    ReleaseChannel,
    Subject,
    check,
    file_name,
    fitting,
    latest,
    look_into,
    notes,
    read_catalogue,
    read_image,
    same_chip,
    subject,
    superseded,
    unfit,
    unordered,
    wanted,
    write_catalogue,
)
from custom_components.smartair.pysmartair.updates.update import Order
from tests.firmware import catalogue, entry, image

STABLE, BETA = ReleaseChannel.STABLE, ReleaseChannel.BETA
CO2 = Subject(device_type="co2", chip="ESP32C3", model="smartair-co2", hardware="B", installed="1.0.0")


def an_image(version: str, **changes: Any) -> Image:
    found = read_image(entry(version, image(version), **changes))
    assert isinstance(found, Image), found
    return found


# --- reading -----------------------------------------------------------------------------------


def test_a_catalogue_as_the_build_writes_it_is_read_whole() -> None:
    data = image("2.0.0")
    found = read_catalogue(catalogue(entry("2.0.0", data, hardware=["B", "C"])).encode())
    assert found.refused == Counter()
    (one,) = found.images
    assert one == Image(
        name="co2",
        title="Air monitor",
        device_type="co2",
        model="smartair-co2",
        version="2.0.0",
        channel=STABLE,
        chip="ESP32C3",
        url="https://firmware.example/co2-2.0.0.ota.bin",
        file="co2-2.0.0.ota.bin",
        size=len(data),
        md5=hashlib.md5(data, usedforsecurity=False).hexdigest(),
        sha256=hashlib.sha256(data).hexdigest(),
        changelog="What is new in 2.0.0",
        hardware=("B", "C"),
    )
    assert read_catalogue(write_catalogue([one]).encode()).images == (one,)


def test_the_fields_of_the_build_are_those_that_are_read() -> None:
    source = (Path(__file__).parents[2] / "esphome/tools/catalogue.py").read_text()
    release = source.split("class Release:")[1].split("def ")[0]
    fields = set(re.findall(r"^    (\w+): ", release, re.MULTILINE))
    assert fields == set(entry("1.0.0", b"x"))
    assert '{"schema": 1, "firmware": [' in source


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_json"),
        (b"\xff", "not_json"),
        (b"[" * 100_000, "not_json"),
        (b"[]", "no_catalogue"),
        (b"{}", "no_catalogue"),
        (b'{"schema": true, "firmware": []}', "no_catalogue"),
        (b'{"schema": 1, "firmware": {}}', "no_catalogue"),
        (b'{"schema": 2, "firmware": []}', "unknown_schema"),
        (b" " * (MAX_CATALOGUE + 1), "too_large"),
    ],
)
def test_what_is_no_catalogue_is_refused(payload: bytes, reason: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(payload)
    assert caught.value.reason == reason


BAD = {
    "name": ["../co2", "", "CO2", "a/b", 7, None, "a" * 49],
    "version": ["", "newest", 2, None, "1" * 30, "fw/2.0.0", "release 2.0.0", "2.0.0 (x)", "2.0.0-" + "a" * 18],
    "sha256": ["", "g" * 64, "ab" * 31, None, 5],
    "device_type": ["", "Co2", None, "a b"],
    "channel": ["nightly", None, 1, []],
    "size": [0, -1, 1.5, True, "7", MAX_IMAGE + 1, None],
    "chip": ["", None, 3, "///"],
    "url": [None, "", "https://x/", "https://x/..", "https://x/.hidden", "a b.bin", "x.json", "a\n.bin", "..", 4],
    "hardware": ["B", [1], ["../x"], {"a": 1}],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in BAD.items() for value in values])
def test_a_bad_entry_is_left_out_with_its_reason_and_spoils_no_other(field: str, value: object) -> None:
    good = entry("2.0.0", image("2.0.0"))
    found = read_catalogue(catalogue(good | {field: value}, good).encode())
    assert found.refused == {f"bad_{field}": 1}
    assert len(found.images) == 1


def test_the_first_of_two_images_of_one_version_counts() -> None:
    one, other = entry("2.0.0", image("2.0.0")), entry("2.0.0", image("2.0.1"))
    found = read_catalogue(catalogue(one, other).encode())
    assert [image.sha256 for image in found.images] == [one["sha256"]]
    assert found.refused == {"duplicate": 1}


def test_entries_beyond_the_most_are_counted_only() -> None:
    many = [entry(f"1.0.{number}", b"x") for number in range(MAX_IMAGES + 3)]
    found = read_catalogue(catalogue(*many).encode())
    assert (len(found.images), found.refused) == (MAX_IMAGES, {"too_many": 3})
    assert read_image("x") == "not_an_object"


def test_what_is_optional_may_be_missing_or_wrong() -> None:
    bare = an_image("2.0.0", title=None, model=None, md5="x", changelog=None, release_url="http://x", hardware=None)
    assert (bare.title, bare.model, bare.md5, bare.changelog, bare.release_url) == ("co2", None, None, "", None)
    assert an_image("2.0.0", release_url="https://x/2.0.0").release_url == "https://x/2.0.0"


def test_notes_show_text_and_links_only() -> None:
    assert notes("# New\n<script>x</script>\x00 ![p](http://x) [l](https://y)") == (
        "# New\n‹script›x‹/script› [p](http://x) [l](https://y)"
    )
    assert len(notes("a" * 2 * MAX_NOTES)) == MAX_NOTES


def test_a_chip_has_many_spellings() -> None:
    assert {same_chip(text) for text in ("ESP32-C3", "esp32c3", "ESP32_C3")} == {"ESP32C3"}
    assert file_name("https://x/" + "a" * 2000) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NASTY = st.sampled_from(
    [
        *(
            "../../x.bin",
            "/etc/passwd",
            "..\\x.bin",
            "file:///etc/passwd",
            "x.bin\0",
            "%2e%2e/x.bin",
            "a/../../b.bin",
        ),
        *("\u202ex.bin", "CON", "x.bin ", "...", "~/.ssh/id", "$(id).bin", "{{1}}.bin", "C:\\x.bin", "\r\nX: y.bin"),
    ]
)
GOOD = entry("2.0.0", image("2.0.0"))
HOSTILE = st.one_of(
    st.binary(max_size=200),
    JSON.map(lambda content: json.dumps(content).encode()),
    st.dictionaries(st.sampled_from([*GOOD, "hardware", "release_url"]), NASTY | JSON, max_size=6).map(
        lambda changes: catalogue(GOOD | changes).encode()
    ),
    st.tuples(st.integers(0, 300), st.binary(min_size=1, max_size=4)).map(
        lambda cut: catalogue(GOOD).encode()[: cut[0]] + cut[1] + catalogue(GOOD).encode()[cut[0] :]
    ),
)


@settings(max_examples=5_000)
@given(HOSTILE)
def test_no_hostile_catalogue_gets_a_name_through_that_leads_anywhere(payload: bytes) -> None:
    try:
        found = read_catalogue(payload)
    except CatalogueError:
        return
    for one in found.images:
        assert not set(one.file) & set('/\\:\0\r\n "$(){}~%')
        assert not one.file.startswith((".", "-"))
        assert ".." not in one.file
        assert one.name == Path(one.name).name
        assert 0 < one.size <= MAX_IMAGE
        assert len(one.version) <= 23
        assert not set("<>") & set(one.changelog)
        assert read_catalogue(write_catalogue([one]).encode()).images == (one,)


# --- bytes -------------------------------------------------------------------------------------


def test_chip_and_signature_are_read_from_the_image() -> None:
    assert look_into(image("2.0.0")) == Contents("ESP32C3", signed=True)
    assert look_into(image("2.0.0", chip="ESP32", signed=False)) == Contents("ESP32", signed=False)
    assert look_into(b"\x7fELF" + bytes(100)) == Contents("HOST", signed=False)
    assert look_into(image("2.0.0") + b"x") == Contents("ESP32C3", signed=False)
    assert look_into(b"junk") == Contents(None, signed=False)
    unknown = bytearray(image("2.0.0"))
    unknown[12] = 99
    assert look_into(bytes(unknown)).chip is None


@pytest.mark.parametrize("spoilt", [20, -4096, -4095, -4080, -2900])
def test_a_signature_block_that_does_not_fit_the_image_is_none(spoilt: int) -> None:
    data = bytearray(image("2.0.0"))
    data[spoilt] ^= 0xFF
    assert look_into(bytes(data)).signed is False


def test_a_file_is_what_its_entry_says_or_it_is_not() -> None:
    data = image("2.0.0")
    one = an_image("2.0.0")
    assert check(one, data, signed=True) is None
    assert check(one, data[:-1]) is Flaw.SIZE
    assert check(one, data[:-1] + b"x") is Flaw.CHECKSUM
    assert check(replace(one, chip="ESP32"), data) is Flaw.CHIP
    plain = image("2.0.0", signed=False)
    other = read_image(entry("2.0.0", plain))
    assert isinstance(other, Image)
    assert check(other, plain) is None
    assert check(other, plain, signed=True) is Flaw.UNSIGNED
    host = b"\x7fELF" + bytes(50)
    program = read_image(entry("2.0.0", host, chip="host"))
    assert isinstance(program, Image)
    assert check(program, host, signed=True) is None


# --- which image for which device --------------------------------------------------------------


def test_what_decides_comes_from_the_descriptor() -> None:
    info = {"protocol": 1, "device_type": "co2", "chip": "ESP32-C3", "model": "smartair-co2", "ota": {"signed": True}}
    descriptor = parse("devices", topic_for("devices", "a", Channel.INFO), json.dumps(info))
    assert isinstance(descriptor, Descriptor)
    found = subject(Snapshot(uid="a", descriptor=descriptor, firmware_version="1.0.0"), previous="0.9.0", bad={"x"})
    assert found == Subject(
        device_type="co2",
        chip="ESP32C3",
        model="smartair-co2",
        signed_only=True,
        installed="1.0.0",
        previous="0.9.0",
        bad=frozenset({"x"}),
    )
    assert subject(Snapshot(uid="a", metrics=frozenset({"co2"}))) == Subject(
        device_type="co2", chip=None, updates=False
    )


def test_a_device_that_takes_no_updates_gets_no_image() -> None:
    assert unfit(an_image("2.0.0"), replace(CO2, updates=False)) is Denied.TAKES_NO_UPDATES


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({}, None),
        ({"device_type": "temp"}, Denied.WRONG_DEVICE_TYPE),
        ({"chip": "ESP32-S3"}, Denied.WRONG_CHIP),
        ({"model": "smartair-co2-mhz19"}, Denied.WRONG_MODEL),
        ({"model": None}, None),
        ({"hardware": ["A"]}, Denied.WRONG_HARDWARE),
        ({"hardware": ["A", "B"]}, None),
    ],
)
def test_an_image_fits_or_there_is_a_reason(change: dict[str, Any], why: Denied | None) -> None:
    assert unfit(an_image("2.0.0", **change), CO2) is why


def test_a_device_that_checks_signatures_gets_no_unsigned_image() -> None:
    picky = replace(CO2, signed_only=True)
    one = an_image("2.0.0")
    assert unfit(replace(one, signed=False), picky) is Denied.UNSIGNED
    assert unfit(replace(one, signed=True), picky) is None
    assert unfit(replace(one, signed=None), picky) is None


def test_the_newest_of_the_channel_is_offered_and_never_a_lower_version() -> None:
    images = [an_image("0.9.0"), an_image("1.1.0"), an_image("2.0.0-b1", channel="beta"), an_image("1.5.0")]
    assert [one.version for one in fitting(images, CO2)] == ["2.0.0-b1", "1.5.0", "1.1.0", "0.9.0"]
    assert latest(images, CO2, STABLE).version == "1.5.0"
    assert latest(images, CO2, BETA).version == "2.0.0-b1"
    assert latest(images, replace(CO2, installed="1.5.0"), STABLE) is None
    assert latest(images, replace(CO2, installed="3.0.0"), BETA) is None
    assert latest(images, replace(CO2, installed="my own build"), STABLE) is None
    assert latest([], CO2, STABLE) is None


def test_what_failed_on_a_device_is_not_offered_to_it_but_what_lies_below() -> None:
    images = [an_image("1.5.0"), an_image("2.0.0")]
    burnt = replace(CO2, bad=frozenset({images[1].sha256}))
    assert latest(images, burnt, STABLE).version == "1.5.0"
    assert wanted(images, burnt, "2.0.0") is Denied.KNOWN_BAD
    assert wanted(images, burnt, "2.0.0", force=True) == images[1]


def test_a_version_that_is_asked_for_by_name_may_be_lower() -> None:
    images = [an_image("0.9.0"), an_image("1.0.0"), an_image("2.0.0", chip="ESP32-S3")]
    assert wanted(images, CO2, "0.9.0") == images[0]
    assert wanted(images, CO2, "1.0.0") is Denied.INSTALLED
    assert wanted(images, CO2, "1.0.0", force=True) == images[1]
    assert wanted(images, CO2, "7.0.0") is Denied.UNKNOWN_VERSION
    assert wanted(images, CO2, "2.0.0") is Denied.WRONG_CHIP


def test_of_many_products_the_nearest_tells_why_not() -> None:
    images = [an_image("2.0.0", name=name, device_type=name) for name in ("dust", "temp")]
    images.append(an_image("2.0.0", hardware=["Z"]))
    assert wanted(images, CO2, "2.0.0") is Denied.WRONG_HARDWARE


def test_a_version_is_found_by_name_in_any_spelling_and_the_very_one_before_all() -> None:
    plain, built = an_image("2.0.0"), an_image("2.0.0+b")
    other = replace(CO2, installed="v1.0.0")
    assert wanted([plain, built], other, "2.0.0+b") == built
    assert wanted([plain, built], other, "v2.0.0") == plain
    assert wanted([an_image("1.0.0")], other, "1.0.0") is Denied.INSTALLED


def test_what_cannot_be_compared_is_offered_to_nobody_and_named() -> None:
    images = [an_image("2.0.0-b1", channel="beta"), an_image("1.5.0"), an_image("1.1.0")]
    nightly = replace(CO2, installed="nightly")
    assert latest(images, nightly, STABLE) is None
    assert unordered(images, nightly, STABLE) == images[1]
    assert unordered(images, nightly, BETA) == images[0]
    assert unordered(images, replace(nightly, bad=frozenset({images[1].sha256})), STABLE) == images[2]
    assert unordered(images, CO2, STABLE) is None
    assert unordered(images, replace(CO2, installed=None), STABLE) is None
    assert unordered([], nightly, STABLE) is None


def test_an_image_is_kept_for_what_runs_it_in_another_spelling() -> None:
    images = [an_image(version) for version in ("1.3.0", "1.2.0", "1.1.0", "1.0.0")]
    assert superseded(images, [replace(CO2, installed="v1.0.0+x")]) == ()


def test_old_versions_may_go_but_none_that_is_needed() -> None:
    images = [an_image(f"1.{number}.0") for number in range(6)]
    runs = replace(CO2, installed="1.1.0", previous="1.0.0")
    other = replace(CO2, device_type="dust", installed="1.2.0")
    assert [one.version for one in superseded(images, [])] == ["1.2.0", "1.1.0", "1.0.0"]
    assert [one.version for one in superseded(images, [runs, other])] == ["1.2.0"]
    assert superseded(images, [runs], ordered={images[2].sha256}) == ()
    assert len(superseded(images, [], keep=5)) == 1


def test_an_order_is_never_retained_and_carries_what_the_device_checks() -> None:
    one = an_image("2.0.0")
    order = Order(cmd_id="c1", version="2.0.0", sha256=one.sha256, at=0)
    message = update_order("devices", "co2_001", order=order, image=one, url="http://h/x", now=1000.9)
    assert (message.topic, message.retain, message.expiry) == ("devices/co2_001/ota", False, 60)
    assert json.loads(message.payload) == {
        "cmd_id": "c1",
        "version": "2.0.0",
        "url": "http://h/x",
        "checksum": f"sha256:{one.sha256}",
        "md5": one.md5,
        "size": one.size,
        "timestamp": 1000,
        "expires": 1060,
    }
    bare = replace(one, md5=None)
    forced = replace(order, force=True)
    content = json.loads(update_order("devices", "a", order=forced, image=bare, url="u", now=0).payload)
    assert content["retry"] is True
    assert "md5" not in content
