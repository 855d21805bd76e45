"""The catalogue over a real socket: items, variants, categories, their jobs, and who waits for a variant."""

import json
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest
from pydantic import ValidationError

from aioklaviyo import (
    Conflict,
    InvalidRequest,
    Klaviyo,
    NoPacing,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    filters,
    jsonapi,
)
from aioklaviyo.models.catalog import catalog_id
from aioklaviyo.models.catalog_category import CatalogCategoryChanges, NewCatalogCategory
from aioklaviyo.models.catalog_item import CatalogItemChanges, NewCatalogItem
from aioklaviyo.models.catalog_variant import CatalogVariantChanges, NewCatalogVariant
from client.client_server import PaperClock, Reply, Reset, Serve, Wire
from client.emulated import account, body_of, resources


def item(external_id: str = "FOX", **more: object) -> NewCatalogItem:
    values = {"title": "The fox", "description": "A story", "url": "https://example.org/fox", **more}
    return NewCatalogItem.model_validate({"external_id": external_id, **values})


def variant(external_id: str = "FOX-A", of: str = "FOX", **more: object) -> NewCatalogVariant:
    values = {"title": "Read aloud", "description": "By Ann", "url": "https://example.org/fox/a", "sku": external_id}
    given = {"external_id": external_id, "item_id": catalog_id(of), "inventory_quantity": 3, "price": 4.5}
    return NewCatalogVariant.model_validate({**given, **values, **more})


def test_lists_and_decimals_do_as_well_and_are_json_when_sent() -> None:
    fox = NewCatalogItem(
        external_id="FOX",
        title="The fox",
        description="A story",
        url="https://example.org/fox",
        price=Decimal("4.10"),
        images=["https://example.org/1.png"],
        category_ids=[catalog_id("WOOD")],
    )
    sent = json.loads(jsonapi.encode(fox.resource()))
    assert (sent["attributes"]["price"], sent["attributes"]["images"]) == (4.1, ["https://example.org/1.png"])
    assert [each["id"] for each in sent["relationships"]["categories"]["data"]] == [catalog_id("WOOD")]
    assert CatalogItemChanges(id=fox.id, category_ids=[]).resource()["relationships"] == {"categories": {"data": []}}
    wood = NewCatalogCategory(external_id="WOOD", name="From the wood", item_ids=[fox.id])
    assert CatalogCategoryChanges(id=wood.id, item_ids=wood.item_ids).item_ids == (fox.id,)
    with pytest.raises(ValidationError):
        CatalogItemChanges(id=fox.id, images="https://example.org/1.png")


async def test_every_operation_on_single_items_does_what_it_says() -> None:
    async with account() as here:
        items, categories = here.klaviyo.catalog_items, here.klaviyo.catalog_categories
        await categories.create(NewCatalogCategory(external_id="WOOD", name="From the wood"))
        await categories.create(NewCatalogCategory(external_id="SEA", name="From the sea"))
        made = await items.create(
            item(price=12, images=("https://example.org/1.png",), custom_metadata={"age": 4, "calm": True})
        )
        assert (made.id, made.external_id, made.price) == (catalog_id("FOX"), "FOX", 12)
        assert made.custom_metadata == {"age": 4, "calm": True}
        assert made.created is not None
        with pytest.raises(Conflict):
            await items.create(item())
        changed = await items.update(CatalogItemChanges(id=made.id, title="The old fox", published=False))
        assert (changed.title, changed.published, changed.price) == ("The old fox", False, 12)
        assert (await items.get(made.id)).variants is None
        assert (await items.get(made.id, include=("variants",))).variants == ()
        await items.create(item("OWL", category_ids=(catalog_id("WOOD"),)))

        wanted = filters.all_of(filters.any_of("ids", [made.id]), filters.equals("published", value=False))
        found = [each async for each in items.list(filter=wanted, sort="-created", include=("variants",), page_size=1)]
        assert [(each.id, each.variants) for each in found] == [(made.id, ())]
        of_wood = items.list(filter=filters.equals("category.id", catalog_id("WOOD")), fields=("title",))
        assert [(each.external_id, each.title) async for each in of_wood] == [(None, "The fox")]

        await items.update(CatalogItemChanges(id=catalog_id("OWL"), category_ids=(catalog_id("SEA"),)))
        assert [each async for each in items.category_ids(catalog_id("OWL"))] == [catalog_id("SEA")]
        await items.add_categories(made.id, [catalog_id("WOOD")])
        await items.add_categories(made.id, [])
        with pytest.raises(Conflict):
            await items.add_categories(made.id, [catalog_id("WOOD")])
        assert [each.name async for each in items.categories(made.id, sort="created")] == ["From the wood"]
        await items.set_categories(made.id, [catalog_id("SEA")])
        assert [each async for each in items.category_ids(made.id, page_size=10)] == [catalog_id("SEA")]
        await items.remove_categories(made.id, [catalog_id("SEA")])
        await items.remove_categories(made.id, [])
        assert [each async for each in items.category_ids(made.id)] == []
        assert [each async for each in items.variants(made.id)] == []
        assert [each async for each in items.variant_ids(made.id)] == []
        await items.delete(made.id)
        with pytest.raises(NotFound):
            await items.get(made.id)
        assert here.succeeded() >= resources("catalog_items")
        here.check()


