"""``recsat judge`` and ``recsat profiles``: what a served language model says of lists, and of items."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recsat.cli.consoles import messages, output
from recsat.cli.options import AsJson
from recsat.cli.run_folders import run_folder
from recsat.errors import ConfigError

if TYPE_CHECKING:
    from recsat.rerank.endpoint import Endpoint
    from recsat.run.stage import StageContext

Url = Annotated[
    str, typer.Option(metavar="URL", help="An OpenAI-compatible address, mostly ending in /v1.", show_default=False)
]
ServedModel = Annotated[str, typer.Option(metavar="NAME", help="The model there.", show_default=False)]
MostRequests = Annotated[int, typer.Option(min=1, help="Beyond so many nothing is sent.")]


def judge(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a finished run.", show_default=False)],
    labels: Annotated[
        Path, typer.Option(metavar="FILE", help="user_id and preferred: an arm's name, or tie.", show_default=False)
    ],
    arms: Annotated[tuple[str, str], typer.Option(help="Whose lists are compared.", show_default=False)],
    url: Url,
    served_model: ServedModel,
    split: Annotated[str | None, typer.Option(help="Default: the run's first.", show_default=False)] = None,
    users: Annotated[int, typer.Option(min=30, help="Users that the model judges beside the labelled ones.")] = 300,
    seed: Annotated[int, typer.Option(help="Of the users that are drawn.")] = 0,
    most_requests: MostRequests = 1_000,
    as_json: AsJson = False,
) -> None:
    """Say which arm's lists people prefer, from labels of some and a model's judgements of many; the interval is that of people."""
    from recsat.stages.judge import cost_of, judged, pairs_of

    context, endpoint = _opened(run, url, served_model, most_requests)
    pairs = pairs_of(context, labels, arms, split=split, n_users=users, seed=seed)
    messages().print(f"{url}: {cost_of(pairs, endpoint)}", soft_wrap=True)
    judgement = judged(pairs, endpoint)
    if as_json:
        output().print_json(data=asdict(judgement))
        return
    mean = judgement.people
    says = "not shown" if mean.low <= 0 <= mean.high else f"{arms[0] if mean.mean > 0 else arms[1]} preferred"
    output().print(
        f"{arms[0]} against {arms[1]} on {judgement.split}: {mean.mean:+.3f} ({mean.low:+.3f} to {mean.high:+.3f}), {says}",
        soft_wrap=True,
    )
    messages().print(
        f"{judgement.n_labels} labels, {judgement.n_judged} further judgements, which count {mean.weight:.2f}; worth {mean.effective_labels:.0f} labels. "
        f"The model says what people say of {judgement.agreement:.0%}; {judgement.n_unread} answers could not be read.",
        style="dim",
        soft_wrap=True,
    )


def profiles(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="A CSV of item_id and description.", show_default=False)],
    url: Url,
    served_model: ServedModel,
    words: Annotated[int, typer.Option(min=1, help="Texts of fewer words say nothing.")] = 6,
    most_requests: MostRequests = 1_000,
) -> None:
    """Have a model describe the items whose texts say nothing, for a column of your items table."""
    from recsat.atomic import replacing
    from recsat.data.spreadsheets import without_formulas
    from recsat.stages.profiles import poor_texts, questions_of, written_profiles

    context, endpoint = _opened(run, url, served_model, most_requests)
    items = poor_texts(context, words)
    cost = endpoint.cost(questions_of(items))
    messages().print(f"{len(items)} items with texts of fewer than {words} words; {url}: {cost}", soft_wrap=True)
    written = written_profiles(items, endpoint)
    with replacing(out) as draft:
        without_formulas(written).write_csv(draft)
    output().print(f"{out}: {len(written)} of {len(items)} items", soft_wrap=True)


def _opened(run: Path, url: str, served_model: str, most_requests: int) -> tuple[StageContext, Endpoint]:
    from recsat.plugins import load_plugins
    from recsat.rerank.endpoint import Endpoint
    from recsat.run import open_run
    from recsat.run.stage import StageContext

    context = StageContext.open(open_run(run_folder(run)), load_plugins())
    folder = str(Path(context.config.home or ".") / ".recsat" / "answers")
    try:
        return context, Endpoint(url, served_model, most_requests=most_requests, folder=folder)
    except ValueError as error:
        raise ConfigError(f"{error}.") from error
