"""Every topic, declared once. Topics are created from this page, never by the broker's auto-creation."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict


class Topic(BaseModel):
    """A topic's name and shape; `consumers` are the consumer groups, each of which has a dead-letter topic.

    `retention` None means for ever, which only a compacted topic may have. `key` says what is kept in order.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    key: str
    producer: str
    consumers: tuple[str, ...]
    partitions: int = 6
    retention: timedelta | None = timedelta(days=7)
    is_compacted: bool = False

    def dead_letters(self, group: str) -> str:
        """The name of the topic that gets copies of `group`'s dead letters."""
        return f"{self.name}.{group}.dlq"


INQUIRIES = Topic(name="intake.inquiries.v1", key="thread (keyed hash)", producer="intake", consumers=("leads",))
SETTLEMENTS = Topic(name="leads.settlements.v1", key="receipt id", producer="leads", consumers=("intake",))
LEAD_EVENTS = Topic(
    name="leads.events.v1",
    key="lead id",
    producer="leads",
    consumers=("assignment", "notifier"),
    retention=timedelta(days=30),
)
ASSIGNMENT_EVENTS = Topic(
    name="assignment.events.v1",
    key="lead id",
    producer="assignment",
    consumers=("leads",),
    retention=timedelta(days=30),
)
TEAM_MEMBERS = Topic(
    name="team.members.v1",
    key="member id",
    producer="assignment",
    consumers=("leads", "notifier"),
    partitions=1,
    retention=None,
    is_compacted=True,
)
NOTIFIER_EVENTS = Topic(
    name="notifier.events.v1",
    key="notification id",
    producer="notifier",
    consumers=("leads",),
    retention=timedelta(days=30),
)
OPS_COMMANDS = Topic(
    name="ops.commands.v1",
    key="target service",
    producer="operators",
    consumers=("intake", "leads", "assignment", "notifier"),
    partitions=1,
)
OPS_RESULTS = Topic(name="ops.results.v1", key="command id", producer="every service", consumers=(), partitions=1)

ALL = (
    INQUIRIES,
    SETTLEMENTS,
    LEAD_EVENTS,
    ASSIGNMENT_EVENTS,
    TEAM_MEMBERS,
    NOTIFIER_EVENTS,
    OPS_COMMANDS,
    OPS_RESULTS,
)


def published_by(service: str) -> tuple[Topic, ...]:
    """The topics that a service writes through its outbox: its own, its dead letters, and answers to operators."""
    own = tuple(topic for topic in ALL if topic.producer == service)
    return (*own, *(topic for topic in dead_letter_topics() if topic.producer == service), OPS_RESULTS)


def dead_letter_topics() -> tuple[Topic, ...]:
    """One topic for each consumer group of each topic."""
    return tuple(
        Topic(
            name=topic.dead_letters(group),
            key="as the source",
            producer=group,
            consumers=(),
            partitions=1,
            # A copy must not outlive the personal data of its source.
            retention=topic.retention or timedelta(days=30),
        )
        for topic in ALL
        for group in topic.consumers
    )
