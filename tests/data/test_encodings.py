"""Very short files: the encoding is known where only one reading is a language, and else every likely one is shown."""

from __future__ import annotations

import pytest

from recsat.data.encodings import likely_encoding
from recsat.errors import DataError

HEAD = "item_id,title\n"


@pytest.mark.parametrize(
    ("rows", "encoding"),
    [
        ("1,霸王别姬\n2,活着\n", "gb18030"),  # as Korean, syllables and Han in one word
        ("1,七人の侍\n2,となりのトトロ\n", "cp932"),  # as Korean, syllables that nobody uses
        ("1,七人の侍\n2,となりのトトロ\n", "euc_jp"),  # as Chinese, kana
        ("1,Сталкер\n2,Солярис\n", "cp1251"),
        ("1,Сталкер\n2,Солярис\n", "koi8_r"),  # as Hebrew, little but vowel points
        ("1,باب الحديد\n2,المومياء\n", "cp1256"),
        ("1,Człowiek z żelaza\n2,Popiół i diament\n", "cp1250"),  # as Latin-1, signs in words
        ("1,Gönül Yarası\n2,Babam ve Oğlum\n", "cp1254"),
        ("1,Hross í oss\n2,Íslenski draumurinn, það\n", "cp1252"),  # Icelandic is no Turkish
        ("1,¿Qué he hecho yo?\n2,Señora, 5£ y 3°\n", "cp1252"),  # signs beside words are none in them
        ("1,Zażółć gęślą jaźń\n2,Łódź\n", "iso8859_2"),  # as cp1250, signs beside letters
        ("1,สี่แพร่ง\n2,ลุงบุญมีระลึกชาติ\n", "cp874"),  # as Japanese, katakana of half width
        ("1,สี่แพร่ง\n2,ลุงบุญมีระลึกชาติ\n3,พี่มาก\n4,องค์บาก\n5,แฟนฉัน\n", "cp874"),  # as Latin-1, runs of letters with accents
        ("1,ألف ليلة وليلة\n2,كليلة ودمنة\n", "iso8859_6"),  # as Hebrew, vowel points that begin a word
        ("1,باب الحديد\n2,المومياء\n3,الأرض\n", "cp1256"),  # as ISO 8859-6, endings within words
        ("1,Não\n2,São Paulo\n3,Maçã\n", "cp1252"),  # as cp1250, vowels before vowels
        ("1,La règle du jeu\n2,Crème\n", "cp1252"),  # as Czech, a consonant between consonants
        ("1,El niño\n2,Mañana\n", "cp1252"),
        ("1,Smørrebrød\n2,Æbler på grød\n", "cp1252"),
        ("1,Café nº 3\n2,Café nº 4\n3,3ª parte\n", "cp1252"),
        ("1,Thaïlande\n2,Haïti\n3,Œuvre\n", "cp1252"),
        ("1,Pelíšky\n2,Kuře\n3,Čaj\n", "cp1250"),  # as Latin-1, a vowel between vowels
        ("1,Őrült\n2,Fűszer\n3,Kék nő\n", "cp1250"),
        ("1,Miś\n2,Łódź\n3,Ślub\n", "cp1250"),
        ("1,Kalnų žmonės\n2,Šiaurės pašvaistė\n", "cp1257"),
        ("1,Ostře sledované vlaky\n2,Židle\n3,Šťáva\n", "iso8859_2"),
        (
            "1,אינדונזיה\n2,מערב אסיה\n3,איי קיימן\n4,מראטהית\n5,סיציליאנית\n",
            "cp1255",
        ),  # as Russian, й after consonants
        ("1,살인의 추억\n2,부산행\n3,아가씨\n4,밀양\n5,마더\n6,괴물\n", "cp949"),
    ],
)
def test_one_reading_that_is_a_language_is_the_encoding(rows: str, encoding: str) -> None:
    data = (HEAD + rows).encode(encoding)
    assert data.decode(likely_encoding("items.csv", data)) == HEAD + rows


@pytest.mark.parametrize(
    ("rows", "encoding", "reading"),
    [
        ("1,기생충\n2,올드보이\n", "cp949", "cp949 ('1,기생충')"),
        ("1,ואלס עם באשיר\n", "cp1255", "cp1255 ('1,ואלס עם באשיר')"),
        ("1,Eşkıya\n2,Yol\n", "cp1254", "cp1254 ('1,Eşkıya')"),
        ("1,Nyt ő ja hő\n", "cp1250", "cp1250 ('1,Nyt ő ja hő')"),
    ],
)
def test_where_several_are_likely_a_line_as_each_reads_it_is_shown(rows: str, encoding: str, reading: str) -> None:
    with pytest.raises(DataError) as error:
        likely_encoding("items.csv", (HEAD + rows).encode(encoding))
    message = str(error.value)
    assert reading in message
    assert " or " in message
    assert message.endswith("Set encoding to the one that reads right.")
    assert "\n" not in message


def test_a_header_that_is_looked_for_says_the_encoding() -> None:
    text = "商品编号,商品名称,类别,价格\n" + "".join(f"p{i},水杯{i},厨房,{i}.5\n" for i in range(40))
    data = text.encode("gb18030")
    assert data.decode(likely_encoding("items.csv", data, ["item_id", "商品编号"])) == text
    with pytest.raises(DataError, match="Set encoding to the one that reads right"):
        likely_encoding("items.csv", data, ["item_id"])


def test_a_header_in_another_encoding_says_nothing() -> None:
    text = "item_id,title\n1,Czarny kot, pół łyżki\n"
    assert likely_encoding("items.csv", text.encode("cp1250"), ["用户编号"]) == "cp1250"