async def test_every_operation_on_single_variants_does_what_it_says() -> None:
    async with account() as here:
        items, variants = here.klaviyo.catalog_items, here.klaviyo.catalog_variants
        await items.create(item())
        made = await variants.create(variant(inventory_policy=1))
        assert (made.sku, made.inventory_quantity, made.price, made.inventory_policy) == ("FOX-A", 3, 4.5, 1)
        changes = CatalogVariantChanges(id=made.id, inventory_quantity=0, inventory_policy=None)
        assert (await variants.update(changes)).inventory_quantity == 0
        assert (await variants.get(made.id, fields=("price",))).sku is None
        wanted = filters.all_of(filters.equals("item.id", catalog_id("FOX")), filters.equals("sku", "FOX-A"))
        assert [each.id async for each in variants.list(filter=wanted, sort="created", page_size=5)] == [made.id]
        assert [each.id async for each in items.variants(catalog_id("FOX"), filter=filters.contains("title", "aloud"))]
        assert [each async for each in items.variant_ids(catalog_id("FOX"))] == [made.id]
        of_fox = (await items.get(catalog_id("FOX"), include=("variants",))).variants or ()
        assert [each.price for each in of_fox] == [4.5]
        await variants.delete(made.id)
        with pytest.raises(NotFound):
            await variants.get(made.id)
        assert here.succeeded() >= resources("catalog_variants")
        here.check()


async def test_every_operation_on_single_categories_does_what_it_says() -> None:
    async with account() as here:
        items, categories = here.klaviyo.catalog_items, here.klaviyo.catalog_categories
        for name in ("FOX", "OWL"):
            await items.create(item(name))
        made = await categories.create(
            NewCatalogCategory(external_id="WOOD", name="Wood", item_ids=(catalog_id("FOX"),))
        )
        assert (made.id, made.name) == (catalog_id("WOOD"), "Wood")
        assert [each async for each in categories.item_ids(made.id)] == [catalog_id("FOX")]
        changed = await categories.update(CatalogCategoryChanges(id=made.id, name="The wood"))
        assert (changed.name, (await categories.get(made.id)).name) == ("The wood", "The wood")
        assert [each.id async for each in categories.list(filter=filters.contains("name", "wood"))] == [made.id]
        await categories.add_items(made.id, [catalog_id("OWL")])
        inside = [each async for each in categories.items(made.id, include=("variants",), sort="created", page_size=1)]
        assert [(each.external_id, each.variants) for each in inside] == [("FOX", ()), ("OWL", ())]
        await categories.remove_items(made.id, [catalog_id("FOX")])
        assert [each async for each in categories.item_ids(made.id, page_size=1)] == [catalog_id("OWL")]
        await categories.set_items(made.id, [])
        assert [each async for each in categories.item_ids(made.id)] == []
        await categories.delete(made.id)
        with pytest.raises(NotFound):
            await categories.get(made.id)
        assert here.succeeded() >= resources("catalog_categories")
        here.check()


