"""Catalogues through the official SDK: items, variants, categories, their relations, their bulk jobs, back in stock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from emulator_wire import NOON_SECONDS, Served, error_of, served
from openapi_client.exceptions import ApiException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFIX = "$custom:::$default:::"
SINGULAR = {"items": "item", "variants": "variant", "categories": "category"}
READ_AS = {"items": "catalog_items", "variants": "variants", "categories": "categories"}


def item(external_id: str, categories: list[str] | None = None, **more: Any) -> dict[str, Any]:
    attributes = {"external_id": external_id, "title": external_id, "description": "d", "url": "https://x.example"}
    data: dict[str, Any] = {"type": "catalog-item", "attributes": {**attributes, **more}}
    if categories is not None:
        data["relationships"] = {"categories": {"data": ids("catalog-category", *categories)}}
    return data


def variant(external_id: str, of: str, **more: Any) -> dict[str, Any]:
    stock = {"sku": f"sku-{external_id}", "inventory_quantity": 3, "price": 9.5}
    attributes = {**item(external_id)["attributes"], **stock, **more}
    relationships = {"item": {"data": {"type": "catalog-item", "id": PREFIX + of}}}
    return {"type": "catalog-variant", "attributes": attributes, "relationships": relationships}


def category(external_id: str, items: list[str] | None = None, **more: Any) -> dict[str, Any]:
    attributes = {"external_id": external_id, "name": external_id, **more}
    data: dict[str, Any] = {"type": "catalog-category", "attributes": attributes}
    if items is not None:
        data["relationships"] = {"items": {"data": ids("catalog-item", *items)}}
    return data


def change(kind: str, external_id: str, **attributes: Any) -> dict[str, Any]:
    return {"type": kind, "id": PREFIX + external_id, "attributes": attributes}


def ids(kind: str, *external_ids: str) -> list[dict[str, str]]:
    return [{"type": kind, "id": PREFIX + external_id} for external_id in external_ids]


def names(listed: Any) -> list[str]:
    return [found.id.removeprefix(PREFIX) for found in listed.data]


def refused(call: Callable[[], Any], status: int) -> str:
    """What the SDK was told when it was refused."""
    with pytest.raises(ApiException) as caught:
        call()
    assert caught.value.status == status, caught.value.body
    return str(caught.value.body)


@pytest.fixture
def shop(free: Served) -> Any:
    """Two categories; a shirt in both with two variants, and a mug in none with none. A second between each."""
    sdk = free.sdk().Catalogs
    entries: list[tuple[Callable[[Any], Any], Any]] = [
        (sdk.create_catalog_category, category("wear")),
        (sdk.create_catalog_category, category("blue")),
        (sdk.create_catalog_item, item("shirt", ["wear", "blue"], price=20, custom_metadata={"top": True})),
        (sdk.create_catalog_item, item("mug", published=False)),
        (sdk.create_catalog_variant, variant("shirt-s", "shirt")),
        (sdk.create_catalog_variant, variant("shirt-m", "shirt", published=False, inventory_policy=1)),
    ]
    for create, data in entries:
        create({"data": data})
        free.clock.advance(1)
    return sdk


def test_an_item_is_created_read_changed_and_deleted(free: Served) -> None:
    sdk = free.sdk().Catalogs
    created = sdk.create_catalog_item(
        {"data": item("SKU/1 ü", price=5.5, images=["https://x.example/1.png"], custom_metadata={"a": 1, "b": None})}
    )
    attributes = created.data.attributes
    assert created.data.id == f"{PREFIX}SKU/1 ü"
    assert (attributes.external_id, attributes.published, attributes.price) == ("SKU/1 ü", True, 5.5)
    assert (attributes.image_full_url, attributes.custom_metadata) == ("", {"a": 1, "b": None})
    assert attributes.created == attributes.updated
    free.clock.advance(1)
    changed = sdk.update_catalog_item(
        created.data.id, {"data": change("catalog-item", "SKU/1 ü", title="New", price=None, published=False)}
    )
    read = sdk.get_catalog_item(created.data.id)
    assert read.data.attributes == changed.data.attributes
    assert (read.data.attributes.title, read.data.attributes.price) == ("New", None)
    assert read.data.attributes.images == ["https://x.example/1.png"]
    assert read.data.attributes.updated > read.data.attributes.created
    sdk.delete_catalog_item(created.data.id)
    assert "does not exist" in refused(lambda: sdk.get_catalog_item(created.data.id), 404)
    refused(lambda: sdk.update_catalog_item(created.data.id, {"data": change("catalog-item", "SKU/1 ü")}), 404)
    refused(lambda: sdk.delete_catalog_item(created.data.id), 404)


def test_links_keep_the_signs_of_compound_ids_and_moments_have_six_digits(free: Served) -> None:
    data = free.wire.post("/api/catalog-items", {"data": item("mug")}).json()["data"]
    assert data["links"]["self"] == "https://a.klaviyo.com/api/catalog-items/$custom:::$default:::mug/"
    assert data["attributes"]["created"] == "2026-11-20T12:00:00.250000+00:00"
    assert free.wire.get("/api/catalog-items/$custom:::$default:::mug").status_code == 200
    assert free.wire.get("/api/catalog-items/%24custom%3A%3A%3A%24default%3A%3A%3Amug").status_code == 200


def test_a_variant_is_created_read_changed_and_deleted(shop: Any) -> None:
    read = shop.get_catalog_variant(f"{PREFIX}shirt-m", fields_catalog_variant=["sku", "inventory_policy"])
    assert read["data"]["attributes"] == {"sku": "sku-shirt-m", "inventory_policy": 1}
    body = {"data": change("catalog-variant", "shirt-m", sku="other", inventory_quantity=0, inventory_policy=None)}
    changed = shop.update_catalog_variant(f"{PREFIX}shirt-m", body)
    assert changed.data.attributes.sku == "other"
    assert (changed.data.attributes.inventory_quantity, changed.data.attributes.inventory_policy) == (0, 0)
    shop.delete_catalog_variant(f"{PREFIX}shirt-m")
    assert "A variant with id" in refused(lambda: shop.get_catalog_variant(f"{PREFIX}shirt-m"), 404)
    refused(lambda: shop.update_catalog_variant(f"{PREFIX}shirt-m", body), 404)
    refused(lambda: shop.delete_catalog_variant(f"{PREFIX}shirt-m"), 404)
    assert names(shop.get_catalog_variants()) == ["shirt-s"]


def test_a_category_is_created_read_changed_and_deleted(shop: Any) -> None:
    created = shop.create_catalog_category({"data": category("home", ["mug"])})
    assert (created.data.attributes.name, created.data.attributes.external_id) == ("home", "home")
    body = {"data": change("catalog-category", "home", name="Home")}
    body["data"]["relationships"] = {"items": {"data": ids("catalog-item", "shirt")}}
    assert shop.update_catalog_category(f"{PREFIX}home", body).data.attributes.name == "Home"
    assert shop.get_catalog_category(f"{PREFIX}home").data.attributes.name == "Home"
    assert names(shop.get_items_for_catalog_category(f"{PREFIX}home")) == ["shirt"]
    shop.delete_catalog_category(f"{PREFIX}home")
    assert names(shop.get_categories_for_catalog_item(f"{PREFIX}shirt")) == ["wear", "blue"]
    assert "No category" in refused(lambda: shop.get_catalog_category(f"{PREFIX}home"), 404)
    refused(lambda: shop.update_catalog_category(f"{PREFIX}home", body), 404)
    refused(lambda: shop.delete_catalog_category(f"{PREFIX}home"), 404)


def test_what_is_there_already_is_a_conflict(shop: Any) -> None:
    assert '"code":"conflict"' in refused(lambda: shop.create_catalog_item({"data": item("mug")}), 409)
    refused(lambda: shop.create_catalog_variant({"data": variant("shirt-s", "mug")}), 409)
    refused(lambda: shop.create_catalog_category({"data": category("wear")}), 409)
    assert names(shop.get_variants_for_catalog_item(f"{PREFIX}mug")) == []


def test_what_is_related_must_exist(shop: Any) -> None:
    refused(lambda: shop.create_catalog_item({"data": item("hat", ["nowhere"])}), 404)
    refused(lambda: shop.create_catalog_variant({"data": variant("hat-s", "hat")}), 404)
    refused(lambda: shop.create_catalog_category({"data": category("hats", ["mug", "hat"])}), 404)
    refused(lambda: shop.get_catalog_item(f"{PREFIX}hat"), 404)
    refused(lambda: shop.get_catalog_category(f"{PREFIX}hats"), 404)


def test_deleting_an_item_deletes_its_variants_and_relations(shop: Any) -> None:
    shop.delete_catalog_item(f"{PREFIX}shirt")
    assert names(shop.get_catalog_variants()) == []
    assert names(shop.get_items_for_catalog_category(f"{PREFIX}wear")) == []
    shop.create_catalog_item({"data": item("shirt")})
    assert names(shop.get_categories_for_catalog_item(f"{PREFIX}shirt")) == []
    assert names(shop.get_variants_for_catalog_item(f"{PREFIX}shirt")) == []


def test_items_are_filtered_sorted_paged_and_included(shop: Any) -> None:
    assert names(shop.get_catalog_items(sort="created")) == ["shirt", "mug"]
    assert names(shop.get_catalog_items(sort="-created")) == ["mug", "shirt"]
    assert names(shop.get_catalog_items(filter=f"any(ids,['{PREFIX}mug','{PREFIX}hat'])")) == ["mug"]
    assert names(shop.get_catalog_items(filter=f"equals(category.id,'{PREFIX}blue')")) == ["shirt"]
    assert names(shop.get_catalog_items(filter='contains(title,"hir")')) == ["shirt"]
    assert names(shop.get_catalog_items(filter="equals(published,false)")) == ["mug"]
    assert names(shop.get_catalog_items(filter=f"equals(published,true),equals(category.id,'{PREFIX}nowhere')")) == []
    first = shop.get_catalog_items(page_size=1, sort="-created", include=["variants"])
    assert (names(first), first.included) == (["mug"], [])
    second = shop.get_catalog_items(page_size=1, sort="-created", page_cursor=first.links.next, include=["variants"])
    assert (names(second), second.links.next) == (["shirt"], None)
    assert [found.attributes.sku for found in second.included] == ["sku-shirt-m", "sku-shirt-s"]
    assert len(second.data[0].relationships.variants.data) == 2
    read = shop.get_catalog_item(
        f"{PREFIX}shirt", include=["variants"], fields_catalog_item=["title"], fields_catalog_variant=["sku"]
    )
    assert read["data"]["attributes"] == {"title": "shirt"}
    assert [found["attributes"] for found in read["included"]] == [{"sku": "sku-shirt-m"}, {"sku": "sku-shirt-s"}]
    refused(lambda: shop.get_catalog_items(sort="title"), 400)
    refused(lambda: shop.get_catalog_items(filter="equals(title,'mug')"), 400)
    refused(lambda: shop.get_catalog_items(include=["categories"]), 400)


def test_variants_are_filtered_sorted_and_paged(shop: Any) -> None:
    assert names(shop.get_catalog_variants(sort="-created")) == ["shirt-m", "shirt-s"]
    assert names(shop.get_catalog_variants(filter=f"any(ids,['{PREFIX}shirt-s'])")) == ["shirt-s"]
    assert names(shop.get_catalog_variants(filter=f"equals(item.id,'{PREFIX}mug')")) == []
    assert names(shop.get_catalog_variants(filter="equals(sku,'sku-shirt-m')")) == ["shirt-m"]
    assert names(shop.get_catalog_variants(filter=f"equals(published,true),equals(item.id,'{PREFIX}shirt')")) == [
        "shirt-s"
    ]
    first = shop.get_catalog_variants(page_size=1, sort="created")
    assert names(shop.get_catalog_variants(page_size=1, sort="created", page_cursor=first.links.next)) == ["shirt-m"]
    refused(lambda: shop.get_catalog_variants(filter="contains(sku,'s')"), 400)


def test_categories_are_filtered_sorted_and_paged(shop: Any) -> None:
    assert names(shop.get_catalog_categories(sort="created")) == ["wear", "blue"]
    assert names(shop.get_catalog_categories(filter=f"any(ids,['{PREFIX}blue'])")) == ["blue"]
    assert names(shop.get_catalog_categories(filter=f"equals(item.id,'{PREFIX}mug')")) == []
    assert names(shop.get_catalog_categories(filter="contains(name,'ear')")) == ["wear"]
    first = shop.get_catalog_categories(page_size=1, sort="created")
    assert names(shop.get_catalog_categories(page_size=1, sort="created", page_cursor=first.links.next)) == ["blue"]
    refused(lambda: shop.get_catalog_categories(filter="contains(title,'ear')"), 400)


def test_the_variants_of_an_item(shop: Any) -> None:
    shirt, hat = f"{PREFIX}shirt", f"{PREFIX}hat"
    assert names(shop.get_variants_for_catalog_item(shirt, sort="-created")) == ["shirt-m", "shirt-s"]
    assert names(shop.get_variants_for_catalog_item(shirt, filter="equals(published,true)")) == ["shirt-s"]
    assert names(shop.get_variant_ids_for_catalog_item(shirt, filter="contains(title,'-m')")) == ["shirt-m"]
    first = shop.get_variant_ids_for_catalog_item(shirt, page_size=1, sort="created")
    following = shop.get_variant_ids_for_catalog_item(shirt, page_size=1, sort="created", page_cursor=first.links.next)
    assert (names(first), names(following)) == (["shirt-s"], ["shirt-m"])
    refused(lambda: shop.get_variants_for_catalog_item(hat), 404)
    refused(lambda: shop.get_variant_ids_for_catalog_item(hat), 404)


def test_the_categories_of_an_item_are_added_replaced_and_removed(shop: Any) -> None:
    mug, hat = f"{PREFIX}mug", f"{PREFIX}hat"
    wear, blue = ({"data": ids("catalog-category", name)} for name in ("wear", "blue"))
    shop.add_categories_to_catalog_item(mug, wear)
    assert names(shop.get_categories_for_catalog_item(mug)) == ["wear"]
    assert "already related" in refused(lambda: shop.add_categories_to_catalog_item(mug, wear), 409)
    both = {"data": wear["data"] + blue["data"]}
    refused(lambda: shop.add_categories_to_catalog_item(mug, {"data": both["data"][::-1]}), 409)
    assert names(shop.get_category_ids_for_catalog_item(mug)) == ["wear"], "nothing of a refused request is done"
    shop.update_categories_for_catalog_item(mug, both)
    assert names(shop.get_category_ids_for_catalog_item(mug, sort="-created")) == ["blue", "wear"]
    assert names(shop.get_items_for_catalog_category(f"{PREFIX}blue", sort="created")) == ["shirt", "mug"]
    shop.remove_categories_from_catalog_item(mug, wear)
    assert names(shop.get_category_ids_for_catalog_item(mug, filter="contains(name,'u')")) == ["blue"]
    shop.update_categories_for_catalog_item(mug, {"data": []})
    assert names(shop.get_category_ids_for_catalog_item(mug)) == []
    nowhere = {"data": ids("catalog-category", "nowhere")}
    refused(lambda: shop.add_categories_to_catalog_item(mug, nowhere), 404)
    refused(lambda: shop.update_categories_for_catalog_item(mug, nowhere), 404)
    for call in (
        shop.add_categories_to_catalog_item,
        shop.update_categories_for_catalog_item,
        shop.remove_categories_from_catalog_item,
    ):
        refused(lambda call=call: call(hat, wear), 404)
    refused(lambda: shop.get_categories_for_catalog_item(hat), 404)
    refused(lambda: shop.get_category_ids_for_catalog_item(hat), 404)


def test_the_items_of_a_category_are_added_replaced_and_removed(shop: Any) -> None:
    wear, nowhere = f"{PREFIX}wear", f"{PREFIX}nowhere"
    mug, shirt = ({"data": ids("catalog-item", name)} for name in ("mug", "shirt"))
    shop.add_items_to_catalog_category(wear, mug)
    refused(lambda: shop.add_items_to_catalog_category(wear, mug), 409)
    listed = shop.get_items_for_catalog_category(wear, sort="created", include=["variants"])
    assert (names(listed), len(listed.included)) == (["shirt", "mug"], 2)
    assert names(shop.get_items_for_catalog_category(wear, filter=f"equals(category.id,'{PREFIX}blue')")) == ["shirt"]
    shop.remove_items_from_catalog_category(wear, shirt)
    assert names(shop.get_item_ids_for_catalog_category(wear)) == ["mug"]
    shop.update_items_for_catalog_category(wear, shirt)
    assert names(shop.get_item_ids_for_catalog_category(wear, filter="equals(published,true)")) == ["shirt"]
    assert names(shop.get_category_ids_for_catalog_item(f"{PREFIX}mug")) == []
    refused(lambda: shop.update_items_for_catalog_category(wear, {"data": ids("catalog-item", "hat")}), 404)
    for call in (
        shop.add_items_to_catalog_category,
        shop.update_items_for_catalog_category,
        shop.remove_items_from_catalog_category,
    ):
        refused(lambda call=call: call(nowhere, mug), 404)
    refused(lambda: shop.get_items_for_catalog_category(nowhere), 404)
    refused(lambda: shop.get_item_ids_for_catalog_category(nowhere), 404)


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (item(" "), "/data/attributes/external_id"),
        (item("a", catalog_type="other"), "/data/attributes/catalog_type"),
        (item("a", integration_type="shopify"), "/data/attributes/integration_type"),
        (item("a", custom_metadata={"deep": {"er": 1}}), "/data/attributes/custom_metadata/deep"),
        (item("a", custom_metadata={"list": [1]}), "/data/attributes/custom_metadata/list"),
        (item("a", custom_metadata={str(n): "x" * 1024 for n in range(100)}), "/data/attributes/custom_metadata"),
        (item("a", price="9"), "/data/attributes/price"),
        (item("a", price=1 << 63), "/data/attributes/price"),
        (item("a", title=None), "/data/attributes/title"),
        (item("a", colour="red"), "/data/attributes/colour"),
        ({**item("a"), "type": "catalog-variant"}, "/data/type"),
    ],
)
def test_an_item_that_cannot_be(free: Served, data: dict[str, Any], pointer: str) -> None:
    answer = free.wire.post("/api/catalog-items", {"data": data})
    assert error_of(answer, 400)["source"]["pointer"] == pointer
    assert free.wire.get("/api/catalog-items").json()["data"] == []


def test_the_greatest_metadata(free: Served) -> None:
    most = {"text": "x" * (100 * 1024 - len('{"text":""}'))}
    assert free.wire.post("/api/catalog-items", {"data": item("a", custom_metadata=most)}).status_code == 201


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (variant("v", "mug", inventory_policy=3), "/data/attributes/inventory_policy"),
        (variant("v", "mug", sku=None), "/data/attributes/sku"),
        ({**variant("v", "mug"), "relationships": {"item": {}}}, "/data/relationships/item/data"),
    ],
)
def test_a_variant_that_cannot_be(free: Served, data: dict[str, Any], pointer: str) -> None:
    free.wire.post("/api/catalog-items", {"data": item("mug")})
    answer = free.wire.post("/api/catalog-variants", {"data": data})
    assert error_of(answer, 400)["source"]["pointer"] == pointer


def test_the_id_of_a_change_must_be_that_of_the_path(shop: Any) -> None:
    body = {"data": change("catalog-category", "blue", name="x")}
    refused(lambda: shop.update_catalog_category(f"{PREFIX}wear", body), 400)


# Bulk jobs


class Jobs:
    """The three operations of one kind of job, of one kind of entry."""

    def __init__(self, sdk: Any, plural: str, verb: str) -> None:
        self.plural = plural
        self.type = f"catalog-{SINGULAR[plural]}-bulk-{verb}-job"
        self._submit = getattr(sdk, f"bulk_{verb}_catalog_{plural}")
        self.get = getattr(sdk, f"get_bulk_{verb}_{READ_AS[plural]}_job")
        self.list = getattr(sdk, f"get_bulk_{verb}_{READ_AS[plural]}_jobs")

    def submit(self, entries: list[dict[str, Any]]) -> Any:
        return self._submit({"data": {"type": self.type, "attributes": {self.plural: {"data": entries}}}})


def bare(kind: str, external_id: str) -> dict[str, str]:
    return {"type": kind, "id": PREFIX + external_id}


CASES: dict[tuple[str, str], tuple[list[dict[str, Any]], list[str]]] = {
    ("items", "create"): ([item("hat", ["wear"]), item("mug")], ["hat"]),
    ("items", "update"): (
        [change("catalog-item", "mug", title="M"), change("catalog-item", "hat", title="H")],
        ["mug"],
    ),
    ("items", "delete"): ([bare("catalog-item", "shirt"), bare("catalog-item", "hat")], ["shirt"]),
    ("variants", "create"): ([variant("mug-s", "mug"), variant("hat-s", "hat")], ["mug-s"]),
    ("variants", "update"): (
        [change("catalog-variant", "shirt-s", sku="S"), change("catalog-variant", "hat-s", sku="S")],
        ["shirt-s"],
    ),
    ("variants", "delete"): ([bare("catalog-variant", "shirt-s"), bare("catalog-variant", "hat-s")], ["shirt-s"]),
    ("categories", "create"): ([category("home", ["mug"]), category("wear")], ["home"]),
    ("categories", "update"): (
        [change("catalog-category", "wear", name="W"), change("catalog-category", "home", name="H")],
        ["wear"],
    ),
    ("categories", "delete"): ([bare("catalog-category", "wear"), bare("catalog-category", "home")], ["wear"]),
}
"""For each job two entries, of which the second is refused, and what is done."""


@pytest.mark.parametrize(("plural", "verb"), CASES)
def test_a_job_goes_its_way_and_does_what_it_can(free: Served, shop: Any, plural: str, verb: str) -> None:
    jobs = Jobs(shop, plural, verb)
    entries, done = CASES[plural, verb]
    submitted = jobs.submit(entries)
    job_id = submitted.data.id
    assert len(job_id) == 26
    attributes = submitted.data.attributes
    assert (attributes.status, attributes.total_count, attributes.completed_count) == ("queued", 2, 0)
    assert (attributes.failed_count, attributes.completed_at, attributes.errors) == (0, None, [])
    assert (attributes.expires_at - attributes.created_at).days == 7
    free.clock.advance(0.2)
    assert [found.id for found in jobs.list(filter="equals(status,'processing')").data] == [job_id]
    free.clock.advance(0.2)
    read = jobs.get(job_id) if verb == "delete" else jobs.get(job_id, include=[plural])
    attributes = read.data.attributes
    assert (attributes.status, attributes.completed_count, attributes.failed_count) == ("complete", 1, 1)
    assert (attributes.completed_at - attributes.created_at).total_seconds() == pytest.approx(0.4)
    (error,) = attributes.errors
    assert (error.code, error.title) == ("invalid", "Invalid input")
    assert (error.source.pointer or "").startswith(f"/data/attributes/{plural}/data/")
    related = getattr(read.data.relationships, plural).data
    assert [found.id.removeprefix(PREFIX) for found in related] == done
    if verb != "delete":
        assert [found.id for found in read.included] == [found.id for found in related]
    kept = {found.id.removeprefix(PREFIX) for found in getattr(shop, f"get_catalog_{plural}")().data}
    assert set(done) <= kept if verb != "delete" else not kept.intersection(done)
    assert [found.id for found in jobs.list(filter="equals(status,'complete')").data] == [job_id]
    assert jobs.list(filter="equals(status,'queued')").data == []
    assert "bulk" in refused(lambda: jobs.get("01M1PA9X67G1F93JRB1R9WVWBF"), 404)
    refused(lambda: jobs.list(filter="any(status,['queued'])"), 400)
    refused(lambda: jobs.submit([]), 400)
    refused(lambda: jobs.submit(entries[:1] * 101), 400)
    assert len(jobs.list().data) == 1


def test_a_job_of_the_greatest_size_with_a_repetition(free: Served, shop: Any) -> None:
    jobs = Jobs(shop, "items", "create")
    job_id = jobs.submit([item(f"i{number}") for number in range(99)] + [item("i0")]).data.id
    free.clock.advance(1)
    attributes = jobs.get(job_id).data.attributes
    assert (attributes.completed_count, attributes.failed_count) == (99, 1)
    assert "`$custom:::$default:::i0`" in attributes.errors[0].detail


def test_an_entry_that_fails_half_way_leaves_nothing(free: Served, shop: Any) -> None:
    jobs = Jobs(shop, "items", "create")
    job_id = jobs.submit([item("hat", ["wear", "nowhere"]), item("cap", custom_metadata={"deep": {}})]).data.id
    free.clock.advance(1)
    errors = jobs.get(job_id).data.attributes.errors
    assert [error.source.pointer for error in errors] == [
        "/data/attributes/items/data/id",
        "/data/attributes/items/data/attributes/custom_metadata/deep",
    ]
    assert names(shop.get_items_for_catalog_category(f"{PREFIX}wear")) == ["shirt"]
    refused(lambda: shop.get_catalog_item(f"{PREFIX}hat"), 404)


def test_what_a_job_makes_dates_from_when_it_was_due(free: Served, shop: Any) -> None:
    before = free.clock()
    Jobs(shop, "items", "create").submit([item("hat")])
    free.clock.advance(86_400)
    created = shop.get_catalog_item(f"{PREFIX}hat").data.attributes.created
    assert (created - before).total_seconds() == pytest.approx(0.2)


def test_jobs_are_listed_newest_first_and_forgotten_after_a_week(free: Served, shop: Any) -> None:
    jobs = Jobs(shop, "categories", "create")
    made: list[str] = []
    for number in range(102):
        made.append(jobs.submit([category(f"c{number}")]).data.id)
        free.clock.advance(1)
    first = jobs.list()
    second = jobs.list(page_cursor=first.links.next)
    assert [found.id for found in (*first.data, *second.data)] == made[::-1]
    assert len(second.data) == 2
    free.clock.advance(7 * 86_400)
    assert jobs.list().data == []
    refused(lambda: jobs.get(made[0]), 404)


def test_no_more_jobs_than_may_be_in_progress(free: Served, shop: Any) -> None:
    jobs = Jobs(shop, "categories", "delete")
    for _ in range(500):
        jobs.submit([bare("catalog-category", "wear")])
    assert "in progress" in refused(lambda: jobs.submit([bare("catalog-category", "wear")]), 400)
    Jobs(shop, "items", "delete").submit([bare("catalog-item", "mug")])
    free.clock.advance(1)
    jobs.submit([bare("catalog-category", "wear")])


@pytest.fixture
def live() -> Iterator[Served]:
    with served(limits=False, behaviour="live") as running:
        yield running


def test_the_live_api_never_says_queued_and_gives_entries_no_links(live: Served) -> None:
    body = {"data": {"type": "catalog-item-bulk-create-job", "attributes": {"items": {"data": [item("hat")]}}}}
    at = "/api/catalog-item-bulk-create-jobs"
    submitted = live.wire.post(at, body).json()["data"]
    assert submitted["attributes"]["status"] == "processing"
    assert "relationships" not in submitted
    live.clock.advance(1)
    (listed,) = live.wire.get(at).json()["data"]
    assert listed["relationships"] == {"items": {"data": ids("catalog-item", "hat")}}


# Back in stock


def waiting(of: str = "shirt-s", channels: tuple[str, ...] = ("EMAIL",), **identifiers: str) -> dict[str, Any]:
    profile = {"data": {"type": "profile", "attributes": identifiers}}
    return {
        "data": {
            "type": "back-in-stock-subscription",
            "attributes": {"channels": list(channels), "profile": profile},
            "relationships": {"variant": {"data": bare("catalog-variant", of)}},
        }
    }


def test_who_waits_for_a_variant_has_an_event(free: Served, shop: Any) -> None:
    shop.create_back_in_stock_subscription(waiting(channels=("EMAIL", "SMS"), email="kim@example.org"))
    shop.create_back_in_stock_subscription(waiting("shirt-m", email="kim@example.org", external_id="kim"))
    (profile,) = free.wire.get("/api/profiles").json()["data"]
    assert profile["attributes"]["external_id"] == "kim"
    events = free.wire.get("/api/events", include="metric").json()
    found = [event["attributes"]["event_properties"] for event in events["data"]]
    assert {event["VariantId"]: event["Channels"] for event in found} == {
        "shirt-s": ["EMAIL", "SMS"],
        "shirt-m": ["EMAIL"],
    }
    assert {event["ProductName"] for event in found} == {"shirt"}
    assert {event["attributes"]["timestamp"] for event in events["data"]} == {NOON_SECONDS + 6}
    (metric,) = events["included"]
    assert metric["attributes"]["name"] == "Subscribed to Back in Stock"


def test_nobody_waits_in_vain(free: Served, shop: Any) -> None:
    subscribe = shop.create_back_in_stock_subscription
    refused(lambda: subscribe(waiting("hat-s", email="kim@example.org")), 404)
    refused(lambda: subscribe(waiting(channels=(), email="kim@example.org")), 400)
    refused(lambda: subscribe(waiting()), 400)
    refused(lambda: subscribe(waiting(email="nobody")), 400)
    anonymous = waiting()
    anonymous["data"]["attributes"]["profile"] = None
    at = "/api/back-in-stock-subscriptions"
    assert error_of(free.wire.post(at, anonymous), 400)["source"]["pointer"] == "/data/attributes/profile"
    assert error_of(free.wire.post(at, waiting(channels=("FAX",), email="k@example.org")), 400)
    unknown = waiting(email="kim@example.org")
    unknown["data"]["attributes"]["profile"]["data"]["id"] = "01M1PAAR5HBCRHA3NN9NG5WRTA"
    assert error_of(free.wire.post(at, unknown), 400)["source"]["pointer"].endswith("/profile/data/id")
    for external_id in ("a", "b"):
        subscribe(waiting(external_id=external_id, email=f"{external_id}@example.org"))
    refused(lambda: subscribe(waiting(external_id="a", email="b@example.org")), 409)
    assert len(free.wire.get("/api/profiles").json()["data"]) == 2
    assert len(free.wire.get("/api/events").json()["data"]) == 2
