"""``recsat config``: the effective settings and where each comes from."""

from __future__ import annotations

import json
import os
from typing import Any

from rich.table import Table
from rich.text import Text

from recsat.cli.consoles import output
from recsat.cli.options import AsJson, ConfigFile, Overrides


def config(file: ConfigFile = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Show the effective settings and the source of each; finetune.* are those of recsat finetune."""
    from recsat.config.sources import load_config, values
    from recsat.finetune.settings import FinetuneSources
    from recsat.plugins import load_plugins
    from recsat.run.check import check_config

    loaded = load_config(file, os.environ, overrides or (), model=FinetuneSources)
    checked = check_config(loaded.config, load_plugins(), loaded.sources)
    whole = loaded.config.model_copy(update={"domain_config": checked.model_dump(mode="json")})
    effective = dict(values(whole))
    sources = {key: _source(key, loaded.sources) for key in effective}
    console = output()
    if as_json:
        document = {"config": whole.model_dump(mode="json"), "sources": sources}
        console.print_json(data=document)
        return
    table = Table("setting", "value", "source", box=None, pad_edge=False, header_style="bold")
    for key, value in effective.items():
        source = sources[key]
        table.add_row(Text(key), Text(_text(value)), Text(source, style="dim" if source == "default" else "bold cyan"))
    console.print(table)


def _source(key: str, sources: Any) -> str:
    """A key of the domain that nobody set has its model's default; one inside a value has the value's source."""
    return next((source for known, source in sources.items() if f"{key}.".startswith(f"{known}.")), "default")


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
