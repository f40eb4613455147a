import polars as pl
from pydantic import BaseModel

from recsat import Domain, hookimpl


class Config(BaseModel):
    folder: str = "."


@hookimpl
def recsat_domain() -> Domain:
    return Domain(
        name="Bad Fields",
        description="",
        config=Config,  # type: ignore[arg-type]
        load="data.csv",  # type: ignore[arg-type]
        describe_item=lambda: pl.Series(),
        describe_user=lambda users, history: users["user_id"],
        positive=True,  # type: ignore[arg-type]
        kinds="page",  # type: ignore[arg-type]
        worth={"click": float("nan")},
    )
