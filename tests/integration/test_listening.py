"""Where the whole stack listens; `lab` sees at its end that all its processes end."""

import pytest

from infra.local.processes import stack_processes
from tests.infra.local.listening import listening

pytestmark = pytest.mark.integration


def test_every_service_is_healthy_and_listens_on_loopback_at_its_port_only(lab):
    assert {each.state for each in lab.stack.status()} == {"healthy"}
    found = listening(stack_processes(lab.config, lab.stack.supervisor.session()))
    assert {each.ip for each in found} == {"127.0.0.1"}
    assert {each.port for each in found} <= set(vars(lab.config.ports).values())
    assert lab.config.ports.airflow in {each.port for each in found}
