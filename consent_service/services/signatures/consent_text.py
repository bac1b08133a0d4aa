"""The words a signer has before them: one text, shown on the page and hashed into the statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consent_service.signing.terms import Terms

_HEADINGS: Mapping[str, Mapping[str, str]] = {
    "da": {
        "child": "Det handler om",
        "purpose": "Formål",
        "parties": "Hvem må tale sammen",
        "categories": "Hvilke oplysninger",
        "voluntary": "Det er frivilligt",
        "withdrawal": "Du kan altid trække dit samtykke tilbage",
        "contact": "Spørgsmål",
        "privacy": "Sådan passer vi på oplysningerne",
    },
    "en": {
        "child": "This is about",
        "purpose": "Purpose",
        "parties": "Who may talk to each other",
        "categories": "What information",
        "voluntary": "It is voluntary",
        "withdrawal": "You can always withdraw your consent",
        "contact": "Questions",
        "privacy": "How we look after the information",
    },
}
_DEFAULT = "en"


@dataclass(frozen=True)
class Section:
    """A heading with its lines, and the name that each of these begins with, where one does."""

    name: str
    heading: str
    lines: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ConsentText:
    """The consent in one language: a title and its sections, in order."""

    language: str
    title: str
    sections: Sequence[Section]

    def as_text(self) -> str:
        """The exact words whose SHA-256 is sealed: sections apart by a blank line."""
        blocks = [self.title]
        for section in self.sections:
            heading = [section.heading] if section.heading else []
            blocks.append("\n".join((*heading, *section.lines)))
        return "\n\n".join(blocks) + "\n"


def consent_text(terms: Terms, template: Mapping[str, Any], language: str) -> ConsentText:
    """The text of a consent in one of its template's languages.

    Names and descriptions come from the terms, so they stay as they stood when it was asked.
    """
    text, labels = template["texts"][language], template["labels"][language]
    headings = _HEADINGS.get(language, _HEADINGS[_DEFAULT])
    parties = tuple(
        f"{party.name}: {description}" if description else party.name
        for party in terms.parties
        for description in (party.descriptions.get(language) or party.descriptions.get("da", ""),)
    )
    names = tuple(party.name for party in terms.parties)
    categories = tuple(labels["categories"][category] for category in terms.categories)
    born = terms.child.birth_date.strftime("%d.%m.%Y")
    sections = [
        Section("body", "", tuple(text["body"].splitlines())),
        Section("child", headings["child"], (f"{terms.child.name} ({born})",), (terms.child.name,)),
        Section("purpose", headings["purpose"], (labels["purpose"],)),
        Section("parties", headings["parties"], parties, names),
        Section("categories", headings["categories"], categories),
    ]
    sections += [
        Section(name, headings[name], tuple(text[name].splitlines()))
        for name in ("voluntary", "withdrawal", "contact", "privacy")
    ]
    return ConsentText(language, text["title"], sections)
