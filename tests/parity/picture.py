"""What a project left behind, as values that can be compared: relations, results of nodes, parts of the manifest."""

import json
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
# Keys of manifest nodes that hold a clock, a machine or text that dbt alone has.
FLEETING = {"created_at", "build_path", "root_path", "compiled_path", "compiled", "compiled_code", "extra_ctes", "extra_ctes_injected"}

COLOUR = re.compile("\x1b\\[[0-9;]*m")


class Server:
    """A PostgreSQL reached through psql; its address is a URL without a database."""

    def __init__(self, url):
        found = re.fullmatch(r"postgres(?:ql)?://(?:([^:@/]*)(?::([^@/]*))?@)?([^:/]+)(?::(\d+))?/?", url)
        if not found:
            raise SystemExit(f"not an address of a server: {url} (postgresql://user:password@host:port)")
        user, password, host, port = found.groups()
        self.user, self.password, self.host, self.port = user or "postgres", password or "", host, port or "5432"

    def psql(self, database, sql):
        command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.host, "-p", self.port, "-U", self.user, "-d", database]
        environment = {"PGPASSWORD": self.password, "PGOPTIONS": "-c client_min_messages=error -c timezone=UTC", "PATH": os.environ.get("PATH", "")}
        done = subprocess.run(command, input=sql, capture_output=True, text=True, env=environment)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def fresh(self, database):
        self.psql("postgres", f'drop database if exists "{database}" with (force)')
        self.psql("postgres", f'create database "{database}" template template0')

    def drop(self, database):
        self.psql("postgres", f'drop database if exists "{database}" with (force)')

    def picture(self, database, volatile):
        """Relations, functions and schemas, with what may differ from run to run taken out."""
        picture = json.loads(self.psql(database, (HERE / "picture.sql").read_text()))
        picture["relations"] = {
            name: still(relation, database, set(volatile)) for name, relation in sorted(picture["relations"].items())
        }
        return picture


def still(relation, database, volatile):
    """A relation with volatile columns and the database's name blotted out, its rows in an order of their own."""
    hidden = {i for i, column in enumerate(relation.get("columns", [])) if column[0] in volatile}

    def cell(position, value):
        if value is None:
            return None
        return "<volatile>" if position in hidden else value.replace(database, "<database>")

    rows = [[cell(i, value) for i, value in enumerate(row)] for row in relation["rows"]]
    relation["rows"] = sorted(rows, key=lambda row: json.dumps(row, ensure_ascii=False))
    return relation


class Written:
    """What a command writes below `target`, told from what stood there before it."""

    def __init__(self, target):
        self.target = target
        self.before = {name: self.text(name) for name in ("run_results.json", "sources.json")}

    def text(self, name):
        path = self.target / name
        return path.read_text() if path.exists() else None

    def found(self, name):
        text = self.text(name)
        if text is None or text == self.before[name]:
            return None
        return sorted(json.loads(text)["results"], key=lambda one: one["unique_id"])

    def results(self, messages=False):
        """unique_id -> [status, failures] of the last command, with the lines of its message if asked; None where it left no results."""
        found = self.found("run_results.json")

        def told(one):
            return [COLOUR.sub("", one["message"] or "").replace("\r\n", "\n").split("\n")] if messages else []

        return None if found is None else {one["unique_id"]: [one["status"], one.get("failures"), *told(one)] for one in found}

    def sources(self):
        """What `source freshness` told: unique_id -> [status, criteria]; nothing where the last command was another."""
        found = self.found("sources.json")
        return {} if found is None else {"sources": {one["unique_id"]: [one["status"], one["criteria"]] for one in found}}


def manifest(target, parts, package, database):
    """The parts of the manifest that a fixture asks for: `exposures` whole, or `nodes.fqn,alias` key by key."""
    path = target / "manifest.json"
    if not path.exists():
        return None
    whole = json.loads(path.read_text())
    found = {}
    for part in parts:
        name, _, keys = part.partition(".")
        section = whole.get(name, {})
        if isinstance(section, dict):
            section = {
                key: settled(pick(value, keys), database)
                for key, value in sorted(section.items())
                if not (isinstance(value, dict) and value.get("package_name") in ("dbt", "dbt_postgres")) and not key.startswith("doc.dbt.")
            }
        found[name] = section
    return found


def pick(value, keys):
    if not keys or not isinstance(value, dict):
        return value
    return {key: at(value, key) for key in keys.split(",")}


def at(value, dotted):
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def settled(value, database):
    if isinstance(value, dict):
        return {key: settled(inner, database) for key, inner in value.items() if key not in FLEETING}
    if isinstance(value, list):
        return [settled(inner, database) for inner in value]
    return value.replace(database, "<database>") if isinstance(value, str) else value


def differences(wanted, found, path="", limit=40):
    """Places where two pictures differ, one line each."""
    if wanted == found or limit <= 0:
        return []
    if isinstance(wanted, dict) and isinstance(found, dict):
        lines = []
        for key in [*wanted, *(key for key in found if key not in wanted)]:
            inner = f"{path}/{key}"
            if key not in found:
                lines.append(f"{inner}: missing, dbt has {short(wanted[key])}")
            elif key not in wanted:
                lines.append(f"{inner}: only here, {short(found[key])}")
            else:
                lines += differences(wanted[key], found[key], inner, limit - len(lines))
        return lines[:limit]
    if isinstance(wanted, list) and isinstance(found, list) and path.endswith("/rows"):
        less = [row for row in wanted if row not in found]
        more = [row for row in found if row not in wanted]
        return [f"{path}: {len(found)} rows for {len(wanted)}; not there {short(less)}; too many {short(more)}"]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found) and all(isinstance(one, dict) for one in wanted):
        pairs = [(f"{path}/{one.get('command', i)}", one, other) for i, (one, other) in enumerate(zip(wanted, found))]
        return [line for inner, one, other in pairs for line in differences(one, other, inner, limit)][:limit]
    return [f"{path}: {short(found)} instead of {short(wanted)}"]


def short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + " ..."
