"""A login at a token of a PKCS#11 library: one thread at a time, opened again when it is lost.

The library is entered in the process that uses it (gunicorn forks first, and makes the application
then); a process that was forked later enters it anew (PKCS #11 v2.40 § 2.7).
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import pkcs11
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import (
    MultipleObjectsReturned,
    NoSuchKey,
    NoSuchToken,
    PinExpired,
    PinIncorrect,
    PinInvalid,
    PinLenRange,
    PinLocked,
    PKCS11Error,
    UserAlreadyLoggedIn,
)

from consent_service.errors import Misconfigured
from consent_service.module_settings import ModuleSettings
from consent_service.persistence.keys.module import ModuleUnavailable

T = TypeVar("T")

RETRY_EVERY_SECONDS = 1.0
"""While the module is away: many requests need not all wait for it."""

_REFUSED_PIN = (PinExpired, PinIncorrect, PinInvalid, PinLenRange, PinLocked)
_ABOUT_THE_KEY = (NoSuchKey, MultipleObjectsReturned)

# python-pkcs11 calls C_Initialize without arguments, by which a library may believe that it is
# called by one thread only; and the login is the process's, whoever opened the session.
_entered = threading.RLock()

log = logging.getLogger(__name__)


class Opened:
    """An open session, and the objects found in it."""

    def __init__(self, session: pkcs11.Session) -> None:
        self.session = session
        self._found: dict[tuple[ObjectClass, str], Any] = {}

    def find(self, kind: ObjectClass, reference: str) -> Any:
        """The one object of this kind and CKA_ID. Raises NoSuchKey, MultipleObjectsReturned."""
        if (kind, reference) not in self._found:
            # In a dead session this fails as it should; a search that cannot begin is not put away.
            self.session.generate_random(8)
            wanted = {Attribute.CLASS: kind, Attribute.ID: bytes.fromhex(reference)}
            # To its end: a search that is left open keeps the session's other threads waiting.
            found = list(self.session.get_objects(wanted))
            if len(found) != 1:
                raise MultipleObjectsReturned if found else NoSuchKey
            self._found[kind, reference] = found[0]
        return self._found[kind, reference]


class TokenSession:
    """What a process has with its token; nothing is opened before it is needed."""

    def __init__(self, settings: ModuleSettings) -> None:
        self._settings = settings
        self._opened: Opened | None = None
        self._opened_by: int | None = None
        self._refused: Misconfigured | None = None
        self._next_try = 0.0

    def run(self, act: Callable[[Opened], T]) -> T:
        """Do something in the session; where that is lost, once more in another.

        Raises Misconfigured where it never opened, later ModuleUnavailable, and whatever of
        `_ABOUT_THE_KEY` the act raises.
        """
        with _entered:
            for is_last in (False, True):
                opened = self._open()
                try:
                    return act(opened)
                except _ABOUT_THE_KEY:
                    raise
                except PKCS11Error as error:
                    self._drop()
                    if is_last:
                        log.error("hardware module: %s", type(error).__name__)
        raise ModuleUnavailable

    def change(self, act: Callable[[pkcs11.Session], T]) -> T:
        """Do something once, in a session of its own that may change the token."""
        with _entered:
            token = self._open().session.token
            try:
                with token.open(rw=True) as session:
                    return act(session)
            except PKCS11Error as error:
                name = type(error).__name__
                raise Misconfigured(f"the hardware module refuses ({name})") from None

    def close(self) -> None:
        """Leave the library, before this process becomes another program."""
        with _entered:
            if self._opened is not None:
                self._drop()
                pkcs11.lib(self._settings.library).finalize()

    def _open(self) -> Opened:
        was_open = self._opened_by is not None
        if self._opened is None or self._opened_by != os.getpid():
            if time.monotonic() < self._next_try:
                raise ModuleUnavailable
            try:
                self._opened = Opened(self._enter(was_open))
            except Misconfigured as refusal:
                if not was_open:
                    raise
                self._next_try = time.monotonic() + RETRY_EVERY_SECONDS
                log.critical("hardware module: %s", refusal.detail)
                raise ModuleUnavailable from None
            self._opened_by = os.getpid()
        return self._opened

    def _drop(self) -> None:
        """Forget the session; if it is still there, it ends."""
        opened, self._opened = self._opened, None
        if opened is not None:
            try:
                opened.session.close()
            except PKCS11Error:
                log.info("the session with the hardware module was lost")

    def _enter(self, was_open: bool) -> pkcs11.Session:
        """A logged-in session. Raises Misconfigured naming the setting that is wrong."""
        # Modules lock after a few wrong attempts.
        if self._refused is not None:
            raise self._refused
        try:
            library = pkcs11.lib(self._settings.library)
        except PKCS11Error:
            raise Misconfigured("CONSENT_PKCS11_MODULE: it cannot be loaded") from None
        try:
            if self._opened_by in (None, os.getpid()):
                try:
                    return self._log_in(library)
                except _REFUSED_PIN:
                    raise
                except PKCS11Error:
                    if not was_open:
                        raise
            library.reinitialize()
            return self._log_in(library)
        except NoSuchToken:
            raise Misconfigured("CONSENT_PKCS11_TOKEN: no token has this label") from None
        except _REFUSED_PIN:
            self._refused = Misconfigured("CONSENT_PKCS11_PIN: the token refuses it")
            raise self._refused from None
        except PKCS11Error as error:
            name = type(error).__name__
            raise Misconfigured(f"CONSENT_PKCS11_MODULE: no login ({name})") from None

    def _log_in(self, library: Any) -> pkcs11.Session:
        token = library.get_token(token_label=self._settings.token)
        try:
            session: pkcs11.Session = token.open(user_pin=self._settings.pin)
        except UserAlreadyLoggedIn:
            session = token.open()
        return session


def is_kept_inside(key: Any) -> bool:
    """Whether the module gives a key's bytes to nobody, not even wrapped."""
    return bool(key[Attribute.SENSITIVE]) and not key[Attribute.EXTRACTABLE]
