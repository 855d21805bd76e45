"""Catalogues and coupons."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from dreamflow.bench.emulator.tour.steps import Document, Step, Wait, document, ids, to_one

if TYPE_CHECKING:
    from collections.abc import Sequence

_PREFIX = "$custom:::$default:::"
_ITEM, _VARIANT, _CATEGORY = "catalog-item", "catalog-variant", "catalog-category"
_COUPON = "LAMPS"


def _attributes(kind: str, name: str) -> Document:
    if kind == _CATEGORY:
        return {"external_id": name, "name": name}
    shown = {"external_id": name, "title": name, "description": "A lamp", "url": "https://shop.example"}
    return shown if kind == _ITEM else {**shown, "sku": name, "inventory_quantity": 3, "price": 9.5}


def _entry(kind: str, name: str) -> Document:
    related = to_one(_ITEM, f"{_PREFIX}lamp", "item") if kind == _VARIANT else None
    return document(kind, _attributes(kind, name), related)


def _change(kind: str, name: str) -> Document:
    return document(kind, {"name" if kind == _CATEGORY else "title": "Another"}, id=_PREFIX + name)


def _entries(kind: str, plural: str, name: str) -> Sequence[Step | Wait]:
    """Make one, change it, and make, change and delete another by jobs."""

    def job(verb: str, entry: Document) -> Document:
        return document(f"{kind}-bulk-{verb}-job", {plural: {"data": [entry["data"]]}})

    singular = kind.replace("-", "_")
    return [
        Step(f"create_{singular}", _entry(kind, name)),
        Step(f"update_{singular}", _change(kind, name)),
        Step(f"bulk_create_catalog_{plural}", job("create", _entry(kind, "other"))),
        Wait(1),
        Step(f"bulk_update_catalog_{plural}", job("update", _change(kind, "other"))),
        Wait(1),
        Step(f"bulk_delete_catalog_{plural}", job("delete", document(kind, id=f"{_PREFIX}other"))),
        Wait(1),
    ]


def _code(name: str) -> Document:
    return document("coupon-code", {"unique_code": name}, to_one("coupon", _COUPON))


_ITEM_IDS = ids(_ITEM, f"{_PREFIX}lamp")
_CATEGORY_IDS = ids(_CATEGORY, f"{_PREFIX}light")

STEPS: Sequence[Step | Wait] = [
    *chain(
        _entries(_ITEM, "items", "lamp"),
        _entries(_VARIANT, "variants", "blue"),
        _entries(_CATEGORY, "categories", "light"),
    ),
    Step("add_items_to_catalog_category", _ITEM_IDS),
    Step("remove_items_from_catalog_category", _ITEM_IDS),
    Step("update_items_for_catalog_category", _ITEM_IDS),
    Step("remove_categories_from_catalog_item", _CATEGORY_IDS),
    Step("add_categories_to_catalog_item", _CATEGORY_IDS),
    Step("update_categories_for_catalog_item", _CATEGORY_IDS),
    Step(
        "create_back_in_stock_subscription",
        lambda pad: document(
            "back-in-stock-subscription",
            {"channels": ["EMAIL"], "profile": document("profile", {"email": "kim@example.org"})},
            to_one(_VARIANT, pad["catalog-variants"], "variant"),
        ),
    ),
    Step("create_coupon", document("coupon", {"external_id": _COUPON, "description": "10 % off lamps"})),
    Step("update_coupon", document("coupon", {"description": "11 % off lamps"}, id=_COUPON)),
    Step("create_coupon_code", _code("A1")),
    Step("update_coupon_code", document("coupon-code", {"status": "USED"}, id=f"{_COUPON}-A1")),
    Step(
        "bulk_create_coupon_codes",
        document("coupon-code-bulk-create-job", {"coupon-codes": {"data": [_code("B2")["data"]]}}),
    ),
    Wait(1),
    Step("get_coupon_codes", query={"filter": f'equals(coupon.id,"{_COUPON}")', "include": ["coupon"]}),
]

LAST: Sequence[Step | Wait] = [
    Step("delete_catalog_variant"),
    Step("delete_catalog_item"),
    Step("delete_catalog_category"),
    Step("delete_coupon_code"),
    Step("delete_coupon"),
]
