import pytest
from fastapi.testclient import TestClient


def test_phonemize_shows_what_will_be_said(client: TestClient) -> None:
    body = {
        "text": "I paid $5 for a tomato 😀.",
        "language": "en",
        "pronunciations": {"tomato": "T AH0 M AA1 T OW0"},
    }
    reply = client.post("/phonemize", json=body)
    assert reply.status_code == 200, reply.text
    said = reply.json()
    assert said["norm_text"] == "I paid five dollars for a tomato."
    assert "T AH0 M AA1 T OW0" in " ".join(said["phones"])
    assert len(said["phone_ids"]) == len(said["phones"])
    assert [span["language"] for span in said["spans"]] == ["en"]
    assert "😀" in said["warnings"][0]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": "😀"}, "unspeakable_text"),
        ({"text": "hello", "language": "zh"}, "unsupported_language"),
        ({"text": "hello", "language": "klingon"}, "unsupported_language"),
    ],
)
def test_phonemize_refuses_what_cannot_be_said(client: TestClient, body: dict[str, str], code: str) -> None:
    reply = client.post("/phonemize", json=body)
    assert reply.status_code == 422
    assert reply.json()["code"] == code
