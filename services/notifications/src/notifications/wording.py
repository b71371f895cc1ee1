"""The words of an item, rendered when it is read, in the language of whoever reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from babel.lists import format_list

from chassis.i18n import Catalogues
from contracts.coordination import (
    TaskAcceptedV1,
    TaskAssignedV1,
    TaskCompletedV1,
    TaskDeclinedV1,
    TaskFacts,
    TaskState,
)
from contracts.notifications import Reason
from contracts.words import Language

catalogues = Catalogues("notifications")

FIRST_STRONG_ISOLATE, POP_ISOLATE = "\u2068", "\u2069"

Names = Mapping[str, Mapping[str, str]]
"""Names of organisations: by code, then by language."""


@dataclass(frozen=True)
class Message:
    """What an item says, and on which day; `is_open` is false once nothing is left to do about it."""

    event_type: str
    reason: Reason
    facts: TaskFacts
    today: date
    is_open: bool = True


@dataclass(frozen=True)
class Words:
    title: str
    body: str


def render(message: Message, language: Language, names: Names) -> Words:
    """Say it in this language. Words not ours are isolated, so that none can turn the line around."""
    return _Writer(message, language, names).words()


def working_days_between(start: date, end: date) -> int:
    """Count the days from Monday to Friday after `start`, up to and including `end`."""
    if end <= start:
        return 0
    weeks, days = divmod((end - start).days, 7)
    rest = sum((start + timedelta(days=n)).weekday() < 5 for n in range(1, days + 1))  # noqa: PLR2004 - Saturday
    return weeks * 5 + rest


def _isolated(text: str) -> str:
    return f"{FIRST_STRONG_ISOLATE}{text}{POP_ISOLATE}"


class _Writer:
    def __init__(self, message: Message, language: Language, names: Names) -> None:
        self._message = message
        self._facts = message.facts
        self._language = language
        self._names = names
        self.gettext = catalogues.for_language(language).gettext
        self.ngettext = catalogues.for_language(language).ngettext

    def words(self) -> Words:
        values = {"title": self._facts.title.in_language(self._language), "unit": self._actor_unit()}
        sentences = [self._asked_by(), self._whereabouts(), self._reason(), self._due()]
        return Words(
            title=self._headline() % {name: _isolated(value) for name, value in values.items()},
            body=" ".join(filter(None, sentences)),
        )

    def _headline(self) -> str:
        gettext, event_type = self.gettext, self._message.event_type
        match self._message.reason:
            case Reason.UNIT_ASSIGNED if event_type == TaskAssignedV1.type:
                headline = gettext("Placed with your unit: %(title)s")
            case Reason.UNIT_ASSIGNED:
                headline = gettext("New task: %(title)s")
            case Reason.UNIT_RELIEVED:
                headline = gettext("No longer with your unit: %(title)s")
            case Reason.ROUTING_NEEDED if event_type == TaskDeclinedV1.type:
                headline = gettext("Declined by %(unit)s: %(title)s")
            case Reason.ROUTING_NEEDED:
                headline = gettext("To be placed: %(title)s")
            case Reason.TASK_PROGRESS if event_type == TaskAcceptedV1.type:
                headline = gettext("Taken on by a colleague: %(title)s")
            case Reason.TASK_PROGRESS if event_type == TaskCompletedV1.type and self._is_completed():
                headline = gettext("Completed: %(title)s")
            case Reason.TASK_PROGRESS:
                headline = gettext("Part finished by %(unit)s: %(title)s")
        return headline

    def _asked_by(self) -> str | None:
        if (
            self._message.reason not in {Reason.UNIT_ASSIGNED, Reason.ROUTING_NEEDED}
            or not self._facts.partner_name
        ):
            return None
        return self.gettext("Sent by %(partner)s.") % {"partner": _isolated(self._facts.partner_name)}

    def _whereabouts(self) -> str | None:
        """The sentence that says where the task is, or should go."""
        gettext, facts = self.gettext, self._facts
        match self._message.reason:
            case Reason.UNIT_ASSIGNED if len(facts.units) > 1:
                sentence = self._with_units(gettext("To be done by %(units)s."), facts.units)
            case Reason.UNIT_RELIEVED:
                sentence = self._with_units(gettext("It is now with %(units)s."), facts.units)
            case Reason.ROUTING_NEEDED if facts.needs_routing:
                sentence = gettext("No rule says which unit should act: please place it.")
            case Reason.ROUTING_NEEDED if facts.state is TaskState.DECLINED:
                sentence = gettext("Please place it with another unit.")
            case Reason.ROUTING_NEEDED if self._message.event_type != TaskDeclinedV1.type:
                sentence = self._with_units(
                    gettext("No member account is left at %(units)s: please place it."), facts.units
                )
            case Reason.TASK_PROGRESS if facts.waiting_for and not self._is_completed():
                sentence = self._with_units(gettext("Still waited for: %(units)s."), facts.waiting_for)
            case _:
                sentence = None
        return sentence

    def _reason(self) -> str | None:
        if not self._facts.reason:
            return None
        return self.gettext("Reason given: %(reason)s") % {"reason": _isolated(self._facts.reason)}

    def _due(self) -> str | None:
        if not self._message.is_open or self._message.reason is Reason.UNIT_RELIEVED or self._is_completed():
            return None
        today, due_on = self._message.today, self._facts.due_on
        if due_on == today:
            return self.gettext("Due today.")
        if due_on > today:
            days = working_days_between(today, due_on)
            return self.ngettext("Due in %(num)d working day.", "Due in %(num)d working days.", days) % {
                "num": days
            }
        days = working_days_between(due_on, today)
        if days == 0:
            return self.gettext("The due date has passed.")
        return self.ngettext("%(num)d working day late.", "%(num)d working days late.", days) % {"num": days}

    def _is_completed(self) -> bool:
        return self._facts.state is TaskState.COMPLETED

    def _actor_unit(self) -> str:
        return self._facts.actor.organisation if self._facts.actor else ", ".join(self._facts.units)

    def _with_units(self, sentence: str, units: Sequence[str]) -> str:
        named = [_isolated(self._name(code)) for code in units]
        return sentence % {"units": format_list(named, locale=self._language)}

    def _name(self, code: str) -> str:
        """The organisation's name in this language, else in English, else its code."""
        names = self._names.get(code, {})
        return names.get(self._language) or names.get("en") or code
