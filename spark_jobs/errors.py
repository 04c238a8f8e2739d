"""The one exception by which a job says that a batch cannot go on."""


class BatchError(Exception):
    """The batch fails for a reason in the data or the contract; the message says what to do."""
