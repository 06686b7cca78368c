"""Everyday stories: somebody writes over one channel, perhaps a few times, and platforms add their noise."""

from deploy.demo import forms, lead_ads, messenger, whatsapp
from deploy.demo.deliveries import Delivery
from deploy.demo.people import Person
from deploy.demo.phrases import REPLIES, TRIPS
from deploy.demo.stage import Stage
from deploy.demo.steps import Send, Story

_AD = {
    "source_url": "https://fb.me/demo-whales",
    "source_id": "120210000000000042",
    "source_type": "ad",
    "headline": "Whales in Baja, from $189",
    "body": "Four days on the water. Small groups.",
    "media_type": "image",
}

# As much of a file as shows its type.
_VOICE = b"OggS\x00\x02" + bytes(200)
_PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(400)


def whatsapp_chat(stage: Stage, person: Person, *, from_ad: bool = False) -> Story:
    """A question, what comes to mind later, and the statuses of our answer; sometimes delivered twice."""
    choice, minute = stage.choice, stage.begin()
    more = {"referral": _AD | {"ctwa_clid": stage.mint.token(40)}} if from_ad else {}
    words = stage.phrases.opener(person)
    first = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(minute), words, **more)
    story: Story = [Send(minute, whatsapp.deliver(first), copies=choice.choice((1, 1, 1, 2)))]
    if choice.random() < 0.7:
        minute = stage.later(minute)
        story.append(Send(minute, _statuses(stage, person, minute)))
    for words in stage.phrases.follow_ups(person, choice.choice((0, 1, 1, 2, 3))):
        minute = stage.later(minute)
        piece = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(minute), words)
        story.append(Send(minute, whatsapp.deliver(piece), copies=choice.choice((1, 1, 1, 1, 3))))
    if choice.random() < 0.3:
        minute = stage.later(minute)
        thumb = whatsapp.reaction(person, stage.mint.whatsapp_id(), stage.at(minute), first.item.key)
        story.append(Send(minute, whatsapp.deliver(thumb)))
    return story


def whatsapp_media(stage: Stage, person: Person) -> Story:
    """A voice message, then a picture with a caption."""
    minute = stage.begin()
    after = stage.later(minute)
    spoken, photo = stage.mint.digits(15), stage.mint.digits(15)
    stage.shelf.files += [
        (spoken, whatsapp.MAIN_LINE, _VOICE, "audio/ogg"),
        (photo, whatsapp.MAIN_LINE, _PICTURE, "image/png"),
    ]
    said = whatsapp.voice(person, stage.mint.whatsapp_id(), stage.at(minute), spoken)
    words = stage.phrases.opener(person)
    shown = whatsapp.picture(person, stage.mint.whatsapp_id(), stage.at(after), photo, words)
    return [Send(minute, whatsapp.deliver(said)), Send(after, whatsapp.deliver(shown))]


def lead_ad(stage: Stage, person: Person) -> Story:
    """A form of an ad: the delivery has ids only, and comes twice."""
    minute, leadgen_id = stage.begin(55), stage.mint.digits(17, head="123456789")
    words = stage.phrases.opener(person)
    stage.shelf.leads.append((leadgen_id, lead_ads.answers_of(person, words)))
    delivery = lead_ads.deliver(person, leadgen_id, stage.at(minute), words)
    return [Send(minute, delivery, copies=stage.choice.choice((1, 2)))]


def messenger_chat(stage: Stage, person: Person) -> Story:
    """A button, a question, our echo, read receipts and a heart."""
    choice, minute = stage.choice, stage.begin()
    story: Story = []
    if choice.random() < 0.5:
        button = messenger.postback(person, stage.mint.messenger_id(), stage.at_ms(minute), "Get started")
        story.append(Send(minute, messenger.deliver(button)))
        minute = stage.later(minute, 0.5, 1.5)
    words, mid = stage.phrases.opener(person), stage.mint.messenger_id()
    question = messenger.deliver(messenger.message(person, mid, stage.at_ms(minute), words))
    story.append(Send(minute, question, copies=choice.choice((1, 1, 2))))
    minute = stage.later(minute)
    noise = (
        messenger.echo(person, stage.mint.messenger_id(), stage.at_ms(minute), choice.choice(REPLIES)),
        messenger.seen(person, stage.at_ms(minute) + 400, "delivery"),
        messenger.seen(person, stage.at_ms(minute) + 900, "read"),
    )
    story.append(Send(minute, messenger.deliver(*noise[: choice.choice((1, 2, 3))])))
    for words in stage.phrases.follow_ups(person, choice.choice((0, 1, 2))):
        minute = stage.later(minute)
        event = messenger.message(person, stage.mint.messenger_id(), stage.at_ms(minute), words)
        story.append(Send(minute, messenger.deliver(event)))
    if choice.random() < 0.4:
        minute = stage.later(minute)
        story.append(Send(minute, messenger.deliver(messenger.reaction(person, stage.at_ms(minute), mid))))
    return story


def instagram_chat(stage: Stage, person: Person) -> Story:
    """A question under an ad of ours, and one more."""
    minute = stage.begin()
    after = stage.later(minute)
    referral = {"ref": "reel-balloons", "source": "ADS", "type": "OPEN_THREAD", "ad_id": "120210000000000077"}
    words = [stage.phrases.opener(person), stage.phrases.follow_up(person)]
    first = messenger.message(
        person, stage.mint.messenger_id(), stage.at_ms(minute), words[0], instagram=True, referral=referral
    )
    second = messenger.message(person, stage.mint.messenger_id(), stage.at_ms(after), words[1], instagram=True)
    return [
        Send(minute, messenger.deliver_instagram(first)),
        Send(after, messenger.deliver_instagram(second), copies=stage.choice.choice((1, 2))),
    ]


def web_form(stage: Stage, person: Person) -> Story:
    """A form, in one of three encodings; sometimes the button is pressed twice."""
    minute, key = stage.begin(58), stage.mint.token(20)
    fields = forms.fields_of(person, stage.phrases.opener(person), stage.choice.choice(TRIPS))
    post = stage.choice.choice((forms.urlencoded, forms.multipart, forms.scripted))
    copies = stage.choice.choice((1, 1, 2))
    return [Send(minute, post(person, key, fields), copies=copies, at_once=copies > 1)]


def _statuses(stage: Stage, person: Person, minute: float) -> Delivery:
    ours, at = stage.mint.whatsapp_id(), stage.at(minute)
    words = ("sent", "delivered", "read")[: stage.choice.choice((1, 2, 3))]
    return whatsapp.deliver(*(whatsapp.status(person, ours, at, word) for word in words))
