"""The declaration of topics."""

from shared.contracts.topics import ALL, dead_letter_topics, published_by


def test_only_compacted_topics_are_kept_for_ever() -> None:
    """A topic without retention is compacted, or it would grow without end."""
    assert [] == [topic.name for topic in ALL if topic.retention is None and not topic.is_compacted]


def test_dead_letters_do_not_outlive_their_source() -> None:
    """A copy in a dead-letter topic goes no later than its source, which may hold personal data."""
    retentions = {topic.name: topic.retention for topic in dead_letter_topics()}
    for topic in ALL:
        for group in topic.consumers:
            if topic.retention is not None:
                assert topic.retention == retentions[topic.dead_letters(group)]


def test_every_topic_has_one_producer() -> None:
    """The topics that services publish are all of those that are declared, each by one service."""
    services = ("intake", "leads", "assignment", "notifier")
    published = [
        topic.name for service in services for topic in published_by(service) if topic.name != "ops.results.v1"
    ]
    declared = [topic.name for topic in (*ALL, *dead_letter_topics()) if not topic.name.startswith("ops.results")]
    assert sorted(set(declared) - {"ops.commands.v1"}) == sorted(published)
