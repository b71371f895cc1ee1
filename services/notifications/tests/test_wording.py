"""What items say, in four languages."""

from datetime import date, timedelta
from itertools import product

import pytest
from network import TITLE, a_member, a_task, then

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
from notifications.wording import Message, catalogues, render, working_days_between

MONDAY = date(2026, 11, 23)
DAKAR = a_member("DWT/CO-Dakar")
OPENED = a_task("DWT/CO-Dakar", "ACTRAV", due_on=date(2026, 12, 7))
NAMES = {
    "DWT/CO-Dakar": {
        "en": "ILO Country Office Dakar",
        "fr": "Bureau de l’OIT à Dakar",
        "es": "Oficina de la OIT en Dakar",
        "ar": "مكتب منظمة العمل الدولية في داكار",
    }
}

KINDS: dict[str, tuple[Reason, TaskFacts]] = {
    "opened": (Reason.UNIT_ASSIGNED, OPENED),
    "placed": (Reason.UNIT_ASSIGNED, then(OPENED, TaskAssignedV1)),
    "unplaced": (Reason.ROUTING_NEEDED, a_task("COOP", needs_routing=True)),
    "stranded": (Reason.ROUTING_NEEDED, OPENED),
    "declined": (
        Reason.ROUTING_NEEDED,
        then(OPENED, TaskDeclinedV1, by=DAKAR, state=TaskState.DECLINED, reason="Pas de juriste avant mars"),
    ),
    "relieved": (Reason.UNIT_RELIEVED, then(OPENED, TaskAssignedV1, units=["DWT/CO-Dakar"])),
    "accepted": (Reason.TASK_PROGRESS, then(OPENED, TaskAcceptedV1, by=DAKAR, state=TaskState.ACCEPTED)),
    "part finished": (
        Reason.TASK_PROGRESS,
        then(OPENED, TaskCompletedV1, by=DAKAR, state=TaskState.STARTED, waiting_for=["ACTRAV"]),
    ),
    "completed": (
        Reason.TASK_PROGRESS,
        then(OPENED, TaskCompletedV1, by=DAKAR, state=TaskState.COMPLETED, waiting_for=()),
    ),
}


def a_message(kind: str, **changes: object) -> Message:
    reason, facts = KINDS[kind]
    return Message(facts.type, reason, facts.model_copy(update=changes), MONDAY)


@pytest.mark.parametrize(("kind", "language"), list(product(KINDS, Language)))
def test_every_kind_of_item_is_said_in_every_language(kind: str, language: Language) -> None:
    words = render(a_message(kind), language, NAMES)

    assert f"\u2068{TITLE.in_language(language)}\u2069" in words.title
    assert "%(" not in words.title + words.body
    assert words.title.count("\u2068") == words.title.count("\u2069")
    if language is not Language.EN:
        english = render(a_message(kind), Language.EN, NAMES)
        assert words.title != english.title
        assert words.body != english.body or not words.body


def test_the_kinds_of_item_differ_in_their_headlines_or_their_texts() -> None:
    said = {render(a_message(kind), Language.ES, NAMES) for kind in KINDS}

    assert len(said) == len(KINDS)


def test_a_new_task_says_who_asked_who_acts_and_by_when() -> None:
    words = render(a_message("opened"), Language.FR, NAMES)

    assert words.title == "Nouvelle tâche\u00a0: \u2068Répondre à une demande d’assistance\u2069"
    assert words.body == (
        "Envoyée par \u2068UN Inter-Agency Task Force on SSE\u2069. "
        "À réaliser par \u2068Bureau de l’OIT à Dakar\u2069 et \u2068ACTRAV\u2069. "
        "À rendre dans 10 jours ouvrés."
    )


def test_a_refusal_quotes_the_reason_as_it_was_written() -> None:
    words = render(a_message("declined"), Language.AR, NAMES)

    assert "\u2068DWT/CO-Dakar\u2069" in words.title
    assert "\u2068Pas de juriste avant mars\u2069" in words.body


def test_what_is_done_is_not_said_to_be_due() -> None:
    reason, facts = KINDS["opened"]
    done = Message(facts.type, reason, facts, MONDAY, is_open=False)

    assert "Due" not in render(done, Language.EN, NAMES).body


@pytest.mark.parametrize(
    ("due_on", "said"),
    [
        (date(2026, 11, 20), "1 working day late."),
        (date(2026, 11, 16), "5 working days late."),
        (MONDAY, "Due today."),
        (date(2026, 11, 24), "Due in 1 working day."),
        (date(2026, 11, 30), "Due in 5 working days."),
    ],
)
def test_the_time_left_is_told_in_working_days_of_the_day_it_is_read(due_on: date, said: str) -> None:
    assert render(a_message("opened", due_on=due_on), Language.EN, NAMES).body.endswith(said)


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (Language.EN, "The due date has passed."),
        (Language.FR, "L’échéance est passée."),
        (Language.ES, "El plazo ha vencido."),
        (Language.AR, "انقضى موعد الاستحقاق."),
    ],
)
def test_on_the_weekend_after_the_due_date_no_working_days_are_counted(language: Language, said: str) -> None:
    friday = MONDAY - timedelta(days=3)
    facts = OPENED.model_copy(update={"due_on": friday})
    for day in (1, 2):
        message = Message(facts.type, Reason.UNIT_ASSIGNED, facts, friday + timedelta(days=day))
        assert render(message, language, NAMES).body.endswith(said)


ARABIC = {
    0: "لم يبقَ أي يوم عمل على الاستحقاق.",
    1: "تُستحق خلال يوم عمل واحد.",
    2: "تُستحق خلال يومَي عمل.",
    3: "تُستحق خلال 3 أيام عمل.",
    11: "تُستحق خلال 11 يوم عمل.",
    100: "تُستحق خلال 100 يوم عمل.",
}


def due_in(days: int, language: str) -> str:
    ngettext = catalogues.for_language(language).ngettext
    return ngettext("Due in %(num)d working day.", "Due in %(num)d working days.", days) % {"num": days}


@pytest.mark.parametrize(("days", "said"), list(ARABIC.items()))
def test_arabic_uses_the_form_of_the_number(days: int, said: str) -> None:
    assert due_in(days, "ar") == said


def test_zero_is_singular_in_french_and_plural_in_spanish() -> None:
    assert [due_in(days, "fr") for days in (0, 1, 2)] == [
        "À rendre dans 0 jour ouvré.",
        "À rendre dans 1 jour ouvré.",
        "À rendre dans 2 jours ouvrés.",
    ]
    assert [due_in(days, "es") for days in (0, 1, 2)] == [
        "Vence dentro de 0 días hábiles.",
        "Vence dentro de 1 día hábil.",
        "Vence dentro de 2 días hábiles.",
    ]


def test_working_days_pass_over_weekends() -> None:
    friday = date(2026, 11, 27)

    assert working_days_between(friday, friday + timedelta(days=2)) == 0
    assert working_days_between(friday, friday + timedelta(days=3)) == 1
    assert working_days_between(friday, friday + timedelta(days=28)) == 20
    assert working_days_between(friday, friday - timedelta(days=1)) == 0
