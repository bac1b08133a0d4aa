"""Ask the public feed whether a locked package has a known vulnerability; part of `make check`.

Every file must be audited whole: a package the feed does not know fails too. Only where no feed can
be reached is the audit skipped, and says so.
"""

import json
import subprocess
import sys
from pathlib import Path

LOCK_FILES = (
    "requirements.lock",
    "requirements-pkcs11.lock",
    "requirements-dev.lock",
    "requirements-build.lock",
)
SECONDS = 180
_NO_NETWORK = (
    "Could not connect",
    "Connection refused",
    "ConnectTimeout",
    "Max retries exceeded",
    "NameResolutionError",
    "ProxyError",
    "timed out",
)


def judge(output: str, errors: str) -> tuple[bool, str]:
    """Whether the check passes, and what to say, from what pip-audit wrote."""
    try:
        found = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if any(sign in errors for sign in _NO_NETWORK):
            return True, "skipped: offline"
        return False, f"pip-audit did not finish: {errors.strip()[-500:]}"
    unknown = [one["name"] for one in found if "skip_reason" in one]
    vulnerable = [
        f"{one['name']} {one['version']}: {weakness['id']}"
        for one in found
        for weakness in one.get("vulns", ())
    ]
    if vulnerable:
        return False, "; ".join(vulnerable)
    if found and len(unknown) == len(found):
        # What a package mirror without a feed answers: nothing was audited.
        return True, "skipped: offline (the feed that answered knows no package)"
    if unknown or not found:
        return False, f"not audited: {', '.join(unknown) or 'nothing is locked'}"
    return True, f"{len(found)} packages, no known vulnerability"


def main() -> int:
    """Audit all lock files at once, without installing anything; 0 when they pass."""
    program = Path(sys.executable).with_name("pip-audit")
    files = [word for name in LOCK_FILES for word in ("--requirement", name)]
    options = ["--require-hashes", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
    try:
        ran = subprocess.run(  # noqa: S603 - our own arguments
            [program, *files, *options],
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        passes, words = True, f"skipped: offline (no answer in {SECONDS} s)"
    else:
        passes, words = judge(ran.stdout, ran.stderr)
    sys.stdout.write(f"Dependency audit: {words}\n")
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main())
