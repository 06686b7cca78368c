"""The embedded stack, PostgreSQL, Valkey and Kafka from pip packages, and the launcher of the services."""
