"""The contract is the committed file, and says of every operation what a caller needs to know."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from api import contract
from api.app import create_app

ROOT = Path(contract.__file__).parent.parent


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _has_example(document: dict[str, Any], media: dict[str, Any]) -> bool:
    if "example" in media or "examples" in media:
        return True
    schema = _resolved(document, media["schema"])
    branches = schema.get("oneOf", [schema])
    return all("examples" in _resolved(document, branch.get("items", branch)) for branch in branches)


def test_the_committed_contract_is_what_the_api_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "api.contract", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_operation_has_a_stable_id_a_tag_a_sentence_and_examples() -> None:
    document = contract.document(create_app())
    names = [tag["name"] for tag in document["tags"]]
    operations = [one for path in document["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]
    assert len(ids) == len(set(ids)) >= 30
    for operation in operations:
        name = operation["operationId"]
        assert name.isidentifier(), name
        assert operation["tags"][0] in names, name
        assert operation["description"], name
        for media in operation.get("requestBody", {}).get("content", {}).values():
            assert _has_example(document, media), name
        for status, response in operation["responses"].items():
            for media in response.get("content", {}).values():
                assert _has_example(document, media), f"{name} {status}"


def test_every_operation_that_needs_a_key_says_which_scope() -> None:
    document = contract.document(create_app())
    schemes = document["components"]["securitySchemes"]
    free = {
        "landing",
        "isAlive",
        "isReady",
        "getMetrics",
        "receiveOutcomes",
        "returnFromZalo",
        "putInInbox",
        "openInbox",
        "readInbox",
        "replyInInbox",
        "greetWebhook",
        "showPreferences",
        "choosePreferences",
        "followLink",
        "showPicture",
        "showUnsubscribe",
        "unsubscribe",
    }
    for path in document["paths"].values():
        for method, operation in path.items():
            assert ("security" not in operation) == (operation["operationId"] in free)
            for way in operation.get("security", ()):
                assert way.keys() <= schemes.keys()
            given = {parameter.get("$ref") for parameter in operation["parameters"]}
            is_ours = "security" in operation and method == "post"
            assert ("#/components/parameters/IdempotencyKey" in given) == is_ours
