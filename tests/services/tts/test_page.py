import re

import httpx

from services.tts.page import FOLDER


def test_the_page_and_everything_it_asks_for_come_from_here(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["Content-Security-Policy"]
    assert set(re.findall(r'(?:src|href)="(static/[^"]+)"', page.text)) >= {
        "static/style.css",
        "static/app.js",
    }
    foreign = r"https?://(?!127\.0\.0\.1|localhost|www\.w3\.org/2000/svg)"  # the last is a name, not a place
    assert not re.search(foreign, page.text)
    for path in FOLDER.iterdir():
        found = client.get(f"/static/{path.name}")
        assert found.status_code == 200
        assert not re.search(foreign, found.text)


def test_nothing_is_inline_so_that_the_policy_can_forbid_it(client: httpx.Client) -> None:
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert not re.search(r"<style|\bstyle=|\bon[a-z]+=|<script(?![^>]*\bsrc=)", page.text)


def test_the_documentation_needs_no_other_host_either(client: httpx.Client, inference: str) -> None:
    for base in (str(client.base_url), inference):
        docs = httpx.get(f"{base}/docs").text
        wanted = re.findall(r'(?:src|href)="([^"]+)"', docs)
        assert wanted
        assert all(path.startswith("/") for path in wanted)
        assert all(httpx.get(f"{base}{path}").status_code == 200 for path in wanted)
        paths = httpx.get(f"{base}/openapi.json").json()["paths"]
        form = paths["/tts"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
        assert form["properties"]["reference_audio"]["format"] == "binary"
        assert "text" in form["required"]


def test_every_control_has_a_name_for_screen_readers(client: httpx.Client) -> None:
    page = client.get("/").text
    for kind, identity in re.findall(r"<(input|select|textarea)[^>]*\bid=\"([^\"]+)\"", page):
        inside_a_label = re.search(
            rf"<label[^>]*>(?:(?!</label>).)*<{kind}[^>]*id=\"{identity}\"", page, re.S
        )
        assert f'for="{identity}"' in page or inside_a_label, identity


def test_static_files_do_not_lead_out_of_their_folder(client: httpx.Client) -> None:
    assert client.get("/static/..%2fmain.py").status_code == 404
    assert client.get("/static/%2e%2e/main.py").status_code == 404
