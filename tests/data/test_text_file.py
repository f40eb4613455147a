"""How a text file is written is looked for, and said; what cannot be known is refused with the setting's name."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from recsat.config.tables import TableSettings
from recsat.data.columns import Column
from recsat.data.reading import find_table, read_table
from recsat.data.text_file import lines_above, read_text_file
from recsat.errors import DataError

ITEMS = {"item_id": Column(), "title": Column()}
RUSSIAN = "item_id,title\n1,Война и мир\n2,Анна Каренина\n3,Преступление и наказание\n4,Мастер и Маргарита\n"
JAPANESE = "item_id,title\n1,千と千尋の神隠し\n2,となりのトトロ\n"


def read(path: Path, content: bytes, **settings: object) -> tuple[list[tuple[object, ...]], list[str]]:
    path.write_bytes(content)
    notes: list[str] = []
    rows, faults = read_table(path, ITEMS, TableSettings.model_validate(settings), notes)
    assert faults.is_empty()
    return rows.select("item_id", "title").rows(), notes


@pytest.mark.parametrize(
    ("text", "expected", "words"),
    [
        ("item_id;title\n1;A,B\n", "A,B", "semicolon-separated"),
        ("item_id\ttitle\n1\tA,B\n", "A,B", "tab-separated"),
        ("item_id|title\n1|A,B;C\n", "A,B;C", "pipe-separated"),
        ("item_id::title\n1::A|B\n", "A|B", "'::'-separated"),
        ("sep=;\nitem_id;title\n1;A\n", "A", "semicolon-separated"),
        ("item_id,title\n1,A;B\n", "A;B", None),
        ("item_id,title,from;to\n1,A,2;3\n", "A", None),
        ('"item_id";"title"\n1;"A;B"\n', "A;B", "semicolon-separated"),
        (" item_id , title \n1,A\n", "A", None),
    ],
)
def test_the_separator_is_the_one_that_parts_the_names(
    tmp_path: Path, text: str, expected: str, words: str | None
) -> None:
    rows, notes = read(tmp_path / "items.csv", text.encode())
    assert rows == [("1", expected)]
    assert notes == ([] if words is None else [f"items.csv: read as {words}"])


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("item_id,title\n1,café\n2,Señor\n", "latin-1", "Latin-1"),
        ("item_id,title\n1,“it’s” – Œuvre\n", "cp1252", "Latin-1"),
        ("item_id,title\n1,Příliš žluťoučký kůň\n2,Łódź\n", "cp1250", "cp1250"),
        (RUSSIAN, "cp1251", "cp1251"),
        (JAPANESE, "shift_jis", "cp932"),
        (JAPANESE, "utf-16", "UTF-16"),
        (JAPANESE, "utf-16-le", "UTF-16"),
        (JAPANESE, "utf-8-sig", None),
    ],
)
def test_an_encoding_is_known_by_its_text(tmp_path: Path, text: str, encoding: str, words: str | None) -> None:
    rows, notes = read(tmp_path / "items.csv", text.encode(encoding))
    assert rows == [tuple(line.split(",")) for line in text.splitlines()[1:]]
    assert notes == ([] if words is None else [f"items.csv: read as {words}"])


def test_an_encoding_far_down_a_large_file_is_known_too(tmp_path: Path) -> None:
    text = "item_id,title\n" + "".join(f"{i},plain\n" for i in range(40_000)) + "x,Müller\n"
    rows, _ = read(tmp_path / "items.csv", text.encode("latin-1"))
    assert rows[-1] == ("x", "Müller")


def test_separator_and_encoding_are_told_in_one_sentence_also_of_a_packed_file(tmp_path: Path) -> None:
    rows, notes = read(tmp_path / "items.csv.gz", gzip.compress("item_id;title\n1;café\n".encode("latin-1")))
    assert (rows, notes) == ([("1", "café")], ["items.csv.gz: read as semicolon-separated Latin-1"])


def test_what_is_set_is_not_looked_for(tmp_path: Path) -> None:
    assert read(tmp_path / "a.csv", "item_id;title\n1;й\n".encode("cp1251"), separator=";", encoding="cp1251")[0] == [
        ("1", "й")
    ]
    assert read(tmp_path / "b.csv", b"item_id\ttitle\n1\tA\n", separator="tab")[0] == [("1", "A")]


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        (
            "item_id,title\n1,Война\n".encode("cp1251"),
            {},
            r"not UTF-8, and which .* cp1251 \('1,Война'\).* Set encoding to",
        ),
        (
            "item_id,title\n1,é\n".encode("latin-1"),
            {"encoding": "ascii"},
            r"byte 16 cannot be read as ascii\. Set encoding",
        ),
        (
            "item_id,title\n1,日本 café\n2,日".encode() + b"\xff\n",
            {},
            r"it is UTF-8 but for 1 places, the first at byte 34\.",
        ),
        (b"a,b;c\n1,2;3\n", {}, r"the cells may be parted by ',' or ';'\. Set separator\."),
        (b"item_id,title,title\n1,A,B\n", {}, r"row 1: column 'title' is there 2 times"),
    ],
)
def test_what_cannot_be_known_is_refused_in_one_line(
    tmp_path: Path, content: bytes, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path / "items.csv", content, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("damage", [lambda packed: packed[:40], lambda packed: packed[:30] + b"\xff" * 9 + packed[39:]])
def test_a_damaged_packed_file_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    text = "item_id,title\n" + "".join(f"{i},Name {i * i}\n" for i in range(200))
    with pytest.raises(DataError, match=r"^items\.csv\.gz: it cannot be (unpacked|read)") as error:
        read(tmp_path / "items.csv.gz", damage(gzip.compress(text.encode())))
    assert "\n" not in str(error.value)


def test_a_file_without_a_header_has_columns_by_number(tmp_path: Path) -> None:
    columns = {"item_id": "column_2", "title": "column_1"}
    rows, notes = read(tmp_path / "items.csv", b"A,1\nB,2\n", columns=columns)
    assert rows == [("1", "A"), ("2", "B")]
    assert notes == ["items.csv: read as without a header"]


TABLE = "item_id;title\n1;Der Müller\n2;B\n"


@pytest.mark.parametrize("above", ["\n", "\r\n", "  \n \n"])
def test_blank_lines_above_the_header_are_left_out(tmp_path: Path, above: str) -> None:
    rows, notes = read(tmp_path / "items.csv", (above + TABLE).encode())
    assert rows == [("1", "Der Müller"), ("2", "B")]
    assert all("above the table (blank)" in note or "above" not in note for note in notes)


@pytest.mark.parametrize(
    ("above", "n"),
    [
        ("Artikelliste, Stand Mai 2026\n", "line"),
        ("Artikelliste\n\n", "2 lines"),
        ("# exported by the shop; do not edit\n# user: admin\n", "2 lines"),
        ("Artikelliste;\n;\n", "2 lines"),
        ("\nStand, Mai, 2026\nBerlin, Köln, Bonn\n\n", "4 lines"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_lines_above_the_header_are_left_out_and_said(tmp_path: Path, above: str, n: str, encoding: str) -> None:
    rows, (note,) = read(tmp_path / "items.csv", (above + TABLE).encode(encoding))
    assert rows == [("1", "Der Müller"), ("2", "B")]
    first = next(line for line in above.splitlines() if line)
    assert f"without the {n} above the table ({first[:40]!r})" in note
    assert "semicolon-separated" in note


def test_rows_are_counted_from_the_top_of_the_file_whatever_stands_above(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("Loans of May\n\nuser_id,value\na,1\nb,x\nc\n", encoding="utf-8")
    _, faults = read_table(path, {"user_id": Column(), "value": Column(kind="number")}, notes=[])
    assert set(faults["row"]) == {5, 6}


def test_how_many_lines_stand_above_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    text = "a,b\nc,d\nitem_id,title\n1,A\n"
    assert read(path, text.encode(), skip_lines=2)[0] == [("1", "A")]
    with pytest.raises(DataError, match="there is no column 'item_id'"):
        read(path, text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "item_id,title\n1,A\n",
        "item_id,title\n1\n2,B\n3,C\n",  # a short row
        '"item_id","title"\n"1","A\nB, C\nD, E\nF, G"\n',  # lines within quotes
        "#item_id,title\n1,A\n2,B\n",
        "item_id,title,x,y\n1,A\n2,B\n",
    ],
)
def test_a_header_is_nothing_above_the_table(text: str) -> None:
    assert lines_above(text.splitlines(), ["item_id", "title"]) == 0


@pytest.mark.parametrize("rows", ["a,b,c,d\n1,x,2,3,4\n2,y,3,4,5\n", "name\n1\n2\n", "a,b\n", "", "# nothing\n"])
def test_what_is_not_clear_is_no_title(rows: str) -> None:
    assert lines_above(rows.splitlines(), ["item_id"]) == 0


def zipped(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


@pytest.mark.parametrize("name", ["items.zip", "items.csv.zip"])
def test_a_zip_of_one_table_is_that_table(tmp_path: Path, name: str) -> None:
    text = "List of May\nitem_id;title\n1;A\n"
    zipped(tmp_path / name, **{"export/items.csv": text, "__MACOSX/export/._items.csv": "x", "README.txt": "about"})
    path = find_table(tmp_path, "items")
    assert path == tmp_path / name
    notes: list[str] = []
    rows, faults = read_table(path, ITEMS, notes=notes)
    assert rows.select("item_id", "title").rows() == [("1", "A")]
    assert faults.is_empty()
    assert notes == [f"{name}: read as semicolon-separated without the line above the table ('List of May')"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.csv": "x", "b.csv": "y"}, "it holds a.csv, b.csv, and of a zip one text file alone is read"),
        ({}, "it holds nothing"),
        ({"a.parquet": "x"}, "it holds a.parquet"),
    ],
)
def test_a_zip_of_anything_else_is_refused(tmp_path: Path, members: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_table(zipped(tmp_path / "items.zip", **members), ITEMS)


def test_a_damaged_zip_is_named(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "items.zip", **{"items.csv": "item_id,title\n" + "1,A\n" * 999}).read_bytes()
    for data in (b"no zip", whole[:60] + b"!!!!" + whole[64:]):
        (tmp_path / "items.zip").write_bytes(data)
        with pytest.raises(DataError, match=r"items\.zip: it cannot be unpacked"):
            read_table(tmp_path / "items.zip", ITEMS)


@pytest.mark.parametrize("suffix", [".csv.gz", ".csv.zip", ".jsonl.gz"])
def test_what_unpacks_to_more_than_is_allowed_is_refused_before_it_is_read(tmp_path: Path, suffix: str) -> None:
    path, content = tmp_path / f"items{suffix}", b"item_id,title\n1," + b"\0" * 3_000_000
    if suffix.endswith(".zip"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("items.csv", content)
    else:
        path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"it unpacks to more than 0\.001 GiB\. Raise max_unpacked_gib"):
        read_table(path, ITEMS, TableSettings(max_unpacked_gib=0.001))


def test_a_packed_file_within_the_bound_is_read(tmp_path: Path) -> None:
    path, text = tmp_path / "items.csv.gz", "item_id,title\n" + "1,same words\n" * 50_000
    path.write_bytes(gzip.compress(text.encode()))
    rows, _ = read_table(path, ITEMS, TableSettings(max_unpacked_gib=0.001))
    assert rows.height == 50_000


@pytest.mark.parametrize("signs", ["\x01", "\x01\x02\x1f", "".join(map(chr, (*range(1, 9), *range(14, 32))))])
def test_control_characters_in_cells_are_no_traceback(tmp_path: Path, signs: str) -> None:
    path = tmp_path / "items.csv"
    path.write_text(f"item_id,title\na,one{signs}two\nb\nc,three\n", encoding="utf-8")
    rows, faults = read_table(path, {"item_id": Column(), "title": Column(required=False)})
    assert {"a", "c"} >= set(rows["item_id"]) >= {"c"}
    if len(signs) < 20:
        assert rows["title"].to_list() == [f"one{signs}two", "three"]
        assert faults["row"].to_list() == [3]


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b", "\x0c", "\x1e"])
def test_other_line_separators_are_signs_like_any_other(tmp_path: Path, sign: str) -> None:
    path = tmp_path / "items.csv"
    path.write_text(f"item_id,ti{sign}tle\na,one{sign}two\nb,three\n", encoding="utf-8")
    rows, faults = read_table(path, {"item_id": Column(), "title": Column(source=f"ti{sign}tle")})
    assert rows.select("item_id", "title").rows() == [("a", f"one{sign}two"), ("b", "three")]
    assert faults.is_empty()


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04\x14\0", b"\xd0\xcf\x11\xe0\xa1", b"PAR1\x15", b"\x1f\x8b\x08\0", b"%PDF-1.7", b"SQLite format 3\0"],
)
def test_a_file_of_another_kind_under_the_name_of_a_text_is_called_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "items.csv").write_bytes(content * 40)
    with pytest.raises(DataError, match=r"^items\.csv: by its first bytes it is .*\. Save its table as CSV"):
        read_table(tmp_path / "items.csv", {"item_id": Column()})


def test_quotes_within_cells_parted_by_tabs_are_signs_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "plays.tsv"
    path.write_text(
        'user_id\titem_id\ttitle\nu1\ta\t12" single\nu2\tb\t"Heroes" (live)\nu3\tc\t"say ""Hi"""\nu4\td\tthe "last\n'
    )
    table, form = read_text_file(path, TableSettings(), ["user_id"])
    assert table["title"].to_list() == ['12" single', '"Heroes" (live)', 'say "Hi"', 'the "last']
    assert form.words == "tab-separated with quotes that are signs of the text"


