"""``recsat score``: accuracy of lists that another program made, by its own rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.options import AsJson


def score(
    lists: Annotated[
        Path,
        typer.Option("--lists", metavar="FILE", help="CSV or Parquet with user_id, item_id and rank (or score)."),
    ],
    truth: Annotated[
        Path, typer.Option("--truth", metavar="FILE", help="CSV or Parquet with user_id and item_id: what users liked.")
    ],
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=1000, help="Length of a list.")] = 10,
    convention: Annotated[
        str, typer.Option("--as", metavar="NAME", help="Whose rules: recsat, ranx, recbole, rectools or elliot.")
    ] = "recsat",
    as_json: AsJson = False,
) -> None:
    """Score lists made elsewhere, by the rules of the library that made them."""
    from recsat.data.lists import read_lists, read_truth
    from recsat.measure.conventions import convention_of, score_lists
    from recsat.measure.measures import built_in

    rules = convention_of(convention)
    relevant, ranked = read_truth(truth), read_lists(lists)
    scores = score_lists(ranked.table, relevant, rules, k=k)
    served, judged = ranked.table["user_id"].unique(), relevant["user_id"].unique()
    counts = {
        "users": scores.height,
        "users_without_list": int((~judged.is_in(served.implode())).sum()),
        "users_without_truth": int((~served.is_in(judged.implode())).sum()),
        "users_with_tied_scores": len(ranked.tied_users),
    }
    means = {f"{key}@{k}": float(scores[key].to_numpy().mean()) for key in rules.measures}
    if as_json:
        output().print_json(data={"as": convention, "library": rules.library, "k": k, **counts, "measures": means})
        return
    from rich.table import Table

    from recsat.result.numerals import number

    labels = {info.name: info.label for info in built_in(k)}
    table = Table("measure", f"as {rules.library}", box=None, pad_edge=False, header_style="bold")
    table.columns[1].justify = "right"
    for name, mean in means.items():
        table.add_row(labels[name], number(mean, 4))
    output().print(table)
    for sentence in _sentences(counts, misses=rules.misses_without_list):
        messages().print(sentence, style="dim")


def _sentences(counts: dict[str, int], *, misses: bool) -> list[str]:
    """What the means are over, and what of the files was not taken as it stood."""
    without, extra, tied = (counts[f"users_{key}"] for key in ("without_list", "without_truth", "with_tied_scores"))
    parts = [f"Users in the means: {counts['users']:,}."]
    if without:
        parts.append(f"Users without a list: {without:,}, {'counted as misses' if misses else 'left out'}.")
    if extra:
        parts.append(f"Users with a list and nothing in the truth: {extra:,}, left out.")
    if tied:
        parts.append(f"Users with tied scores: {tied:,}; their places are the order of the file.")
    return parts
