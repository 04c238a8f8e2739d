"""Jobs are submitted under a mark that is noted before: a retry finds the job that it lost.

``ResumableJobMixin`` notes a job's number after the call that starts it, and whoever is killed
between the two starts another one. Here a mark is noted first and submitted with the job, in its
name or where the service has a place for it; a try that finds a mark without a number looks for the
job before it submits, and submits with the same mark if there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow.sdk import Context


class MarkedJobMixin:
    """To stand before an operator whose jobs can be found again; gives it ``submit_job``."""

    def find_job(self: Any, mark: str) -> Any:
        """The number of the job that was submitted with this mark; None when there is none."""
        raise NotImplementedError

    def start_job(self: Any, mark: str, context: Context) -> Any:
        """Submit the job with this mark; returns its number."""
        raise NotImplementedError

    def submit_job(self: Any, context: Context) -> Any:
        """Find the job that a try before submitted and could not note; else submit it."""
        store: Any = context.get("task_state_store")
        if store is None:
            return self.start_job(str(context["ti"].id), context)
        # A mark counts until its job's number is noted: then another number stands there.
        noted = store.get(self.external_id_key)
        pending = store.get(self._mark_key)
        if pending and pending["noted"] == noted:
            mark = str(pending["mark"])
            found = self.find_job(mark)
            if found is not None:
                self.log.info("Found the job of the try before: %s (mark %s)", found, mark)
                return found
        else:
            mark = str(context["ti"].id)
            store.set(self._mark_key, {"mark": mark, "noted": noted})
        return self.start_job(mark, context)

    def forget_job(self: Any, context: Context) -> None:
        """Forget number and mark after success: clearing the task means running it again."""
        store: Any = context.get("task_state_store")
        if store is not None:
            store.delete(self.external_id_key)
            store.delete(self._mark_key)

    @property
    def _mark_key(self: Any) -> str:
        return f"{self.external_id_key}_mark"
