"""schemathesis over the OpenAPI document: whatever it asks, the server answers as the document says, and never with a fault of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from passel.agent.server.limits import Limits
from passel.agent.settings import Settings

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]


def call_every_route(run_server: Any, home: Path, examples: int) -> None:
    limits = Limits(requests_per_minute=1_000_000, corpora=5)
    with run_server(Settings.load(corpus="tarn", limits=limits), home) as served:
        schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        assert len(operations) >= 18
        for operation in operations:

            @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
            @given(case=operation.as_strategy())
            def call(case: Any) -> None:
                case.call_and_validate(checks=CHECKS, timeout=60)

            call()


def test_a_few_calls_of_each_route(run_server: Any, module_home: Path) -> None:
    call_every_route(run_server, module_home, 4)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_many_calls_of_each_route(run_server: Any, module_home: Path) -> None:
    call_every_route(run_server, module_home, 60)
