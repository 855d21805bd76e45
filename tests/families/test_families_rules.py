"""What may be stored, what is in force, which evening it is."""

import unicodedata
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dreamflow.families import CONSENT_TEXTS, Child, ChildId, LedgerEntry, Purpose, evening_of
from dreamflow.families.model import LedgerEntryId
from dreamflow.families.rules import LONGEST_NAME, OLDEST, YOUNGEST, check_child, check_home, in_force
from kit.kit_house import EVENING

NAMES = [
    "Mia",
    "Zoë",
    "Zoe\u0308",  # the same to the eye, another spelling, kept as it is
    "D'Arcy",
    "O\u2019Neill",
    "Anne-Marie",
    "Jean Luc",
    "Nguyễn Thị Bích",
    "Søren Ærø",
    "Łukasz",
    "İpek",
    "Ǹgọ́zí",
    "Юлія",
    "Ελένη",
    "דוד",
    "محمد",
    "علی\u200cرضا",  # a joiner that shapes letters
    "मीरा",
    "க்ஷமா",
    "ศักดิ์สิทธิ์",
    "小明",
    "さくら",
    "지우",
    "ᏣᎳᎩ",
    "Mia 🦊",
    "👩\u200d🚀",  # a joiner inside an emoji
    "🏳\ufe0f\u200d🌈",
    "X Æ A-12",
    "J.R.",
    "<b>Mia</b>",
    'Robert"); DROP TABLE children;--',
    "{{ 7 * 7 }}",
    "M" * LONGEST_NAME,
]
UNSEEN = {
    "a control character": "Mi\x00a",
    "a line break": "Mi\na",
    "an escape": "Mi\x1ba",
    "a delete": "Mi\x7fa",
    "half a surrogate pair": "Mi\ud83da",
    "an override of the writing direction": "Mi\u202ea",
    "a soft hyphen": "Mi\u00ada",
    "a zero-width space": "Mi\u200ba",
    "a byte order mark": "Mi\ufeffa",
    "a line separator": "Mi\u2028a",
    "a private sign": "Mi\ue000a",
    "an unassigned sign": "Mi\U000e0080a",
}


def pointers(errors: object) -> list[str]:
    assert isinstance(errors, tuple)
    return [error.pointer for error in errors]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_any_script_is_kept_byte_for_byte(name: str) -> None:
    assert check_child(name, 5) == (name, ())
    assert check_child(f"  {name}\t", 5) == (name, ())


@pytest.mark.parametrize("name", UNSEEN.values(), ids=UNSEEN.keys())
def test_a_name_with_something_invisible_in_it_is_refused(name: str) -> None:
    _, errors = check_child(name, 5)
    assert pointers(errors) == ["/name"]


@pytest.mark.parametrize("name", ["", " ", "\t\n", "\u3000", "\u200d", "\u200c \u200d"])
def test_a_child_needs_a_name_that_can_be_seen(name: str) -> None:
    _, errors = check_child(name, 5)
    assert pointers(errors) == ["/name"]
    assert errors[0].detail == "A child needs a name."


def test_a_name_has_a_longest_length() -> None:
    assert pointers(check_child("M" * (LONGEST_NAME + 1), 5)[1]) == ["/name"]


@given(st.text(max_size=80), st.integers())
def test_what_is_stored_is_what_was_typed_without_the_space_around_it(name: str, age: int) -> None:
    stored, errors = check_child(name, age)
    assert stored in name
    assert stored == stored.strip()
    assert ("/age" in pointers(errors)) == (not YOUNGEST <= age <= OLDEST)
    if "/name" not in pointers(errors):
        assert 0 < len(stored) <= LONGEST_NAME
        stored.encode()
        assert not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in stored)


@given(st.text(max_size=80), st.integers())
@example("Canary\x00", 99)
def test_a_refusal_never_quotes_what_was_typed(name: str, age: int) -> None:
    _, errors = check_child("Canary" + name + "\x00!", 4711 + abs(age))
    assert pointers(errors) == ["/name", "/age"]
    assert "Canary" not in str(errors)
    assert "4711" not in str(errors)


@pytest.mark.parametrize(("age", "is_fine"), [(0, False), (1, True), (16, True), (17, False), (-3, False)])
def test_children_are_one_to_sixteen_years_old(age: int, is_fine: bool) -> None:  # noqa: FBT001
    assert (check_child("Mia", age)[1] == ()) == is_fine


@pytest.mark.parametrize("zone", ["Europe/London", "America/Argentina/Buenos_Aires", "UTC", "Pacific/Kiritimati"])
def test_an_iana_time_zone_is_welcome(zone: str) -> None:
    assert check_home(zone, None) == ()


@pytest.mark.parametrize(
    "zone", ["", "Mars/Phobos", "europe/london", "../etc/passwd", "/etc/localtime", "Europe/London\x00", "+02:00"]
)
def test_anything_else_is_no_time_zone(zone: str) -> None:
    assert pointers(check_home(zone, None)) == ["/time_zone"]


@pytest.mark.parametrize("locale", ["en", "en-GB", "de-CH-1996", "zh-Hant-TW", "fil", "sr-Latn", "es-419", "EN-us"])
def test_a_language_tag_is_welcome(locale: str) -> None:
    assert check_home(None, locale) == ()


