"""Stories that are hard to count right: one person by several ways, two by one, somebody who comes back."""

from deploy.demo import forms, lead_ads, messenger, whatsapp
from deploy.demo.deliveries import Delivery
from deploy.demo.people import Person
from deploy.demo.stage import Stage
from deploy.demo.steps import CatchUp, Close, Send, Story


def whatsapp_and_form(stage: Stage, region: str, *, form_first: bool = False) -> Story:
    """The same number as WhatsApp's id and as typed at home: one lead."""
    person = stage.cast.take(region)
    early = stage.begin(45)
    late = stage.later(early, 2, 8)
    form_minute, chat_minute = (early, late) if form_first else (late, early)
    words = stage.phrases.opener(person)
    piece = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(chat_minute), words)
    chat = Send(chat_minute, whatsapp.deliver(piece, note="the same person by WhatsApp and by form"))
    fields = forms.fields_of(person, stage.phrases.follow_up(person), "Oaxaca 4 días")
    form = Send(form_minute, forms.urlencoded(person, stage.mint.token(20), fields))
    return [form, chat] if form_first else [chat, form]


def messenger_phone_form(stage: Stage) -> Story:
    """On Messenger nobody has a number until they give it; from then on a form with it is theirs."""
    person = stage.cast.take("AR", "MX")
    minute = stage.begin(35)
    gives, posts = stage.later(minute), stage.later(minute, 6, 12)
    question = messenger.message(person, stage.mint.messenger_id(), stage.at_ms(minute), stage.phrases.opener(person))
    number = person.phone_abroad.replace(" ", "")
    given = messenger.own_phone(person, stage.mint.messenger_id(), stage.at_ms(gives), number)
    fields = forms.fields_of(person, "Ya les escribí por Messenger, dejo aquí mis datos", "Iguazú weekend")
    return [
        Send(minute, messenger.deliver(question)),
        Send(gives, messenger.deliver(given, note="gives the own number by quick reply")),
        CatchUp(person),
        Send(posts, forms.multipart(person, stage.mint.token(20), fields)),
    ]


def username_only(stage: Stage) -> Story:
    """Somebody with a username and no number at all."""
    person = stage.cast.take()
    minute = stage.begin()
    words = [stage.phrases.opener(person), *stage.phrases.follow_ups(person, 2)]
    story: Story = []
    for said in words:
        piece = whatsapp.scoped_text(person, stage.mint.whatsapp_id(), stage.at(minute), said)
        story.append(Send(minute, whatsapp.deliver(piece, note="known by a business-scoped id only")))
        minute = stage.later(minute)
    return story


def username_then_number(stage: Stage) -> Story:
    """First without a number, then with it, then by a form that has it: one lead all the way."""
    person = stage.cast.take("BR", "MX")
    hidden = stage.begin(30)
    shown, posts = stage.later(hidden, 3, 6), stage.later(hidden, 9, 14)
    hello, more = stage.phrases.opener(person), stage.phrases.follow_up(person)
    first = whatsapp.scoped_text(person, stage.mint.whatsapp_id(), stage.at(hidden), hello)
    second = whatsapp.scoped_text(person, stage.mint.whatsapp_id(), stage.at(shown), more, with_phone=True)
    fields = forms.fields_of(person, stage.phrases.opener(person), "Baja whales")
    return [
        Send(hidden, whatsapp.deliver(first, note="known by a business-scoped id only")),
        Send(shown, whatsapp.deliver(second, note="now with the number")),
        CatchUp(person),
        Send(posts, forms.scripted(person, stage.mint.token(20), fields)),
    ]


def two_forms(stage: Stage) -> Story:
    """Two different forms from one mail address: one lead."""
    person = stage.cast.take("US", "GB")
    early = stage.begin(45)
    late = stage.later(early, 2, 9)
    first = forms.fields_of(person, stage.phrases.opener(person), "Patagonia W trek")
    second = forms.fields_of(person, stage.phrases.follow_up(person), "Bacalar")
    return [
        Send(early, forms.urlencoded(person, stage.mint.token(20), first)),
        Send(late, forms.scripted(person, stage.mint.token(20), second), copies=3),
    ]


def lead_ad_and_whatsapp(stage: Stage) -> Story:
    """The form of an ad, and then the same number by WhatsApp: one lead."""
    person = stage.cast.take("MX", "BR")
    minute, leadgen_id = stage.begin(40), stage.mint.digits(17, head="123456789")
    writes = stage.later(minute, 3, 8)
    words = stage.phrases.opener(person)
    stage.shelf.leads.append((leadgen_id, lead_ads.answers_of(person, words)))
    note = "fills in the form of an ad, which is fetched"
    piece = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(writes), stage.phrases.follow_up(person))
    return [
        Send(minute, lead_ads.deliver(person, leadgen_id, stage.at(minute), words, note)),
        Send(writes, whatsapp.deliver(piece)),
    ]


def one_phone_for_two(stage: Stage) -> list[Story]:
    """A couple with one telephone: two names that contradict each other, so two leads that know of each other."""
    one, other = stage.cast.take("MX"), stage.cast.take("MX")
    early = stage.begin(45)
    late = stage.later(early, 3, 8)
    hers = forms.fields_of(one, "Queremos ir a Bacalar en mayo, ¿qué hoteles manejan?", "Bacalar")
    his = forms.fields_of(other, "Mi esposa ya preguntó, pero yo prefiero Baja", "Baja whales", phone=one.phone_abroad)
    return [
        [Send(early, forms.urlencoded(one, stage.mint.token(20), hers))],
        [Send(late, forms.urlencoded(other, stage.mint.token(20), his, note="the same phone under another name"))],
    ]


def two_lines(stage: Stage) -> Story:
    """Somebody who writes to both of our numbers: one lead."""
    person = stage.cast.take("BR")
    early = stage.begin(45)
    late = stage.later(early, 2, 6)
    words = [stage.phrases.opener(person), stage.phrases.follow_up(person)]
    first = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(early), words[0])
    second = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(late), words[1])
    return [
        Send(early, whatsapp.deliver(first)),
        Send(late, whatsapp.deliver(second, line=whatsapp.SECOND_LINE, note="the same person on our second number")),
    ]


def comes_back(stage: Stage) -> Story:
    """Given up, and then they write again: a new lead that points at the earlier one."""
    person = stage.cast.take("MX", "CO", "ES")
    minute = stage.begin(25)
    closed, again = stage.later(minute, 6, 9), stage.later(minute, 12, 20)
    return [
        Send(minute, _chat(stage, person, minute, stage.phrases.opener(person))),
        CatchUp(person),
        Close(closed, person, "Too expensive for now"),
        Send(again, _chat(stage, person, again, "¡Hola de nuevo! Ya juntamos el dinero, ¿sigue disponible?")),
    ]


def storm(stage: Stage) -> Story:
    """The platform delivers one message twenty times at once, and again inside a batch."""
    person = stage.cast.take()
    minute = stage.begin(45)
    after = stage.later(minute, 3, 6)
    piece = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(minute), stage.phrases.opener(person))
    added = whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(after), stage.phrases.follow_up(person))
    return [
        Send(minute, whatsapp.deliver(piece, note="delivered 20 times at once"), copies=20, at_once=True),
        Send(after, whatsapp.deliver(piece, added, note="an old message inside a batch with a new one")),
    ]


def _chat(stage: Stage, person: Person, minute: float, words: str) -> Delivery:
    return whatsapp.deliver(whatsapp.text(person, stage.mint.whatsapp_id(), stage.at(minute), words))
