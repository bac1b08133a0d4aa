"""`python -m benchmarks WHAT`: see README.md in this folder."""

import argparse
import json
import os
import platform
from importlib import import_module
from pathlib import Path

MODULES = {
    "http": "benchmarks.http_rates",
    "append": "benchmarks.append_rates",
    "cost": "benchmarks.append_cost",
    "pages": "benchmarks.sequencer_pages",
    "verify": "benchmarks.verify_log",
    "search": "benchmarks.search_page",
    "keys": "benchmarks.key_operations",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("what", choices=MODULES)
    parser.add_argument("--seconds", type=float, default=10, help="each run (http, append)")
    parser.add_argument("--rounds", type=int, default=3, help="of each side, taking turns")
    parser.add_argument("--scale", choices=("small", "large", "both"), default="small")
    parser.add_argument(
        "--entries", type=int, nargs="+", help="sizes of the log (pages, verify, search)"
    )
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    results = import_module(MODULES[options.what]).measure(options)
    if options.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version()}
        options.json.write_text(json.dumps({"machine": machine, **results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
