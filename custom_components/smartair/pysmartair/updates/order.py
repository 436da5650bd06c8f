"""From the decision to update a device to the message that orders it."""

from typing import Any

from ..protocol.commands import Publish, compact
from ..protocol.topics import Channel, topic_for
from .firmware import Image
from .update import ORDER_LIFETIME, Order


def update_order(root: str, uid: str, *, order: Order, image: Image, url: str, now: float) -> Publish:
    """Return an order to update: never retained, and past its use after ORDER_LIFETIME seconds from `now`."""
    content: dict[str, Any] = {
        "cmd_id": order.cmd_id,
        "version": order.version,
        "url": url,
        "checksum": f"sha256:{order.sha256}",
        "size": image.size,
        "timestamp": int(now),
        "expires": int(now) + ORDER_LIFETIME,
    }
    if image.md5:
        content["md5"] = image.md5
    if order.force:
        content["retry"] = True
    return Publish(topic=topic_for(root, uid, Channel.OTA), payload=compact(content), expiry=ORDER_LIFETIME)
