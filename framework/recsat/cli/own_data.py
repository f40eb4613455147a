"""``recsat init``: from a folder of somebody's files to the settings that read them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from recsat.cli.consoles import cell, output
from recsat.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl

    from recsat.contract.dataset import Dataset

N_ROWS = 3
MOST_COLUMNS = 7


def init(
    folder: Annotated[
        Path, typer.Argument(help="Folder with your files: CSV, TSV, JSON lines, Parquet.", metavar="FOLDER")
    ],
    domain: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The domain of the data; recsat plugins lists them.", show_default="the likeliest"
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write the settings.")] = Path(
        "recsat.yaml"
    ),
) -> None:
    """Look at a folder of your files, guess what they are, show it, and write the settings of a run."""
    from recsat.atomic import write_text
    from recsat.data.faults import causes
    from recsat.data.validate import validate
    from recsat.plugins import load_plugins
    from recsat.scaffold.guess import guess

    if out.exists():
        raise ConfigError(f"{out} exists, and is not written over. Choose another --out, or move it away.")
    plugins = load_plugins()
    domain_name = None if domain is None else plugins.domain(domain).name
    guessed = guess(folder, {name: one for name, one in plugins.domains().items() if one.columns}, domain_name)
    write_text(out, _yaml(guessed.settings))
    console = output()
    console.print(
        cell(f"Domain: {guessed.domain}. Guessed, and to be mended in {out} where it is wrong:"), soft_wrap=True
    )
    for reason in guessed.reasons:
        console.print(cell(f"  {reason}"), soft_wrap=True)
    spec = plugins.domain(guessed.domain)
    try:
        data: Dataset = spec.load(spec.config.model_validate(guessed.settings["domain_config"]))
        _show(data)
        sound = validate(
            data, "quarantine", describe_item=spec.describe_item, events_of_domain=spec.events, topics=spec.topics
        )
    except DataError as error:
        raise DataError(f"{out} is written, and a run of it would be refused:\n{error}") from error
    for line in (*sound.notes, *causes(sound.quarantine)):
        console.print(cell(line), style="yellow", soft_wrap=True)
    if sound.quarantine.height:
        console.print(
            "A run stops at these rows, or goes on without them: --set data.on_bad_rows=quarantine", soft_wrap=True
        )
    console.print(cell(f"Wrote {out}. Next: recsat run -c {out}"), soft_wrap=True)


def _show(data: Dataset) -> None:
    """Three rows of each table as it was read."""
    from recsat.data.faults import without_origin

    console = output()
    for name in ("items", "events", "users", "exposures", "ties"):
        rows: pl.DataFrame | None = getattr(data, name)
        if rows is None or rows.is_empty():
            continue
        preview = without_origin(rows.head(N_ROWS))
        preview = preview[[column.name for column in preview if column.null_count() < preview.height][:MOST_COLUMNS]]
        table = Table(title=f"{name}: {rows.height:,} rows", title_justify="left", box=None, pad_edge=False)
        for column in preview.columns:
            table.add_column(cell(column))
        for row in preview.iter_rows():
            table.add_row(*(cell(_text(value)) for value in row))
        console.print(table)


def _text(value: Any) -> str:
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def _yaml(settings: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    yaml, stream = YAML(), io.StringIO()
    yaml.default_flow_style = False
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(settings, stream)
    return stream.getvalue()
