from pathlib import Path

from recsat import hookimpl

calls: list[tuple[str, ...]] = []


@hookimpl
def recsat_before_stage(stage: str) -> None:
    calls.append(("before", stage))


@hookimpl
def recsat_after_stage(stage: str, seconds: float, folder: Path) -> None:
    calls.append(("after", stage, f"{seconds:.1f}", folder.name))


@hookimpl
def recsat_on_run_error(stage: str, error: BaseException) -> None:
    calls.append(("error", stage, repr(error)))
