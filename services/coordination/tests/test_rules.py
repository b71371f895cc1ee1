"""The packaged rules, and what they make of partners' events."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from coordination_kit import (
    ORIGIN,
    a_concern,
    a_publication,
    a_reported_entity,
    a_return,
    a_training,
    an_assistance_request,
    one_of_each,
)
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.catalogue import PARTNER_EVENTS
from contracts.partner import PartnerEvent
from contracts.words import Language, Named, Text
from coordination import packaged
from coordination.domain.rules import Choice, Coverage, Opening, RuleBook, opening
from coordination.domain.titles import placeholders

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "contracts" / "examples").glob("partner.*/*.json"))
MONDAY = date(2026, 11, 23)
COVERAGE = Coverage.of([("DWT/CO-Dakar", ["SN"]), ("DWT/CO-Cairo", ["EG"])])
FSI, PDI = "\N{FIRST STRONG ISOLATE}", "\N{POP DIRECTIONAL ISOLATE}"


def opened(event: PartnerEvent, coverage: Coverage = COVERAGE) -> Opening:
    book = packaged.rule_book()
    [rule] = book.hearing(event.type)
    return opening(rule, event, coverage=coverage, routing=book.routing, today=MONDAY)


def test_every_partner_event_has_its_rule() -> None:
    assert sorted(rule.hears for rule in packaged.rule_book().rules) == list(PARTNER_EVENTS)


def test_every_rule_serves_a_result_that_is_still_open() -> None:
    ends = {result.code: result.years.last for result in packaged.plan().results()}

    assert all(ends[code] >= 2028 for rule in packaged.rule_book().rules for code in rule.results())


def test_a_request_for_advice_goes_to_the_office_that_covers_the_country() -> None:
    task = opened(an_assistance_request("SN"))

    assert (task.result, task.units, task.needs_routing) == ("2.1.1", ("DWT/CO-Dakar",), False)
    assert task.due_on == date(2026, 12, 7)
    assert task.title.en == "Request for advice to answer: Ministère du Travail (Senegal)"
    assert task.title.fr == "Demande de conseil à traiter : Ministère du Travail (Sénégal)"
    assert task.request is not None
    assert task.request.text == "Réviser la loi sur les coopératives"


def test_a_country_that_no_office_covers_waits_for_the_coordinator() -> None:
    task = opened(an_assistance_request("KI"))

    assert (task.units, task.needs_routing, task.country) == (("COOP",), True, "KI")


def test_the_office_nearest_to_a_country_has_it() -> None:
    nearer = Coverage.of(
        [("RO-Arab States", ["QA", "KW", "JO"]), ("ILO-Doha", ["QA"]), ("ILO-Amman", ["JO"])]
    )

    assert nearer.office_of == {"QA": "ILO-Doha", "JO": "ILO-Amman", "KW": "RO-Arab States"}


OFFICES = st.lists(
    st.tuples(
        st.sampled_from(("RO-Africa", "DWT/CO-Cairo", "DWT/CO-Dakar", "CO-Yaoundé", "ILO-Doha")),
        st.lists(st.sampled_from(("SN", "EG", "QA", "KW", "CM")), max_size=5, unique=True),
    ),
    unique_by=lambda office: office[0],
)


@given(OFFICES)
def test_each_country_has_the_office_with_the_fewest_others_whatever_the_order_of_the_directory(
    offices: list[tuple[str, list[str]]],
) -> None:
    covers = dict(offices)
    named = {country for countries in covers.values() for country in countries}

    assert Coverage.of(offices).office_of == {
        country: min((len(covers[code]), code) for code in covers if country in covers[code])[1]
        for country in named
    }


@pytest.mark.parametrize(("scope", "result"), [("cooperatives", "1.2.3"), ("sse", "1.2.4")])
def test_statistics_serve_the_text_of_their_scope(scope: str, result: str) -> None:
    assert (opened(a_return(scope)).result, opened(a_return(scope)).units) == (result, ("COOP",))


def test_a_concern_is_for_both_bureaux_together() -> None:
    task = opened(a_concern())

    assert (task.result, task.units) == ("2.1.1", ("ACT/EMP", "ACTRAV"))
    assert "Transit Workers' Circle (Senegal)" in task.title.en
    assert task.request is not None
    assert len(task.request.text) <= 300
    assert task.request.text.endswith("…")


def test_a_result_that_the_rule_cannot_choose_is_for_the_coordinator_to_look_at() -> None:
    rule = packaged.rule_book().hearing("partner.statistics.reported.v1")[0]
    knows_one = rule.model_copy(update={"result": Choice(by="scope", of={"sse": "1.2.4"})})

    task = opening(knows_one, a_return("cooperatives"), coverage=COVERAGE, routing="COOP", today=MONDAY)

    assert (task.result, task.units, task.needs_routing) == ("1.2.4", ("COOP",), True)


def the_request_for(description: str) -> str:
    text = Text(language="zh", text=description)
    request = opened(a_concern().model_copy(update={"description": text})).request
    assert request is not None
    return request.text


@given(st.text(st.sampled_from("aé 字\u0301\u17b6\n"), min_size=1, max_size=700).filter(str.strip))
def test_a_request_is_the_beginning_of_what_the_partner_wrote_and_fits_a_title(text: str) -> None:
    line, said = " ".join(text.split()), the_request_for(text)

    assert len(said) <= 300
    assert said == line if len(line) <= 300 else line.startswith(said.removesuffix("…").removesuffix(" "))
    assert len(said) >= min(len(line), 150)


def test_marks_without_end_leave_half_a_title_standing() -> None:
    marked = "a" + "\N{COMBINING ACUTE ACCENT}" * 400

    assert the_request_for(marked).startswith(marked[:150])


def test_a_text_that_fits_keeps_every_word_and_a_long_one_whole_words() -> None:
    assert the_request_for("One\n\nline,\tplease. ") == "One line, please."
    assert the_request_for("x" * 300) == "x" * 300
    assert set(the_request_for("words " * 100).split()) == {"words", "…"}


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.type)
def test_every_event_becomes_a_task_with_a_title_in_four_languages(event: PartnerEvent) -> None:
    task = opened(event)

    titles = [task.title.in_language(language) for language in Language]
    assert len(set(titles)) == 4
    assert all(title and "{" not in title and "—" not in title for title in titles)
    assert task.request is not None
    assert task.due_on > MONDAY


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_published_example_becomes_a_task(example: Path) -> None:
    content = json.loads(example.read_text(encoding="utf-8"))
    event = PARTNER_EVENTS[content["type"]].model_validate(content["data"])

    task = opened(event.model_copy(update={"origin": ORIGIN}))

    assert all("—" not in task.title.in_language(language) for language in Language)
    assert task.request is not None


def test_an_entity_is_named_in_the_readers_language_where_it_has_such_a_name() -> None:
    title = opened(a_reported_entity()).title

    assert "Nile Farmers' Cooperative" in title.en
    assert "Nile Farmers' Cooperative" in title.es
    assert (
        title.ar
        == "كيان من الاقتصاد الاجتماعي والتضامني مُبلَّغ عنه بانتظار التحقق: تعاونية النيل الزراعية (مصر)"
    )


def test_a_name_in_a_language_of_one_country_is_for_all_who_read_that_language() -> None:
    names = (
        Named(language="pt-BR", name="Cooperativa do Rio"),
        # In whichever case the language was sent.
        Named(language="AR-EG", name="تعاونية النهر"),
        Named(language="fr-CA", name="Coopérative du fleuve"),
        Named(language="fr", name="Coopérative de la rivière"),
    )
    title = opened(a_reported_entity().model_copy(update={"names": names})).title

    assert "تعاونية النهر" in title.ar
    # Two in one language: the partner's first. None in the reader's or in English: the partner's first of all.
    assert "Coopérative du fleuve" in title.fr
    assert "Cooperativa do Rio" in title.en
    assert "Cooperativa do Rio" in title.es


def test_a_name_that_runs_the_other_way_is_isolated() -> None:
    title = opened(a_return("sse")).title

    assert f"{FSI}الجهاز المركزي للتعبئة العامة والإحصاء{PDI} (Egypt, 2025)" in title.en
    assert FSI not in title.ar
    assert f"{FSI}Ministère du Travail{PDI}" in opened(an_assistance_request()).title.ar
    assert (
        f"{FSI}Ministry of Labour{PDI}"
        in opened(an_assistance_request(requested_by="Ministry of Labour")).title.ar
    )
    # What runs neither way needs no isolating.
    assert FSI not in "".join(
        opened(an_assistance_request(requested_by="1919 – 2019")).title.model_dump().values()
    )


def test_a_line_break_in_a_name_does_not_break_the_title() -> None:
    assert (
        "Ministry of Labour" in opened(an_assistance_request(requested_by="Ministry\n of\tLabour")).title.en
    )


def test_an_event_about_one_country_is_the_countrys_and_about_several_is_nobodys() -> None:
    assert opened(a_publication("CR")).country == "CR"
    assert opened(a_publication("CR", "IT")).country is None
    assert opened(a_training()).country is None


def test_an_event_without_origin_still_becomes_a_task() -> None:
    assert opened(a_publication().model_copy(update={"origin": None})).title.en.endswith(": —")


def _one_rule(**changes: Any) -> dict[str, Any]:
    rule = packaged.rule_book().rules[0].model_dump() | changes
    return {"routing": "COOP", "rules": [rule]}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"hears": "partner.weather.changed.v1"}, "no partner can send"),
        ({"place": {"office_covering": "region"}}, "reads region"),
        ({"place": {"office_covering": "requested_by"}}, "requested_by, and that holds no one country"),
        ({"place": {"office_covering": "needed_by"}}, "needed_by, and that holds no one country"),
        (
            {"hears": "partner.research.published.v1", "place": {"office_covering": "countries"}},
            "countries, and that holds no one country",
        ),
        ({"result": {"by": "scope", "of": {"sse": "1.2.4"}}}, "reads scope"),
        (
            {"title": {"en": "For {year}", "fr": "Pour {year}", "es": "Para {year}", "ar": "عن {year}"}},
            "no year",
        ),
        ({"title": {"en": "{country}", "fr": "?", "es": "{country}", "ar": "{country}"}}, "fr title"),
        (
            {"title": {"en": "{themes}", "fr": "{themes}", "es": "{themes}", "ar": "{themes}"}},
            "no themes that a title can say",
        ),
        (
            {"title": {"en": "{needed_by}", "fr": "{needed_by}", "es": "{needed_by}", "ar": "{needed_by}"}},
            "no needed_by that a title can say",
        ),
        ({"durable": "open-assistance-tasks"}, "durable"),
        ({"due": 0}, "greater than or equal to 1"),
        ({"due": 261}, "less than or equal to 260"),
        ({"result": {"by": "country", "of": {}}}, "at least 1"),
        ({"place": {"units": []}}, "at least 1"),
        ({"code": "advise constituent"}, "should match"),
        ({"code": "Advise"}, "should match"),
        ({"code": "advise-"}, "should match"),
        ({"code": "advise-2"}, "should match"),
        ({"weight": 3}, "not permitted"),
    ],
)
def test_a_rule_that_speaks_of_what_its_event_has_not_is_refused(
    changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        RuleBook.model_validate(_one_rule(**changes))


@pytest.mark.parametrize("due", [1, 260])
def test_a_deadline_lies_between_a_working_day_and_a_year_of_them(due: int) -> None:
    assert RuleBook.model_validate(_one_rule(due=due)).rules[0].due == due


def test_two_rules_of_one_code_are_refused() -> None:
    rule = packaged.rule_book().rules[0].model_dump()

    with pytest.raises(ValidationError, match="share one code"):
        RuleBook.model_validate({"routing": "COOP", "rules": [rule, rule]})


@pytest.mark.parametrize(
    "changes",
    [
        {"hears": "partner.research.published.v1", "place": {"units": ["COOP"]}},
        {"durable": "coordination-open-other-tasks"},
    ],
)
def test_a_durable_and_an_event_type_belong_to_each_other_alone(changes: dict[str, Any]) -> None:
    rule = packaged.rule_book().rules[0].model_dump()
    title = dict.fromkeys(Language, "{partner}")
    other = rule | {"code": "another", "title": title} | changes

    with pytest.raises(ValidationError, match="belong to each other alone"):
        RuleBook.model_validate({"routing": "COOP", "rules": [rule, other]})


def test_several_rules_may_hear_what_one_durable_brings() -> None:
    rule = packaged.rule_book().rules[0].model_dump()
    book = RuleBook.model_validate({"routing": "COOP", "rules": [rule, rule | {"code": "another"}]})

    assert book.durables() == {rule["durable"]: PARTNER_EVENTS[rule["hears"]]}
    assert [each.code for each in book.hearing(rule["hears"])] == [rule["code"], "another"]


def test_a_title_says_a_field_by_its_own_name_and_a_code_in_the_readers_language() -> None:
    said = "{requested_by} ({constituency}, {theme})"
    [rule] = RuleBook.model_validate(_one_rule(title=dict.fromkeys(Language, said))).rules

    title = opening(rule, an_assistance_request(), coverage=COVERAGE, routing="COOP", today=MONDAY).title

    assert title.en == "Ministère du Travail (Government, —)"
    assert title.fr == "Ministère du Travail (Gouvernement, —)"


def test_titles_say_values_only_after_a_sign_that_needs_no_grammar() -> None:
    for rule in packaged.rule_book().rules:
        for language in Language:
            title = rule.title.in_language(language)
            assert placeholders(title)
            assert "{" not in title.partition(":")[0]


def test_a_durable_is_named_by_words_to_its_end() -> None:
    with pytest.raises(ValidationError, match="durable"):
        RuleBook.model_validate(_one_rule(durable="coordination-open-tasks!"))
