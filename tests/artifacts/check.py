#!/usr/bin/env python3
"""Reads artifacts with the package dbt-artifacts-parser, as tools around dbt do.

    /tmp/artifacts/bin/python tests/artifacts/check.py target [prod/target ..]

See record.py for how to install it. Exit status: 0 all are read, 1 one is not.
"""

import json
import pathlib
import sys

from dbt_artifacts_parser import parser

KINDS = ("manifest", "run_results", "catalog", "sources")


def main(folders):
    wrong = read = 0
    for folder in folders:
        for kind in KINDS:
            path = pathlib.Path(folder) / f"{kind}.json"
            if not path.exists():
                continue
            read += 1
            try:
                getattr(parser, f"parse_{kind}")(json.loads(path.read_text()))
            except ValueError as problem:
                wrong += 1
                print(f"{path}: {problem}")
            else:
                print(f"{path}: read")
    if not read:
        print(f"no artifacts in {', '.join(folders) or 'no folder'}")
    return 1 if wrong or not read else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
