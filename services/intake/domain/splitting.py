"""Which way a delivery of a channel is split."""

from collections.abc import Callable

from services.intake.domain.deliveries.messenger import split_messenger
from services.intake.domain.deliveries.whatsapp import split_whatsapp
from services.intake.domain.items import Item
from shared.contracts.words import Channel

Split = Callable[[bytes], list[Item]]

SPLITTERS: dict[Channel, Split] = {
    Channel.WHATSAPP: split_whatsapp,
    Channel.MESSENGER: split_messenger,
    Channel.INSTAGRAM: split_messenger,
}
