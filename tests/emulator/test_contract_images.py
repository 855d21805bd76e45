"""Images, as far as campaigns need them, through the official SDK."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import Ready, campaign_body, variation
from emulator_specification import Checker
from emulator_wire import SPECIFICATION, error_of
from openapi_client.exceptions import NotFoundException
from people_bodies import document

if TYPE_CHECKING:
    from emulator_wire import Served

GIF = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


def image_body(source: str = GIF, **attributes: Any) -> Any:
    return document("image", {"import_from_url": source, **attributes})


def test_an_image_is_uploaded_read_and_changed(free: Served) -> None:
    images = free.sdk().Images
    made = images.upload_image_from_url(image_body(name="Lamp")).data
    attributes = made.attributes
    assert (made.id, attributes.name, attributes.format, attributes.size) == ("1", "Lamp", "gif", 37)
    assert attributes.hidden is False
    free.clock.advance(5)
    change = document("image", {"name": "Moon", "hidden": True}, id=made.id)
    changed = images.update_image(made.id, change).data.attributes
    assert (changed.name, changed.hidden) == ("Moon", True)
    assert (changed.updated_at - attributes.updated_at).total_seconds() == 5
    assert images.get_image(made.id).data.attributes == changed
    assert images.update_image(made.id, document("image", {"name": None}, id=made.id)).data.attributes.name == "Moon"


def test_images_have_names_of_their_own_and_are_found(free: Served) -> None:
    images = free.sdk().Images
    for name in ("Lamp", "Lamp", "Lamp", None):
        images.upload_image_from_url(image_body(name=name, hidden=name is None))

    def names(**query: Any) -> list[str]:
        return [one.attributes.name for one in images.get_images(**query).data]

    assert names(sort="name") == ["4", "Lamp", "Lamp (1)", "Lamp (2)"]
    assert names(filter='starts-with(name,"Lamp (")', sort="-name") == ["Lamp (2)", "Lamp (1)"]
    assert names(filter="equals(hidden,true)") == ["4"]
    assert names(filter='equals(format,"gif"),greater-than(size,37)') == []
    first = images.get_images(page_size=3, sort="id")
    assert [one.id for one in images.get_images(page_size=3, sort="id", page_cursor=first.links.next).data] == ["4"]


def png(size: int) -> str:
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG".ljust(size)).decode()


@pytest.mark.parametrize(
    "source",
    [
        "https://example.org/lamp.png",
        "data:image/webp;base64,UklGRg==",
        "data:image/png;base64,R0lGODlh",
        "data:image/gif;base64,R0lGODlhA",
        "data:image/gif,GIF89a",
        "data:image/gif;base64,",
        "",
    ],
)
def test_what_is_no_image_is_refused(free: Served, source: str) -> None:
    error = error_of(free.wire.post("/api/images", image_body(source)), 400)
    assert error["source"]["pointer"] == "/data/attributes/import_from_url"
    assert free.sdk().Images.get_images().data == []


def test_a_name_is_not_empty_and_an_unknown_image_not_found(free: Served) -> None:
    images = free.sdk().Images
    for name in ("", " "):
        refused = error_of(free.wire.post("/api/images", image_body(name=name)), 400)
        assert refused["source"]["pointer"] == "/data/attributes/name"
    made = images.upload_image_from_url(image_body(png(2000))).data.id
    error_of(free.wire.send("PATCH", f"/api/images/{made}", document("image", {"name": ""}, id=made)), 400)
    with pytest.raises(NotFoundException):
        images.get_image("7")
    with pytest.raises(NotFoundException):
        images.update_image("7", document("image", {}, id="7"))


def test_a_message_shows_an_image(free: Served) -> None:
    campaigns = free.sdk().Campaigns
    image = free.sdk().Images.upload_image_from_url(image_body()).data.id
    ready = Ready(free)
    sms = variation({"channel": "sms", "body": "Good night"})
    made = campaigns.create_campaign(campaign_body([ready.list_id], sms)).data
    (message,) = campaigns.get_message_ids_for_campaign(made.id).data
    assert campaigns.update_image_for_campaign_message(message.id, {"data": {"type": "image", "id": image}}) is None
    assert campaigns.get_image_for_campaign_message(message.id).data.attributes.format == "gif"
    assert campaigns.get_image_id_for_campaign_message(message.id).data.id == image
    (shown,) = campaigns.get_variation_ids_for_campaign_message(message.id).data
    assert campaigns.get_image_for_campaign_variation(shown.id).data.id == image
    assert campaigns.get_image_id_for_campaign_variation(shown.id).data.id == image
    read = campaigns.get_campaign_variation(shown.id, include=["image"])
    assert read.data.relationships.image.data.id == image
    copied = campaigns.clone_campaign(document("campaign", {}, id=made.id)).data
    (message,) = campaigns.get_message_ids_for_campaign(copied.id).data
    assert campaigns.get_image_for_campaign_message(message.id).data.id == image


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the specification is not here")
def test_answers_are_as_specified(free: Served) -> None:
    checker, wire = Checker(), free.wire
    body = image_body(name="Lamp")
    made = checker.check("upload_image_from_url", wire.post("/api/images", body), body)["data"]["id"]
    change = document("image", {"hidden": True}, id=made)
    checker.check("update_image", wire.send("PATCH", f"/api/images/{made}", change), change)
    checker.check("get_image", wire.get(f"/api/images/{made}"))
    checker.check("get_images", wire.get("/api/images"))
    assert len(checker.seen) == 4
