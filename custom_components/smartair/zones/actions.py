"""The actions on zones."""

from homeassistant.components.button import DOMAIN as BUTTON_DOMAIN
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.service import async_register_platform_entity_service

from ..const import DOMAIN
from .entities import StartButton


@callback
def async_setup_zone_services(hass: HomeAssistant) -> None:
    """Register the actions on zones."""
    async_register_platform_entity_service(
        hass, DOMAIN, "start_water_change", entity_domain=BUTTON_DOMAIN, schema=None, func=_async_start
    )


async def _async_start(entity: Entity, _call: ServiceCall) -> None:
    """Begin the water change of the zone whose button was named."""
    if not isinstance(entity, StartButton):
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="not_a_start_button",
            translation_placeholders={"entity": entity.entity_id},
        )
    await entity.zone.async_start_change()
