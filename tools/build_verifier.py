"""Build the stand-alone verifier, as a wheel and as one file that Python runs.

Nothing is fetched: the build backend is in the lock file, and the code is the service's own.
"""

import argparse
import subprocess
import sys
import tempfile
import zipapp
import zipfile
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "verifier"
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-index", "--no-deps")


def build(folder: Path) -> tuple[Path, Path]:
    """The wheel and the zipapp, made in a folder. Raises CalledProcessError."""
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary, "wheel")
        subprocess.run(  # noqa: S603 - our own interpreter and fixed arguments
            [*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", made, SOURCE],
            check=True,
        )
        (built,) = made.glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / built.name
        wheel.write_bytes(built.read_bytes())
        unpacked = Path(temporary, "unpacked")
        with zipfile.ZipFile(wheel) as content:
            content.extractall(unpacked)
        application = folder / "consent-verifier.pyz"
        zipapp.create_archive(
            unpacked,
            application,
            "/usr/bin/env python3",
            "consent_verifier.command:main",
            compressed=True,
        )
    return wheel, application


def main() -> None:
    """Build into the folder that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("dist"))
    for made in build(parser.parse_args().folder):
        sys.stdout.write(f"{made}\n")


if __name__ == "__main__":
    main()
