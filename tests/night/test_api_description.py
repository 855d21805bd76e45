"""/openapi.json tells a stranger all they need, and nothing that is not so."""

import jsonschema

from world import World


async def test_every_operation_has_a_summary_examples_and_honest_errors(here: World) -> None:
    client = await here.visitor()
    schema = (await client.get("/openapi.json")).json()
    operations = [
        (path, method, operation) for path, item in schema["paths"].items() for method, operation in item.items()
    ]
    assert {path for path, _, _ in operations} == {
        "/api/v1/families/me",
        "/api/v1/families/me/children",
        "/api/v1/families/me/consents",
        "/api/v1/families/me/consents/{purpose}",
        "/api/v1/tonight",
        "/api/v1/stories",
        "/api/v1/stories/{story_id}",
        "/api/v1/stories/{story_id}/outcome",
        "/livez",
        "/readyz",
    }
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    for path, method, operation in operations:
        assert operation["summary"], (path, method)
        if path.startswith("/api/"):
            assert operation["security"], (path, method)
            assert set(operation["responses"]["422"]["content"]) == {"application/problem+json"}
        if "requestBody" in operation:
            reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            model = schema["components"]["schemas"][reference.rsplit("/", 1)[-1]]
            assert model["examples"], reference
            for example in model["examples"]:
                jsonschema.validate(example, {**model, "components": schema["components"]})
    assert "ValidationError" not in str(schema)


async def test_the_process_is_alive_and_ready(here: World) -> None:
    client = await here.visitor()
    for path in ("/livez", "/readyz"):
        answer = await client.get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    await here.house.database.aclose()
    assert (await client.get("/livez")).status_code == 200
    unready = await client.get("/readyz")
    assert (unready.status_code, unready.json()) == (503, {"status": "unready"})
