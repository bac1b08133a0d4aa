"""Whatever is changed in the tables is found, refused where it is used, or does not matter.

A few of the cases of each table; `make tamper` judges them all.
"""

import random
from collections.abc import Sequence

import pytest

from consent_service.persistence.verification.vouchers import VOUCHERS
from tests.tamper.answers import answers_of, differences
from tests.tamper.cases import Case
from tests.tamper.judge import Judge, vouchers_of

COMPARED_OF_EACH = 3
TOLD_OF_EACH = 1


def sample(cases: Sequence[Case]) -> list[Case]:
    """Always the same of a table; of those that answers are compared for, which takes long, few."""
    chance = random.Random(7)
    told = [case for case in cases if all(one.may_pass for one in vouchers_of(case))]
    compared = [case for case in cases if case not in told]
    return [
        *chance.sample(compared, min(COMPARED_OF_EACH, len(compared))),
        *chance.sample(told, min(TOLD_OF_EACH, len(told))),
    ]


@pytest.mark.parametrize("table", sorted(VOUCHERS))
def test_a_change_is_found_or_refused_or_does_not_matter(judge: Judge, table: str) -> None:
    wrong = {case.name: judge.wrong(case) for case in sample(judge.cases[table])}
    assert {name: why for name, why in wrong.items() if why is not None} == {}


def test_what_was_changed_is_changed_back(judge: Judge) -> None:
    assert judge.verify().findings == ()
    assert differences(judge.before, answers_of(judge.world)) == []


def test_there_are_as_many_cases_as_were_promised(judge: Judge) -> None:
    cases = judge.cases
    assert sum(map(len, cases.values())) >= 1_500
    kinds = {case.kind for of_table in cases.values() for case in of_table}
    assert {"changed", "emptied", "exchanged", "another row's", "deleted", "copied"} < kinds
    assert {"put back", "all put back"} < kinds
