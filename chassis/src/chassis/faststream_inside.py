"""All that the chassis takes of FastStream beyond what it documents, in one place; a test names each part of it.

FastStream runs a handler: its middlewares, its dependencies, its context. It has no say in what the handler is given
and when: `consumer` fetches, in the order and with the care that the inbox needs (decision 18).
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

from fast_depends.core import CallModel
from faststream._internal.context import Context, ContextRepo
from faststream._internal.endpoint.call_wrapper import HandlerCallWrapper as Handler
from faststream.exceptions import ContextError
from faststream.message import StreamMessage
from faststream.nats import NatsBroker  # noqa: TID251 - to name what is handled
from faststream.nats.subscriber.usecases import BatchPullStreamSubscriber as Subscriber

__all__ = [
    "Handler",
    "Subscriber",
    "UngivableError",
    "hand_over",
    "leave_fetching_to_us",
    "refuse_ungivable",
    "report_errors_to",
]


class UngivableError(TypeError):
    """A handler asks for something that it would not be given: each of its events would fail."""


class _FetchedByConsumer:
    """Stands where a subscriber of FastStream keeps its subscription: one that has any makes and fetches nothing."""

    async def unsubscribe(self) -> None:
        """End nothing: the consumer has ended before."""


def leave_fetching_to_us(subscriber: Subscriber) -> None:
    """Let the subscriber get ready for its handler at the start of the broker, and leave its pull loop alone."""
    subscriber.subscription = _FetchedByConsumer()  # type: ignore[assignment]  # what it takes is what can be ended


async def hand_over(subscriber: Subscriber, batch: object) -> None:
    """Run the subscriber's handler on this batch, with its middlewares and all it asks for; raises what they do."""
    await subscriber.process_message(cast("Any", batch))


def report_errors_to(broker: NatsBroker, callback: Callable[[Exception], Awaitable[None]]) -> None:
    """Tell the connection's errors to `callback` alone.

    FastStream's own callback raises some of them again, within nats-py: a server that refuses us once, as while its
    users are being replaced, would end the attempts to reconnect for good.
    """
    broker._connection_kwargs["error_cb"] = callback  # noqa: SLF001


def refuse_ungivable(subscriber: Subscriber, batch: object) -> None:
    """Raise UngivableError where the handler could not be given all it asks for, once what there is has been set.

    `batch` is what marks the one parameter that is given the events.
    """
    if not subscriber.calls:
        raise UngivableError(
            f"{subscriber.config.durable_name} has no handler: the decorator decorates nothing"
        )
    for call in subscriber.calls:
        model: CallModel = cast("Any", call.dependant)
        asked = [one.field_name for one in model.flat_params if batch not in _marks(one.field_type)]
        named = {one.field_name for one in model.flat_params if batch in _marks(one.field_type)}
        if len(named) > 1:
            raise UngivableError(
                f"{call.name}: its events are asked for as {' and '.join(sorted(named))}; FastStream gives them by"
                " one name, so a dependency must call them as the handler does"
            )
        if asked:
            raise UngivableError(
                f"{call.name}: nothing gives {', '.join(asked)}; ask by Depends(...) or Context(...)"
            )
        for one in _models(model):
            if not one.is_async:
                raise UngivableError(
                    f"{call.name}: {one.call_name} is no coroutine function: it would run in a thread, beside"
                    " the transaction and at the cost of one; make it `async def`"
                )
            for field in one.custom_fields.values():
                if isinstance(field, Context) and field.required and field.initial is None:
                    _refuse_unknown(f"{field.prefix}{field.name or field.param_name}", subscriber, call.name)


def _marks(annotation: Any) -> tuple[object, ...]:
    return tuple(type(one) for one in getattr(annotation, "__metadata__", ()))


def _models(model: CallModel) -> Iterator[CallModel]:
    """What is called for a handler: the handler, and all that it depends on, however far down."""
    yield model
    for key in (*model.dependencies.values(), *model.extra_dependencies):
        yield from _models(model.dependency_provider.get_dependant(key))


def _refuse_unknown(name: str, subscriber: Subscriber, handler: str) -> None:
    config = subscriber._outer_config  # noqa: SLF001
    context: ContextRepo = config.context
    given = {
        "handler_": subscriber,
        "message": StreamMessage([], b""),
        "log_context": {},
        **config.extra_context,
    }
    with context.scopes(given.items()):
        try:
            context.resolve(name)
        except (ContextError, AttributeError, KeyError) as error:
            raise UngivableError(
                f"{handler}: there is no {name} in the context; set it before the service hears its first event"
                " (`service.broker.context.set_global`), or give it a default"
            ) from error
