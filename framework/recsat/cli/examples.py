"""What people paste: lines under every ``--help``, by the command's name, with that of its group where another group has one of the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "demo": (
        "recsat demo",
        "recsat demo --domain ecommerce --sample shop",
        "recsat demo --domain ecommerce --set rank.k=20",
    ),
    "run": (
        "recsat run -c run.yaml",
        "recsat run --set domain_config.folder=my-data --set domain_config.layout=tables --set 'arms=[ease, text]'",
        "recsat run -c run.yaml --key nightly-2026-11-26",
        "recsat run --resume runs/latest",
    ),
    "estimate": ("recsat estimate -c run.yaml", "recsat estimate --demo content --json"),
    "plan": ("recsat plan -c run.yaml --out plan.json", "recsat plan --demo content"),
    "report": ("recsat report", "recsat report runs/latest --language zh"),
    "recommend": (
        "recsat recommend 42 43 --k 5",
        "recsat recommend 42 --run runs/latest --kind movie --json",
        "recsat recommend --all --out lists.parquet",
    ),
    "why": ("recsat why 42 318", "recsat why 42 318 --run runs/latest --json"),
    "promote": ("recsat promote runs/latest", "recsat promote runs/latest --policy not-worse --margin 0.05"),
    "rollback": ("recsat rollback --why 'complaints since noon'",),
    "promoted": ("recsat promoted", "recsat promoted --domain content --json"),
    "feedback": ("recsat feedback events.jsonl", "recsat feedback --show"),
    "serve": ("recsat serve", "recsat serve --run runs/latest --port 8080 --workers 2"),
    "score": (
        "recsat score --lists lists.csv --truth truth.csv --k 10",
        "recsat score --lists lists.csv --truth truth.csv --as rectools",
    ),
    "aa": ("recsat aa", "recsat aa runs/latest --n 200 --json"),
    "experiment": (
        "recsat experiment log.csv --control old",
        "recsat experiment log.csv --control old --metric spent --before spent=spent_before --guardrail click/exposures=0.02 --days 7",
        "recsat experiment runs/latest --json",
    ),
    "plan-experiment": (
        "recsat plan-experiment --rate 0.05 --smallest 0.005 --per-day 2000",
        "recsat plan-experiment --deviation 12 --users 20000 --correlation 0.6",
    ),
    "judge": (
        "recsat judge runs/latest --labels labels.csv --arms hybrid ease --url http://127.0.0.1:8001/v1 --served-model qwen --users 300",
    ),
    "profiles": ("recsat profiles runs/latest --out described.csv --url http://127.0.0.1:8001/v1 --served-model qwen",),
    "compare": ("recsat compare 20261125-nightly 20261126-nightly --measure ndcg --measure recall",),
    "config": ("recsat config -c run.yaml", "recsat config --json --set rank.k=20"),
    "federated export": (
        "recsat federated export runs/latest --silo north --split warm --out north.safetensors",
        "recsat federated export runs/latest --silo north --secrets secrets.json --round 2026-11 --out north.safetensors",
    ),
    "map export": ("recsat map export runs/latest --out films.safetensors",),
    "map use": ("recsat map use films.safetensors runs/latest",),
    "federated merge": ("recsat federated merge north.safetensors south.safetensors --out all.safetensors",),
    "finetune": ("recsat finetune content --epochs 2", "recsat finetune -c run.yaml --lora 8"),
    "plugins": ("recsat plugins", "recsat plugins --json"),
    "doctor": ("recsat doctor", "recsat doctor -c run.yaml", "recsat doctor my-data", "recsat doctor --plugin content"),
    "new-plugin": ("recsat new-plugin books", "recsat new-plugin books --directory plugins"),
    "init": ("recsat init my-data",),
    "up": ("recsat up", "recsat up --domain content --every 24h --home state"),
    "list": ("recsat runs list", "recsat runs list --domain content --json"),
    "show": ("recsat runs show latest",),
    "pin": ("recsat runs pin latest --why 'in the paper'",),
    "unpin": ("recsat runs unpin latest",),
    "clean": ("recsat runs clean", "recsat runs clean --keep 5 --yes"),
    "trend": ("recsat runs trend --measure recall --out trend.html",),
}


def epilog(command: str) -> str | None:
    """The examples as the end of a help text; paragraphs, because lines of one are joined. None where there are none."""
    from rich.markup import escape

    lines = EXAMPLES.get(command, ())
    return "\n\n".join(["Examples:", *(escape(f"  {line}") for line in lines)]) if lines else None
