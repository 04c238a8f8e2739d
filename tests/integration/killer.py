"""Kills a run's processes at named moments."""

import contextlib
import json
import os
import signal
import threading

import psutil

from tests.integration.waiting import eventually


class Killer(threading.Thread):
    """Waits for four moments of a run and sends SIGKILL in each.

    The task that has submitted a Spark batch, whose retry finds the batch because Spark stands
    still until then; Spark, midway; the scheduler, while a load is at work; that load, between
    COPY and commit.
    """

    def __init__(self, lab, known):
        super().__init__(daemon=True)
        self.lab = lab
        self.known = known
        self.killed = []
        self.error = None

    def run(self):
        try:
            batch = eventually(self.trips_batch, "the trips batch runs in Livy")
            spark = eventually(lambda: self.spark_of(batch), f"a JVM runs {batch['name']}")
            spark.suspend()
            try:
                self.kill_submitter(batch)
                eventually(lambda: self.found_by_retry(batch), "the retry finds the batch")
            finally:
                spark.resume()
            self.kill_spark(spark)
            self.kill_scheduler_and_load()
        except BaseException as error:  # noqa: BLE001 the test reports it
            self.error = error

    def kill_submitter(self, batch):
        """SIGKILL the process of the task that waits for the batch.

        Its title holds the task instance's id (airflow/sdk/execution_time/task_runner.py), and so
        does the batch's name.
        """
        title = f"airflow worker -- {batch['name'].split()[-1]}"
        for process in psutil.process_iter(["cmdline"]):
            if title in " ".join(process.info["cmdline"] or []):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                self.killed.append("submitter")
                return
        raise AssertionError(f"no process is called {title}")

    def found_by_retry(self, batch):
        """Whether a task says that it follows this batch and submits none (the SDK's own words)."""
        logs = self.lab.config.airflow_home / "logs/dag_id=bikeshare"
        tries = logs.glob("*/task_id=preprocess_trips/*")
        lines = [line for path in tries for line in path.read_text().splitlines()]
        events = [json.loads(line) for line in lines if "Reconnecting to existing job" in line]
        return str(batch["id"]) in [event["external_id"] for event in events]

    @staticmethod
    def spark_of(batch):
        """The JVM that runs a batch."""
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            if "org.apache.spark.deploy.SparkSubmit" in line and batch["name"] in line:
                return process
        return None

    def kill_spark(self, spark):
        """SIGKILL the JVM of the trips batch once it has begun to write its attempt."""
        attempt = self.lab.config.s3 / self.lab.config.lake_bucket / "staged/bikeshare/trips"
        before = set(attempt.glob("20180201T000000/*/attempt-*"))
        eventually(
            lambda: set(attempt.glob("20180201T000000/*/attempt-*")) - before,
            "Spark writes its attempt",
        )
        spark.kill()
        self.killed.append("spark")

    def trips_batch(self):
        for batch in self.lab.livy("/batches")["sessions"]:
            name = batch.get("name") or ""
            if batch["id"] not in self.known and name.startswith("bikeshare.trips "):
                return batch if batch["state"] == "running" else None
        return None

    def kill_scheduler_and_load(self):
        """SIGKILL the scheduler, and the load task after COPY and before its ledger entry.

        A lock that lets others read the ledger, but not write it, stops the load just there.
        """
        with self.lab.postgres() as holder:
            holder.execute("lock table ops.load_ledger in share mode")
            with self.lab.postgres() as observer:
                observer.autocommit = True
                eventually(lambda: self.load_waits(observer), "the load of trips waits to commit")
            scheduler = self.lab.stack.supervisor.running()["airflow-scheduler"].pid
            os.kill(scheduler, signal.SIGKILL)
            self.killed.append("scheduler")
            for process in self.lab.clients_of_the_gateway():
                process.send_signal(signal.SIGKILL)
            self.killed.append("load")
            holder.rollback()

    @staticmethod
    def load_waits(observer):
        return observer.execute(
            """
            select 1
            from pg_locks as waiting
            join pg_locks as held on waiting.pid = held.pid
            where not waiting.granted
                and waiting.relation = 'ops.load_ledger'::regclass
                and held.granted
                and held.relation = 'staging.bikeshare__trips'::regclass
                and held.mode = 'RowExclusiveLock'
            """
        ).fetchone()
