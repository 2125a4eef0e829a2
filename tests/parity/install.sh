#!/usr/bin/env bash
# Installs the dbt that fixtures are recorded with: tests/parity/install.sh FOLDER, then FOLDER/bin/dbt.
# dbt-core 1.12.6 asks for a package that cannot be installed without a download from elsewhere and that nothing here
# needs, so its other requirements are installed first and dbt-core without its requirements.
set -euo pipefail
folder=${1:?"usage: install.sh FOLDER"}
core=1.12.6 postgres=1.11.0
python3 -m venv "$folder"
wheels=$(mktemp -d)
trap 'rm -rf "$wheels"' EXIT
"$folder/bin/pip" download -q --no-deps -d "$wheels" "dbt-core==$core"
"$folder/bin/python" - "$wheels" >"$wheels/requirements.txt" <<'PYTHON'
import email, pathlib, sys, zipfile
wheel = zipfile.ZipFile(next(pathlib.Path(sys.argv[1]).glob("*.whl")))
metadata = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
for line in email.message_from_bytes(wheel.read(metadata)).get_all("Requires-Dist"):
    if "experimental-parser" not in line and "extra ==" not in line:
        print(line)
PYTHON
"$folder/bin/pip" install -q -r "$wheels/requirements.txt" 'psycopg2-binary<3'
"$folder/bin/pip" install -q --no-deps "dbt-core==$core" "dbt-postgres==$postgres"
"$folder/bin/dbt" --version
