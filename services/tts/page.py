"""The page at `/`: static files, nothing from any other host."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from comps.cores.web.headers import PAGE_POLICY

FOLDER = Path(__file__).parent / "static"

HEADERS = {"Content-Security-Policy": PAGE_POLICY, "Cache-Control": "no-cache"}

router = APIRouter()


@router.get("/", include_in_schema=False)
async def index() -> FileResponse:
    return FileResponse(FOLDER / "index.html", headers=HEADERS)


def static_files() -> StaticFiles:
    return StaticFiles(directory=FOLDER)