async def test_every_job_over_items_does_what_it_says() -> None:
    async with account(clock=PaperClock()) as here:
        items = here.klaviyo.catalog_items
        begun = await items.bulk_create([item("FOX"), item("OWL")])
        assert (begun.verb, begun.total_count) == ("create", 2)
        states: list[str | None] = []
        done = await items.wait(begun, progress=lambda job: states.append(job.status))
        assert (done.completed_count, done.failed_count, states[-1]) == (2, 0, "complete")
        read = await items.get_create_job(begun.id, include=("items",))
        assert {each.title for each in read.items or ()} == {"The fox"}
        assert set(read.entry_ids or ()) == {catalog_id("FOX"), catalog_id("OWL")}
        begun = await items.bulk_update([CatalogItemChanges(id=catalog_id("FOX"), price=3)])
        assert (await items.wait(begun)).verb == "update"
        assert (await items.get_update_job(begun.id, include=("items",))).entry_ids == (catalog_id("FOX"),)
        assert (await items.get(catalog_id("FOX"))).price == 3
        begun = await items.bulk_delete([catalog_id("FOX"), catalog_id("CAT")])
        done = await items.wait(begun)
        assert (done.verb, done.completed_count, done.failed_count) == ("delete", 1, 1)
        assert (await items.get_delete_job(begun.id)).errors == done.errors
        assert [each.external_id async for each in items.list()] == ["OWL"]
        lean = await items.get_delete_job(begun.id, fields=("status",))
        assert (lean.status, lean.completed_count) == ("complete", None)
        for jobs in (items.list_create_jobs, items.list_update_jobs, items.list_delete_jobs):
            assert [each.completed_count async for each in jobs(fields=("status",))] == [None]
            assert [each.status async for each in jobs(status="complete")] == ["complete"]
            assert [each async for each in jobs(status="cancelled")] == []
        assert here.succeeded() >= resources("catalog_item_jobs")
        here.check()


async def test_every_job_over_variants_does_what_it_says() -> None:
    async with account(clock=PaperClock()) as here:
        variants = here.klaviyo.catalog_variants
        await here.klaviyo.catalog_items.create(item())
        begun = await variants.bulk_create([variant("A"), variant("B")])
        await variants.wait(begun)
        read = await variants.get_create_job(begun.id, include=("variants",))
        assert {each.sku for each in read.variants or ()} == {"A", "B"}
        begun = await variants.bulk_update([CatalogVariantChanges(id=catalog_id("A"), inventory_quantity=0)])
        await variants.wait(begun)
        assert (await variants.get_update_job(begun.id, include=("variants",))).completed_count == 1
        assert (await variants.get(catalog_id("A"))).inventory_quantity == 0
        begun = await variants.bulk_delete([catalog_id("A")])
        await variants.wait(begun)
        assert (await variants.get_delete_job(begun.id)).completed_count == 1
        assert [each.sku async for each in variants.list()] == ["B"]
        for jobs in (variants.list_create_jobs, variants.list_update_jobs, variants.list_delete_jobs):
            assert [each.verb async for each in jobs()] == [jobs.__name__.split("_")[1]]
        assert here.succeeded() >= resources("catalog_variant_jobs")
        here.check()


async def test_every_job_over_categories_does_what_it_says() -> None:
    async with account(clock=PaperClock()) as here:
        categories = here.klaviyo.catalog_categories
        await here.klaviyo.catalog_items.create(item())
        new = NewCatalogCategory(external_id="WOOD", name="Wood", item_ids=(catalog_id("FOX"),))
        begun = await categories.bulk_create([new, NewCatalogCategory(external_id="SEA", name="Sea")])
        await categories.wait(begun)
        read = await categories.get_create_job(begun.id, include=("categories",))
        assert {each.name for each in read.categories or ()} == {"Wood", "Sea"}
        changes = CatalogCategoryChanges(id=new.id, name="The wood", item_ids=())
        begun = await categories.bulk_update([changes])
        await categories.wait(begun)
        assert (await categories.get_update_job(begun.id, include=("categories",))).entry_ids == (new.id,)
        assert [each async for each in categories.item_ids(new.id)] == []
        begun = await categories.bulk_delete([new.id])
        await categories.wait(begun)
        assert (await categories.get_delete_job(begun.id)).completed_count == 1
        assert [each.name async for each in categories.list()] == ["Sea"]
        for jobs in (categories.list_create_jobs, categories.list_update_jobs, categories.list_delete_jobs):
            assert [each.total_count async for each in jobs()] in ([1], [2])
        assert here.succeeded() >= resources("catalog_category_jobs")
        here.check()


