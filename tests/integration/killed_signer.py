"""A process that integrates and signs, and is killed before or after it wrote the anchor."""

import os
import signal
import sys

from consent_service.commands.assembled import assembled_parts
from consent_service.persistence.log.anchor import Anchor
from consent_service.persistence.log.signer import Signer


class KilledAnchor(Anchor):
    """Does not live to see what comes after."""

    when = "before the anchor"

    def write(self, note: str) -> None:
        if self.when == "after the anchor":
            super().write(note)
        os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    KilledAnchor.when = sys.argv[1]
    with assembled_parts() as parts:
        anchor = KilledAnchor(parts.anchor.path)
        engine, clock = parts.units.engine, parts.context.clock
        signer = Signer(engine, anchor, parts.guard, parts.log_identity, clock)
        parts.sequencer.run_once()
        signer.run_once()


if __name__ == "__main__":
    main()
