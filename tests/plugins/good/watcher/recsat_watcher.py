from pathlib import Path

from recsat import hookimpl

told: list[tuple[str, ...]] = []


@hookimpl
def recsat_before_stage(stage: str) -> None:
    told.append(("before", stage))


@hookimpl
def recsat_after_stage(stage: str, seconds: float, folder: Path) -> None:
    told.append(("after", stage, f"{seconds:.1f}", folder.name))


@hookimpl
def recsat_on_run_error(stage: str, error: BaseException) -> None:
    told.append(("error", stage, repr(error)))
