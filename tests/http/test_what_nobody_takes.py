"""No service drops what it is told: every endpoint of every service refuses what it does not take."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

import coordination.app
import coordination.settings
import gateway.app
import gateway.settings
import notifications.app
import notifications.settings
import registry.app
import registry.settings
from chassis.http.access import endpoints
from chassis.http.requests import lenient_models

STANDS = {
    "database_url": "postgresql+asyncpg://nobody@nowhere/none",
    "nats_url": "nats://nowhere",
    "nats_seed": "-",
    "port": 0,
}
CALLS = {
    f"{name}_url": f"http://{name}.test" for name in ("registry", "coordination", "notifications", "public")
}
APPS: dict[str, Callable[[], FastAPI]] = {
    "registry": lambda: registry.app.build(registry.settings.Settings.model_validate(STANDS)),
    "coordination": lambda: coordination.app.build(coordination.settings.Settings.model_validate(STANDS)),
    "notifications": lambda: notifications.app.build(notifications.settings.Settings.model_validate(STANDS)),
    "gateway": lambda: gateway.app.build(
        gateway.settings.Settings.model_validate({**STANDS, **CALLS, "service_token": "-"})
    ),
}


def _bodies(app: FastAPI) -> list[Any]:
    return [one for one in endpoints(app) if one.body_field is not None]


@pytest.mark.parametrize("service", APPS)
def test_no_endpoint_drops_what_it_does_not_know(service: str) -> None:
    app = APPS[service]()

    lenient = {f"{sorted(one.methods)} {one.path}": lenient_models(one) for one in endpoints(app)}

    assert _bodies(app)
    assert {path: models for path, models in lenient.items() if models} == {}
