"""The contract passes a domain that keeps it, and fails each that breaks one rule, saying which and what to do."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import Field

from recsat import CandidateFilter, Dataset, Domain, DomainConfig, FilterContext, Judged, SatisfactionMetric
from recsat.testing import DomainContract

SOURCE = Path(__file__).with_name("books") / "recsat_books.py"
MODULE = "recsat_books"
METHODS = sorted(name for name in vars(DomainContract) if name.startswith("test_"))
OF_THE_PLUGIN = (
    "test_importing_the_plugin_is_light",
    "test_another_process_finds_the_same_by_name",
    "test_translations",
)
IN_PROCESS = [method for method in METHODS if method not in OF_THE_PLUGIN]
Installer = Callable[..., Domain]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installer]:
    """Installs the books domain, with other source where wanted, as a distribution that metadata finds."""

    def installed(change: Callable[[str], str] = str, *, point: str = "books") -> Domain:
        (tmp_path / f"{MODULE}.py").write_text(change(SOURCE.read_text(encoding="utf-8")), encoding="utf-8")
        info = tmp_path / "recsat_books-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: recsat-books\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[recsat]\n{point} = {MODULE}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        domain: Domain = importlib.import_module(MODULE).BOOKS
        return domain

    yield installed
    sys.modules.pop(MODULE, None)


@pytest.fixture
def books(install: Installer) -> Domain:
    return install()


def contract(domain: Domain, **attributes: Any) -> type[DomainContract]:
    return type(
        "TestBooks", (DomainContract,), {"domain": domain, "filter_settings": ({"max_price": 10},), **attributes}
    )


def broken_rules(contract_class: type[DomainContract], methods: list[str]) -> dict[str, str]:
    """The tests that fail, as pytest would run them, with what they say."""
    messages = {}
    for method in methods:
        try:
            getattr(contract_class(), method)()
        except Exception as error:
            messages[method] = str(error)
    return messages


def test_a_domain_that_keeps_the_contract_passes(books: Domain) -> None:
    assert broken_rules(contract(books), METHODS) == {}


class Undescribed(DomainConfig):
    """A setting without words."""

    max_price: float | None = None


class Forgetful(DomainConfig):
    """A setting that JSON cannot carry."""

    max_price: Any = None
    day: Any = Field(None, description="Words cannot help it.")


def changed(**fields: Any) -> Callable[[Domain], Domain]:
    return lambda domain: replace(domain, **fields)


def loading(change: Callable[[Dataset], Dataset]) -> Callable[[Domain], Domain]:
    return lambda domain: replace(domain, load=lambda config: change(domain.load(config)))


def items(*columns: pl.Expr, **named: pl.Expr) -> Callable[[Domain], Domain]:
    return loading(lambda data: replace(data, items=data.items.with_columns(*columns, **named)))


def events(*columns: pl.Expr, **named: pl.Expr) -> Callable[[Domain], Domain]:
    return loading(lambda data: replace(data, events=data.events.with_columns(*columns, **named)))


def once_only(domain: Domain) -> Domain:
    calls: list[int] = []

    def load(config: Any) -> Dataset:
        calls.append(1)
        data = domain.load(config)
        return replace(data, events=data.events.with_columns(value=pl.lit(float(len(calls)))))

    return replace(domain, load=load)


def texts(of: Callable[[pl.DataFrame], Any]) -> Callable[[Domain], Domain]:
    return changed(describe_item=of)


def growing() -> Callable[[pl.DataFrame], pl.Series]:
    calls: list[int] = []

    def describe(table: pl.DataFrame) -> pl.Series:
        calls.append(1)
        return table.select(pl.format("{} {}", "title", pl.lit(len(calls)))).to_series()

    return describe


def filtered(**parts: Any) -> Callable[[Domain], Domain]:
    return lambda domain: replace(domain, filters=(replace(domain.filters[0], **parts),))


def pairs(rows: list[tuple[str, str]]) -> Callable[[pl.Series, FilterContext], pl.DataFrame]:
    return lambda users, context: pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String}, orient="row")


def excluding(exclude: Callable[[pl.Series, FilterContext], pl.DataFrame]) -> Callable[[Domain], Domain]:
    rule = CandidateFilter(name="odd", description="Odd.", exclude=exclude)
    return lambda domain: replace(domain, filters=(domain.filters[0], rule))


def measured(compute: Callable[[Judged], pl.DataFrame], **fields: Any) -> Callable[[Domain], Domain]:
    metric = SatisfactionMetric(name="odd", description="Odd.", unit="", better="higher", compute=compute, **fields)
    return changed(metrics=(metric,))


def constant(value: Any) -> Callable[[Judged], pl.DataFrame]:
    return lambda judged: judged.users.to_frame("user_id").with_columns(value=pl.lit(value))


RULES: list[tuple[str, Callable[[Domain], Domain], str, str]] = [
    ("a kind of no item", changed(kinds=("film",)), "test_tables_fit_their_schemas", "items have kinds"),
    ("a bad description", changed(description=""), "test_domain_has_what_the_contract_asks_for", "description is ''"),
    ("a field without words", changed(config=Undescribed), "test_config_survives_json", "have no description"),
    ("a demo of another form", changed(demo={"armz": []}), "test_demo_is_a_run", "armz"),
    ("a duplicate id", items(item_id=pl.lit("a")), "test_tables_fit_their_schemas", "is a duplicate of row 1"),
    ("no title", changed(title="name"), "test_tables_fit_their_schemas", "no text column 'name'"),
    (
        "a reason of an unknown placeholder",
        changed(reasons={"because": "like {titel}"}),
        "test_domain_has_what_the_contract_asks_for",
        "reasons['because'] has '{titel}'",
    ),
    (
        "a market that is no text",
        lambda domain: replace(
            loading(lambda data: replace(data, users=pl.DataFrame({"user_id": ["u"], "country": [44]})))(domain),
            market="country",
        ),
        "test_tables_fit_their_schemas",
        "users' column 'country', which the domain calls their market, is Int64",
    ),
    ("topics that are no list", changed(topics="title"), "test_tables_fit_their_schemas", "no list-of-strings column"),
    ("a value without unit", changed(units={}), "test_tables_fit_their_schemas", "have values without a unit"),
    ("an event on no item", events(item_id=pl.lit("zz")), "test_tables_fit_their_schemas", "is not among the items"),
    ("other data each time", once_only, "test_loading_twice_gives_the_same", "Seed what is random"),
    (
        "liked is a number",
        changed(positive=pl.col("value")),
        "test_positive_says_what_is_liked",
        "must be true or false",
    ),
    (
        "nothing is liked",
        changed(positive=pl.col("event") == "x"),
        "test_positive_says_what_is_liked",
        "for no event at all",
    ),
    (
        "an empty item text",
        texts(lambda t: t["title"].replace("Beta", " ")),
        "test_item_texts",
        "'b' and 0 more an empty",
    ),
    ("a null item text", texts(lambda t: t["title"].replace("Beta", None)), "test_item_texts", "an empty text"),
    ("too few item texts", texts(lambda t: t["title"].head(2)), "test_item_texts", "2 texts for 4 rows"),
    ("item texts as a list", texts(lambda t: t["title"].to_list()), "test_item_texts", "returns a list"),
    ("item texts that are numbers", texts(lambda t: t["price"]), "test_item_texts", "return texts"),
    ("other item texts each time", texts(growing()), "test_item_texts", "other texts the second time"),
    ("sorted item texts", texts(lambda t: t["title"].sort(descending=True)), "test_item_texts", "in row order"),
    (
        "texts that look at other rows",
        texts(lambda t: t.select(pl.format("{} of {}", "title", pl.len())).to_series()),
        "test_item_texts",
        "has other rows",
    ),
    (
        "no text for users without history",
        changed(describe_user=lambda users, history: history["user_id"].unique(maintain_order=True)),
        "test_user_texts",
        "one for each",
    ),
    (
        "an empty user text",
        changed(describe_user=lambda users, history: pl.Series([""] * users.height, dtype=pl.String)),
        "test_user_texts",
        "an empty text",
    ),
    ("where without keep", filtered(keep=None), "test_filters", "cannot be checked again after reranking"),
    (
        "where and keep disagree on nulls",
        filtered(keep=lambda table, context: table.select((pl.col("price") <= 10).fill_null(True)).to_series()),
        "test_filters",
        "disagree on 1 of 4 items, such as 'd'",
    ),
    (
        "where and keep disagree on the bound",
        filtered(where=lambda context: {"must": [{"key": "price", "range": {"lt": 10}}]}),
        "test_filters",
        "such as",
    ),
    ("a field that is not declared", filtered(fields={}), "test_filters", "where looks at ['price']"),
    (
        "a field that items lack",
        filtered(fields={"cost": "float", "price": "float"}),
        "test_filters",
        "['cost'] are not columns",
    ),
    ("keep that is no mask", filtered(keep=lambda t, c: t["price"]), "test_filters", "return a Boolean Series"),
    (
        "keep that goes by position",
        filtered(where=None, keep=lambda t, c: pl.Series([i < 2 for i in range(t.height)])),
        "test_filters",
        "Answer row by row",
    ),
    (
        "keep that looks at other items",
        filtered(
            where=None, keep=lambda t, c: t.select(pl.col("item_id").is_first_distinct() & (pl.len() > 2)).to_series()
        ),
        "test_filters",
        "beside other items",
    ),
    (
        "a filter that never bites",
        filtered(where=None, keep=lambda t, c: t["item_id"].is_not_null()),
        "test_filters",
        "removed nothing",
    ),
    (
        "pairs of somebody else",
        excluding(pairs([("strange", "a")])),
        "test_filters",
        "user 'strange', who was not asked",
    ),
    ("pairs of no item", excluding(pairs([("u", "zz")])), "test_filters", "'zz', which is not among the items"),
    (
        "pairs that depend on who else asks",
        excluding(
            lambda users, context: users.to_frame("user_id").with_columns(
                item_id=pl.lit("a" if len(users) > 1 else "b")
            )
        ),
        "test_filters",
        "Answer user by user",
    ),
    ("a metric above its bound", measured(constant(2.0), bounds=(0, 1)), "test_metrics", "above its bound 1"),
    ("a metric below its bound", measured(constant(-1.0), bounds=(0, None)), "test_metrics", "below its bound 0"),
    ("a metric that is NaN", measured(constant(float("nan"))), "test_metrics", "NaN or infinite"),
    ("a metric of texts", measured(constant("high")), "test_metrics", "return numbers"),
    (
        "a metric that fails without events",
        measured(lambda judged: constant(float(judged.outcomes["value"].max()))(judged)),  # type: ignore[arg-type]
        "test_metrics",
        "metric odd, no events: it raised TypeError",
    ),
    (
        "two numbers for a user",
        measured(lambda j: constant(1.0)(replace(j, users=pl.concat([j.users, j.users])))),
        "test_metrics",
        "more than once",
    ),
    (
        "a number for a stranger",
        measured(lambda judged: pl.DataFrame({"user_id": ["strange"], "value": [1.0]})),
        "test_metrics",
        "who is not judged",
    ),
    (
        "other columns",
        measured(lambda judged: constant(1.0)(judged).rename({"value": "v"})),
        "test_metrics",
        "return user_id and value",
    ),
    (
        "the first row as it comes",
        measured(lambda judged: judged.lists.group_by("user_id").agg(value=pl.col("rank").first().cast(pl.Float64))),
        "test_metrics",
        "another order",
    ),
]


@pytest.mark.parametrize(("change", "method", "message"), [pytest.param(*rule[1:], id=rule[0]) for rule in RULES])
def test_each_broken_rule_fails_where_it_is_asked(
    books: Domain, change: Callable[[Domain], Domain], method: str, message: str
) -> None:
    messages = broken_rules(contract(change(books)), [method])
    assert message in messages[method]


def test_every_rule_in_process_is_broken_by_some_domain() -> None:
    assert {rule[2] for rule in RULES} == set(IN_PROCESS)


def test_a_config_that_json_changes_fails(books: Domain) -> None:
    contract_class = contract(replace(books, config=Forgetful), settings={"day": (1, 2)}, filter_settings=())
    assert (
        "comes back from JSON as another one"
        in broken_rules(contract_class, ["test_config_survives_json"])["test_config_survives_json"]
    )


def no_dataset(config: Any) -> Any:
    return {"items": []}


def test_load_that_gives_no_dataset_fails(books: Domain) -> None:
    messages = broken_rules(contract(replace(books, load=no_dataset)), ["test_item_texts"])
    assert "load returned a dict; return a recsat.Dataset" in messages["test_item_texts"]


def test_a_heavy_import_fails(install: Installer) -> None:
    domain = install(lambda source: source + "\nimport qdrant_edge\n")
    method = "test_importing_the_plugin_is_light"
    assert "importing the plugin loads qdrant_edge" in broken_rules(contract(domain), [method])[method]


def test_a_forgotten_entry_point_says_what_to_write(install: Installer) -> None:
    domain = install(point="boks")
    for method in ("test_importing_the_plugin_is_light", "test_another_process_finds_the_same_by_name"):
        assert 'books = "recsat_books.domain"' in broken_rules(contract(domain), [method])[method]


def test_a_text_that_the_plugin_s_catalogue_leaves_out_fails(books: Domain) -> None:
    renamed = replace(books, reasons={"because": "because of {title}", "new": "fresh from the printer"})
    method = "test_translations"
    message = broken_rules(contract(renamed, plugin="game"), [method])[method]
    assert "'fresh from the printer'" in message
    assert "because of {title}" not in message


def test_texts_that_depend_on_the_process_fail(install: Installer) -> None:
    salted = 'pl.concat_str("title", pl.lit(str(hash("salt"))), pl.lit(". ")'
    domain = install(lambda source: source.replace('pl.concat_str("title", pl.lit(". ")', salted))
    method = "test_another_process_finds_the_same_by_name"
    messages = broken_rules(contract(domain), [method])
    assert "item texts differ in another process" in messages[method]


def test_what_is_set_after_import_is_not_found_by_name(books: Domain) -> None:
    method = "test_another_process_finds_the_same_by_name"
    messages = broken_rules(contract(replace(books, filters=books.filters[:1])), [method])
    assert "filters differ in another process" in messages[method]
