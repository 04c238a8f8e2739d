"""One client's state: start-up, simple and extended protocol, the relay to PostgreSQL."""
