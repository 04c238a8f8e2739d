"""The statements that the gateway executes itself."""

from __future__ import annotations

from infra.local.redshift.commands.copy_statement import CopyStatement
from infra.local.redshift.commands.unload_statement import UnloadStatement

Command = CopyStatement | UnloadStatement
