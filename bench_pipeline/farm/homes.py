"""The Dagster instances of a farm: one folder on the control plane, one on each rig, both made from
`deploy/dagster.farm.yaml` and the access file."""

import json
from pathlib import Path

from bench_pipeline.errors import BenchError
from bench_pipeline.farm.access import CONTROL, Access, write_private

TEMPLATE = Path(__file__).parent.parent / "deploy" / "dagster.farm.yaml"
_LINE = "# ---- on the control plane alone ----"


def write_home(home: Path, access: Access) -> None:
    """Anew at each start: what it says follows from the access file alone."""
    if '"' in str(home):
        raise BenchError("its name has a quotation mark", mend="move the checkout", where=home)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    access.write(home)
    text, of_control = TEMPLATE.read_text().split(_LINE)
    is_control = access.user == CONTROL
    for name, value in {
        '"$POSTGRES_URL"': json.dumps(access.postgres_url(home)),
        '"$HOME_FOLDER"': json.dumps(str(home)),
        "$MAKES_TABLES": str(is_control).lower(),
    }.items():
        text, of_control = text.replace(name, value), of_control.replace(name, value)
    write_private(home / "dagster.yaml", text + (of_control if is_control else ""))
