#!/usr/bin/env python3
"""Writes shapes.json: what dbt's artifacts look like, told by the models of the package dbt-artifacts-parser.

    python3 -m venv /tmp/artifacts && /tmp/artifacts/bin/pip install dbt-artifacts-parser==0.15.0
    /tmp/artifacts/bin/python tests/artifacts/record.py

Only facts are kept, in a form of our own. A type of the file is a mapping of fields; a `?` behind a field's name says that it
may be left out, and `*` what other fields hold (none may stand there without it). What a field holds is one of

    "string", "integer", "number", "boolean", "null", "any"
    ["string", "null"]       either
    {"list": ..}, {"map": ..}
    {"enum": [..]}           one of these values
    {"is": "Name"}           a type of the file
"""

import importlib
import json
import pathlib

ARTIFACTS = {"manifest": "v12", "run_results": "v6", "catalog": "v1", "sources": "v3"}
PARSERS = "dbt_artifacts_parser.parsers"
# What dbt 1.12 writes and the package does not know yet: a field of the type that has these others.
NEWER = [({"is_partition?", "type_params?"}, {"datatype?": ["string", "null"]})]
# Said for people, or for those who make values rather than check them.
UNSAID = {"title", "description", "default"}


def model(name, version):
    module = importlib.import_module(f"{PARSERS}.{name}.{name}_{version}")
    return getattr(module, "".join(part.title() for part in name.split("_")) + version.title())


def shape(schema, prefix):
    """A JSON schema as what a field holds."""
    said = {key: value for key, value in schema.items() if key not in UNSAID}
    if not said:
        return "any"
    if "$ref" in said:
        return {"is": prefix + said["$ref"].rsplit("/", 1)[1]}
    if "anyOf" in said:
        parts = [shape(part, prefix) for part in said["anyOf"]]
        return "any" if "any" in parts else parts
    if "const" in said:
        return {"enum": [said["const"]]}
    if "enum" in said:
        return {"enum": said["enum"]}
    kind = said.pop("type")
    if kind == "array":
        return {"list": shape(said.get("items", {}), prefix)}
    if kind == "object":
        values = said.get("additionalProperties", True)
        return {"map": "any" if values is True else shape(values, prefix)}
    if kind not in ("string", "integer", "number", "boolean", "null"):
        raise SystemExit(f"not understood: {schema}")
    return kind


def fields(schema, prefix):
    """An object of the schema, or what an alias stands for."""
    if "properties" not in schema:
        return shape(schema, prefix) if schema.get("type") != "object" or schema.get("additionalProperties") is not False else {}
    needed = schema.get("required", [])
    found = {name + ("" if name in needed else "?"): shape(inner, prefix) for name, inner in schema["properties"].items()}
    rest = schema.get("additionalProperties", True)
    if rest is not False:
        found["*"] = "any" if rest is True else shape(rest, prefix)
    return found


def renamed(value, names):
    if isinstance(value, dict):
        if set(value) == {"is"}:
            return {"is": names.get(value["is"], value["is"])}
        return {key: renamed(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [renamed(inner, names) for inner in value]
    return value


def merged(types, roots):
    """Types that say the same become one, until nothing changes."""
    while True:
        first, names = {}, {}
        for name in sorted(types, key=lambda name: (name not in roots, len(name), name)):
            names[name] = first.setdefault(json.dumps(types[name], sort_keys=True), name)
        types = {name: renamed(value, names) for name, value in types.items() if names[name] == name}
        if all(name == kept for name, kept in names.items()):
            return types


def main():
    types, roots = {}, {}
    for name, version in ARTIFACTS.items():
        schema = model(name, version).model_json_schema()
        prefix = f"{name}."
        roots[name] = f"{name}.Artifact"
        types[roots[name]] = fields(schema, prefix)
        types.update({prefix + key: fields(value, prefix) for key, value in schema.get("$defs", {}).items()})
    types = merged(types, set(roots.values()))
    for others, added in NEWER:
        for found in types.values():
            if others <= set(found):
                found.update(added)
    lines = [f"{json.dumps(name)}: {json.dumps(types[name])}" for name in sorted(types)]
    versions = {name: f"https://schemas.getdbt.com/dbt/{name.replace('_', '-')}/{version}.json" for name, version in ARTIFACTS.items()}
    text = f'{{"versions": {json.dumps(versions)},\n"artifacts": {json.dumps(roots)},\n"types": {{\n' + ",\n".join(lines) + "\n}}\n"
    json.loads(text)
    (pathlib.Path(__file__).parent / "shapes.json").write_text(text)


if __name__ == "__main__":
    main()