@pytest.mark.parametrize("fault", ["", "bulk_*:reset-after@0.4"])
async def test_any_number_of_variants_is_made_changed_and_deleted(fault: str) -> None:
    async with account(clock=PaperClock(), faults=fault) as here:
        variants = here.klaviyo.catalog_variants
        await here.klaviyo.catalog_items.create(item())
        await variants.create(variant("7", price=100))
        made = await variants.create_all(variant(str(number)) for number in range(120))
        assert (made.sent, [failed.item.id for failed in made.refused]) == (119, [catalog_id("7")])
        stock = (CatalogVariantChanges(id=catalog_id(str(number)), inventory_quantity=number) for number in range(120))
        assert (await variants.update_all(stock)).sent == 120
        assert (await variants.get(catalog_id("119"))).inventory_quantity == 119
        assert (await variants.delete_all(catalog_id(str(number)) for number in range(120))).sent == 120
        assert [each async for each in variants.list()] == []
        here.check()


@pytest.mark.parametrize("fault", ["", "bulk_*:reset-after@0.4"])
async def test_any_number_of_categories_is_made_changed_and_deleted(fault: str) -> None:
    async with account(clock=PaperClock(), faults=fault) as here:
        categories = here.klaviyo.catalog_categories
        await categories.create(NewCatalogCategory(external_id="7", name="There before"))
        new = [NewCatalogCategory(external_id=str(number), name=f"Shelf {number}") for number in range(120)]
        made = await categories.create_all(new)
        assert (made.sent, [failed.item.id for failed in made.refused]) == (119, [catalog_id("7")])
        named = [CatalogCategoryChanges(id=each.id, name=each.external_id) for each in new]
        assert (await categories.update_all(named)).sent == 120
        assert (await categories.get(catalog_id("7"))).name == "7"
        assert (await categories.delete_all(each.id for each in new)).sent == 120
        assert [each async for each in categories.list()] == []
        here.check()


async def test_who_waits_for_a_variant_is_noted_as_an_event_on_their_profile() -> None:
    async with account() as here:
        await here.klaviyo.catalog_items.create(item())
        await here.klaviyo.catalog_variants.create(variant())
        waits = here.klaviyo.back_in_stock
        await waits.subscribe(catalog_id("FOX-A"), channels=("EMAIL", "PUSH"), email="ann@example.org")
        (ann,) = [each async for each in here.klaviyo.profiles.list()]
        await waits.subscribe(catalog_id("FOX-A"), channels=("SMS",), profile_id=ann.id)
        events = [each async for each in here.klaviyo.events.list(include=("profile",))]
        assert {each.profile and each.profile.email for each in events} == {"ann@example.org"}
        assert sorted(each.event_properties["Channels"][0] for each in events) == ["EMAIL", "SMS"]
        with pytest.raises(NotFound):
            await waits.subscribe(catalog_id("FOX-B"), channels=("SMS",), external_id="7")
        with pytest.raises(InvalidRequest, match="channel"):
            await waits.subscribe(catalog_id("FOX-A"), channels=(), email="ann@example.org")
        with pytest.raises(InvalidRequest, match="named"):
            await waits.subscribe(catalog_id("FOX-A"), channels=("EMAIL",))
        assert here.succeeded() >= resources("back_in_stock")
        here.check()


async def test_what_is_unset_is_absent_and_what_is_none_is_null() -> None:
    async with account() as here:
        made = await here.klaviyo.catalog_items.create(item(price=2, custom_metadata={"a": 1}))
        await here.klaviyo.catalog_items.update(CatalogItemChanges(id=made.id, price=None, custom_metadata=None))
        sent = body_of(here.sent[-1])
        assert sent == {
            "data": {"type": "catalog-item", "id": made.id, "attributes": {"price": None, "custom_metadata": None}}
        }
        read = await here.klaviyo.catalog_items.get(made.id)
        assert (read.price, read.custom_metadata, read.title) == (None, {}, "The fox")


