"""The release archive, unpacked as HACS and the Marketplace do, is an integration that Home Assistant runs."""

from pathlib import Path
import subprocess
import zipfile

import aiohttp
import pytest

from lab.broker import Broker
from lab.hass import Hass

ROOT = Path(__file__).resolve().parents[2]
IMAGES = sorted((ROOT / "custom_components" / "smartair" / "brand").glob("*.png"))


@pytest.mark.timeout(180)
async def test_archive_is_set_up_and_shows_its_brand(tmp_path: Path) -> None:
    command = [str(ROOT / "script" / "package"), "--to", str(tmp_path)]
    subprocess.run(command, check=True)  # noqa: ASYNC221, S603 - nothing else runs yet
    unpacked = tmp_path / "smartair"
    with zipfile.ZipFile(tmp_path / "smartair.zip") as archive:
        archive.extractall(unpacked)
    async with Broker(tmp_path / "broker") as broker, Hass(tmp_path / "hass", custom_components=unpacked) as hass:
        await hass.add_mqtt(broker)
        flow = await hass.client.start_flow("smartair")
        result = await hass.client.continue_flow(flow["flow_id"], {"topic_root": "devices"})
        assert result["type"] == "create_entry", result
        assert [entry["state"] for entry in await hass.client.entries("smartair")] == ["loaded"]

        token = (await hass.client.call("brands/access_token"))["token"]
        async with aiohttp.ClientSession(hass.url) as session:
            for image in IMAGES:
                path = f"/api/brands/integration/smartair/{image.name}"
                async with session.get(path, params={"token": token}) as response:
                    assert await response.read() == image.read_bytes(), image.name
        assert hass.errors() == []
