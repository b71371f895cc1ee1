"""What the gateway reads of another service's answers is what that service answers.

A reader passes over what it does not know and fills in what is missing, so a field that was renamed on one side alone
would be shown as empty for ever.
"""

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

import coordination.views
import gateway.clients.coordination
import gateway.clients.notifications
import gateway.clients.registry
import notifications.views
import registry.api.partners


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _read_in_vain(read: type[BaseModel], answered: type[BaseModel], at: str = "") -> Iterator[str]:
    """The fields that a reader knows and an answer does not have, down to the values within."""
    for name, field in read.model_fields.items():
        if name not in answered.model_fields:
            yield f"{at}/{name}"
            continue
        inner = _models(answered.model_fields[name].annotation)
        for model, told in zip(_models(field.annotation), inner, strict=True):
            yield from _read_in_vain(model, told, f"{at}/{name}")


@pytest.mark.parametrize(
    ("read", "answered"),
    [
        (gateway.clients.coordination.Plan, coordination.views.PlanView),
        (gateway.clients.coordination.TaskView, coordination.views.TaskView),
        (gateway.clients.notifications.Inbox, notifications.views.InboxView),
        (gateway.clients.registry.VerifiedKey, registry.api.partners.VerifiedKey),
    ],
)
def test_the_gateway_reads_nothing_that_nobody_answers(
    read: type[BaseModel], answered: type[BaseModel]
) -> None:
    assert list(_read_in_vain(read, answered)) == []