def test_quotes_that_hold_lines_or_tabs_together_stay_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "plays.tsv"
    path.write_text('user_id\titem_id\ttitle\nu1\ta\t"one\ttwo"\nu2\tb\t"three\nfour"\n')
    table, form = read_text_file(path, TableSettings(), ["user_id"])
    assert table["title"].to_list() == ["one\ttwo", "three\nfour"]
    assert form.words == "tab-separated"


@pytest.mark.parametrize(
    ("rows", "titles", "words"),
    [
        (r'"1";"\"Café\"; or a play"' + "\n" + r'"2";"The \"Nick\""', ['"Café"; or a play', 'The "Nick"'], True),
        (r'"1";"a \"b\" c"' + "\n" + r'"2";"back\\slash"', ['a "b" c', r"back\slash"], True),
        (r'"1";"C:\"' + "\n" + r'"2";"D:\"', ["C:\\", "D:\\"], False),  # a cell that ends so
        (r'"1";"a ""b"" c\d"' + "\n" + '"2";"x"', [r'a "b" c\d', "x"], False),
    ],
)
def test_a_backslash_before_a_quote_makes_it_part_of_the_text(
    rows: str, titles: list[str], words: bool, tmp_path: Path
) -> None:
    path = tmp_path / "BX-Books.csv"
    path.write_text('"ISBN";"Book-Title"\n' + rows + "\n")
    table, form = read_text_file(path, TableSettings(), ["ISBN"])
    assert table["Book-Title"].to_list() == titles
    assert form.words == "semicolon-separated" + (' with \\" for a quote' if words else "")


@pytest.mark.parametrize(
    "text", ["1:\n7,5,2005-09-06\n8,3,2005-10-01\n2:\n7,1,2005-11-02\n", "12:\n7,5,2005-09-06\n", "a:\n1,2\nb:\n1,3\n"]
)
def test_blocks_of_rows_under_a_line_of_their_own_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "combined.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=r"^combined\.txt: lines such as '\w+:' head the rows below them"):
        read_text_file(path, TableSettings(), ["column_1"])


def test_a_title_that_ends_in_a_colon_is_no_block(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_text("Sales:\n\nitem_id,title\na,One\nb,Two\n")
    assert read_text_file(path, TableSettings(), ["item_id"])[0]["title"].to_list() == ["One", "Two"]


@pytest.mark.parametrize(
    ("name", "text", "separator"),
    [
        ("u.item", "0|Thing, large|1995\n1|Thing, small|1996\n", "|"),
        ("news.tsv", "N1\ta,b\tc\nN2\td,e\tf\n", "\t"),
    ],
)
def test_signs_of_sentences_part_no_cells_and_a_tsv_has_tabs(
    name: str, text: str, separator: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(text)
    assert read_text_file(path, TableSettings(header=False), ["column_1"])[1].separator == separator
