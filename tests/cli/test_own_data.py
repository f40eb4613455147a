"""From a folder of somebody's files to a report: ``recsat init``, then ``recsat run``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from foreign_folders import FOLDERS
from typer.testing import CliRunner

from recsat.cli.app import app
from recsat.config.files import read_yaml
from recsat.scaffold.foreign_files import _foreign_table, date_formats

QUICK = ["arms=[popularity, ease, text]", "measure.n_bootstrap=100", "measure.curves=false", "measure.controls=[]", "rank.k=5", "parameters={ease: {l2: 10.0}}"]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECSAT_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def initial(place: Path, name: str, *options: str) -> tuple[str, dict[str, Any]]:
    """What ``recsat init`` prints of a folder, and the settings that it writes."""
    (place / name).mkdir()
    FOLDERS[name][0](place / name)
    done = CliRunner().invoke(app, ["init", name, *options])
    assert done.exit_code == 0, done.output
    return done.output, read_yaml((place / "recsat.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "splits", "reads", "note"),
    [
        (
            "book-crossing",
            ["warm"],
            True,
            "Year-Of-Publication: 1 cell (row 5 'DK') is not a whole number, and missing",
        ),
        ("amazon", ["timeline", "warm"], True, "All_Beauty.csv.gz: timestamp read as milliseconds since 1970"),
        (
            "amazon-without-header",
            ["timeline", "warm"],
            False,
            "items: none has a text, so arms that read are left out",
        ),
        (
            "analytics",
            ["timeline", "warm"],
            True,
            "events_20240101.json: event_timestamp read as microseconds since 1970",
        ),
        ("video-site", ["timeline", "warm"], True, None),
        ("spark", ["timeline", "warm"], True, None),
    ],
)
def test_a_folder_of_foreign_files_becomes_a_report(
    place: Path, name: str, splits: list[str], reads: bool, note: str | None
) -> None:
    printed, settings = initial(place, name)
    assert settings["domain"] == FOLDERS[name][1]
    assert "items: 40 rows" in printed
    assert [split["name"] for split in settings["splits"]] == splits
    assert ("text" in settings["arms"]) == reads
    done = CliRunner().invoke(app, ["run", "-c", "recsat.yaml", *(f"--set={setting}" for setting in QUICK)])
    assert done.exit_code == 0, done.output
    result = json.loads((place / "runs/latest/result.json").read_text(encoding="utf-8"))
    whole = [arm for arm in result["arms"] if arm["slice"] == "all"]
    baselines = {split["baseline"] for split in result["splits"]}
    assert {arm["name"] for arm in whole} - baselines == {"ease", *(["text"] if reads else [])} | (
        {"popularity"} - baselines
    )
    assert {arm["split"] for arm in whole} == {*splits}
    assert all(arm["measures"]["recall@5"]["mean"] > 0 for arm in whole)
    assert (place / "runs/latest/report.html").is_file()
    if note is not None:
        assert any(note in one for one in result["data"]["notes"])
        assert note in done.output


def test_the_guess_is_written_with_scale_mapping_and_missing_words(place: Path) -> None:
    printed, settings = initial(place, "book-crossing")
    tables = settings["domain_config"]["tables"]
    assert tables["events"]["columns"] == {"user_id": "User-ID", "item_id": "ISBN", "value": "Book-Rating"}
    assert tables["events"]["defaults"] == {"event": "rating"}
    assert tables["events"]["missing"] == {"value": ["0"]}
    assert tables["items"]["columns"]["title"] == "Book-Title"
    assert settings["domain_config"]["rating_scale"] == [1.0, 10.0]
    assert "BX-Books.csv: semicolon-separated Latin-1" in printed
    assert "of the ratings are 0, on a scale from 4: taken for no rating" in printed
    assert "Café Drama nº 0" in printed


def test_events_without_an_item_and_events_of_no_domain_are_left_out(place: Path) -> None:
    printed, settings = initial(place, "analytics")
    assert settings["domain_config"]["tables"]["events"]["event_names"] == {"view_item": "view", "purchase": "purchase"}
    assert "events: page_view are no events of ecommerce and left out" in printed


def test_a_domain_can_be_named(place: Path) -> None:
    _, settings = initial(place, "amazon-without-header", "--domain", "content")
    assert settings["domain"] == "content"
    assert settings["domain_config"]["tables"]["events"]["columns"] == {
        "item_id": "column_1",
        "user_id": "column_2",
        "value": "column_3",
        "timestamp": "column_4",
    }


def test_settings_are_not_written_over(place: Path) -> None:
    (place / "recsat.yaml").write_text("mine", encoding="utf-8")
    (place / "d").mkdir()
    done = CliRunner().invoke(app, ["init", "d"])
    assert (done.exit_code, (place / "recsat.yaml").read_text(encoding="utf-8")) == (2, "mine")


def library(place: Path, *first_lines: str, day: str = "{:02}.11.2024") -> Path:
    folder = place / "library"
    folder.mkdir(exist_ok=True)
    books = [{"Barcode": f"978{i:07}", "Title": f"Book {i}", "Subject": "Novel"} for i in range(12)]
    (folder / "catalogue.json").write_text(json.dumps(books), encoding="utf-8")
    loans = [f"R{i % 5}\t978{i % 12:07}\t{day.format(1 + i % 24)}" for i in range(48)]
    lines = [*first_lines, "Reader No\tBarcode\tLoan date", *loans]
    (folder / "loans.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return folder


def test_loans_of_a_library_with_dates_of_its_country_are_read(place: Path) -> None:
    library(place)
    done = CliRunner().invoke(app, ["init", "library"])
    output, settings = done.output, read_yaml((place / "recsat.yaml").read_text(encoding="utf-8"))
    assert "dates are written as %d.%m.%Y" in output
    events = settings["domain_config"]["tables"]["events"]
    assert events["time_format"] == "%d.%m.%Y"
    assert events["columns"] == {"user_id": "Reader No", "item_id": "Barcode", "timestamp": "Loan date"}
    assert "2024-11-24" in output or "2024-11-01" in output


def test_a_title_above_the_header_is_left_out_and_a_zip_of_one_table_is_read(place: Path) -> None:
    folder = library(place, "Loans of the town's library\t\t", "\t\t")
    with zipfile.ZipFile(folder / "loans.zip", "w") as archive:
        archive.write(folder / "loans.tsv", "export/loans.tsv")
    (folder / "loans.tsv").unlink()
    (folder / "older.zip").write_bytes(b"PK")
    (folder / "oldest.tar").write_bytes(b"x")
    done = CliRunner().invoke(app, ["init", str(folder)])
    message = " ".join(done.output.split())
    assert done.exit_code == 0, message
    assert 'loans.zip: tab-separated without the 2 lines above the table ("Loans of the town\'s library")' in message
    assert "older.zip: it cannot be unpacked" in message
    assert "oldest.tar: it is packed; unpack it" in message
    events = read_yaml((place / "recsat.yaml").read_text(encoding="utf-8"))["domain_config"]["tables"]["events"]
    assert events["path"] == "loans.zip"
    assert events["columns"] == {"user_id": "Reader No", "item_id": "Barcode", "timestamp": "Loan date"}


@pytest.mark.parametrize(
    ("language", "header", "items"),
    [
        ("german", "Kunde;Artikelnummer;Datum;Bewertung", "Artikelnummer;Bezeichnung;Warengruppe;Preis"),
        ("french", "Utilisateur;Référence;Date d'achat;Évaluation", "Référence;Titre;Catégorie;Prix"),
        ("spanish", "Usuario;Código artículo;Fecha;Puntuación", "Código artículo;Título;Categoría;Precio"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_headers_in_other_languages_are_known(
    place: Path, language: str, header: str, items: str, encoding: str
) -> None:
    folder = place / language
    folder.mkdir()
    acts = [f"K{i % 7};A{i % 11};{1 + i % 28:02}.{1 + i % 12:02}.2025;{1 + i % 5}" for i in range(80)]
    rows = [f"A{i};Größe für Señor {i};Möbel;{i},50" for i in range(11)]
    (folder / "acts.csv").write_text("\n".join([header, *acts]) + "\n", encoding=encoding)
    (folder / "things.csv").write_text("\n".join([items, *rows]) + "\n", encoding=encoding)
    done = CliRunner().invoke(app, ["init", str(folder), "--domain", "ecommerce"])
    assert done.exit_code == 0, done.output
    tables = read_yaml((place / "recsat.yaml").read_text(encoding="utf-8"))["domain_config"]["tables"]
    user, item, time, value = header.split(";")
    assert tables["events"]["columns"] == {"user_id": user, "item_id": item, "value": value, "timestamp": time}
    assert tables["events"]["time_format"] == "%d.%m.%Y"
    _, title, category, price = items.split(";")
    assert tables["items"]["columns"] == {"item_id": item, "title": title, "categories": category, "price": price}


def test_numbers_of_people_and_things_months_by_name_and_an_object_with_a_list_are_known(place: Path) -> None:
    folder = place / "cinema"
    folder.mkdir()
    films = [{"film_code": f"F{i:02}", "original_title": f"River of Salt {i}", "genre": "Drama"} for i in range(20)]
    (folder / "films.json").write_text(
        json.dumps({"exported": "2025-06-01", "films": films}, indent=1), encoding="utf-8"
    )
    bookings = [f"B{i}|M{i % 17}|F{i % 20:02}|{1 + i % 28:02}-Mar-2025 19:30|2" for i in range(200)]
    lines = ["# Cinema Lumen", "Booking Ref|Member No|Film code|Booked on|Seats", *bookings]
    (folder / "bookings 2025.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["init", str(folder)])
    assert done.exit_code == 0, done.output
    tables = read_yaml((place / "recsat.yaml").read_text(encoding="utf-8"))["domain_config"]["tables"]
    assert tables["events"]["columns"] == {"user_id": "Member No", "item_id": "Film code", "timestamp": "Booked on"}
    assert tables["events"]["time_format"] == "%d-%b-%Y %H:%M"
    assert tables["items"]["columns"] == {
        "item_id": "films.film_code",
        "title": "films.original_title",
        "genres": "films.genre",
    }
    assert "2025-03-01 19:30:00" in done.output
    assert "River of Salt 1" in done.output


def test_what_lies_within_people_and_things_is_known_by_both_names(place: Path) -> None:
    folder = place / "podcast"
    folder.mkdir()
    plays = [
        {
            "listener": {"id": f"L{i % 13}", "name": f"Somebody {i % 13}"},
            "episode": {"guid": f"ep-{i % 21}", "title": f"On bees {i % 21}"},
            "at": f"2025-03-{1 + i % 28:02}T10:00:00Z",
        }
        for i in range(200)
    ]
    (folder / "plays.jsonl").write_text("\n".join(map(json.dumps, plays)) + "\n", encoding="utf-8")
    done = CliRunner().invoke(app, ["init", str(folder)])
    assert done.exit_code == 0, done.output
    tables = read_yaml((place / "recsat.yaml").read_text(encoding="utf-8"))["domain_config"]["tables"]
    assert tables["events"]["columns"] == {"user_id": "listener.id", "item_id": "episode.guid", "timestamp": "at"}
    assert tables["items"]["columns"] == {"item_id": "episode.guid", "title": "episode.title"}


def test_days_that_may_be_months_are_said_and_not_guessed(place: Path) -> None:
    folder = library(place, day="{:02}/05/2024")
    assert date_formats(_foreign_table(folder / "loans.tsv"), "Loan date") == ["%d/%m/%Y"]
    text = (folder / "loans.tsv").read_text(encoding="utf-8-sig")
    lines = [line for line in text.splitlines() if not any(f"{day:02}/05" in line for day in range(13, 32))]
    (folder / "loans.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert date_formats(_foreign_table(folder / "loans.tsv"), "Loan date") == ["%d/%m/%Y", "%m/%d/%Y"]


def test_what_is_neither_file_nor_folder_is_left_aside_and_never_waited_for(place: Path) -> None:
    folder = place / "piped"
    folder.mkdir()
    (folder / "ratings.csv").write_text("user_id,item_id,rating,timestamp\nu,a,5,1700000000\nv,b,4,1700000100\n")
    os.mkfifo(folder / "users.csv")
    done = CliRunner().invoke(app, ["init", str(folder)])
    assert "users.csv: neither a file nor a folder, left aside" in done.output


def test_a_folder_without_users_and_items_says_what_it_has(place: Path) -> None:
    (place / "d").mkdir()
    (place / "d" / "weather.csv").write_text("day,rain\n1,2\n", encoding="utf-8")
    (place / "d" / "README.txt").write_text("Hello", encoding="utf-8")
    done = CliRunner().invoke(app, ["init", "d"])
    assert done.exit_code == 2
    assert not (place / "recsat.yaml").exists()


def test_a_terminal_that_lacks_a_sign_shows_another_and_goes_on(place: Path) -> None:
    (place / "books").mkdir()
    FOLDERS["book-crossing"][0](place / "books")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHONIO"))
    }
    environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    script = "import sys; from recsat.cli.app import main; sys.argv = ['recsat', 'init', 'books']; main()"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert b"Caf? Drama n? 0" in done.stdout
    assert "recsat.yaml" in done.stdout.decode("ascii")


def test_a_shop_with_a_chinese_header_is_read_as_one(tmp_path: Path) -> None:
    from recsat.plugins import load_plugins
    from recsat.scaffold.guess import guess

    items = "商品编号,商品名称,价格,类别\n" + "".join(f"P{i},龙井茶叶{i},{i}.5,绿茶\n" for i in range(20))
    events = "用户编号,商品编号,金额,时间\n" + "".join(
        f"U{i % 9},P{i % 20},{i}.5,2024-03-{1 + i % 28:02} 10:00:00\n" for i in range(180)
    )
    (tmp_path / "商品.csv").write_text(items, encoding="utf-8")
    (tmp_path / "订单.csv").write_text(events, encoding="gb18030")
    (tmp_path / "库存.xlsx").write_bytes(b"PK")
    domains = load_plugins().domains()
    guessed = guess(tmp_path, {name: one for name, one in domains.items() if one.columns}, None)
    assert guessed.domain == "ecommerce"
    assert "库存.xlsx: it is a workbook; save its sheet as CSV" in guessed.reasons
    spec = domains[guessed.domain]
    data = spec.load(spec.config.model_validate(guessed.settings["domain_config"]))
    assert data.items["title"][0] == "龙井茶叶0"
    assert data.items["price"][1] == 1.5
    assert data.events.select("user_id", "item_id", "event", "value").row(0) == ("U0", "P0", "purchase", 0.5)
    assert data.quarantine.is_empty()
