"""Spark through a cluster's Livy: the address, and which batch a retry may find again."""

import http.server
import itertools
import json
import socket
import threading
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from moto import mock_aws

from elt_lib.operators import AddressedLivyHook, ClusterLivyOperator
from tests.dags.trying import Store, TaskInstance

REGION = "us-east-1"


class Livy(http.server.BaseHTTPRequestHandler):
    """Answers like a Livy whose batches succeed at once."""

    def log_message(self, *args):
        pass

    def do_POST(self):
        self.server.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.server.lost:  # taken, but who asked never hears of it
            self.server.lost = False
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.answer({"id": len(self.server.posted) - 1, "state": "starting"})

    def do_GET(self):
        if urlsplit(self.path).path == "/batches":
            known = [{"id": n, "name": it["name"]} for n, it in enumerate(self.server.posted)]
            self.answer({"from": 0, "total": len(known), "sessions": known})
            return
        if self.server.broken and "/log" in self.path:
            self.send_error(502)
            return
        number = int(self.path.split("/")[2])
        known = next(self.server.states.get(number, itertools.repeat("success")))
        lines = self.server.log
        query = parse_qs(urlsplit(self.path).query)
        start, size = int(query.get("from", ["0"])[0]), int(query.get("size", ["100"])[0])
        log = {"from": start, "total": len(lines), "log": lines[start : start + size]}
        self.answer({"id": number, "state": known, "appId": None} | log)

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


