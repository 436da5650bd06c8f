"""The tank of a zone: what a height, a distance or a volume is of it in percent."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Tank:
    """Its measures, as far as the owner gave them.

    `above_cm` is from a sensor over the water down to where the tank is full, None where the sensor measures the
    water itself.
    """

    volume_l: float | None = None
    height_cm: float | None = None
    above_cm: float | None = None

    def level_of_length(self, centimetres: float) -> float | None:
        """Return the level in percent by the height of the water or the distance down to it."""
        if self.height_cm is None:
            return None
        water = centimetres if self.above_cm is None else self.height_cm + self.above_cm - centimetres
        return water / self.height_cm * 100

    def level_of_volume(self, litres: float) -> float | None:
        """Return the level in percent by the volume of the water."""
        return None if self.volume_l is None else litres / self.volume_l * 100

    def rate(self, litres_per_minute: float | None) -> float | None:
        """Return a flow in percent of the tank per second."""
        if self.volume_l is None or litres_per_minute is None:
            return None
        return litres_per_minute / 60 / self.volume_l * 100
