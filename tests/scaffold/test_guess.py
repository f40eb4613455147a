"""What ``recsat init`` makes of folders that nobody here has seen: the right reading, or a sentence that says what is left aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from recsat.errors import DataError
from recsat.plugins import load_plugins
from recsat.scaffold.foreign_files import ForeignTable, words_of_ids
from recsat.scaffold.guess import Guess, guess

PAIRS = [(user, (user * step) % 29) for user in range(40) for step in (1, 2, 3, 5)]


def files(folder: Path, **texts: str) -> Path:
    """``movies_csv="movie,title\\n…"``."""
    for name, text in texts.items():
        stem, _, ending = name.rpartition("_")
        (folder / f"{stem}.{ending}").write_text(text, encoding="utf-8")
    return folder


def table(header: str, row: Callable[[int, int], str]) -> str:
    return "\n".join([header, *(row(user, item) for user, item in PAIRS)]) + "\n"


def things(header: str, row: Callable[[int], str]) -> str:
    return "\n".join([header, *(row(item) for item in range(29))]) + "\n"


def guessed(folder: Path) -> Guess:
    return guess(folder, {name: one for name, one in load_plugins().domains().items() if one.columns})


def tables_of(initial: Guess) -> dict[str, Any]:
    tables: dict[str, Any] = initial.settings["domain_config"]["tables"]
    return tables


def test_items_are_known_by_the_column_that_the_events_name(tmp_path: Path) -> None:
    files(
        tmp_path,
        ratings_csv=table("user_id,book_id,rating", lambda user, item: f"{user},{item},{1 + item % 5}"),
        books_csv=things("isbn,goodreads_book_id,book_id,title", lambda item: f"{item:09d}X,{900 - item},{item},Book {item}"),
        to_read_csv=table("user_id,book_id", lambda user, item: f"{user},{item}"),
        tags_csv="tag_id,tag_name\n1,fiction\n",
    )  # fmt: skip
    initial = guessed(tmp_path)
    assert tables_of(initial)["items"] == {"path": "books.csv", "columns": {"item_id": "book_id"}}
    assert "to_read.csv: users and items too, and left aside; a run reads one file of events, so put what counts into ratings.csv" in initial.reasons  # fmt: skip
    assert "tags.csv: left aside" in initial.reasons


def test_a_file_of_users_with_an_id_is_no_catalogue(tmp_path: Path) -> None:
    files(
        tmp_path,
        plays_tsv=table("", lambda user, item: f"u{user}\t2024-01-0{1 + item % 9}T10:00:00Z\ta{item}\tBand \"{item}").lstrip(),
        profiles_tsv="#id\tcountry\n" + "".join(f"u{user}\tJapan\n" for user in range(40)),
    )  # fmt: skip
    initial = guessed(tmp_path)
    assert tables_of(initial)["items"]["path"] == "plays.tsv"
    assert tables_of(initial)["events"]["columns"] == {
        "user_id": "column_1", "timestamp": "column_2", "item_id": "column_3",
    }  # fmt: skip
    assert tables_of(initial)["events"]["defaults"] == {"event": "play"}  # as the file is called


def test_files_with_the_same_columns_are_said_to_be_left_aside(tmp_path: Path) -> None:
    text = table("user_id,movie_id,rating", lambda user, item: f"{user},{item},5")
    initial = guessed(files(tmp_path, ratings_01_csv=text, ratings_02_csv=text + "1,1,3\n", ratings_03_csv=text))
    assert tables_of(initial)["events"]["path"] == "ratings_02.csv"
    assert any(
        line.startswith("ratings_01.csv, ratings_03.csv: the columns of ratings_02.csv, and left aside")
        for line in initial.reasons
    )


def test_a_file_that_is_called_after_a_rejection_is_not_taken_for_one(tmp_path: Path) -> None:
    """Reports may be of anything; that every row of a file is a rejection nobody can know by its name."""
    text = table("user_id,movie_id,timestamp", lambda user, item: f"{user},{item},{1_600_000_000 + user}")
    initial = guessed(files(tmp_path, movie_reports_csv=text))
    assert initial.settings["domain"] == "content"
    assert tables_of(initial)["events"]["defaults"]["event"] != "report"


def test_titles_that_stand_beside_the_events_are_read(tmp_path: Path) -> None:
    text = table("user_id,movie_id,title,rating,note", lambda user, item: f"{user},{item},Film {item},5,x")
    initial = guessed(files(tmp_path, log_csv=text))
    assert tables_of(initial)["items"]["path"] == "log.csv"
    assert "events: of log.csv nothing reads note" in initial.reasons


def test_columns_of_the_events_that_nothing_reads_are_named(tmp_path: Path) -> None:
    text = table("user_id,video_id,watch_ratio,note", lambda user, item: f"{user},{item},0.5,x")
    assert "events: of log.csv nothing reads watch_ratio, note" in guessed(files(tmp_path, log_csv=text)).reasons


@pytest.mark.parametrize(
    ("header", "words", "event", "column"),
    [
        ("userId,articleId,clicked", "01", "click", "clicked"),
        ("Nutzer-ID,Film-ID,Gefällt mir", ("Nein", "Ja"), "complete", "Gefällt mir"),
        ("user_id,post_id,is_liked", ("false", "true"), "like", "is_liked"),
    ],
)
def test_a_column_of_yes_and_no_says_what_was_seen_alone(
    header: str, words: tuple[str, str], event: str, column: str, tmp_path: Path
) -> None:
    no, yes = words
    text = table(header, lambda user, item: f"{user},{item},{yes if item % 3 else no}")
    initial = guessed(files(tmp_path, log_csv=text))
    events = tables_of(initial)["events"]
    assert events["columns"]["event"] == column
    assert events["event_names"] == {yes: event, no: "view"}


@pytest.mark.parametrize("words", [("0", "2"), ("1", "1")])
def test_a_column_that_is_not_yes_and_no_is_no_event(words: tuple[str, str], tmp_path: Path) -> None:
    text = table("userId,articleId,clicked", lambda user, item: f"{user},{item},{words[item % 2]}")
    assert "event" in tables_of(guessed(files(tmp_path, log_csv=text)))["events"]["defaults"]


def test_the_domain_is_the_one_that_knows_what_happened(tmp_path: Path) -> None:
    acts = ("view", "addtocart", "transaction")
    text = table(
        "timestamp,visitorid,event,itemid,transactionid",
        lambda user, item: f"1433221332117,{user},{acts[item % 3]},{item},7",
    )
    initial = guessed(files(tmp_path, events_csv=text))
    assert initial.domain == "ecommerce"
    assert tables_of(initial)["events"]["event_names"] == {"addtocart": "add_to_cart", "transaction": "purchase"}
    assert tables_of(initial)["events"]["columns"]["order_id"] == "transactionid"


def test_stars_are_no_hours_of_play(tmp_path: Path) -> None:
    rows = [
        {"user_id": f"u{user}", "business_id": f"b{item}", "stars": 4.0, "date": "2024-01-02 03:04:05"}
        for user, item in PAIRS
    ]
    (tmp_path / "review.json").write_text("\n".join(map(json.dumps, rows)))
    places = [
        {"business_id": f"b{item}", "name": f"Place {item}", "hours": None, "level": 1, "platforms": "x"}
        for item in range(29)
    ]
    (tmp_path / "business.json").write_text("\n".join(map(json.dumps, places)))
    initial = guessed(tmp_path)
    assert initial.domain != "game"
    assert tables_of(initial)["events"]["defaults"] == {"event": "rating"}


def test_of_several_lists_the_one_of_items_makes_rows(tmp_path: Path) -> None:
    rows = [
        {
            "event_name": "purchase", "event_timestamp": "1704153600000000", "user_pseudo_id": f"u{user}",
            "event_params": [{"key": "page", "value": {"string_value": "x"}}], "items": [{"item_id": f"G{item}", "quantity": "2"}],
        }
        for user, item in PAIRS
    ]  # fmt: skip
    (tmp_path / "events.json").write_text("\n".join(map(json.dumps, rows)))
    columns = tables_of(guessed(tmp_path))["events"]["columns"]
    assert "value" not in columns
    assert columns["quantity"] == "items.quantity"


def test_empty_columns_are_no_time_and_shares_are_left_to_the_reader(tmp_path: Path) -> None:
    text = table(
        "user_id,book_id,read_at,date_added,watch_percent",
        lambda user, item: f"{user},{item},,Sat Jul 01 1{item % 9}:00:00 -0700 2023,0.5",
    )
    events = tables_of(guessed(files(tmp_path, log_csv=text)))["events"]
    assert events["columns"]["timestamp"] == "date_added"
    assert events["time_format"] == "%a %b %d %H:%M:%S %z %Y"
    assert events["columns"]["watched_percent"] == "watch_percent"


def test_per_cent_that_was_watched_and_per_cent_of_a_rating_are_read(tmp_path: Path) -> None:
    text = table(
        "viewer_id,video_id,percent_watched,rating",
        lambda user, item: f"{user},{item},{20 * (item % 5)} %,{20 + 20 * (item % 5)}%",
    )
    initial = guessed(files(tmp_path, log_csv=text))
    assert tables_of(initial)["events"]["columns"]["watched_percent"] == "percent_watched"
    assert initial.settings["domain_config"]["rating_scale"] == [1.0, 100.0]


def test_rows_of_impressions_without_a_header_are_refused(tmp_path: Path) -> None:
    rows = "".join(
        f"{at}\tU{user}\t1/{1 + item % 28}/2024 9:05:58 AM\tN1 N{item}\tN2-0 N{item}-1\n"
        for at, (user, item) in enumerate(PAIRS)
    )
    with pytest.raises(DataError, match="no file has a column of users and one of items"):
        guessed(files(tmp_path, behaviors_tsv=rows))


def test_orders_and_what_is_in_them_are_to_be_joined(tmp_path: Path) -> None:
    files(
        tmp_path,
        orders_csv=table("order_id,user_id", lambda user, item: f"{item},{user}"),
        products_csv=table("order_id,product_id", lambda user, item: f"{item},{item}"),
    )
    with pytest.raises(DataError, match=r"orders\.csv and products\.csv have 'order_id' in common: join them by it\."):
        guessed(tmp_path)


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("26/08/23", "%d/%m/%y"),
        ("Aug 26, 2023", "%b %d, %Y"),
        ("08 26, 2023", "%m %d, %Y"),
        ("8/26/2023 9:05:58 PM", "%m/%d/%Y %I:%M:%S %p"),
        ("26.08.2023 21:05", "%d.%m.%Y %H:%M"),
        ("26-Aug-2023", "%d-%b-%Y"),
    ],
)
def test_dates_have_one_pattern(cell: str, form: str, tmp_path: Path) -> None:
    text = table('user_id,movie_id,rating,"date"', lambda user, item: f'{user},{item},5,"{cell}"')
    assert tables_of(guessed(files(tmp_path, log_csv=text)))["events"]["time_format"] == form


def test_ten_digits_are_no_books_unless_the_last_one_says_so() -> None:
    def words(first: int, last: bool) -> set[str]:
        stems = [f"{first + item:09d}" for item in range(29)]
        check = ["0123456789X"[-sum((10 - at) * int(sign) for at, sign in enumerate(stem)) % 11] for stem in stems]
        ids = pl.Series("id", [stem + (sign if last else "1") for stem, sign in zip(stems, check, strict=True)])
        return words_of_ids(ForeignTable("items.csv", ids.to_frame()), "id")

    assert words(10_877_500, last=True) == {"isbn"}
    assert words(10_877_500, last=False) == set()


@pytest.mark.parametrize(
    ("words", "stars"),
    [
        (("Very good", "Poor", "okay"), {"Very good": 4.0, "okay": 3.0, "Poor": 2.0}),
        (("Recommended", "Not Recommended"), {"Recommended": 5.0, "Not Recommended": 1.0}),
        (("Excellent", "So so"), None),
    ],
)
def test_ratings_in_words_are_stars_where_every_word_is_known(
    tmp_path: Path, words: tuple[str, ...], stars: dict[str, float] | None
) -> None:
    text = table("user_id,movie_id,rating", lambda user, item: f"{user},{item},{words[item % len(words)]}")
    initial = guessed(files(tmp_path, log_csv=text))
    assert tables_of(initial)["events"].get("values") == (None if stars is None else {"value": stars})
    [reason] = [line for line in initial.reasons if "ratings are words" in line]
    assert ("say what they stand for" in reason) == (stars is None)


def test_ratings_out_of_five_are_ratings(tmp_path: Path) -> None:
    text = table("user_id,movie_id,rating", lambda user, item: f"{user},{item},{1 + item % 5}/5")
    initial = guessed(files(tmp_path, log_csv=text))
    assert tables_of(initial)["events"]["defaults"] == {"event": "rating"}
    assert "rating_scale" not in initial.settings["domain_config"]


def test_zeros_that_are_no_ratings_are_none_in_a_file_of_numbers_too(tmp_path: Path) -> None:
    """``recsat init`` names them, and they are left out when the folder is read."""
    files(tmp_path, movies_csv=things("movie,title,genres", lambda item: f"m{item},Film {item},Drama"))
    ratings = [(f"u{user}", f"m{item}", float((user + item) % 4 and 4 + (user + item) % 6)) for user, item in PAIRS]
    pl.DataFrame(ratings, schema=["user", "movie", "rating"], orient="row").write_parquet(tmp_path / "ratings.parquet")
    initial = guessed(tmp_path)
    assert tables_of(initial)["events"]["missing"] == {"value": ["0"]}
    domain = load_plugins().domain("content")
    config = domain.config.model_validate({**initial.settings["domain_config"], "folder": str(tmp_path)})
    values = domain.load(config).events["value"]
    assert values.null_count() == sum(value == 0 for *_, value in ratings) > 20
    assert values.drop_nulls().gt(0).all()


@pytest.mark.parametrize("form", ["\"['Horror', 'War {item}']\"", '"[""Horror"", ""War {item}""]"'])
def test_lists_in_brackets_need_no_separator(tmp_path: Path, form: str) -> None:
    files(
        tmp_path,
        ratings_csv=table("user_id,movie_id,rating", lambda user, item: f"{user},{item},{1 + item % 5}"),
        movies_csv=things("movie_id,title,genres", lambda item: f"{item},Film {item},{form.format(item=item)}"),
    )
    initial = guessed(tmp_path)
    assert "list_separator" not in tables_of(initial)["items"]
    domain = load_plugins().domains()[initial.domain]
    data = domain.load(domain.config.model_validate(initial.settings["domain_config"]))
    assert data.items.sort(pl.col("item_id").cast(pl.Int64))["genres"].to_list()[:2] == [
        ["Horror", "War 0"],
        ["Horror", "War 1"],
    ]


@pytest.mark.parametrize("end", ["csv", "parquet"])
@pytest.mark.parametrize("least", [0, 1])
def test_a_rating_of_minus_1_below_all_others_is_none(tmp_path: Path, least: int, end: str) -> None:
    text = table("user_id,anime_id,rating", lambda user, item: f"{user},{item},{item % 10 + least if item % 3 else -1}")
    files(tmp_path, log_csv=text)
    if end == "parquet":
        pl.read_csv(tmp_path / "log.csv").cast({"rating": pl.Float64}).write_parquet(tmp_path / "log.parquet")
        (tmp_path / "log.csv").unlink()
    initial = guessed(tmp_path)
    assert "events: ratings are -1 or at least 0: -1 is taken for no rating" in initial.reasons
    assert "-1" in tables_of(initial)["events"]["missing"]["value"]
    assert initial.settings["domain_config"]["rating_scale"][0] >= 0
    domain = load_plugins().domains()[initial.domain]
    data = domain.load(domain.config.model_validate(initial.settings["domain_config"]))
    assert float(data.events["value"].min() or 0) >= 0  # type: ignore[arg-type]


def test_a_thumb_down_is_a_rating(tmp_path: Path) -> None:
    text = table("user_id,movie_id,rating", lambda user, item: f"{user},{item},{item % 3 - 1}")
    initial = guessed(files(tmp_path, log_csv=text))
    assert "missing" not in tables_of(initial)["events"]
    assert initial.settings["domain_config"]["rating_scale"] == [-1, 1]


def test_what_lies_within_a_column_is_taken_and_not_the_column(tmp_path: Path) -> None:
    """A price that has an amount and a currency, a title in two languages."""
    orders = [{"buyer": {"id": f"b{user}"}, "lines": [{"sku": f"S{item}", "qty": 1}]} for user, item in PAIRS]
    things = [
        {"sku": f"S{item}", "names": {"en": f"Thing {item}"}, "price": {"amount": 9.5, "currency": "EUR"}}
        for item in sorted({item for _, item in PAIRS})
    ]
    for name, rows in (("orders", orders), ("products", things)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert tables_of(guessed(tmp_path))["items"]["columns"] == {
        "item_id": "sku",
        "title": "names.en",
        "price": "price.amount",
    }


def test_of_columns_without_names_the_one_with_the_fewest_numbers_is_the_rating(tmp_path: Path) -> None:
    """Users and items may be few and small numbers too."""
    rows = "".join(
        f"{1 + user % 12}::{1 + item}::{1 + at % 5}::97830{at:04}\n" for at, (user, item) in enumerate(PAIRS)
    )
    columns = tables_of(guessed(files(tmp_path, ratings_dat=rows)))["events"]["columns"]
    assert columns == {"user_id": "column_1", "item_id": "column_2", "value": "column_3", "timestamp": "column_4"}


def test_a_podcast_app_in_german_is_read_by_its_words(tmp_path: Path) -> None:
    text = table(
        "nutzer_id;folge_id;zeitpunkt;gehört_prozent;ereignis",
        lambda user, item: f"n{user};{item};0{1 + item % 9}.03.2024 12:00:00;{item % 101},5;abspielen",
    )
    titles = "folge_id;titel\n" + "".join(f"{item};Folge {item}\n" for item in range(200))
    settings = tables_of(guessed(files(tmp_path, wiedergaben_csv=text, folgen_csv=titles)))["events"]
    assert settings["columns"]["watched_percent"] == "gehört_prozent"
    assert settings["event_names"] == {"abspielen": "play"}


def test_html_in_texts_is_seen_said_and_read(tmp_path: Path) -> None:
    files(
        tmp_path,
        ratings_csv=table("user_id,movie_id,rating", lambda user, item: f"{user},{item},{1 + item % 5}"),
        movies_csv=things("movie_id,name", lambda item: f"{item},Tom &amp; Jerry {item}"),
    )
    initial = guessed(tmp_path)
    assert tables_of(initial)["items"]["html"] is True
    assert any(reason.startswith("items: name has HTML in it, which is read ('Tom &amp; Jerry 0'") for reason in initial.reasons)  # fmt: skip
    domain = load_plugins().domains()[initial.domain]
    data = domain.load(domain.config.model_validate(initial.settings["domain_config"]))
    assert data.items["title"].str.starts_with("Tom & Jerry").all()


def test_html_within_another_column_is_seen_too(tmp_path: Path) -> None:
    files(tmp_path, ratings_csv=table("user_id,book_id,rating", lambda user, item: f"{user},{item},{1 + item % 5}"))
    rows = [json.dumps({"book_id": item, "work": {"title": f"Tom &amp; Jerry {item}"}}) for item in range(29)]
    (tmp_path / "books.json").write_text("\n".join(rows), encoding="utf-8")
    initial = guessed(tmp_path)
    assert tables_of(initial)["items"] == {
        "path": "books.json", "columns": {"item_id": "book_id", "title": "work.title"}, "html": True
    }  # fmt: skip


def test_items_of_a_name_that_nobody_knows_are_known_by_the_column_that_two_files_share(tmp_path: Path) -> None:
    files(
        tmp_path,
        bewertungen_csv=table("Nutzer-ID,Betrieb-ID,Sterne,Stadt", lambda user, item: f"N{user},B{item},{1 + item % 5},Köln"),
        betriebe_csv=things("Betrieb-ID,Name,Stadt", lambda item: f"B{item},Gasthof {item},Köln"),
    )  # fmt: skip
    initial = guessed(tmp_path)
    assert tables_of(initial)["events"]["columns"]["item_id"] == "Betrieb-ID"
    assert tables_of(initial)["items"] == {
        "path": "betriebe.csv", "columns": {"item_id": "Betrieb-ID", "title": "Name"}
    }  # fmt: skip


def test_of_two_columns_that_may_both_be_the_items_neither_is_taken(tmp_path: Path) -> None:
    files(
        tmp_path,
        bewertungen_csv=table("Nutzer-ID,Betrieb,Lage,Sterne", lambda user, item: f"N{user},B{item},L{item},{1 + item % 5}"),
        betriebe_csv=things("Betrieb,Lage,Name", lambda item: f"B{item},L{item},Gasthof {item}"),
    )  # fmt: skip
    with pytest.raises(DataError, match=r"no file has a column of users and one of items\."):
        guessed(tmp_path)


@pytest.mark.parametrize(("low", "high", "is_enough"), [(3, 5, True), (2, 3, False)])
def test_the_core_is_that_of_what_was_liked(tmp_path: Path, low: int, high: int, is_enough: bool) -> None:
    """Sixty users with twelve ratings each, of which half are high: six of four and more stars are enough, and none are not."""
    rows = [f"u{user},b{(user + 7 * i) % 60},{high if i % 2 else low}" for user in range(60) for i in range(12)]
    files(
        tmp_path,
        ratings_csv="\n".join(["user_id,book_id,rating", *rows]) + "\n",
        books_csv="\n".join(["book_id,title", *(f"b{i},Book {i}" for i in range(60))]) + "\n",
    )
    initial = guessed(tmp_path)
    assert initial.settings.get("data") == (None if is_enough else {"min_user_events": 2, "min_item_events": 2})
