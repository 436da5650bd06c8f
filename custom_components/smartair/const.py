"""The domain and the keys of its configuration."""

from typing import Final

DOMAIN: Final = "smartair"

CONF_ROOT: Final = "topic_root"
CONF_NAMESPACE: Final = "namespace"
CONF_ADD_NEW_DEVICES: Final = "add_new_devices"
CONF_CATALOGUES: Final = "catalogues"
CONF_IN_SIDEBAR: Final = "in_sidebar"
CONF_OUTDOOR: Final = "outdoor"

SUBENTRY_ZONE: Final = "zone"

ADD_ASK: Final = "ask"
ADD_AUTOMATIC: Final = "automatic"

EVENT_ALERT: Final = "smartair_alert"
SUBENTRY_ALERT_LIMIT: Final = "alert_limit"
