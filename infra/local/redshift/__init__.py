"""A local Amazon Redshift: its wire protocol and SQL over an embedded PostgreSQL 18.

Layers, each importing only those above it:

* `protocol`: bytes; messages, framing, the connection to PostgreSQL.
* `translate`: Redshift SQL in, PostgreSQL SQL out; pure functions over tokens.
* `catalog`: the views and functions installed in PostgreSQL, as `.sql` files.
* `commands`: what the gateway executes itself (COPY).
* `session`: one client's state; simple and extended protocol.
* `server`: listening, cancel requests, start and stop.
"""
