# Home Assistant runs integrations with probatio under the name of voluptuous; so the types are those.
from probatio import *  # noqa: F403
