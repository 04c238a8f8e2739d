import configparser
import shlex

import pytest

from infra.local.config import Config
from infra.local.services import services
from infra.local.supervise import Supervisor, process_name, supervisord_conf, tail


@pytest.fixture
def config(tmp_path):
    return Config.load({"STARLIFT_STATE": str(tmp_path / "100% of it")})


def read(config):
    parser = configparser.RawConfigParser()
    parser.read_string(supervisord_conf(config, services(config)))
    return parser


def test_every_service_is_in_one_group_and_starts_on_demand(config):
    parser = read(config)
    groups = [parser[name] for name in parser.sections() if name.startswith("group:")]
    members = [name for group in groups for name in group["programs"].split(",")]
    assert sorted(members) == sorted(each.name for each in services(config))
    assert {parser[f"program:{name}"]["autostart"] for name in members} == {"false"}
    assert {parser[f"program:{name}"]["autorestart"] for name in members} == {"true"}


def test_what_others_depend_on_stops_last(config):
    parser = read(config)
    base, work = parser["group:base"], parser["group:work"]
    assert base["programs"] == "postgres,s3,aws"
    assert int(base["priority"]) < int(work["priority"])  # stopped in reverse order
    assert process_name("postgres") == "base:postgres"
    assert process_name("redshift") == "work:redshift"


def test_commands_survive_percent_signs_and_spaces(config):
    for service in services(config):
        command = read(config)[f"program:{service.name}"]["command"]
        assert "100%% of it" in command or "100%" not in command
        assert tuple(shlex.split(command.replace("%%", "%"))) == service.command


def test_the_control_port_is_on_loopback_with_a_password(config):
    server = read(config)["inet_http_server"]
    assert server["port"] == "127.0.0.1:9001"
    assert server["password"] == config.secrets.supervisor_password


def test_no_secret_is_on_a_command_line(config):
    words = " ".join(word for service in services(config) for word in service.command)
    assert not [secret for secret in vars(config.secrets).values() if secret in words]


def test_every_server_is_told_to_listen_on_loopback_or_does_so_itself(config):
    commands = {each.name: " ".join(each.command) for each in services(config)}
    assert f"--addr 127.0.0.1:{config.ports.s3}" in commands["s3"]
    assert f"-H 127.0.0.1 -p {config.ports.aws}" in commands["aws"]
    assert "--host 127.0.0.1" in commands["redshift"]
    assert "--skip-serve-logs" in commands["airflow-scheduler"]
    assert "--skip-serve-logs" in commands["airflow-triggerer"]


def test_without_a_record_there_is_no_supervisor(config):
    supervisor = Supervisor(config, services(config))
    assert supervisor.process() is None
    assert supervisor.session() is None
    assert supervisor.running() == {}
    assert supervisor.shutdown(1.0)


def test_a_damaged_record_counts_as_none(config):
    config.supervisor.mkdir(parents=True)
    (config.supervisor / "session.json").write_text("")
    assert Supervisor(config, services(config)).process() is None


def test_tail(tmp_path):
    path = tmp_path / "a.log"
    assert tail(path, 3) == ""
    path.write_bytes(b"one\ntwo\n\xff\nfour\n")
    assert tail(path, 2) == "\ufffd\nfour"
