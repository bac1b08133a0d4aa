"""Terms and statements: one form each, read strictly, and silent about the person."""

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count

import pytest

from consent_service.signing.canonical import NotCanonical, canonical_json
from consent_service.signing.statement import (
    InvalidStatement,
    Paper,
    Scope,
    Statement,
    person_commitment,
)
from consent_service.signing.terms import InvalidTerms, Terms
from tests.unit.signing.acts import CPR, SALT, SIGNED, TERMS, identity, statement


def test_terms_round_trip():
    assert Terms.from_bytes(TERMS.to_bytes()) == TERMS
    assert TERMS.sha256_hex == hashlib.sha256(TERMS.to_bytes()).hexdigest()


@pytest.mark.parametrize(
    "one",
    [
        statement(),
        statement(decision="withdraw", scope=None),
        statement(decision="decline", scope=None),
        statement(scope=None, language=None, text_sha256=None,
                  identity=identity(id_token_sha256=None)),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_statements_round_trip(one):
    assert Statement.from_bytes(one.to_bytes()) == one
    assert one.sha256_hex == hashlib.sha256(one.to_bytes()).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"decision": "decline"},
        {"decision": "withdraw"},
        {"language": None},
        {"text_sha256": None},
        {"language": None, "text_sha256": None},
    ],
    ids=map(str, count()),
)
def test_contradicting_statements_are_refused(changes):
    with pytest.raises(InvalidStatement):
        statement(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"terms_sha256": "AB" * 32}, {"terms_sha256": "ab"}, {"consent": ""}, {"role": ""},
        {"decision": "maybe", "scope": None}, {"person_commitment": CPR},
        {"scope": Scope(("org-2", "org-1"), ())}, {"scope": Scope(("org-1",), ("a", "a"))},
        {"identity": identity(issuer="")},
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_wrong_values_are_not_written(changes):
    with pytest.raises(InvalidStatement):
        statement(**changes).to_bytes()


def test_naive_times_are_not_written():
    with pytest.raises(NotCanonical):
        statement(time=SIGNED.replace(tzinfo=None)).to_bytes()


def respelled(data, change):
    value = json.loads(data)
    change(value)
    return canonical_json(value)


MEMBERS = [
    (statement().to_bytes(), Statement, InvalidStatement, name)
    for name in json.loads(statement().to_bytes())
] + [(TERMS.to_bytes(), Terms, InvalidTerms, name) for name in json.loads(TERMS.to_bytes())]


@pytest.mark.parametrize(("data", "kind", "error", "name"), MEMBERS, ids=map(str, count()))
def test_every_member_is_needed_and_typed(data, kind, error, name):
    with pytest.raises(error):
        kind.from_bytes(respelled(data, lambda value: value.pop(name)))
    for wrong in (7, [], True, {"v": 1}, ""):
        with pytest.raises(error):
            kind.from_bytes(respelled(data, lambda value, w=wrong: value.update({name: w})))


@pytest.mark.parametrize(
    ("data", "kind", "error"),
    [(statement().to_bytes(), Statement, InvalidStatement),
     (TERMS.to_bytes(), Terms, InvalidTerms)],
    ids=["statement", "terms"],
)  # fmt: skip
def test_nothing_unknown_is_accepted(data, kind, error):
    for path in [(), ("identity",), ("scope",), ("child",), ("controller",), ("template",)]:

        def add(value, path=path):
            for name in path:
                value = value.get(name, value)
            value["extra"] = "x"

        with pytest.raises(error):
            kind.from_bytes(respelled(data, add))
    for wrong in (
        b"",
        b"[]",
        b"null",
        data + b" ",
        data[:-1],
        json.dumps(json.loads(data)).encode(),
    ):
        with pytest.raises(error):
            kind.from_bytes(wrong)


@pytest.mark.parametrize(
    "text", ["2013-2-24", "20131224", "2013-02-30", "24.12.2013", "2013-W52-2"]
)
def test_other_birth_dates_are_refused(text):
    with pytest.raises(InvalidTerms):
        Terms.from_bytes(
            respelled(TERMS.to_bytes(), lambda value: value["child"].update(birth_date=text))
        )


def test_unsorted_terms_are_refused():
    with pytest.raises(InvalidTerms):
        replace(TERMS, categories=("b", "a"))
    with pytest.raises(InvalidTerms):
        replace(TERMS, parties=TERMS.parties[::-1])
    with pytest.raises(InvalidTerms):
        replace(TERMS, parties=TERMS.parties[:1] * 2)


def test_the_person_is_committed_to_and_not_named():
    expected = hmac.new(SALT, CPR.encode(), hashlib.sha256).hexdigest()
    assert person_commitment(SALT, CPR) == expected
    assert person_commitment(b"\x08" * 32, CPR) != expected
    assert CPR.encode() not in statement().to_bytes()


@pytest.mark.parametrize(("salt", "cpr"), [(b"", CPR), (SALT, "010111-1234"), (SALT, "01011112é4")])
def test_other_openings_are_refused(salt, cpr):
    with pytest.raises(InvalidStatement) as refused:
        person_commitment(salt, cpr)
    assert cpr not in str(refused.value)


def test_a_childs_number_and_name_are_not_shown():
    shown = repr(TERMS) + repr(statement())
    assert "2412131234" not in shown
    assert "Ida" not in shown


def test_times_are_compared_as_written():
    assert isinstance(Statement.from_bytes(statement().to_bytes()).time, datetime)


PAPER = Paper("01a20a4c", "ab" * 32)


def on_paper(**changes):
    """An act on paper, with parts of its evidence changed."""
    proof = {
        "loa": "paper",
        "id_token_sha256": None,
        "paper": PAPER,
        "time": statement().time - timedelta(days=3),
    } | changes
    return {"language": None, "text_sha256": None, "identity": identity(**proof)}


def test_an_act_on_paper_is_a_second_version_that_names_the_paper():
    made = statement(**on_paper())
    said = json.loads(made.to_bytes())
    assert said["v"] == 2
    assert said["identity"]["paper"] == {"id": "01a20a4c", "sha256": "ab" * 32}
    assert Statement.from_bytes(made.to_bytes()) == made


def test_a_login_stays_the_first_version():
    said = json.loads(statement().to_bytes())
    assert said["v"] == 1
    assert "paper" not in said["identity"]


@pytest.mark.parametrize(
    "changes",
    [
        on_paper(paper=None),
        on_paper(loa="letter"),
        on_paper(time=statement().time + timedelta(microseconds=1)),
        on_paper(id_token_sha256="a" * 64),
        on_paper() | {"language": "da", "text_sha256": "a" * 64},
        on_paper(paper=Paper("", "ab" * 32)),
        on_paper(paper=Paper("01a20a4c", "ab")),
    ],
    ids=["no paper", "not paper", "signed later", "login", "text", "no id", "no hash"],
)
def test_what_contradicts_a_paper(changes):
    with pytest.raises(InvalidStatement):
        statement(**changes).to_bytes()


def test_neither_version_is_read_as_the_other():
    for made, version in ((statement(), 2), (statement(**on_paper()), 1)):
        said = json.loads(made.to_bytes()) | {"v": version}
        with pytest.raises(InvalidStatement):
            Statement.from_bytes(canonical_json(said))