async def test_a_job_without_entries_or_with_too_many_is_not_sent() -> None:
    async with account() as here:
        items = here.klaviyo.catalog_items
        with pytest.raises(InvalidRequest):
            await items.bulk_create([])
        with pytest.raises(PayloadTooLarge):
            await items.bulk_delete([catalog_id(str(number)) for number in range(101)])
        with pytest.raises(PayloadTooLarge):
            await items.bulk_create([item(str(number), description="x" * 100_000) for number in range(51)])
        assert here.sent == []


ENTRY = {"type": "catalog-item", "id": "$custom:::$default:::FOX"}
UNSAFE: dict[str, Callable[[Klaviyo], Awaitable[object]]] = {
    "create item": lambda klaviyo: klaviyo.catalog_items.create(item()),
    "create variant": lambda klaviyo: klaviyo.catalog_variants.create(variant()),
    "create category": lambda klaviyo: klaviyo.catalog_categories.create(NewCatalogCategory(external_id="A", name="A")),
    "add category": lambda klaviyo: klaviyo.catalog_items.add_categories("FOX", ["WOOD"]),
    "add item": lambda klaviyo: klaviyo.catalog_categories.add_items("WOOD", ["FOX"]),
    "subscribe": lambda klaviyo: klaviyo.back_in_stock.subscribe("FOX-A", channels=("SMS",), external_id="7"),
}
SAFE: dict[str, Callable[[Klaviyo], Awaitable[object]]] = {
    "update item": lambda klaviyo: klaviyo.catalog_items.update(CatalogItemChanges(id="FOX", price=1)),
    "delete item": lambda klaviyo: klaviyo.catalog_items.delete("FOX"),
    "set categories": lambda klaviyo: klaviyo.catalog_items.set_categories("FOX", []),
    "remove items": lambda klaviyo: klaviyo.catalog_categories.remove_items("WOOD", ["FOX"]),
}


@pytest.mark.parametrize("name", UNSAFE)
async def test_what_would_be_refused_or_done_twice_is_not_repeated(serve: Serve, wire: Wire, name: str) -> None:
    server = await serve(Reset(), Reply(200, {"data": ENTRY}))
    with pytest.raises(OutcomeUnknown):
        await UNSAFE[name](await wire.client(server.url, pacing=NoPacing()))
    assert len(server.received) == 1


@pytest.mark.parametrize("name", SAFE)
async def test_what_sets_the_same_again_is_repeated(serve: Serve, wire: Wire, name: str) -> None:
    server = await serve(Reset(), Reply(200, {"data": ENTRY}))
    await SAFE[name](await wire.client(server.url, pacing=NoPacing()))
    assert len(server.received) == 2


async def test_ids_stay_one_segment_of_the_path(serve: Serve, wire: Wire) -> None:
    server = await serve(Reply(200, {"data": ENTRY}))
    await (await wire.client(server.url)).catalog_items.get(catalog_id("a/b c?"))
    assert server.received[0].target == "/api/catalog-items/%24custom%3A%3A%3A%24default%3A%3A%3Aa%2Fb%20c%3F"


async def test_what_klaviyo_adds_or_leaves_out_does_not_keep_an_entry_from_being_read(serve: Serve, wire: Wire) -> None:
    attributes = {"inventory_policy": 9, "rating": 4.5, "custom_metadata": None, "images": None, "created": None}
    server = await serve(Reply(200, {"data": {"type": "catalog-variant", "id": "V", "attributes": attributes}}))
    read = await (await wire.client(server.url)).catalog_variants.get("V")
    assert (read.inventory_policy, read.custom_metadata, read.item_id) == (9, {}, None)
    assert read.model_extra == {"rating": 4.5}


def test_an_id_is_made_of_integration_catalogue_and_external_id() -> None:
    assert catalog_id("A:1") == "$custom:::$default:::A:1"
    assert catalog_id("7", integration="$shopify") == "$shopify:::$default:::7"
    assert item("FOX", catalog_type="$other").id == "$custom:::$other:::FOX"


@pytest.mark.parametrize(
    "wrong",
    [
        {"external_id": " "},
        {"price": float("nan")},
        {"custom_metadata": {"text": "x" * 102_400}},
        {"custom_metadata": {"text": "\ud800"}},
        {"integration_type": "$shopify"},
        {"name": "not a name of anything"},
    ],
)
def test_an_item_that_klaviyo_would_not_take_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        item(**{"external_id": "FOX", **wrong})
    assert "x" * 20 not in str(caught.value)
