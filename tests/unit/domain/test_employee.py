"""One employee, one id: what cannot be one is refused, and case makes nobody somebody else."""

import unicodedata

import pytest

from consent_service.domain.kernel.employee import is_employee_id, is_same_person


@pytest.mark.parametrize(
    "text",
    ["kx-042", "KX-042", "a", "x" * 64, "åse.ørn", "Ærø+1", "kbh\\kx042", "a|b", "me@example.org"],
)
def test_an_id(text: str) -> None:
    assert is_employee_id(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "x" * 65, "kx 042", " kx-042", "kx-042\n", "kx\t042", "kx-042\u00a0"),
        *(
            "\uff4b\uff58-042",
            "kx\uff0d042",
            "kx\u200b-042",
            "kx-042\u200d",
            "\ufeffkx-042",
            "kx-042\u0000",
        ),
        *(
            "\u043ax-042",
            "k\u0445-042",
            "kx-\uff1042",
            "kx-\u066042",
            "\u00df",
            "ö",
            "\u017f",
            "\u212a",
            "\u0131",
            "\ufb01",
            "kx\u2014042",
        ),
        *(
            unicodedata.normalize("NFD", "åse"),
            "kx/042",
            "kx,042",
            "kx;042",
            "\U0001f642",
        ),
    ],
)
def test_no_id(text: str) -> None:
    assert not is_employee_id(text)


def test_case_makes_nobody_somebody_else() -> None:
    assert is_same_person("kx-042", "KX-042")
    assert is_same_person("Åse", "åSE")
    assert is_same_person("ÆØÅ", "æøå")
    assert not is_same_person("kx-042", "kx-043")
    assert not is_same_person("kx-042", "kx_042")
