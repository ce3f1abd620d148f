"""Switching the model as the reference project's clients do: by the paths of its two files."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request

from comps.cores.errors import InvalidOption
from comps.cores.proto.problems import Problem
from comps.cores.web.bodies import json_object, query_fields
from services.gptsovits.deps import ModelsDep
from services.gptsovits.doors.errors import KEPT, as_api_v2, as_old_api
from services.gptsovits.doors.models import DoorModels

router = APIRouter(include_in_schema=False)


@router.get("/set_gpt_weights")
async def set_gpt_weights(request: Request, models: ModelsDep, weights_path: str = "") -> dict[str, Any]:
    """Another T2S for later requests in api_v2's words."""
    path = _required(request, weights_path, "gpt")
    return {"message": "success", **await _told(models, t2s=path)}


@router.get("/set_sovits_weights")
async def set_sovits_weights(request: Request, models: ModelsDep, weights_path: str = "") -> dict[str, Any]:
    """Another decoder for them."""
    path = _required(request, weights_path, "sovits")
    return {"message": "success", **await _told(models, decoder=path)}


@router.get("/set_model")
async def set_model_by_query(request: Request, models: ModelsDep) -> dict[str, Any]:
    return await _set_model(request, models, query_fields(request))


@router.post("/set_model")
async def set_model_by_body(request: Request, models: ModelsDep) -> dict[str, Any]:
    """The older API's way, both at once."""
    return await _set_model(request, models, await json_object(request))


async def _set_model(request: Request, models: DoorModels, fields: Mapping[str, Any]) -> dict[str, Any]:
    request.state.error_form = _failed_old
    t2s, decoder = (str(fields.get(name) or "") for name in ("gpt_model_path", "sovits_model_path"))
    if not t2s and not decoder:
        raise InvalidOption("give gpt_model_path, sovits_model_path or both")
    return {"code": 0, "message": "Success", **await _told(models, t2s=t2s or None, decoder=decoder or None)}


async def _told(models: DoorModels, *, t2s: str | None = None, decoder: str | None = None) -> dict[str, Any]:
    switched = await models.switch(t2s=t2s, decoder=decoder)
    told = {"model": models.speaking}
    if switched.waiting is not None:
        told["warning"] = f"{switched.waiting} does not fit the decoder in use: it waits for one that it fits"
    return told


def _required(request: Request, path: str, kind: str) -> str:
    request.state.error_form = as_api_v2
    if not path.strip():
        raise InvalidOption(f"{kind} weight path is required")
    request.state.error_form = _failed(kind)
    return path


def _failed_old(problem: Problem) -> tuple[int, dict[str, Any]]:
    status, told = as_old_api(problem)
    status = status if status in KEPT else 400  # whoever names weights is told what is wrong with them
    return status, told | {"status": status, "code": status}


def _failed(kind: str) -> Callable[[Problem], tuple[int, dict[str, Any]]]:
    """api_v2's two fields, and its 400 whatever is wrong."""

    def form(problem: Problem) -> tuple[int, dict[str, Any]]:
        status = problem.status if problem.status in KEPT else 400
        told = {"message": f"change {kind} weight failed", "Exception": problem.detail}
        return status, {**problem.model_dump(exclude_none=True), "status": status, **told}

    return form