@pytest.mark.parametrize(
    "locale", ["", "e", "english", "en_GB", "en-", "-GB", "e1", "en-waytoolong", "ёё", "en-é", "en GB"]
)
def test_anything_else_is_no_language_tag(locale: str) -> None:
    assert pointers(check_home(None, locale)) == ["/locale"]


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_as_zone_and_locale_is_judged_without_being_quoted(zone: str, locale: str) -> None:
    errors = check_home("canary" + zone, "canary-" + locale)
    assert pointers(errors) == ["/time_zone", "/locale"]
    assert "canary" not in str(errors)


def test_what_is_not_given_is_not_wrong() -> None:
    assert check_home(None, None) == ()


def entry(number: int, purpose: Purpose, *, granted: bool) -> LedgerEntry:
    return LedgerEntry(LedgerEntryId(f"l{number}"), purpose, granted, "1", "0" * 64, EVENING, "api")


decisions = st.lists(st.tuples(st.sampled_from(Purpose), st.booleans()), max_size=30)


@given(decisions)
def test_the_last_word_on_each_purpose_holds(told: list[tuple[Purpose, bool]]) -> None:
    entries = [entry(n, purpose, granted=granted) for n, (purpose, granted) in enumerate(told)]
    holding: dict[Purpose, LedgerEntry] = {}
    for each in entries:
        if each.granted:
            holding[each.purpose] = each
        else:
            holding.pop(each.purpose, None)
    assert in_force(entries) == holding


@given(decisions, st.sampled_from(Purpose), st.booleans())
def test_a_decision_touches_its_own_purpose_only(
    told: list[tuple[Purpose, bool]],
    purpose: Purpose,
    granted: bool,  # noqa: FBT001
) -> None:
    before = [entry(n, each, granted=yes) for n, (each, yes) in enumerate(told)]
    after = in_force([*before, entry(len(before), purpose, granted=granted)])
    assert (purpose in after) == granted
    rest = {each: held for each, held in in_force(before).items() if each is not purpose}
    assert {each: held for each, held in after.items() if each is not purpose} == rest


def test_nothing_holds_before_it_was_given() -> None:
    assert in_force([]) == {}
    assert set(CONSENT_TEXTS) == set(Purpose)
    assert len({text.sha256 for text in CONSENT_TEXTS.values()}) == len(Purpose)


LONDON, NEW_YORK, LORD_HOWE = ZoneInfo("Europe/London"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")


@pytest.mark.parametrize(
    ("local", "fold", "zone", "evening"),
    [
        ("2026-03-10T19:10", 0, LONDON, date(2026, 3, 10)),
        ("2026-03-10T23:59", 0, LONDON, date(2026, 3, 10)),
        ("2026-03-11T00:00", 0, LONDON, date(2026, 3, 10)),
        ("2026-03-11T03:59:59.999999", 0, LONDON, date(2026, 3, 10)),
        ("2026-03-11T04:00", 0, LONDON, date(2026, 3, 11)),
        # Clocks go forward at 01:00 in London: 03:59 is two hours after midnight and still last night.
        ("2026-03-29T03:59", 0, LONDON, date(2026, 3, 28)),
        ("2026-03-29T04:00", 0, LONDON, date(2026, 3, 29)),
        # Clocks go back: both 01:30s belong to the same night.
        ("2026-11-01T01:30", 0, NEW_YORK, date(2026, 10, 31)),
        ("2026-11-01T01:30", 1, NEW_YORK, date(2026, 10, 31)),
        ("2026-11-01T04:00", 0, NEW_YORK, date(2026, 11, 1)),
        ("2026-04-05T01:45", 1, LORD_HOWE, date(2026, 4, 4)),
        ("2026-01-01T02:00", 0, ZoneInfo("Pacific/Kiritimati"), date(2025, 12, 31)),
    ],
)
def test_a_night_lasts_until_four_in_the_familys_own_zone(local: str, fold: int, zone: ZoneInfo, evening: date) -> None:
    moment = datetime.fromisoformat(local).replace(tzinfo=zone, fold=fold).astimezone(UTC)
    assert evening_of(moment, zone) == evening


zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
moments = st.datetimes(
    datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2040-01-01"), timezones=st.just(UTC)
)


@given(moments, zones)
def test_an_evening_is_the_local_date_or_the_one_before_until_four(moment: datetime, zone: ZoneInfo) -> None:
    local = moment.astimezone(zone)
    expected = local.date() if local.hour >= 4 else local.date() - timedelta(days=1)
    assert evening_of(moment, zone) == expected


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 4000), st.integers(YOUNGEST, OLDEST))
def test_a_child_grows_a_year_older_each_year_to_within_a_day(noted: date, days: int, age: int) -> None:
    child = Child(ChildId("c"), "Mia", age, noted)
    day = noted + timedelta(days=days)
    anniversaries = {
        day.year - noted.year - ((day.month, day.day) < (noted.month, noted.day))
        for day in (day - timedelta(days=1), day, day + timedelta(days=1))
    }
    assert child.age_on(day) - age in {max(0, years) for years in anniversaries}


def test_a_child_is_never_younger_than_it_was_told_to_be() -> None:
    assert Child(ChildId("c"), "Mia", 5, date(2026, 3, 10)).age_on(date(2020, 1, 1)) == 5


def test_neither_name_nor_address_shows_where_an_object_is_printed() -> None:
    assert "Canary" not in repr(Child(ChildId("c"), "Canary", 5, date(2026, 3, 10)))
