"""Runs the steps of a fixture with one tool and keeps what each step left."""

import json
import os
import pathlib
import shlex
import shutil
import subprocess

import picture

PROFILE = """parity:
  target: dev
  outputs:
    dev:
      type: postgres
      host: {host}
      port: {port}
      user: {user}
      password: '{password}'
      dbname: {database}
      schema: parity
      threads: 1
    prod:
      type: postgres
      host: {host}
      port: {port}
      user: {user}
      password: '{password}'
      dbname: {database}
      schema: prod
      threads: 1
"""
NOT_COPIED = shutil.ignore_patterns("target", "logs", "dbt_packages", "expected.json", "package-lock.yml")


class Fixture:
    """A project below `projects/` with its `parity.json`:

    about     one sentence: what it shows
    roles     roles that must exist
    before    SQL run in the fresh database
    volatile  columns whose values differ from run to run
    manifest  parts of the manifest to compare at the end: `exposures`, `nodes.fqn,alias`
    env       environment of the commands
    messages  compare what each result says, line by line
    steps     "seed --full-refresh" runs a command; {"sql": ".."} changes data; {"files": "changes/2"} lays a folder over the project;
              {"keep": "before"} copies what the last command left in `target`; `ls` is compared by what it lists;
              {"run": "..", "as": {..}} runs a command with further environment; with "look": false the database is not looked at
              after it (where Assay leaves dependent views standing that dbt drops, see docs/dbt.md)
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.name = self.folder.name
        self.plan = json.loads((self.folder / "parity.json").read_text())

    @property
    def record(self):
        return self.folder / "expected.json"


def run(fixture, tool, server, database, scratch, extra=(), keep_log=None):
    """Every step's exit status, results and what changed in the database; then the manifest."""
    project = scratch / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(fixture.folder, project, ignore=NOT_COPIED)
    (project / "profiles.yml").write_text(
        PROFILE.format(host=server.host, port=server.port, user=server.user, password=server.password, database=database)
    )
    server.fresh(database)
    plan = fixture.plan
    for role in plan.get("roles", []):
        server.psql("postgres", f"do $$ begin create role {role}; exception when duplicate_object then null; end $$")
    if "before" in plan:
        server.psql(database, plan["before"])
    environment = {
        **os.environ,
        **plan.get("env", {}),
        "DBT_PROFILES_DIR": str(project),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
        "TZ": "UTC",
    }
    before = {"schemas": [], "relations": {}, "functions": {}}
    kept, log = [], []
    for step in plan["steps"]:
        if isinstance(step, dict) and "sql" in step:
            server.psql(database, step["sql"])
            continue
        if isinstance(step, dict) and "files" in step:
            shutil.copytree(project / step["files"], project, dirs_exist_ok=True)
            continue
        if isinstance(step, dict) and "keep" in step:
            shutil.copytree(project / "target", project / step["keep"])
            continue
        words = step["run"] if isinstance(step, dict) else step
        arguments = shlex.split(words)
        lists = arguments[0] == "ls"
        old = picture.Written(project / "target")
        done = subprocess.run(
            [*tool, *arguments, *(["--quiet"] if lists else []), *extra],
            cwd=project,
            env={**environment, **(step.get("as", {}) if isinstance(step, dict) else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if lists else subprocess.STDOUT,
            text=True,
        )
        log.append(f"$ {words}\n{done.stdout}{done.stderr or ''}")
        look = not isinstance(step, dict) or step.get("look", True)
        after = server.picture(database, plan.get("volatile", [])) if look else before
        listed = {"listed": [json.loads(line) if line.startswith("{") else line for line in sorted(done.stdout.splitlines())]} if lists else {}
        kept.append({"command": words, "exit": done.returncode, "results": old.results(plan.get("messages", False)), **listed, **old.sources(), **changes(before, after)})
        before = after
    if keep_log:
        keep_log.write_text("".join(log))
    left = {"steps": kept}
    if "manifest" in plan:
        left["manifest"] = picture.manifest(project / "target", plan["manifest"], fixture.name, database)
    return left


def changes(before, after):
    """What a step made or altered, and the names of what it took away."""
    found = {}
    for kind in ("relations", "functions"):
        altered = {name: value for name, value in after[kind].items() if before[kind].get(name) != value}
        gone = sorted(set(before[kind]) - set(after[kind]))
        if altered:
            found[kind] = altered
        if gone:
            found[f"{kind} gone"] = gone
    if before["schemas"] != after["schemas"]:
        found["schemas"] = after["schemas"]
    return found
