"""What is not as it should be: batches with everything in them, garbage, forgeries, forms that do not exist."""

from dataclasses import replace

from deploy.demo import forms, messenger, whatsapp
from deploy.demo.deliveries import Channel, Delivery, Signature
from deploy.demo.people import Person
from deploy.demo.stage import Stage
from deploy.demo.steps import Send, Story

_NOTHING_LEFT = "refused, and nothing is left of it"


def whatsapp_batch(stage: Stage) -> Story:
    """Messages of four people on both lines, statuses, an error, and a type that nobody knows, in one delivery."""
    minute = stage.begin(45)
    at, mint = stage.at(minute), stage.mint
    ana, ben, eva, tom = (stage.cast.take() for _ in range(4))

    def say(person: Person, words: str) -> whatsapp.Piece:
        return whatsapp.text(person, mint.whatsapp_id(), at, words)

    first, second, third, fourth = (stage.phrases.opener(person) for person in (ana, ben, eva, tom))
    changes = [
        (
            whatsapp.MAIN_LINE,
            [say(ana, first), say(ben, second), say(ana, stage.phrases.follow_up(ana))],
        ),
        (whatsapp.MAIN_LINE, [whatsapp.status(eva, mint.whatsapp_id(), at, word) for word in ("sent", "delivered")]),
        (whatsapp.SECOND_LINE, [say(eva, third), whatsapp.unheard_of(ben, mint.whatsapp_id(), at), say(tom, fourth)]),
        (whatsapp.MAIN_LINE, [whatsapp.error(mint.token(12))]),
    ]
    return [Send(minute, whatsapp.deliver_many(changes, note="a batch of four people and everything else"), copies=2)]


def messenger_batch(stage: Stage) -> Story:
    """Three people, an echo and receipts in one delivery."""
    minute = stage.begin(45)
    at, mint = stage.at_ms(minute), stage.mint
    people = [stage.cast.take() for _ in range(3)]
    events = [
        messenger.message(person, mint.messenger_id(), at + place, stage.phrases.opener(person))
        for place, person in enumerate(people)
    ]
    events.insert(1, messenger.echo(people[0], mint.messenger_id(), at + 7, "¡Gracias por escribir!"))
    events.append(messenger.seen(people[2], at + 9, "read"))
    return [Send(minute, messenger.deliver(*events, note="a batch of three people"), copies=2)]


def forgeries(stage: Stage) -> list[Story]:
    """Deliveries that are not signed by who they claim to be from."""
    stranger = stage.cast.take()
    minutes = [stage.begin(58) for _ in range(3)]
    forged = whatsapp.deliver(
        whatsapp.text(stranger, stage.mint.whatsapp_id(), stage.at(minutes[0]), "Wire the deposit to this account")
    )
    on_page = messenger.deliver(
        messenger.message(stranger, stage.mint.messenger_id(), stage.at_ms(minutes[1]), "Please change my booking")
    )
    return [
        [Send(minutes[0], _forge(forged, Signature.WRONG, "signed with another secret"))],
        [Send(minutes[1], _forge(on_page, Signature.WRONG, "signed with another secret"))],
        [Send(minutes[2], _forge(forged, Signature.NONE, "not signed at all"))],
    ]


def garbage(stage: Stage) -> list[Story]:
    """Rightly signed, and yet nobody understands it."""
    return [
        [Send(stage.begin(58), messenger.nonsense(channel, stage.mint.token(12), is_json=is_json))]
        for channel, is_json in (
            (Channel.WHATSAPP, False),
            (Channel.WHATSAPP, True),
            (Channel.MESSENGER, True),
        )
    ]


def wrong_forms(stage: Stage) -> list[Story]:
    """A form that does not exist, and a field that is too long for its kind."""
    stranger = stage.cast.take()
    fields = forms.fields_of(stranger, stage.phrases.opener(stranger), "Bacalar")
    post = forms.urlencoded(stranger, stage.mint.token(20), fields)
    endless = forms.scripted(stranger, stage.mint.token(20), fields | {"phone": "5" * 65})
    unknown = replace(post, path="/forms/demo-cruises", items=(), status=404, note="there is no such form")
    too_long = replace(endless, items=(), status=422, note="a field is too long")
    return [[Send(stage.begin(58), unknown)], [Send(stage.begin(58), too_long)]]


def _forge(delivery: Delivery, signature: Signature, note: str) -> Delivery:
    return replace(delivery, items=(), signature=signature, status=401, note=f"{note}: {_NOTHING_LEFT}")
