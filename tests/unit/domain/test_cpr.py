"""CPR and replacement numbers: accepted forms, the century table, and that nothing leaks."""

import pickle
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent_service.domain.kernel.cpr import (
    CprNumber,
    InvalidCpr,
    parse_cpr,
)
from tests.unit.domain.random_stories import QUICK

CENTURIES = [
    # seventh digits, two-digit years, century: the register's own table
    ("0123", range(100), 1900),
    ("49", range(37), 2000),
    ("49", range(37, 100), 1900),
    ("5678", range(58), 2000),
    ("5678", range(58, 100), 1800),
]


@pytest.mark.parametrize(
    ("seventh", "year", "century"),
    [
        pytest.param(digit, year, century, id=f"7th digit {digit} and year {year:02} is {century}s")
        for digits, years, century in CENTURIES
        for digit in digits
        for year in (years[0], years[-1])
    ],
)
def test_the_seventh_digit_gives_the_century(seventh: str, year: int, century: int) -> None:
    assert parse_cpr(f"1703{year:02}{seventh}000").birth_date == date(century + year, 3, 17)


def test_every_row_of_the_century_table_for_every_year() -> None:
    for digits, years, century in CENTURIES:
        for digit in digits:
            for year in years:
                number = parse_cpr(f"0112{year:02}{digit}123")
                assert number.birth_date == date(century + year, 12, 1)


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("1705131234", id="without a hyphen"),
        pytest.param("170513-1234", id="with a hyphen"),
        pytest.param("170513 1234", id="with a space"),
        pytest.param("  170513-1234 ", id="with spaces around it"),
    ],
)
def test_one_form_is_stored_however_it_is_written(written: str) -> None:
    assert parse_cpr(written) == CprNumber("1705131234")


@given(st.integers(0, 9999))
@QUICK
def test_modulus_11_never_rejects(serial: int) -> None:
    assert parse_cpr(f"010170{serial:04}").birth_date is not None


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("610513-1234", id="day + 60, the first"),
        pytest.param("910113-1234", id="day + 60, the thirty-first"),
        *(
            pytest.param(f"170513-{digit}AZ4", id=f"X-eCPR with 7th digit {digit}")
            for digit in "17"
        ),
        *(
            pytest.param(f"170513-{digit}AZ4", id=f"D-eCPR with 7th digit {digit}")
            for digit in "056"
        ),
        pytest.param("1705131AZ4", id="X-eCPR without a hyphen"),
    ],
)
def test_a_replacement_number_is_accepted_and_proves_no_birth_date(written: str) -> None:
    number = parse_cpr(written)
    assert number.birth_date is None
    assert number.value == written.replace("-", "")


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("", id="nothing"),
        pytest.param("170513", id="only a date"),
        pytest.param("170513-123", id="three digits after the date"),
        pytest.param("170513-12345", id="five digits after the date"),
        pytest.param("170513--1234", id="two hyphens"),
        pytest.param("170513.1234", id="a full stop"),
        pytest.param("17-0513-1234", id="a hyphen elsewhere"),
        pytest.param("170513-\n1234", id="a line break inside"),
        pytest.param("320113-1234", id="the 32nd"),
        pytest.param("000113-1234", id="the day zero"),
        pytest.param("170013-1234", id="the month zero"),
        pytest.param("171313-1234", id="the 13th month"),
        pytest.param("310413-1234", id="31 April"),
        pytest.param("290200-0123", id="29 February 1900, which was no leap year"),
        pytest.param("290213-4123", id="29 February 2013"),
        pytest.param("600113-1234", id="day zero + 60"),
        pytest.param("920113-1234", id="day 32 + 60"),
        pytest.param("611313-1234", id="day + 60 in a 13th month"),
        *(
            pytest.param(f"170513-{digit}AZ4", id=f"letters after 7th digit {digit}")
            for digit in "23489"
        ),
        pytest.param("170513-1az4", id="small letters"),
        pytest.param("170513-1ÆØ4", id="letters outside A-Z"),
        pytest.param("170513-1A24", id="one letter"),
        pytest.param("171313-1AZ4", id="an X-eCPR in a 13th month"),
        pytest.param("001213-1AZ4", id="an X-eCPR on day zero"),
        pytest.param("١٧٠٥١٣-١٢٣٤", id="digits of another script"),
        pytest.param("１７０５１３1234", id="full-width digits"),  # noqa: RUF001
    ],
)
def test_what_is_neither_is_refused_without_repeating_it(written: str) -> None:
    with pytest.raises(InvalidCpr) as refusal:
        parse_cpr(written)
    for shown in (str(refusal.value), repr(refusal.value), refusal.value.detail):
        assert not any(character.isdigit() for character in shown)
    assert refusal.value.__cause__ is None


def test_29_february_of_a_leap_year_is_a_birth_date() -> None:
    assert parse_cpr("290200-4123").birth_date == date(2000, 2, 29)
    assert parse_cpr("290212-4123").birth_date == date(2012, 2, 29)


def test_no_way_of_showing_a_number_leaks_it() -> None:
    number = parse_cpr("170513-4321")
    shown = [
        repr(number),
        str(number),
        f"{number}",
        f"{number!r}",
        "%s %r" % (number, number),  # noqa: UP031 - how the logging module shows it
        repr([number]),
        repr({"child": number}),
        repr(ValueError(number)),
    ]
    for text in shown:
        assert not any(character.isdigit() for character in text), text


def test_a_number_survives_storage_and_compares_by_value() -> None:
    number = parse_cpr("170513-4321")
    assert pickle.loads(pickle.dumps(number)) == number
    assert len({number, parse_cpr("1705134321")}) == 1
    assert number != parse_cpr("1705134322")
