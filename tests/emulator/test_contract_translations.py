"""Translations, as far as campaigns need them, through the official SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from campaign_bodies import Ready, new_template, relation
from flow_bodies import email, new_flow
from openapi_client.exceptions import ApiException, BadRequestException, NotFoundException
from people_bodies import document

if TYPE_CHECKING:
    from emulator_wire import Served

LANGUAGES = {"source_locale": "en", "target_locales": ["de", "fr"], "fallback_locale": "en", "channel": "email"}
BLOCK = {"content_type": "block", "type": "html", "data": {"content": "<p>Good night</p>", "display_options": {}}}


def translation_body(related: Any, **attributes: Any) -> Any:
    return document("translation", {**LANGUAGES, **attributes}, related)


def included(read: Any) -> list[str]:
    """The ids of what an answer includes; the SDK leaves some as they are."""
    return [one["id"] if isinstance(one, dict) else one.id for one in read.included]


def test_a_variation_is_translated(free: Served) -> None:
    translations, campaigns = free.sdk().Translations, free.sdk().Campaigns
    ready = Ready(free)
    made = translations.create_translation(translation_body(relation("campaign-variation", ready.variation))).data
    assert made.attributes.target_locales == ["de", "fr"]
    assert (made.attributes.source_locale, made.attributes.channel) == ("en", "email")
    assert made.relationships.campaign_variation.data.id == ready.variation
    assert campaigns.get_translation_for_campaign_variation(ready.variation).data.attributes.fallback_locale == "en"
    assert campaigns.get_translation_id_for_campaign_variation(ready.variation).data.id == made.id
    assert translations.get_campaign_variation_for_translation(made.id).data.id == ready.variation
    assert translations.get_campaign_variation_id_for_translation(made.id).data.id == ready.variation
    read = translations.get_translation(
        made.id, include=["campaign-variation"], additional_fields_translation=["values"]
    )
    assert read.data.attributes.values == []
    assert included(read) == [ready.variation]
    free.clock.advance(5)
    values = [{"id": "subject", "de": "Gute Nacht"}]
    change = document("translation", {"target_locales": ["de"], "values": values}, id=made.id)
    changed = translations.update_translation(made.id, change, additional_fields_translation=["values"]).data.attributes
    assert (changed.target_locales, changed.values) == (["de"], values)
    assert (changed.updated - changed.created).total_seconds() == 5
    translations.delete_translation(made.id)
    with pytest.raises(NotFoundException):
        translations.get_translation(made.id)
    assert campaigns.get_translation_id_for_campaign_variation(ready.variation).data is None


def test_templates_blocks_and_messages_of_flows_are_translated(free: Served) -> None:
    sdk = free.sdk()
    translations = sdk.Translations
    template = new_template(free)
    block = document("template-universal-content", {"name": "Foot", "definition": BLOCK})
    content = sdk.Templates.create_universal_content(block).data.id
    flow = new_flow(free, email("mail", template), live=False)
    message = flow["attributes"]["definition"]["actions"][0]["data"]["message"]["id"]
    made = {}
    for kind, owner in (("template", template), ("template-universal-content", content), ("flow-message", message)):
        made[kind] = translations.create_translation(translation_body(relation(kind, owner))).data.id
        name = kind.replace("-", "_")
        if kind != "flow-message":
            assert getattr(translations, f"get_{name}_for_translation")(made[kind]).data.id == owner
        assert getattr(translations, f"get_{name}_id_for_translation")(made[kind]).data.id == owner
        read = translations.get_translation(made[kind], include=[kind])
        assert included(read) == [owner]
        with pytest.raises(ApiException, match="409"):
            translations.create_translation(translation_body(relation(kind, owner)))

    def found(**query: Any) -> list[str]:
        return [one.id for one in translations.get_translations(**query).data]

    assert found(sort="id") == sorted(made.values())
    assert found(filter='equals(resource_type,"template")') == [made["template"]]
    assert found(filter=f'equals(related_resource_id,"{message}")') == [made["flow-message"]]
    assert found(filter='equals(channel,"sms")') == []
    assert translations.get_template_id_for_translation(made["flow-message"]).data is None
    sdk.Templates.delete_template(template)
    assert translations.get_template_id_for_translation(made["template"]).data is None
    assert translations.get_translation(made["template"]).data.relationships.template.data is None


def test_what_cannot_be_translated(free: Served) -> None:
    translations = free.sdk().Translations
    related = relation("template", new_template(free))
    with pytest.raises(NotFoundException):
        translations.create_translation(translation_body(relation("template", "NOPE01")))
    both = {**related, **relation("flow-message", "NOPE01")}
    for body, pointer in (
        (translation_body(None), "/data/relationships"),
        (translation_body(both), "/data/relationships"),
        (translation_body(related, target_locales=[]), "/data/attributes/target_locales"),
        (translation_body(related, fallback_locale="it"), "/data/attributes/fallback_locale"),
    ):
        with pytest.raises(BadRequestException, match=f"pointer='{pointer}'"):
            translations.create_translation(body)
    assert translations.get_translations().data == []
    made = translations.create_translation(translation_body(related)).data.id
    with pytest.raises(BadRequestException, match="fallback_locale"):
        translations.update_translation(made, document("translation", {"source_locale": "it"}, id=made))
    for call in (
        translations.get_translation,
        translations.delete_translation,
        translations.get_template_for_translation,
        translations.get_flow_message_id_for_translation,
        lambda one: translations.update_translation(one, document("translation", {}, id=one)),
    ):
        with pytest.raises(NotFoundException, match="Translation with id NOPE01 not found"):
            call("NOPE01")
