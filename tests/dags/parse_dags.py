"""Parse the DAG folder with everything forbidden that parsing must not do; print what was found.

Run as a process of its own by test_dags.py: an audit hook can't be taken off again.
"""

from __future__ import annotations

import json
import sys
from typing import Any

FORBIDDEN = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec",
             "os.posix_spawn", "os.fork", "sqlite3.connect")  # fmt: skip


def forbid(event: str, args: tuple[object, ...]) -> None:
    if event in FORBIDDEN:
        raise RuntimeError(f"parsing must not do this: {event} {args}")


def schedule(timetable: Any) -> str:
    """The cron expression of a DAG, or the assets that it waits for."""
    if hasattr(timetable, "summary"):
        return str(timetable.summary)
    return " ".join(sorted(asset.uri for asset in timetable.asset_condition.objects))


def main(folder: str) -> None:
    sys.path.insert(0, folder)
    from airflow.dag_processing.dagbag import DagBag

    sys.addaudithook(forbid)
    bag = DagBag(folder)
    dags = {
        dag_id: {
            "doc": dag.doc_md or "",
            "max_active_runs": dag.max_active_runs,
            "catchup": dag.catchup,
            "start_date": dag.start_date.isoformat(),
            "schedule": schedule(dag.timetable),
            "tasks": {
                task.task_id: {
                    "type": type(task).__name__,
                    "downstream": sorted(task.downstream_task_ids),
                    "trigger_rule": str(task.trigger_rule.value),
                    "setup": task.is_setup,
                    "teardown": task.is_teardown,
                    "retries": task.retries,
                    "timeout": getattr(task, "timeout", None),
                    "soft_fail": getattr(task, "soft_fail", None),
                    "outlets": [asset.uri for asset in task.outlets],
                }
                for task in dag.tasks
            },
        }
        for dag_id, dag in bag.dags.items()
    }
    found = {"errors": bag.import_errors, "dags": dags}
    sys.stdout.write(f"RESULT {json.dumps(found, sort_keys=True)}\n")


if __name__ == "__main__":
    main(sys.argv[1])
