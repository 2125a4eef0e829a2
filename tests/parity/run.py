#!/usr/bin/env python3
"""Parity by machine: dbt and Assay on the same projects, step by step, compared by what they leave behind.

    run.py compare [--projects a,b] [--dbt PATH] [--assay PATH] [--server URL]   both tools, now
    run.py compare --v2 ...                dbt on Assay's manifest against dbt on its own
    run.py check [--projects a,b] ...      Assay against the record, without dbt (as `cargo test` does)
    run.py record [--projects a,b] ...     write what dbt leaves as expected.json beside each fixture

See README.md. Exit status: 0 nothing unexpected differs, 1 something does.
"""

import argparse
import json
import pathlib
import shlex
import sys
import tempfile

import picture
import steps

HERE = pathlib.Path(__file__).resolve().parent


def fixtures(options):
    folders = sorted(path.parent for path in pathlib.Path(options.folder).glob("*/parity.json"))
    wanted = options.projects.split(",") if options.projects else None
    unknown = set(wanted or ()) - {folder.name for folder in folders}
    if unknown:
        raise SystemExit(f"no such fixture: {', '.join(sorted(unknown))}")
    return [steps.Fixture(folder) for folder in folders if wanted is None or folder.name in wanted]


def by_line(value, depth=0):
    """JSON in which rows, columns and results stand one a line, so that a change is a readable diff."""
    pad = "  " * (depth + 1)
    plain = json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, (dict, list)) and any(isinstance(inner, (dict, list)) for inner in (value.values() if isinstance(value, dict) else value))
    if not nested and len(plain) <= 100 or not value or not isinstance(value, (dict, list)):
        return plain
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(key, ensure_ascii=False)}: {by_line(inner, depth + 1)}" for key, inner in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + "  " * depth + "}"
    return "[\n" + ",\n".join(pad + by_line(inner, depth + 1) for inner in value) + "\n" + "  " * depth + "]"


def run_with(options, fixture, tool, label, extra=()):
    server = picture.Server(options.server)
    database = f"parity_{fixture.name}_{label}"
    with tempfile.TemporaryDirectory() as scratch:
        log = pathlib.Path(options.logs) / f"{fixture.name}.{label}.log" if options.logs else None
        try:
            return steps.run(fixture, shlex.split(tool), server, database, pathlib.Path(scratch), extra, log)
        finally:
            if not options.keep:
                server.drop(database)


def wanted_and_found(options, fixture):
    if options.command == "check":
        if not fixture.record.exists():
            raise SystemExit(f"{fixture.name} has no record: run.py record --projects {fixture.name}")
        return json.loads(fixture.record.read_text()), run_with(options, fixture, options.assay, "assay")
    wanted = run_with(options, fixture, options.dbt, "dbt")
    if options.v2:
        return wanted, run_with(options, fixture, options.dbt, "v2", ["--use-v2-parser", "--v2-parser", f"{options.assay} parse"])
    return wanted, run_with(options, fixture, options.assay, "assay")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("compare", "check", "record"))
    parser.add_argument("--projects", help="names of fixtures, separated by commas; otherwise all")
    parser.add_argument("--folder", default=HERE / "projects", help="where the fixtures are")
    parser.add_argument("--dbt", default="dbt", help="dbt 1.12 (see install.sh)")
    parser.add_argument("--assay", default=str(HERE.parent.parent / "target/debug/assay"))
    parser.add_argument("--server", default="postgresql://postgres@127.0.0.1:5432", help="a server on which databases may be made")
    parser.add_argument("--v2", action="store_true", help="dbt on the manifest of `assay parse` instead of Assay")
    parser.add_argument("--logs", help="a folder for the output of the tools")
    parser.add_argument("--keep", action="store_true", help="leave the databases")
    parser.add_argument("--lines", type=int, default=10, help="differences shown of each fixture")
    options = parser.parse_args()
    if options.logs:
        pathlib.Path(options.logs).mkdir(parents=True, exist_ok=True)
    pending = json.loads((HERE / "pending.json").read_text())
    if options.command == "record":
        for fixture in fixtures(options):
            fixture.record.write_text(by_line(run_with(options, fixture, options.dbt, "dbt")) + "\n")
            print(f"recorded {fixture.name}")
        return 0
    unexpected = 0
    for fixture in fixtures(options):
        wanted, found = wanted_and_found(options, fixture)
        lines = picture.differences(wanted, found)
        reason = None if options.v2 else pending.get(fixture.name)
        verdict = "same" if not lines else "differs"
        if reason and lines:
            verdict = f"pending ({reason})"
        elif reason:
            verdict = "same, take it off pending.json"
        unexpected += bool(lines) != bool(reason)
        print(f"{fixture.name:24} {verdict}", flush=True)
        for line in lines[: options.lines]:
            print(f"    {line}")
        if len(lines) > options.lines:
            print(f"    ... {len(lines) - options.lines} more")
    return 1 if unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
