"""Pictures and ready vectors of products, from an operator's table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recsat import DataError
from recsat_ecommerce.config import EcommerceConfig
from recsat_ecommerce.domain import ECOMMERCE

EVENTS = "user_id,item_id,event,value\nu,a,purchase,5\n"


def shop(folder: Path, items: str, **settings: object) -> tuple[pl.DataFrame, EcommerceConfig]:
    (folder / "items.csv").write_text(items, encoding="utf-8")
    (folder / "events.csv").write_text(EVENTS, encoding="utf-8")
    config = EcommerceConfig.model_validate({"layout": "tables", "folder": str(folder), **settings})
    return ECOMMERCE.load(config).items, config


def test_paths_of_pictures_are_below_the_folder(tmp_path: Path) -> None:
    items, config = shop(
        tmp_path, "item_id,title,image\na,A,pictures/a.png\nb,B,\nc,C,/elsewhere/c.png\n", image_column="image"
    )
    assert ECOMMERCE.item_pictures is not None
    paths = ECOMMERCE.item_pictures(items, config)
    assert paths.to_list() == [str(tmp_path / "pictures/a.png"), None, "/elsewhere/c.png"]


def test_what_nobody_asked_for_is_no_picture_and_no_vector(tmp_path: Path) -> None:
    items, config = shop(tmp_path, "item_id,title,image,clip\na,A,https://shop/a.png,1|2\nb,B,,\n")
    assert ECOMMERCE.item_pictures is not None
    assert ECOMMERCE.item_vectors is not None
    assert ECOMMERCE.item_pictures(items, config).null_count() == 2
    assert ECOMMERCE.item_vectors(items, config) == {}


def test_ready_vectors_are_read_from_text_and_from_lists(tmp_path: Path) -> None:
    assert ECOMMERCE.item_vectors is not None
    items, config = shop(tmp_path, "item_id,clip\na,0.5|-1|2e-1\nb,\nc,1|2|3\n", vector_columns=["clip"])
    expected = np.array([[0.5, -1, 0.2], [0, 0, 0], [1, 2, 3]], dtype=np.float32)
    np.testing.assert_array_equal(ECOMMERCE.item_vectors(items, config)["clip"], expected)
    (tmp_path / "items.csv").unlink()
    table = pl.DataFrame({"item_id": ["a", "b", "c"], "clip": [[0.5, -1.0, 0.2], None, [1.0, 2.0, 3.0]]})
    table.write_parquet(tmp_path / "items.parquet")
    np.testing.assert_array_equal(ECOMMERCE.item_vectors(ECOMMERCE.load(config).items, config)["clip"], expected)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("1|2", "1|2|3"), "2 and 3 numbers, such as that of b"),
        (("1|2", "1|two"), "the vector of b has something that is no finite number"),
        (("1|2", "inf|1"), "the vector of b has something"),
        (("", ""), "no numbers"),
    ],
)
def test_vectors_that_cannot_be_used_are_named(cells: tuple[str, str], message: str, tmp_path: Path) -> None:
    items, config = shop(tmp_path, f"item_id,clip\na,{cells[0]}\nb,{cells[1]}\n", vector_columns=["clip"])
    assert ECOMMERCE.item_vectors is not None
    with pytest.raises(DataError, match=message):
        ECOMMERCE.item_vectors(items, config)


def test_a_sample_has_no_such_columns() -> None:
    with pytest.raises(ValueError, match="set layout to tables"):
        EcommerceConfig(vector_columns=["clip"])
