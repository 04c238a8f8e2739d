"""A Livy-compatible REST server that runs spark-submit on this machine.

It speaks the batches half of Livy's API (https://livy.apache.org/docs/latest/rest-api.html) the way
Livy 0.8.0 does, which is what EMR runs. Interactive sessions are not offered.
"""
