import json
import os
import stat

import pytest

from infra.local import config as module
from infra.local.config import CHECKOUT, Config, Ports
from infra.local.errors import StackError


def settings(tmp_path, **more):
    return {"STARLIFT_STATE": str(tmp_path / "state"), **more}


def test_defaults_are_the_documented_ports(tmp_path):
    config = Config.load(settings(tmp_path))
    assert config.ports == Ports(
        airflow=8080,
        s3=9000,
        redshift=5439,
        livy=8998,
        aws=5555,
        postgres=5440,
        supervisor=9001,
        broker=6390,
    )
    assert (config.lake_bucket, config.artifacts_bucket) == ("starlift-lake", "starlift-artifacts")


def test_state_is_the_checkouts_local_folder_unless_set():
    assert Config.load({}).state == CHECKOUT / ".local"
    assert Config.load({"STARLIFT_STATE": ""}).state == CHECKOUT / ".local"


def test_a_variable_overrides_a_port_and_the_next_shell_finds_it(tmp_path):
    first = Config.load(settings(tmp_path, STARLIFT_PORT_S3="9123"))
    first.save()
    again = Config.load(settings(tmp_path))
    assert again.ports.s3 == 9123
    assert again.ports.airflow == 8080
    assert Config.load(settings(tmp_path, STARLIFT_PORT_S3="9124")).ports.s3 == 9124


def test_recorded_ports_win_where_a_running_stack_is_meant(tmp_path):
    Config.load(settings(tmp_path, STARLIFT_PORT_S3="9123")).save()
    other = Config.load(settings(tmp_path, STARLIFT_PORT_S3="9124"))
    assert other.recorded().ports.s3 == 9123
    assert other.recorded().state == other.state


def test_zero_picks_a_free_port_and_keeps_it(tmp_path):
    free = {Ports.variable(name): "0" for name in vars(Ports())}
    first = Config.load(settings(tmp_path, **free))
    chosen = vars(first.ports).values()
    assert len(set(chosen)) == 8
    assert all(port > 1023 for port in chosen)
    first.save()
    assert Config.load(settings(tmp_path, **free)).ports == first.ports


@pytest.mark.parametrize("text", ["http", "-1", "65536", "8080.5", "8 0"])
def test_a_port_that_is_none_is_refused_by_name(tmp_path, text):
    with pytest.raises(StackError, match=r"STARLIFT_PORT_LIVY is .*from 0 to 65535"):
        Config.load(settings(tmp_path, STARLIFT_PORT_LIVY=text))


def test_two_servers_cannot_share_a_port(tmp_path):
    with pytest.raises(StackError, match=r"PORT_AIRFLOW and STARLIFT_PORT_LIVY are both 8998"):
        Config.load(settings(tmp_path, STARLIFT_PORT_AIRFLOW="8998"))


def test_secrets_are_drawn_once_per_state_folder(tmp_path):
    first = Config.load(settings(tmp_path))
    first.save()
    assert Config.load(settings(tmp_path)).secrets == first.secrets
    assert Config.load({"STARLIFT_STATE": str(tmp_path / "other")}).secrets != first.secrets
    values = list(vars(first.secrets).values())
    assert len(set(values)) == len(values)


def test_a_secret_that_an_older_version_did_not_know_is_added(tmp_path):
    first = Config.load(settings(tmp_path))
    first.save()
    record = json.loads(first.record_file.read_text())
    del record["secrets"]["airflow_jwt_secret"]
    record["secrets"]["retired"] = record["ports"]["retired"] = 1
    first.record_file.write_text(json.dumps(record))
    again = Config.load(settings(tmp_path))
    assert again.secrets.redshift_password == first.secrets.redshift_password
    assert again.secrets.airflow_jwt_secret


def test_the_record_is_readable_by_its_owner_only(tmp_path):
    config = Config.load(settings(tmp_path))
    config.save()
    assert stat.S_IMODE(config.record_file.stat().st_mode) == 0o600
    assert [path.name for path in config.state.iterdir()] == ["stack.json"]


def test_a_state_folder_of_another_checkout_is_refused(tmp_path):
    config = Config.load(settings(tmp_path))
    config.save()
    record = json.loads(config.record_file.read_text())
    config.record_file.write_text(json.dumps({**record, "project": "/somewhere/else"}))
    with pytest.raises(StackError, match="belongs to the checkout /somewhere/else"):
        Config.load(settings(tmp_path))


def test_a_damaged_record_says_what_to_do(tmp_path):
    config = Config.load(settings(tmp_path))
    config.save()
    config.record_file.write_text("{")
    with pytest.raises(StackError, match="make reset"):
        Config.load(settings(tmp_path))


def test_the_dotenv_file_counts_less_than_the_shell(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text(
        "# ports\nSTARLIFT_PORT_S3=9500\nexport STARLIFT_PORT_AWS='5600'\n"
        f"STARLIFT_STATE={tmp_path / 'a b'}\n#STARLIFT_PORT_LIVY=1\n\nnonsense\n"
    )
    monkeypatch.setattr(module, "CHECKOUT", tmp_path)
    for name in list(os.environ):
        if name.startswith("STARLIFT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STARLIFT_PORT_AWS", "5700")
    config = Config.load()
    assert (config.ports.s3, config.ports.aws, config.ports.livy) == (9500, 5700, 8998)
    assert config.state == tmp_path / "a b"
