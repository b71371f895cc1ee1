"""What the chassis takes of FastStream's inside is still there; after an upgrade, this says what is not."""

import gc
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import nats
import pytest
from faststream import Context, Depends
from faststream.exceptions import IncorrectState
from faststream.nats import JStream, NatsBroker, PullSub  # noqa: TID251 - it is what is examined
from ledger.messaging import TOPOLOGY
from nats.aio.client import Client

from chassis.broker.connection import Broker
from chassis.broker.nkeys import new_seed, public_keys
from chassis.broker.topology import PROVISIONER, accounts_block
from chassis.faststream_inside import Subscriber, leave_fetching_to_us
from chassis.testing import eventually
from ssenet.processes.servers import free_port, start_nats

CHECKED = "`refuse_ungivable` cannot tell any more"


@pytest.mark.parametrize(
    "path",
    [
        "fast_depends.core.CallModel",
        "faststream._internal.context.Context",
        "faststream._internal.context.ContextRepo",
        "faststream._internal.endpoint.call_wrapper.HandlerCallWrapper",
        "faststream._internal.context.ContextRepo.resolve",
        "faststream._internal.context.ContextRepo.scopes",
        "faststream.exceptions.ContextError",
        "faststream.exceptions.IncorrectState",
        "faststream.exceptions.StartupValidationError",
        "faststream.nats.NatsBroker.connection",
        "faststream.nats.NatsBroker.publishers",
        "faststream.nats.subscriber.usecases.BatchPullStreamSubscriber",
    ],
)
def test_what_is_imported_of_faststreams_inside_is_where_it_was(path: str) -> None:
    try:
        pkgutil.resolve_name(path)
    except (ImportError, AttributeError):
        pytest.fail(
            f"{path} has moved: see chassis/faststream_inside.py, broker/connection.py, runtime/service.py"
        )


async def test_the_broker_tells_of_its_publishers_and_of_the_lack_of_a_connection() -> None:
    broker = NatsBroker(logger=None)

    assert list(broker.publishers) == []
    broker.publisher("things")
    assert len(list(broker.publishers)) == 1, "`Broker.start` refuses publishers by this list"
    with pytest.raises(IncorrectState):
        _ = broker.connection


async def given(rate: Annotated[float, Context("limits.rate")]) -> float:
    return rate


async def handler(body: str, rate: Annotated[float, Depends(given)], size: Annotated[int, Context()]) -> None:
    """Keep what comes."""


async def a_subscriber() -> tuple[NatsBroker, Any]:
    broker = NatsBroker(logger=None)
    subscriber = broker.subscriber(
        "things", stream=JStream("EVENTS", declare=False), durable="see", pull_sub=PullSub(batch=True)
    )
    subscriber(handler)
    broker._setup_logger()
    leave_fetching_to_us(subscriber)
    return broker, subscriber


async def test_a_subscriber_that_has_a_subscription_gets_its_handler_ready_and_fetches_nothing() -> None:
    _, subscriber = await a_subscriber()

    # Without a connection: to subscribe, it would need one.
    await subscriber.start()

    assert subscriber.running, (
        "`subscriber.start` begins something else: who calls the handlers' subscribers ready?"
    )
    assert not subscriber.tasks, "FastStream's pull loop runs beside `consumer`: what does it look at now?"
    assert subscriber.calls[0].handler._wrapped_call, "`start` does not make handlers ready any more"
    await subscriber.stop()


def test_a_batch_can_be_handed_to_a_subscriber() -> None:
    assert hasattr(Subscriber, "process_message"), (
        "`hand_over` calls `process_message`: how does a handler run now?"
    )


ASKED: dict[str, Callable[[Any], Any]] = {
    "the durable's name": lambda subscriber: subscriber.config.durable_name == "see",
    "a handler's name": lambda subscriber: subscriber.calls[0].name == "handler",
    "what a handler promises": lambda subscriber: subscriber.calls.description == handler.__doc__,
    "what comes of the message": lambda subscriber: (
        [(one.field_name, one.field_type) for one in model_of(subscriber).flat_params] == [("body", str)]
    ),
    "what it depends on": lambda subscriber: list(model_of(subscriber).dependencies) == ["rate"],
    "what all depend on": lambda subscriber: model_of(subscriber).extra_dependencies == (),
    "what a dependency is": lambda subscriber: dependency_of(subscriber).call is given,
    "what a dependency is called": lambda subscriber: dependency_of(subscriber).call_name == "given",
    "whether it is a coroutine function": lambda subscriber: dependency_of(subscriber).is_async is True,
    "what it takes of the context": lambda subscriber: context_of(model_of(subscriber), "size").name == "",
    "under which name": lambda subscriber: context_of(model_of(subscriber), "size").param_name == "size",
    "under which path": lambda subscriber: (
        context_of(dependency_of(subscriber), "rate").name == "limits.rate"
    ),
    "with which prefix": lambda subscriber: context_of(model_of(subscriber), "size").prefix == "",
    "whether it has to be there": lambda subscriber: (
        context_of(model_of(subscriber), "size").required is True
    ),
    "what makes it where it is not": lambda subscriber: (
        context_of(model_of(subscriber), "size").initial is None
    ),
    "the context itself": lambda subscriber: "context" in subscriber._outer_config.context.context,
    "what the broker adds to it": lambda subscriber: "broker" in subscriber._outer_config.extra_context,
}


def model_of(subscriber: Any) -> Any:
    return subscriber.calls[0].dependant


def dependency_of(subscriber: Any) -> Any:
    model = model_of(subscriber)
    return model.dependency_provider.get_dependant(model.dependencies["rate"])


def context_of(model: Any, name: str) -> Any:
    return model.custom_fields[name]


@pytest.mark.parametrize("what", ASKED)
async def test_what_a_handler_asks_for_can_be_told(what: str) -> None:
    _broker, subscriber = await a_subscriber()
    await subscriber.start()

    assert ASKED[what](subscriber), f"{CHECKED}: {what}"
    await subscriber.stop()


async def test_errors_of_the_connection_are_told_to_our_callback_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []

    async def connect(**options: Any) -> Client:
        told.append(options.get("error_cb"))
        return Client()

    monkeypatch.setattr(nats, "connect", connect)
    await Broker("nats://nowhere.test", service="ledger").connect()

    assert [one.__module__ for one in told] == [Broker.__module__], (
        "FastStream's callback is back, which ends the attempts to reconnect: see `report_errors_to`"
    )


# nats-py leaves a connection that was refused while it was being made to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <StreamWriter:ResourceWarning")
async def test_a_server_that_refuses_us_for_a_while_is_connected_to_again(tmp_path: Path) -> None:
    ours, port = {name: new_seed() for name in ("ledger", "stranger", PROVISIONER)}, free_port()
    others = {name: new_seed() for name in ours}
    server = start_nats(tmp_path, accounts_block(TOPOLOGY, public_keys(ours)), port=port)
    broker = Broker(server.url, service="ledger", seed=ours["ledger"])
    try:
        await broker.connect()
        for seeds in (others, ours):
            server.stop()
            server = start_nats(tmp_path, accounts_block(TOPOLOGY, public_keys(seeds)), port=port)
            tries = broker.connection.stats["reconnects"]
            if seeds is others:
                await eventually(lambda: "authorization" in str(broker.connection.last_error).lower())
                assert not broker.connection.is_connected
        await eventually(lambda: broker.connection.is_connected)
        assert broker.connection.stats["reconnects"] > tries
    finally:
        await broker.stop()
        server.stop()
        gc.collect()
