"""Logs name the trace and the place of an error, and never quote what people wrote."""

import asyncio
import gc
import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
import structlog
from opentelemetry import propagate, trace

from chassis.telemetry import tracing

WORDS = "a name that only the office may read"
Logs = Callable[[], list[dict[str, str]]]


@pytest.fixture
def logs() -> Iterator[Logs]:
    output = StringIO()
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    configuration = structlog.get_config()
    tracing.start_logs("ledger", "info", output)
    yield lambda: [json.loads(line) for line in output.getvalue().splitlines()]
    structlog.configure(**configuration)
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


def _fail(words: str) -> None:
    try:
        raise KeyError(words)
    except KeyError as error:
        raise ValueError(f"cannot use {words}") from error


@pytest.mark.parametrize("library", [True, False])
def test_an_error_is_logged_by_class_and_place_without_its_words(logs: Logs, *, library: bool) -> None:
    try:
        _fail(WORDS)
    except ValueError as error:
        if library:
            logging.getLogger("uvicorn.error").exception("failed")
        else:
            structlog.get_logger().error("failed", exc_info=error)

    [entry] = logs()
    assert WORDS not in json.dumps(entry)
    assert [word in entry["exception"] for word in ("KeyError", "ValueError", "_fail")] == [True] * 3


async def test_a_task_that_failed_unseen_is_logged_without_its_words(logs: Logs) -> None:
    async def fail() -> None:
        _fail(WORDS)

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()

    [entry] = logs()
    assert WORDS not in json.dumps(entry)
    assert entry["event"] == "Task exception was never retrieved"
    assert "ValueError" in entry["exception"]


def test_a_line_within_a_span_names_its_trace(logs: Logs) -> None:
    with tracing.tracer.start_as_current_span("work") as span:
        structlog.get_logger().info("hello")

    [entry] = logs()
    assert entry["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert entry["service"] == "ledger"


def test_of_a_callers_trace_only_the_traceparent_is_read() -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    tracing.use_traceparent_alone()
    found = propagate.extract({"traceparent": traceparent, "tracestate": "x=words", "baggage": "name=words"})

    assert tracing.traceparent_of(found) == traceparent
    assert "words" not in str(found)
    assert not trace.get_current_span(found).get_span_context().trace_state


def test_whole_requests_are_never_written_down_however_much_is_logged(logs: Logs) -> None:
    for level in ("notset", "debug"):
        tracing.start_logs("ledger", level, StringIO())
        assert logging.getLogger("uvicorn.error").getEffectiveLevel() == logging.INFO


def test_a_traceparent_goes_through_a_string_and_back() -> None:
    with tracing.tracer.start_as_current_span("work") as span:
        kept = tracing.traceparent_of()

    found = trace.get_current_span(tracing.context_of(kept)).get_span_context()
    assert (found.trace_id, found.span_id) == (
        span.get_span_context().trace_id,
        span.get_span_context().span_id,
    )
    assert tracing.trace_id_of(kept) == f"{found.trace_id:032x}"
    assert tracing.traceparent_of(tracing.context_of(None)) is None
