from pathlib import Path
from typing import Any

import pytest

from services.gptsovits.main import build_app as build_inference
from services.gptsovits.settings import GptSovitsSettings
from services.tts.main import build_app as build_gateway
from services.tts.settings import GatewaySettings


@pytest.fixture(scope="module", params=["inference", "gateway"])
def document(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("documents")
    if request.param == "inference":
        return build_inference(GptSovitsSettings(model_path=folder, _env_file=None)).openapi()
    return build_gateway(GatewaySettings(output_path=folder, _env_file=None)).openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (path, operation) for path, methods in document["paths"].items() for operation in methods.values()
    ]


def test_every_operation_tells_of_its_errors_in_the_form_that_its_clients_read(
    document: dict[str, Any],
) -> None:
    for path, operation in operations(document):
        errors = {status: each for status, each in operation["responses"].items() if status >= "400"}
        assert {"401", "422", "429", "500", "503"} <= errors.keys(), path
        for status, response in errors.items():
            if "health" in path and status == "503":
                continue  # health says how it is, well or not
            is_openais = path.startswith("/v1/")
            kind = "application/json" if is_openais else "application/problem+json"
            name = "OpenAIErrorReply" if is_openais else "Problem"
            assert response["content"][kind]["schema"]["$ref"].endswith(f"/{name}"), path


def test_every_reference_of_the_document_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        if isinstance(node, list):
            return set().union(*(references(value) for value in node))
        return set()

    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= known
    assert "#/components/schemas/HTTPValidationError" not in known


def test_an_operation_that_answers_audio_does_not_claim_json(document: dict[str, Any]) -> None:
    for path, operation in operations(document):
        content = operation["responses"].get("200", {}).get("content", {})
        if any(kind.startswith("audio/") for kind in content):
            assert content.get("application/json") != {"schema": {}}, path
