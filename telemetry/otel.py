"""Spans as OpenTelemetry JSON: a file that any collector or viewer of OTLP reads.

Source: OTLP 1.x, JSON encoding of ExportTraceServiceRequest; names of attributes: GenAI semantic conventions.
"""

import json
from collections.abc import Sequence

from state.json_values import JsonMapping, JsonObject, JsonValue
from telemetry.tree import Span

INTERNAL, CLIENT = 1, 3  # kinds of spans: within the process, a call of another
ERROR = 2
GEN_AI = {
    "model": "gen_ai.request.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
}


def otel_json(spans: Sequence[Span]) -> JsonObject:
    """Return the export request that holds the spans."""
    resource = {"attributes": _attributes({"service.name": "ratchet"})}
    scope = {"name": "ratchet"}
    return {
        "resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": scope, "spans": [_span(s) for s in spans]}]}]
    }


def _span(span: Span) -> JsonObject:
    metadata = {GEN_AI.get(name, f"ratchet.{name}"): value for name, value in span.metadata.items()}
    texts = {"input.value": span.inputs, "output.value": span.outputs}
    extra = {name: json.dumps(value, ensure_ascii=False) for name, value in texts.items() if value}
    operation = {"gen_ai.operation.name": "chat"} if span.kind == "llm" else {}
    found = {
        "traceId": span.trace_id.replace("-", ""),
        "spanId": _short(span.span_id),
        "name": span.name,
        "kind": CLIENT if span.kind == "llm" else INTERNAL,
        "startTimeUnixNano": str(int(span.started_at * 1e9)),
        "endTimeUnixNano": str(int(span.ended_at * 1e9)),
        "attributes": _attributes({**operation, **metadata, **extra}),
        "status": {"code": ERROR, "message": span.error} if span.error else {},
    }
    return {**found, "parentSpanId": _short(span.parent_id)} if span.parent_id else found


def _short(span_id: str) -> str:
    """Return 8 of a UUID's 16 bytes, which is all that OpenTelemetry has room for."""
    return span_id.replace("-", "")[-16:]


def _attributes(values: JsonMapping) -> list[JsonObject]:
    return [{"key": name, "value": _value(value)} for name, value in values.items() if value is not None]


def _value(value: JsonValue) -> JsonObject:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": str(value)}
