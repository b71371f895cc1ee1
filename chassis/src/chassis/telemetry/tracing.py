"""OpenTelemetry: one tracer, W3C context in and out of strings, and structured logs that carry the trace id.

With `OTEL_EXPORTER_OTLP_ENDPOINT` set, spans go out over OTLP/HTTP in batches (`exporter`). Without it nothing is
recorded, but ids are still made and carried on, so that an answer over HTTP names a trace all the same.
"""

import logging
import re
import sys
import traceback
from typing import Any, NamedTuple, TextIO

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagate import set_global_textmap
from opentelemetry.propagators.textmap import CarrierT, Getter, default_getter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.telemetry.exporter import Encoded, SpanExport, export_to_environment

# W3C Trace Context: version (ff is none), trace, parent span, flags; ids of noughts alone name nothing.
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])"
)
_RECORDED_ENDINGS = "13579bdf"


class _TraceparentAlone(TraceContextTextMapPropagator):
    """Reads no `tracestate`: that is free text of whoever sends it, and would go out with our spans."""

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,  # type: ignore[assignment]
    ) -> Context:
        return super().extract({"traceparent": getter.get(carrier, "traceparent") or []}, context)


_propagator = _TraceparentAlone()
tracer = trace.get_tracer("ssenet.chassis")


_export: SpanExport | None = None


def exporting() -> bool:
    """Tell whether spans are recorded and sent on."""
    return _export is not None


def export(spans: Encoded) -> None:
    """Send ended spans on, where they are recorded."""
    if _export is not None:
        _export.take(spans)


def start_telemetry(service: str, *, site: str, log_level: str = "info") -> TracerProvider:
    """Set up the tracer provider and the logs of this process; call `shutdown()` on what it returns at the end."""
    global _export  # noqa: PLW0603 - one a process, as the tracer provider is
    start_logs(service, log_level, sys.stdout)
    use_traceparent_alone()
    resource = Resource.create({"service.name": service, "service.namespace": "ssenet", "ssenet.site": site})
    _export = export_to_environment(resource)
    if _export is None:
        provider = TracerProvider(resource=resource, sampler=ALWAYS_OFF)
    else:
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(_export)
    trace.set_tracer_provider(provider)
    return provider


def use_traceparent_alone() -> None:
    """Have every library of this process read no more of a trace than we do.

    By itself OpenTelemetry reads `baggage` as well: we say none, and of a stranger's it logs what it cannot read.
    """
    set_global_textmap(_propagator)


def context_of(traceparent: str | None) -> Context:
    """The trace context a `traceparent` stands for; an empty one where there is none."""
    return _propagator.extract({"traceparent": traceparent} if traceparent else {}, context=Context())


def traceparent_of(context: Context | None = None) -> str | None:
    """The `traceparent` of a context (by default the current one), if it holds a span."""
    span = trace.get_current_span(context).get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def current_trace_id() -> str | None:
    """The 32 hex digits that name the current trace, if there is one."""
    span = trace.get_current_span().get_span_context()
    return f"{span.trace_id:032x}" if span.is_valid else None


class Traceparent(NamedTuple):
    """What a `traceparent` says: ids as hex digits, and whether the trace is recorded."""

    trace_id: str
    span_id: str
    recorded: bool


def read_traceparent(traceparent: str | None) -> Traceparent | None:
    """Read a `traceparent`; None where what was sent is none."""
    found = _TRACEPARENT.fullmatch(traceparent or "")
    return found and Traceparent(found[1], found[2], found[3] in _RECORDED_ENDINGS)


def well_formed(traceparent: str | None) -> str | None:
    """This `traceparent`; None where it is none, so that nothing else is carried on."""
    return traceparent if read_traceparent(traceparent) else None


def trace_id_of(traceparent: str | None) -> str | None:
    """The 32 hex digits that name a trace; None where what was sent is no `traceparent`."""
    found = read_traceparent(traceparent)
    return found and found.trace_id


def _with_trace(_logger: Any, _name: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        entry["trace_id"] = f"{span.trace_id:032x}"
    return entry


def _without_words(_logger: Any, _name: str, entry: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Show where an error arose and of which class it is, never its text: that may quote what people wrote."""
    told = entry.pop("exc_info", None)
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    lines: list[str] = []
    while isinstance(error, BaseException):
        lines = [*traceback.format_tb(error.__traceback__), f"{type(error).__qualname__}\n", *lines]
        error = error.__cause__
    if lines:
        entry["exception"] = "".join(lines)
    return entry


def _first_line(record: logging.LogRecord) -> bool:
    """Of a task that failed unseen, asyncio writes the error's text below the line that says so."""
    record.msg = record.getMessage().partition("\n")[0]
    record.args = ()
    return True


def start_logs(service: str, level: str, output: TextIO) -> None:
    """Write the logs of this process to `output`, a JSON object a line."""

    def with_service(
        _logger: Any, _name: str, entry: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        entry["service"] = service
        return entry

    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        with_service,
        _with_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_words,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    # uvicorn logs a second time what the edge has logged with its route and trace.
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: "Exception in ASGI" not in record.getMessage()
    )
    # Below this level it writes down whole requests.
    logging.getLogger("uvicorn").setLevel(max(logging.INFO, logging.getLevelNamesMapping()[level.upper()]))
    logging.getLogger("asyncio").addFilter(_first_line)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # One line per request says nothing that the span and the metrics do not say; errors still come through.
    for chatty in ("uvicorn.access", "httpx", "httpcore", "alembic.runtime.migration"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