@pytest.fixture
def livy():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Livy)
    server.posted, server.states, server.log = [], {}, []
    server.broken = server.lost = False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def cluster(monkeypatch):
    """A cluster in moto, and connections as the environment gives them."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_DEFAULT_REGION": REGION,
        "AIRFLOW_CONN_AWS_DEFAULT": '{"conn_type": "aws"}',
        "AIRFLOW_CONN_LIVY_DEFAULT": '{"conn_type": "livy", "host": "elsewhere.invalid"}',
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        instances = {"InstanceCount": 1, "KeepJobFlowAliveWhenNoSteps": True}
        instances |= {"MasterInstanceType": "m6g.xlarge"}
        roles = {"ServiceRole": "service", "JobFlowRole": "instance"}
        emr = boto3.client("emr", region_name=REGION)
        yield emr.run_job_flow(Name="test", Instances=instances, **roles)["JobFlowId"]


def operator(cluster, url):
    return ClusterLivyOperator(
        task_id="preprocess",
        job_flow_id=cluster,
        livy_url=url,
        file="s3://artifacts/preprocess.py",
        name="shop.orders 20240101T000000",
        polling_interval=1,
        deferrable=False,
    )


def run(cluster, livy, store):
    task = operator(cluster, f"http://127.0.0.1:{livy.server_port}")
    task.execute({"ti": TaskInstance(), "task_state_store": store})


def test_the_primary_nodes_name_is_put_into_the_address(cluster):
    hook = operator(cluster, "http://{master}:8998").hook
    hook.get_conn()
    name = boto3.client("emr", region_name=REGION).describe_cluster(ClusterId=cluster)["Cluster"]
    assert hook.base_url == f"http://{name['MasterPublicDnsName']}:8998"


def test_a_cluster_without_primary_node_is_named(cluster, monkeypatch):
    from airflow.providers.amazon.aws.hooks.emr import EmrHook

    class Gone:
        def describe_cluster(self, **_):
            return {"Cluster": {"Status": {"State": "TERMINATED"}}}

    monkeypatch.setattr(EmrHook, "conn", Gone())
    with pytest.raises(AirflowFailException, match=r"has no primary node .* it is TERMINATED"):
        operator(cluster, "http://{master}:8998").hook  # noqa: B018 a property that connects


def test_requests_go_to_the_address_and_not_to_the_connections_host(cluster, livy):
    run(cluster, livy, Store())
    assert [batch["file"] for batch in livy.posted] == ["s3://artifacts/preprocess.py"]


def test_a_retry_finds_the_running_batch_again(cluster, livy):
    livy.states[7] = itertools.chain(["running", "running"], itertools.repeat("success"))
    run(cluster, livy, Store({f"livy_batch_id_on_{cluster}": 7}))
    assert livy.posted == []


def test_a_retry_finds_the_first_batch_of_a_cluster(cluster, livy, monkeypatch):
    """Livy numbers from 0, and Airflow takes a stored 0 for no number."""
    store = Store()
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(AddressedLivyHook, "get_batch_state", killed)
        run(cluster, livy, store)
    run(cluster, livy, store)
    assert len(livy.posted) == 1
    assert store == {}


def test_a_batch_number_of_another_cluster_is_not_taken(cluster, livy):
    run(cluster, livy, Store({"livy_batch_id_on_j-OTHER": 7, "livy_batch_id": 7}))
    assert len(livy.posted) == 1


def test_a_failed_batch_says_what_the_job_said(cluster, livy):
    livy.states[0] = itertools.repeat("dead")
    reason = "2 of 3 rows break the contract"
    livy.log = ["INFO"] * 200 + [f"preprocess failed: {reason}", "INFO Shutdown hook called"]
    with pytest.raises(AirflowFailException, match=f"did not succeed: {reason}"):
        run(cluster, livy, Store())


def test_a_batch_that_died_without_a_word_may_be_tried_again(cluster, livy):
    livy.states[0] = itertools.repeat("dead")
    livy.log = ["INFO"] * 200
    with pytest.raises(AirflowException, match="did not succeed") as caught:
        run(cluster, livy, Store())
    assert not isinstance(caught.value, AirflowFailException)


def test_a_livy_that_is_gone_does_not_hide_that_the_batch_failed(cluster, livy):
    livy.states[0] = iter(["dead", "dead"])  # then it answers with an error
    livy.broken = True
    with pytest.raises(AirflowException, match="did not succeed"):
        run(cluster, livy, Store())


def test_a_batch_that_died_without_a_word_shows_the_end_of_its_log(cluster, livy):
    livy.states[0] = itertools.repeat("dead")
    livy.log = ["INFO"] * 200 + ["Error: Could not find or load main class"]
    with pytest.raises(AirflowException, match=r"load main class$") as caught:
        run(cluster, livy, Store())
    assert str(caught.value).count("INFO") == 9


def test_a_cleared_task_runs_again(cluster, livy):
    store = Store()
    run(cluster, livy, store)
    assert store == {}
    run(cluster, livy, store)
    assert len(livy.posted) == 2


def test_a_try_that_is_killed_before_it_submits_leaves_nothing_behind(cluster, livy, monkeypatch):
    store = Store()
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(AddressedLivyHook, "post_batch", killed)
        run(cluster, livy, store)
    assert livy.posted == []
    run(cluster, livy, store)
    assert len(livy.posted) == 1
    assert store == {}


def test_a_batch_whose_answer_was_lost_is_found_by_its_name(cluster, livy):
    livy.lost = True
    store = Store()
    run(cluster, livy, store)
    assert len(livy.posted) == 1
    assert store == {}


def test_a_batch_that_livy_never_got_fails_and_is_submitted_again(cluster, livy, monkeypatch):
    store = Store()
    with monkeypatch.context() as patch:
        patch.setattr(AddressedLivyHook, "post_batch", refuse)
        with pytest.raises(requests.exceptions.ConnectionError):  # and no AirflowFailException
            run(cluster, livy, store)
    assert livy.posted == []
    run(cluster, livy, store)
    assert len(livy.posted) == 1
    assert store == {}


def killed(*_, **__):
    raise SystemExit


def refuse(*_, **__):
    raise requests.exceptions.ConnectionError("nobody listens")


def test_a_batch_that_failed_is_not_taken_for_one_that_was_lost(cluster, livy):
    livy.states[0] = itertools.repeat("dead")
    store = Store()
    with pytest.raises(AirflowException):
        run(cluster, livy, store)
    run(cluster, livy, store)
    first, second = (batch["name"] for batch in livy.posted)
    assert first != second
