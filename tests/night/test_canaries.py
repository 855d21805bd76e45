"""A child's data never leaves the house: canary strings in every field, looked for in every byte that goes out."""

import logging
from io import StringIO
from pathlib import Path

from aiohttp import ClientSession, web

from dreamflow.kit import logging as house_logging
from klaviyo_emulator.testing import RunningEmulator
from world import world

CANARIES = {
    "name": "Qanarynameberry",
    "second": "Vogelsanggold",
    "wish": "Xylowishfeather by the sea",
    "zone": "Antarctica/Troll",
}


class Wiretap:
    """Stands between the house and Klaviyo and keeps every byte the house sends."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.seen: list[bytes] = []

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        head = "\n".join([f"{request.method} {request.raw_path}", *(f"{k}: {v}" for k, v in request.headers.items())])
        self.seen.append(head.encode() + b"\n\n" + body)
        async with (
            ClientSession(auto_decompress=False) as session,
            session.request(
                request.method, self.target + request.raw_path, data=body, headers=request.headers.copy()
            ) as answer,
        ):
            content = await answer.read()
            kind = answer.headers.get("content-type", "application/octet-stream")
            return web.Response(body=content, status=answer.status, headers={"content-type": kind})


async def test_no_canary_in_any_byte_log_line_url_or_problem(tmp_path: Path, klaviyo: RunningEmulator) -> None:
    tap = Wiretap(klaviyo.url)
    app = web.Application(client_max_size=10_000_000)
    app.router.add_route("*", "/{path:.*}", tap.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    log, plain = StringIO(), StringIO()
    house_logging.configure(json=True, level="DEBUG", stream=log)
    logging.getLogger().addHandler(logging.StreamHandler(plain))
    problems: list[str] = []
    try:
        async with world(tmp_path / "state", f"http://127.0.0.1:{port}") as here:
            client = await here.parent("parent@families.example")
            await client.put("/api/v1/families/me", json={"time_zone": CANARIES["zone"]})
            children: list[str] = []
            for key, age in (("name", 5), ("second", 11)):
                added = await client.post("/api/v1/families/me/children", json={"name": CANARIES[key], "age": age})
                children.append(added.json()["id"])
            for purpose in ("personal_suggestions", "weekly_letter", "letter_in_mail", "product_mail", "llm_writing"):
                await client.put(f"/api/v1/families/me/consents/{purpose}", json={"granted": True})
            for number in range(6):
                body = {"children": children, "wishes": CANARIES["wish"], "minutes": 4}
                story = (await client.post("/api/v1/stories", json=body)).json()
                assert CANARIES["name"] in "\n".join(story["text"])
                outcome = ("completed", "skipped", "asleep")[number % 3]
                await client.post(f"/api/v1/stories/{story['id']}/outcome", json={"outcome": outcome})
            for path, bad in (
                ("/api/v1/families/me/children", {"name": CANARIES["name"] * 99, "age": 4}),
                ("/api/v1/families/me/children", {"name": CANARIES["name"], "age": CANARIES["second"]}),
                ("/api/v1/families/me/children", {"name": CANARIES["name"], "age": 4, CANARIES["second"]: 1}),
                ("/api/v1/stories", {"wishes": CANARIES["wish"] * 99}),
                ("/api/v1/stories", {"children": [CANARIES["name"]]}),
                ("/api/v1/stories", {"theme": CANARIES["name"]}),
                (f"/api/v1/stories/{CANARIES['name']}/outcome", {"outcome": CANARIES["second"]}),
            ):
                answer = await client.post(path, json=bad)
                assert answer.status_code >= 400
                problems.append(answer.text)
            await here.deliver()
            books = await here.house.deliveries.books()
            assert books.dead == books.pending == 0
            ids = [*children, *(row["id"] for row in (await client.get("/api/v1/families/me/children")).json())]
    finally:
        await runner.cleanup()

    sent = b"\n".join(tap.seen).decode(errors="replace")
    assert "Story Generated" in sent  # the tap sees what leaves
    assert log.getvalue().count("web.request") > 10  # and the log is really written
    for place in (sent, log.getvalue(), plain.getvalue(), *problems):
        for canary in (CANARIES["name"], CANARIES["second"], "Xylowishfeather", "Troll", *ids):
            assert canary.lower() not in place.lower()
    assert "asleep" not in sent
