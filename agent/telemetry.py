"""For the command line: where the environment names a collector (OTEL_EXPORTER_OTLP_ENDPOINT), spans are sent there. Extra `otel`.

A program of one's own sets its tracer provider itself; then nothing of this is needed.
"""

from __future__ import annotations

import os

from . import terminal

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def start() -> None:
    """Sets the tracer provider, once. What is left to send is sent when the process ends."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    try:
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        terminal.note('passel: no spans are sent, for a package is not installed. Run: pip install "passel[otel]"')
        return
    provider = TracerProvider(resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "passel")}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
