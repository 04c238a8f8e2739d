"""The exceptions by which a job says that a batch cannot go on."""


class BatchError(Exception):
    """The batch fails for a reason in the data or the contract; the message says what to do.

    Another try ends the same.
    """


class UnstableError(BatchError):
    """The batch fails for a reason that another try may not meet."""
