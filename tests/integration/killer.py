"""Kills a run's processes at named moments."""

import os
import signal
import threading

import psutil

from tests.integration.waiting import eventually


class Killer(threading.Thread):
    """Waits for two moments of a run and sends SIGKILL in each."""

    def __init__(self, lab, known):
        super().__init__(daemon=True)
        self.lab = lab
        self.known = known
        self.killed = []
        self.error = None

    def run(self):
        try:
            self.kill_spark()
            self.kill_load()
        except BaseException as error:  # noqa: BLE001 the test reports it
            self.error = error

    def kill_spark(self):
        """SIGKILL the JVM of the trips batch once it has begun to write its attempt."""
        batch = eventually(self.trips_batch, "the trips batch runs in Livy")
        attempt = self.lab.config.s3 / self.lab.config.lake_bucket / "staged/bikeshare/trips"
        before = set(attempt.glob("20180201T000000/*/attempt-*"))
        eventually(
            lambda: set(attempt.glob("20180201T000000/*/attempt-*")) - before,
            "Spark writes its attempt",
        )
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            if "org.apache.spark.deploy.SparkSubmit" in line and batch["name"] in line:
                os.kill(process.pid, signal.SIGKILL)
                self.killed.append("spark")
                return
        raise AssertionError(f"no JVM runs {batch['name']}")

    def trips_batch(self):
        for batch in self.lab.livy("/batches")["sessions"]:
            name = batch.get("name") or ""
            if batch["id"] not in self.known and name.startswith("bikeshare.trips "):
                return batch if batch["state"] == "running" else None
        return None

    def kill_load(self):
        """SIGKILL the load task after COPY and before its ledger entry.

        A lock that lets others read the ledger, but not write it, stops the load just there.
        """
        with self.lab.postgres() as holder:
            holder.execute("lock table ops.load_ledger in share mode")
            with self.lab.postgres() as observer:
                observer.autocommit = True
                eventually(lambda: self.load_waits(observer), "the load of trips waits to commit")
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
