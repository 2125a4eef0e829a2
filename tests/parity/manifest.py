#!/usr/bin/env python3
"""Compares the manifests that `dbt parse` and `assay parse` write of one project, field by field.

    manifest.py --dbt DBT --assay ASSAY --project-dir DIR [--profiles-dir DIR] [--all]

Prints the fields that differ, by resource type and field, each with how often and one example. Ends with 1 where any
differs that is listed neither in MAY_DIFFER nor in KNOWN. dbt's own classes must read the manifest too.
"""

import argparse
import collections
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

# Fields that may differ, and why.
MAY_DIFFER = {
    "created_at": "the time of writing",
    "metadata.generated_at": "the time of writing",
    "metadata.invocation_id": "another call",
    "metadata.invocation_started_at": "another call",
    "metadata.run_started_at": "another call",
    "metadata.user_id": "dbt's telemetry",
    "metadata.send_anonymous_usage_stats": "dbt's telemetry",
    "unit_tests.checksum": "a hash of dbt's own Python objects",
    "nodes.build_path": "dbt writes it when it runs",
    "nodes.compiled_path": "dbt writes it when it compiles",
    "disabled.build_path": "dbt writes it when it runs",
}
# Differences that are known and not on purpose: they are shown, and counted apart from those that nobody knows of.
KNOWN = {
    "unrendered_config": "filters, arithmetic and conditions, which dbt keeps as the print of a syntax tree",
    "nodes.test.file_key_name": "a seed described below `models:`",
}
# What either keeps of its own macros; dbt reads them anew from its adapter before it uses a foreign manifest.
INTERNAL = {"dbt", "dbt_postgres"}
SECTIONS = [
    "metadata", "nodes", "sources", "macros", "docs", "exposures", "metrics", "groups", "selectors", "disabled",
    "parent_map", "child_map", "group_map", "saved_queries", "semantic_models", "unit_tests", "functions",
]


def parse(command, arguments, target):
    words = command.split() + ["parse"] + arguments + ["--target-path", str(target)]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return json.loads((target / "manifest.json").read_text())


def read_by_dbt(command, target):
    """Reads the artifacts with dbt's own classes, which check the schema's version and every field."""
    found = shutil.which(command) or sys.exit(f"{command} is not there")
    program = "\n".join([
        "import sys",
        "from dbt.artifacts.schemas.manifest import WritableManifest",
        "from dbt.contracts.graph.manifest import Manifest",
        "Manifest.from_writable_manifest(WritableManifest.read_and_check_versions(sys.argv[1]))",
    ])
    python = pathlib.Path(found).parent / "python"
    done = subprocess.run([str(python), "-c", program, str(target / "manifest.json")], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"dbt does not read assay's manifest:\n{done.stderr}")


def differences(one, other, at):
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            if key not in one:
                yield at + (key,), "dbt has none", other[key]
            elif key not in other:
                yield at + (key,), one[key], "assay has none"
            else:
                yield from differences(one[key], other[key], at + (key,))
    elif one != other:
        yield at, one, other


def sides(dbt, assay, section):
    ours, theirs = assay.get(section), dbt.get(section)
    if section == "macros":
        keep = lambda macros: {k: v for k, v in macros.items() if v["package_name"] not in INTERNAL}
        ours, theirs = keep(ours), keep(theirs)
    if section == "docs":
        ours, theirs = ({k: v for k, v in side.items() if v["package_name"] not in INTERNAL} for side in (ours, theirs))
    if section == "disabled":
        ours, theirs = ({f"{k}#{i}": v for k, list in side.items() for i, v in enumerate(list)} for side in (ours, theirs))
    if section in ("parent_map", "child_map", "group_map"):
        ours, theirs = ({k: sorted(v) for k, v in side.items()} for side in (ours, theirs))
    return theirs, ours


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dbt", default="dbt")
    parser.add_argument("--assay", default="assay")
    parser.add_argument("--project-dir", required=True)
    parser.add_argument("--profiles-dir")
    parser.add_argument("--all", action="store_true", help="show the fields that may differ too")
    given = parser.parse_args()
    arguments = ["--project-dir", given.project_dir, "--profiles-dir", given.profiles_dir or given.project_dir]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder).resolve()
        dbt = parse(given.dbt, arguments, folder / "dbt")
        assay = parse(given.assay, arguments, folder / "assay")
        read_by_dbt(given.dbt, folder / "assay")
    found = collections.defaultdict(list)
    for section in SECTIONS:
        theirs, ours = sides(dbt, assay, section)
        depth = 2 if section in ("nodes", "disabled") else 1
        for at, one, other in differences(theirs, ours, ()):
            if section == "metadata":
                field, entry = ".".join(at[:1]), ""
            elif section.endswith("_map"):
                field, entry = "", at[0]
            else:
                entry = at[0]
                kind = entry.split(".")[0] + "." if depth == 2 else ""
                field = kind + ".".join(str(part) for part in at[1:3]) if len(at) > 1 else kind + "(entry)"
            found[f"{section}.{field}"].append((entry, one, other))
    wrong = known = 0
    for field, cases in sorted(found.items()):
        name = field.split(".")
        allowed = name[-1] in MAY_DIFFER or field in MAY_DIFFER or f"{name[0]}.{name[-1]}" in MAY_DIFFER
        if allowed and not given.all:
            continue
        expected = any(f".{key}." in f".{field}." for key in KNOWN)
        known += expected and not allowed
        wrong += not allowed and not expected
        entry, one, other = cases[0]
        shown = [json.dumps(side)[:160] for side in (one, other)]
        print(f"{field}: {len(cases)}, such as {entry}\n    dbt   {shown[0]}\n    assay {shown[1]}")
    print(f"{wrong} fields differ that should not, and {known} that are known to")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
