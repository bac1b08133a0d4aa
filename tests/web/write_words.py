"""Brings the pages' words into the catalogues, and compiles them: `make words`.

New words arrive without a translation, which the tests refuse; those no longer used go.
"""

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.web.test_words import KEYWORDS, LANGUAGES, METHODS, WEB


def write_words() -> None:
    """Write every language's catalogue anew. The head of each file is kept as it is."""
    found = Catalog()
    for name, _, message, comments, context in extract_from_dir(WEB, METHODS, keywords=KEYWORDS):
        place = f"consent_service/web/{name}"
        found.add(message, None, [(place, 0)], auto_comments=comments, context=context)
    for language in LANGUAGES:
        path = WEB / "translations" / language / "LC_MESSAGES" / "messages.po"
        head, _, _ = path.read_text(encoding="utf-8").partition("\n\n")
        with path.open("rb") as file:
            words = read_po(file, locale=language)
        words.update(found, no_fuzzy_matching=True)
        words.obsolete.clear()
        with path.open("wb") as file:
            file.write(f"{head}\n\n".encode())
            write_po(
                file, words, width=0, omit_header=True, sort_by_file=True, include_lineno=False
            )
        with path.open("rb") as file, path.with_suffix(".mo").open("wb") as compiled:
            write_mo(compiled, read_po(file, locale=language))


if __name__ == "__main__":
    write_words()
