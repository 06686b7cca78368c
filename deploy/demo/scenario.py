"""The hour: all stories, made from a seed, with people and ids that no other run has."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.demo import chats, disturbances, encounters
from deploy.demo.mint import Mint
from deploy.demo.people import Cast, Person
from deploy.demo.stage import Shelf, Stage
from deploy.demo.steps import Send, Story


@dataclass(frozen=True, slots=True)
class Scenario:
    """Stories that run side by side, everybody in them, and what the Graph API knows."""

    stories: tuple[Story, ...]
    people: tuple[Person, ...]
    shelf: Shelf

    def sends(self) -> Iterator[Send]:
        """All deliveries, story by story."""
        return (step for story in self.stories for step in story if isinstance(step, Send))

    @property
    def requests(self) -> int:
        """How many requests will be made."""
        return sum(send.copies for send in self.sends())


def write_scenario(seed: int, run: str, starts_at: float, seconds: float) -> Scenario:
    """Write the hour: the seed decides who asks what and when, the run which ids and numbers they have."""
    choice, mint = random.Random(seed), Mint(run)
    stage = Stage(choice, mint, Cast(choice, mint), starts_at, seconds)
    stories = [*_hard_ones(stage), *_everyday(stage)]
    return Scenario(tuple(stories), tuple(stage.cast.taken), stage.shelf)


def _hard_ones(stage: Stage) -> Iterator[Story]:
    yield encounters.whatsapp_and_form(stage, "MX")
    yield encounters.whatsapp_and_form(stage, "BR")
    yield encounters.whatsapp_and_form(stage, "AR")
    yield encounters.whatsapp_and_form(stage, "MX", form_first=True)
    yield encounters.whatsapp_and_form(stage, "BR", form_first=True)
    yield encounters.messenger_phone_form(stage)
    yield encounters.username_only(stage)
    yield encounters.username_then_number(stage)
    yield encounters.two_forms(stage)
    yield encounters.lead_ad_and_whatsapp(stage)
    yield encounters.two_lines(stage)
    yield encounters.comes_back(stage)
    yield encounters.comes_back(stage)
    yield encounters.storm(stage)
    yield from encounters.one_phone_for_two(stage)
    yield disturbances.whatsapp_batch(stage)
    yield disturbances.messenger_batch(stage)
    yield from disturbances.forgeries(stage)
    yield from disturbances.garbage(stage)
    yield from disturbances.wrong_forms(stage)


def _everyday(stage: Stage) -> Iterator[Story]:
    yield chats.whatsapp_chat(stage, stage.cast.take(), from_ad=True)
    yield chats.whatsapp_media(stage, stage.cast.take())
    yield chats.instagram_chat(stage, stage.cast.take())
    for _ in range(3):
        yield chats.lead_ad(stage, stage.cast.take())
    kinds = [chats.whatsapp_chat] * 10 + [chats.messenger_chat] * 5 + [chats.web_form] * 6 + [chats.instagram_chat] * 2
    stage.choice.shuffle(kinds)
    for place, person in enumerate(stage.cast.take_all()):
        yield kinds[place % len(kinds)](stage, person)
