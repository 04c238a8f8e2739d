"""Sends task logs to CloudWatch as a worker of MWAA does: `python -m tests.integration.ship_logs`.

The provider's own class does it, of which MWAA's is a port (aws/amazon-mwaa-docker-images,
images/airflow/3.3.1, python/mwaa/logging/cloudwatch_handlers.py). Runs with the stack's
environment; arguments: the log group, then log files below Airflow's log folder.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

from airflow.configuration import conf
from airflow.providers.amazon.aws.log.cloudwatch_task_handler import CloudWatchRemoteLogIO


def main(group: str, *files: str) -> None:
    shipper = CloudWatchRemoteLogIO(
        base_log_folder=conf.get_mandatory_value("logging", "base_log_folder"),
        delete_local_copy=False,
        log_group_arn=f"arn:aws:logs:us-east-1:123456789012:log-group:{group}",
    )
    (write,) = shipper.processors
    for name in files:
        with Path(name).open(encoding="utf-8") as file:
            logger = SimpleNamespace(_file=file)  # where the class reads the stream's name from
            for line in file.read().splitlines():
                event = json.loads(line)
                write(logger, event.get("level", "info"), event)
    shipper.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
