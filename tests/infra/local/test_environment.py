import json
import stat
import subprocess

from infra.local.config import CHECKOUT, Config
from infra.local.environment import MARKER, environment, service_environment, write_env_file


def load(state):
    return Config.load({"STARLIFT_STATE": str(state), "STARLIFT_PORT_S3": "9321"})


def test_a_shell_reads_exactly_what_services_get(tmp_path):
    config = load(tmp_path / 'a state\'s $HOME "folder"')
    path = write_env_file(config)
    script = 'set -a; . "$1"; set +a; exec env -0'
    output = subprocess.run(
        ["sh", "-c", script, "sh", str(path)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    ).stdout.decode()
    read = dict(pair.split("=", 1) for pair in output.rstrip("\0").split("\0"))
    expected = environment(config)
    assert {name: read.get(name) for name in expected} == expected
    assert read["PATH"].endswith(":/usr/bin:/bin")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_addresses_follow_the_ports(tmp_path):
    found = environment(load(tmp_path))
    assert found["AWS_ENDPOINT_URL_S3"] == "http://127.0.0.1:9321"
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:5555"
    assert found["STARLIFT_LIVY_URL"] == "http://127.0.0.1:8998"
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-east-1"
    assert found["PYTHONPATH"] == f"{CHECKOUT}:{CHECKOUT}/dags"


def test_connections_are_what_the_providers_read(tmp_path):
    config = load(tmp_path)
    found = environment(config)
    redshift = json.loads(found["AIRFLOW_CONN_REDSHIFT_DEFAULT"])
    assert redshift["schema"] == "starlift"
    assert redshift["extra"]["ssl"] is False
    assert "timeout" not in redshift["extra"]
    assert redshift["password"] == found["REDSHIFT_PASSWORD"] == config.secrets.redshift_password
    assert json.loads(found["AIRFLOW_CONN_AWS_DEFAULT"]) == {"conn_type": "aws"}
    assert json.loads(found["AIRFLOW_CONN_LIVY_DEFAULT"])["port"] == 8998


def test_what_the_shell_has_set_does_not_reach_services(tmp_path):
    shell = {
        "HOME": "/home/ann",
        "PATH": "/usr/bin",
        "LC_ALL": "C.UTF-8",
        "JAVA_HOME": "/opt/java",
        "AWS_PROFILE": "work",
        "AWS_SESSION_TOKEN": "real",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "HTTPS_PROXY": "http://proxy:3128",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PGHOST": "elsewhere",
        MARKER: "/another/stack",
    }
    found = service_environment(load(tmp_path), shell)
    kept = {name for name in shell if name in found}
    assert kept == {"HOME", "PATH", "LC_ALL", "JAVA_HOME", "AIRFLOW__CORE__EXECUTOR"}
    assert found["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert found["PATH"].split(":")[1:] == ["/usr/bin"]


def test_the_marker_of_services_is_not_handed_to_shells(tmp_path):
    config = load(tmp_path)
    assert MARKER not in environment(config)
    assert MARKER not in write_env_file(config).read_text()


def test_airflow_listens_and_reports_nowhere_else(tmp_path):
    found = environment(load(tmp_path))
    assert found["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert found["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert found["AIRFLOW__COSMOS__ENABLE_TELEMETRY"] == "False"
    assert found["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"


def test_the_dictionary_is_read_from_where_the_dag_uploads_it(tmp_path):
    config = load(tmp_path)
    projects = json.loads(environment(config)["AIRFLOW__COSMOS__DBT_DOCS_PROJECTS"])
    assert projects["starlift"]["dir"] == str(tmp_path / "s3" / "starlift-artifacts" / "docs")
