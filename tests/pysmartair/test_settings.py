"""What a device confirms is what was wanted, however it writes it."""

import pytest

from custom_components.smartair.pysmartair import ChoiceSetting, ConfigValue, NumberSetting, Setting, ToggleSetting
from custom_components.smartair.pysmartair.protocol.settings import agrees, in_kind

TOGGLE = ToggleSetting()
NUMBER = NumberSetting(minimum=0, maximum=5, unit="s")
WIDE = NumberSetting(minimum=-1e6, maximum=1e6)
CHOICE = ChoiceSetting(options=("Green", "blue", "2"))
SWITCHED = ChoiceSetting(options=("on", "off"))
TWINS = ChoiceSetting(options=("Red", "RED"))


@pytest.mark.parametrize(
    ("setting", "raw", "meant"),
    [
        (TOGGLE, "ON", True),
        (TOGGLE, 1, True),
        (TOGGLE, " true ", True),
        (TOGGLE, 0.0, False),
        (TOGGLE, "no", False),
        (TOGGLE, "perhaps", "perhaps"),
        (NUMBER, "3", 3),
        (NUMBER, "2,5", 2.5),
        (NUMBER, "3 s", 3),
        (NUMBER, "1,234", 1.234),
        (NUMBER, "70", 70),
        (NUMBER, "fast", "fast"),
        (WIDE, "1,234", "1,234"),
        (CHOICE, "green", "Green"),
        (CHOICE, "blue", "blue"),
        (CHOICE, 2, "2"),
        (CHOICE, 2.0, "2"),
        (CHOICE, "plaid", "plaid"),
        (SWITCHED, True, "on"),
        (SWITCHED, 0, "off"),
        (TWINS, "red", "red"),
        (None, "ON", "ON"),
    ],
)
def test_a_value_is_read_in_the_form_of_its_kind(setting: Setting | None, raw: object, meant: ConfigValue) -> None:
    found = in_kind(setting, raw)
    assert (found, type(found)) == (meant, type(meant))


@pytest.mark.parametrize(
    ("wanted", "told", "same"),
    [
        (0.1, 0.10000000149011612, True),
        (0.1, 0.2, False),
        (5, 5.0, True),
        ("blue", "green", False),
        (True, ..., False),
    ],
)
def test_a_number_of_a_small_device_agrees_although_its_last_digits_differ(
    wanted: ConfigValue, told: object, same: bool
) -> None:
    assert agrees(wanted, told) is same
