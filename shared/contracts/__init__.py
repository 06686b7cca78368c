"""What crosses a border between services: events, topics and the words they use. Pydantic only."""
