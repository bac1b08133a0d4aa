"""Checkpoints: the published notes verify, and ours are refused when anything is off."""

import base64
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from consent_service.audit.checkpoint import (
    InvalidCheckpoint,
    parse_checkpoint,
    sign_checkpoint,
    verify_checkpoint,
    vkey,
)
from consent_service.audit.merkle import EMPTY_ROOT
from consent_service.audit.note import (
    COSIGNATURE,
    InvalidNote,
    key_id,
    parse_note,
    signature_line,
    verifier_key,
)
from consent_service.signing.keys import KeySet, PublishedKey, SigningKey
from consent_service.signing.keys import key_id as thumbprint
from tests.unit.audit.built_log import (
    COSIGNER,
    LOG_KEY,
    ORIGIN,
    PROMISE_KEY,
    START,
    published,
    signed,
)

TIME = datetime(2026, 3, 1, 12, 0, 7, 999_999, tzinfo=UTC)
ROOT = b"\x05" * 32
NOTE = sign_checkpoint(ORIGIN, 21, ROOT, TIME, LOG_KEY)
OTHER = SigningKey.from_seed(b"\x08" * 32, "log")
COSIGNED = signed(21, ROOT, TIME)

# The example of C2SP signed-note, "Verifier keys".
SPEC_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SPEC_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""  # noqa: E501
# The example of C2SP tlog-cosignature.
SPEC_CHECKPOINT = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
"""  # noqa: E501


ALONE = KeySet([published(LOG_KEY), published(PROMISE_KEY)])
"""The keys of a log from before it had a cosignature key: its own key dates as well."""


def verify(note, published_keys=ALONE, origin=ORIGIN):
    return verify_checkpoint(note, origin, published_keys)


def test_the_published_note_verifies():
    public = base64.b64decode(SPEC_VKEY.rpartition("+")[2])[1:]
    assert verifier_key("example.com/foo", public) == SPEC_VKEY
    note = parse_note(SPEC_NOTE)
    (line,) = note.signatures
    assert line.key_id == key_id(line.name, 1, public)
    key = PublishedKey(thumbprint(public), "log", public, START)
    key.verify(line.signature, note.text.encode())


def test_the_published_checkpoint_is_read():
    parsed = parse_checkpoint(SPEC_CHECKPOINT)
    assert (parsed.origin, parsed.size) == ("example.com/behind-the-sofa", 20852163)
    timestamp = parsed.note.signatures[1].signature[:8]
    assert int.from_bytes(timestamp, "big") == 1679315147


def test_round_trip_in_whole_seconds():
    checkpoint = verify(NOTE)
    assert (checkpoint.origin, checkpoint.size, checkpoint.root) == (ORIGIN, 21, ROOT)
    assert checkpoint.time == TIME.replace(microsecond=0)
    assert checkpoint.key == published(LOG_KEY)
    assert sign_checkpoint(ORIGIN, 21, ROOT, TIME, LOG_KEY) == NOTE


def test_the_signed_bytes_are_those_of_the_specification():
    note = parse_note(NOTE)
    signed, dated = note.signatures
    text = f"{ORIGIN}\n21\n{base64.b64encode(ROOT).decode()}\n"
    assert note.text == text
    key = published(LOG_KEY)
    key.verify(signed.signature, text.encode())
    seconds = int(TIME.timestamp())
    assert dated.signature[:8] == seconds.to_bytes(8, "big")
    key.verify(dated.signature[8:], f"cosignature/v1\ntime {seconds}\n{text}".encode())
    assert signed.key_id != dated.key_id


BOTH = KeySet([published(LOG_KEY), published(COSIGNER)])


def test_a_key_of_its_own_dates_it():
    """C2SP signed-note: one key should not be used for two types of signatures."""
    dated_by = parse_note(COSIGNED).signatures[1]
    assert dated_by.key_id == key_id(ORIGIN, COSIGNATURE, COSIGNER.public)
    assert verify(COSIGNED, BOTH).key == published(LOG_KEY)
    assert verify(COSIGNED, BOTH).time == TIME.replace(microsecond=0)
    with pytest.raises(InvalidCheckpoint):
        verify(COSIGNED, KeySet([published(LOG_KEY)]))


def test_what_the_logs_key_dated_before_there_was_another_verifies_for_ever():
    second = TIME.replace(microsecond=0)
    later = PublishedKey(
        COSIGNER.kid, "cosignature", COSIGNER.public, second + timedelta(seconds=1)
    )
    assert verify(NOTE, KeySet([published(LOG_KEY), later])).time == second


@pytest.mark.parametrize("compromised", [False, True], ids=["sound", "compromised"])
def test_where_there_is_another_the_logs_key_dates_no_more(compromised):
    """Or whoever steals that one key could date what it signs."""
    life = {"not_before": TIME.replace(microsecond=0)}
    if compromised:
        life |= {"status": "compromised", "compromised_at": START}
    apart = PublishedKey(COSIGNER.kid, "cosignature", COSIGNER.public, **life)
    with pytest.raises(InvalidCheckpoint, match="dated"):
        verify(NOTE, KeySet([published(LOG_KEY), apart]))


def test_a_cosignature_key_signs_no_checkpoint():
    text = NOTE.partition("\n\n")[0] + "\n"
    line = signature_line(ORIGIN, 1, COSIGNER.public, COSIGNER.sign(text.encode()))
    with pytest.raises(InvalidCheckpoint):
        verify(f"{text}\n{line}{lines_of(COSIGNED)[1][1]}", BOTH)
    for key, cosigner in ((COSIGNER, COSIGNER), (LOG_KEY, OTHER), (LOG_KEY, PROMISE_KEY)):
        with pytest.raises(InvalidCheckpoint):
            sign_checkpoint(ORIGIN, 21, ROOT, TIME, key, cosigner)


def test_witnesses_are_ignored():
    witness = signature_line("witness.example.com/w1", COSIGNATURE, OTHER.public, b"\0" * 72)
    assert verify(NOTE + witness) == verify(NOTE)
    assert verify(NOTE.replace("\n— ", f"\n{witness}— ", 1)) == verify(NOTE)


def test_a_key_of_the_same_name_must_verify():
    forged = signature_line(ORIGIN, 1, LOG_KEY.public, b"\0" * 64)
    with pytest.raises(InvalidCheckpoint):
        verify(NOTE + forged)


def lines_of(note):
    text, _, lines = note.rpartition("\n\n")
    return text + "\n\n", lines.splitlines(keepends=True)


def dated(time, text=None):
    """A second, valid date line."""
    return lines_of(sign_checkpoint(ORIGIN, 21, ROOT, time, LOG_KEY))[1][1]


BODY, (SIGNED, DATED) = lines_of(NOTE)


@pytest.mark.parametrize(
    "note",
    [
        BODY + SIGNED,
        BODY + DATED,
        BODY,
        BODY + SIGNED + dated(TIME + timedelta(seconds=1)),
        NOTE + dated(TIME + timedelta(seconds=1)),
        NOTE.replace("\n21\n", "\n22\n"),
        NOTE.replace("\n21\n", "\n021\n"),
        NOTE.replace("\n21\n", "\n-1\n"),
        NOTE.replace("\n21\n", "\n+21\n"),
        NOTE.replace("\n21\n", "\n\u0662\u0661\n"),
        NOTE.replace("\n21\n", "\n" + "2" * 5000 + "\n"),
        NOTE.replace("\n21\n", "\n\n21\n"),
        NOTE.replace(ORIGIN, "log.example.dk/andet"),
        NOTE.replace("—", "-"),
        NOTE.replace("\n\n", "\n"),
        NOTE.replace("\n", "\r\n"),
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "x\n",
        NOTE.replace("BQU=", "BQV="),
        "",
        "\n\n",
        "\ud800" + NOTE,
        NOTE + f"— {ORIGIN} AAAA\n",
        NOTE + DATED * 2000,
    ],
    ids=map(str, count()),
)
def test_other_notes_are_refused(note):
    if note in (BODY + SIGNED + dated(TIME + timedelta(seconds=1)),):
        # A date of its own is fine; two of them are not (the case after this one).
        assert verify(note).time == TIME.replace(microsecond=0) + timedelta(seconds=1)
        return
    with pytest.raises(InvalidCheckpoint):
        verify(note)


def test_the_log_is_the_one_asked_about():
    with pytest.raises(InvalidCheckpoint):
        verify(NOTE, origin="log.example.dk/andet")


def test_only_published_log_keys_count():
    for known in (KeySet([]), KeySet([published(OTHER)]), KeySet([published(PROMISE_KEY)])):
        with pytest.raises(InvalidCheckpoint):
            verify(NOTE, known)
    with pytest.raises(InvalidCheckpoint):
        sign_checkpoint(ORIGIN, 21, ROOT, TIME, PROMISE_KEY)


def test_the_key_must_be_valid_then():
    second = TIME.replace(microsecond=0)
    with pytest.raises(InvalidCheckpoint):
        verify(NOTE, KeySet([published(LOG_KEY, not_after=second)]))
    assert verify(NOTE, KeySet([published(LOG_KEY, not_after=second + timedelta(seconds=1))]))


def test_extension_lines_are_read_over():
    text = f"{ORIGIN}\n21\n{base64.b64encode(ROOT).decode()}\nextra\n"
    seconds = int(TIME.timestamp())
    date = LOG_KEY.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    note = (
        f"{text}\n{signature_line(ORIGIN, 1, LOG_KEY.public, LOG_KEY.sign(text.encode()))}"
        f"{signature_line(ORIGIN, 4, LOG_KEY.public, seconds.to_bytes(8, 'big') + date)}"
    )
    assert verify(note) == verify(NOTE)


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, ROOT), ("a b", 1, ROOT), ("a+b", 1, ROOT), ("a\nb", 1, ROOT), ("a\u00a0b", 1, ROOT),
        ("cosignature/v1", 1, ROOT), (ORIGIN, -1, ROOT), (ORIGIN, 1, b"short"), (ORIGIN, 0, ROOT),
    ],
    ids=map(str, count()),
)  # fmt: skip
def test_other_heads_are_not_signed(origin, size, root):
    with pytest.raises(InvalidCheckpoint):
        sign_checkpoint(origin, size, root, TIME, LOG_KEY)


def test_the_empty_log_has_a_checkpoint():
    assert verify(sign_checkpoint(ORIGIN, 0, EMPTY_ROOT, TIME, LOG_KEY)).size == 0


def test_a_date_beyond_the_calendar_is_refused():
    far = (2**63).to_bytes(8, "big")
    line = signature_line(ORIGIN, COSIGNATURE, LOG_KEY.public, far + b"\0" * 64)
    with pytest.raises(InvalidCheckpoint):
        verify(BODY + SIGNED + line)


def test_vkey_names_the_log():
    name, hashed, material = vkey(ORIGIN, LOG_KEY.public).split("+", 2)
    assert (name, len(hashed)) == (ORIGIN, 8)
    assert base64.b64decode(material) == b"\x01" + LOG_KEY.public
    with pytest.raises(InvalidNote):
        vkey("a b", LOG_KEY.public)


def test_a_signature_over_another_logs_text_is_refused():
    text = NOTE.partition("\n\n")[0].replace(ORIGIN, "log.example.dk/andet") + "\n"
    seconds = int(TIME.timestamp())
    date = LOG_KEY.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
    note = (
        f"{text}\n{signature_line(ORIGIN, 1, LOG_KEY.public, LOG_KEY.sign(text.encode()))}"
        f"{signature_line(ORIGIN, 4, LOG_KEY.public, seconds.to_bytes(8, 'big') + date)}"
    )
    with pytest.raises(InvalidCheckpoint):
        verify(note)


def test_a_forged_date_is_refused():
    _, date = parse_note(NOTE).signatures
    for seconds, signature in (
        (int(TIME.timestamp()) - 86_400, date.signature[8:]),
        (int(TIME.timestamp()), b"\0" * 64),
    ):
        material = seconds.to_bytes(8, "big") + signature
        with pytest.raises(InvalidCheckpoint):
            verify(BODY + SIGNED + signature_line(ORIGIN, COSIGNATURE, LOG_KEY.public, material))


def test_it_is_judged_by_its_least_trusted_key():
    since = TIME.replace(microsecond=0) + timedelta(days=1)
    life = {"status": "compromised", "compromised_at": since}
    dating = published(COSIGNER, **life)
    assert verify(COSIGNED, KeySet([published(LOG_KEY), dating])).key == dating
    signing = published(LOG_KEY, **life)
    assert verify(COSIGNED, KeySet([signing, published(COSIGNER)])).key == signing


def test_respelled_base64_and_control_signs_are_refused():
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    last = SIGNED[-3]
    assert SIGNED.endswith("=\n")
    respelled = SIGNED[:-3] + alphabet[alphabet.index(last) | 1] + "=\n"
    assert respelled != SIGNED
    with pytest.raises(InvalidCheckpoint):
        verify(BODY + respelled + DATED)
    assert parse_checkpoint(NOTE.replace("\n\n", "\nextra line\n\n"))
    with pytest.raises(InvalidCheckpoint):
        parse_checkpoint(NOTE.replace("\n\n", "\nextra\tline\n\n"))
