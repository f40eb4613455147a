"""What others call the columns that recsat reads, in English, German, French, Spanish and Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Final

SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "user_id": (
        "user_id", "user", "uid", "customer_id", "customer", "client_id", "visitor_id", "viewer_id", "reviewer_id", "member_id", "account_id",
        "player_id", "profile_id", "user_pseudo_id", "anonymous_id", "listener_id", "reader_id", "reader_no", "reader", "borrower_id", "borrower", "patron_id", "patron", "member_no", "customer_no", "viewer", "session_id",
        "用户编号", "用户id", "用户", "会员编号", "会员id", "客户编号", "客户id", "买家id", "顾客编号",
        "kunde", "kunden_id", "kundennummer", "kunden_nr", "kundennr", "benutzer", "benutzer_id", "nutzer", "nutzer_id", "mitglied", "mitgliedsnummer", "leser", "utilisateur", "id_utilisateur", "utilisateur_id", "client", "id_client", "numero_client", "numero_de_client", "acheteur", "abonne", "lecteur", "usuario", "id_usuario", "usuario_id", "cliente", "id_cliente", "cliente_id", "numero_cliente", "lector",
    ),
    "other_id": ("other_id", "friend_id", "followee_id", "followed_id", "trusted_user_id", "target_user_id", "user_b", "followee"),
    "item_id": (
        "item_id", "items.item_id", "item", "iid", "product_id", "product", "asin", "parent_asin", "isbn", "movie_id", "video_id", "track_id", "song_id",
        "artist_id", "game_id", "app_id", "article_id", "news_id", "post_id", "book_id", "anime_id", "sku", "stock_code", "content_id", "listing_id",
        "business_id", "work", "feed_id", "recipe_id", "barcode", "ean", "course_id", "event_id", "job_id",
        "商品编号", "商品id", "商品", "物品id", "物品编号", "产品编号", "产品id", "电影id", "视频id", "图书编号", "书号", "歌曲id", "游戏id", "文章id",
        "artikelnummer", "artikel_nr", "artikelnr", "artikel_id", "artikel", "produktnummer", "produkt_id", "produkt", "buch_id", "film_id", "id_article", "article", "code_article", "reference", "ref_produit", "id_produit", "produit_id", "code_produit", "produit", "livre_id", "id_livre", "id_film", "id_producto", "producto_id", "codigo_producto", "producto", "id_articulo", "codigo_articulo", "articulo", "referencia", "libro_id", "id_libro", "pelicula_id", "id_pelicula",
    ),
    "event": (
        "event", "event_name", "event_type", "action", "action_type", "behavior", "behaviour", "behavior_type", "interaction", "interaction_type", "type",
        "行为", "行为类型", "事件", "操作", "ereignis", "aktion", "evenement", "type_evenement", "evento", "tipo_evento", "accion",
    ),
    "value": (
        "value", "rating", "ratings", "score", "stars", "overall", "book_rating", "user_rating", "revenue", "amount", "item_revenue", "hours", "playtime",
        "watch_time", "watch_seconds", "seconds", "plays", "play_count", "weight", "event_value_in_usd",
        "评分", "打分", "星级", "金额", "时长", "bewertung", "sterne", "etoiles", "evaluation", "note_client", "puntuacion", "valoracion", "calificacion", "estrellas", "betrag", "umsatz", "montant", "importe",
    ),
    "timestamp": (
        "timestamp", "time", "ts", "datetime", "date", "event_time", "event_timestamp", "event_ts", "unix_review_time", "unixreviewtime", "created_at",
        "occurred_at", "review_time", "watched_at", "played_at", "invoice_date", "order_date", "posted", "event_date", "time_stamp",
        "loan_date", "borrowed_at", "checkout_date", "booking_date", "applied_at",
        "时间", "时间戳", "日期", "下单时间", "购买时间", "评分时间", "观看时间", "创建时间", "datum", "zeit", "zeitpunkt", "zeitstempel", "bestelldatum", "kaufdatum", "ausleihdatum", "horodatage", "date_commande", "date_de_commande", "date_achat", "date_d_achat", "date_emprunt", "date_d_emprunt", "fecha", "fecha_hora", "fecha_compra", "fecha_de_compra", "fecha_pedido", "fecha_de_pedido",
    ),
    "quantity": ("quantity", "qty", "units", "数量", "menge", "anzahl", "quantite", "cantidad"),
    "order_id": (
        "order_id", "transaction_id", "order_no", "order_number", "invoice_no", "invoice", "invoice_id", "basket_id", "receipt_id",
        "订单编号", "订单号", "订单id", "bestellnummer", "rechnungsnummer", "numero_commande", "numero_de_commande", "numero_pedido",
    ),
    "session_id": ("session_id", "session", "user_session", "ga_session_id", "visit_id"),
    "watched_percent": (
        "watched_percent", "percent_watched", "watch_percent", "percentage_watched", "watched_percentage", "percent_complete", "percent_completed",
        "completion_percent", "progress_percent",
        "gehoert_prozent", "gehort_prozent", "gesehen_prozent", "prozent_gehoert", "prozent_gehort", "prozent_gesehen", "fortschritt_prozent",
    ),
    "position": ("position", "seq", "sequence", "step", "rank_in_history"),
    "title": (
        "title", "name", "items.item_name", "item_name", "product_name", "product_title", "movie_title", "book_title", "video_title", "app_name", "headline", "track_name", "song_name", "game_name", "title_en", "titles_en", "name_en", "names_en",
        "标题", "名称", "商品名称", "产品名称", "电影名称", "片名", "书名", "歌名", "视频标题", "titel", "bezeichnung", "artikelbezeichnung", "artikelname", "produktname", "titre", "libelle", "designation", "intitule", "nom_produit", "nom_article", "titulo", "nombre", "nombre_producto", "denominacion",
    ),
    "description": (
        "description", "summary", "overview", "plot", "abstract", "text", "details", "about",
        "描述", "简介", "商品描述", "beschreibung", "descriptif", "descripcion",
    ),
    "genres": (
        "genres", "genre", "tags", "categories", "category", "topics", "topic", "subjects", "subject",
        "genero", "generos", "themes", "themen", "kategorie", "类型", "类别", "标签",
    ),
    "topics": (
        "topics", "topic", "genres", "genre", "tags", "categories", "category",
        "themen", "themes", "genero", "kategorie", "categorie", "categoria",
    ),
    "categories": (
        "categories", "category", "items.item_category", "item_category", "main_category", "category_code", "category_name", "department",
        "类别", "商品类别", "分类", "品类", "kategorie", "kategorien", "warengruppe", "categorie", "rayon", "categoria", "categorias",
    ),
    "tags": ("tags", "keywords"),
    "brand": (
        "brand", "items.item_brand", "item_brand", "manufacturer",
        "品牌", "marke", "hersteller", "marque", "marca",
    ),
    "price": (
        "price", "items.price", "unit_price", "item_price", "price_usd", "price_amount", "price_value",
        "价格", "单价", "售价", "preis", "einzelpreis", "prix", "prix_unitaire", "precio", "precio_unitario",
    ),
    "year": (
        "year", "year_of_publication", "release_year", "published_year",
        "jahr", "erscheinungsjahr", "annee", "ano",
    ),
    "language": (
        "language", "lang", "language_code",
        "sprache", "langue", "idioma",
    ),
    "developer": ("developer", "studio"),
    "released": ("released", "release_date", "published_at", "publish_date", "publication_date"),
    "age_rating": ("age_rating", "minimum_age"),
    "market": (
        "market", "country", "geo.country",
        "land", "pays", "pais",
    ),
    "name": ("name", "user_name", "username", "display_name"),
    "bio": ("bio", "about"),
    "interests": ("interests",),
    "policy": ("policy",),
    "propensity": ("propensity", "propensity_score"),
    "click": ("click", "clicked", "is_click"),
}  # fmt: skip
"""By recsat's column, the likeliest first, in the spelling of :func:`plain_name`."""
RATINGS: Final = frozenset(
    {"rating", "ratings", "score", "stars", "overall", "book_rating", "user_rating"}
    | {
        "评分",
        "打分",
        "星级",
        "bewertung",
        "sterne",
        "etoiles",
        "evaluation",
        "note_client",
        "puntuacion",
        "valoracion",
        "calificacion",
        "estrellas",
    }
)
"""Names of a value that say that it is a rating."""


_PEOPLE: Final = (
    "user|customer|member|client|reader|listener|viewer|student|learner|guest|buyer|player|visitor|subscriber|passenger|patron|borrower|person|account|rider"
    "|kunden?|nutzer|benutzer|mitglied|leser|hoerer|horer|schueler|schuler|teilnehmer|matrikel|gast|utilisateur|membre|lecteur|auditeur|etudiant|abonne"
    "|usuario|cliente|miembro|lector|oyente|estudiante|socio"
)
_THINGS: Final = (
    "item|product|article|film|movie|video|track|song|album|game|app|book|course|lesson|episode|podcast|show|recipe|venue|hotel|restaurant|listing|job|offer|work"
    "|artikel|produkt|buch|kurs|folge|spiel|rezept|produit|livre|cours|jeu|recette|producto|articulo|pelicula|libro|curso|juego|receta"
)
_NUMBERS: Final = "id|no|nr|nro|num|number|nummer|code|key|ref|guid|uuid|slug|numero|codigo"
_PERSON: Final = re.compile(rf"(?:{_PEOPLE})s?[_.]")


def _ids_of(words: str) -> re.Pattern[str]:
    return re.compile(rf"^(?:(?:{words})s?_?(?:{_NUMBERS})|(?:{_NUMBERS})_(?:de_|du_|del_)?(?:{words}))$")


PATTERNS: Final = {
    "user_id": _ids_of(_PEOPLE),
    "item_id": _ids_of(_THINGS),
    "timestamp": re.compile(r"(?:^|_)(?:at|on|am|date|dat|time|datetime|datum|fecha)$|^date_"),
    "title": re.compile(r"(?:^|_)(?:title|titel|titre|titulo)$"),
}
"""Names that are made like a number of somebody, a number of something, a moment or a title: looked at where no synonym is there."""

BARE: Final = {"user_id": re.compile(rf"^(?:{_PEOPLE})$"), "item_id": re.compile(rf"^(?:{_THINGS})$")}
"""A person or a thing by its name alone: looked at last."""
FLAGS: Final = frozenset(
    {
        "click", "clicked", "is_click", "is_clicked", "like", "liked", "is_like", "is_liked", "purchased", "is_purchased", "bought", "converted",
        "conversion", "label", "watched", "is_watched", "played", "response", "gefallt_mir", "geklickt", "gekauft", "gesehen", "aime", "clique",
        "achete", "me_gusta", "comprado",
    }
)  # fmt: skip
"""Names of a column of yes and no that says whether it came to more than being seen."""


def plain_name(name: str) -> str:
    """``Book-Title``, ``bookTitle`` and ``book title`` as ``book_title``, and ``Évaluation`` as ``evaluation``; points and letters of other scripts stay.

    >>> [plain_name(name) for name in ("Book-Title", "userId", "ISBN", "items.item_name", "Año", "商品 编号")]
    ['book_title', 'user_id', 'isbn', 'items.item_name', 'ano', '商品_编号']
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name.strip()) if not unicodedata.combining(sign))
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", plain)
    return re.sub(r"[^\w.]+", "_", parted.lower()).strip("_.")


def source_of(column: str, names: Sequence[str], others: Collection[str] = ()) -> str | None:
    """The one of ``names`` that is likeliest ``column``, none of ``others``; None where none is like it.

    >>> source_of("title", ["ISBN", "Book-Title"])
    'Book-Title'
    >>> source_of("user_id", ["episode.guid", "listener.id"]), source_of("item_id", ["Kurs-Nr.", "Note"])
    ('listener.id', 'Kurs-Nr.')
    """
    plain = _spellings(names, others)
    joined = {name.replace("_", ""): source for name, source in plain.items()}
    for synonym in SYNONYMS.get(column, (column,)):
        source = plain.get(synonym) or joined.get(synonym.replace("_", ""))
        if source is not None:
            return source
    patterns = [names[column] for names in (PATTERNS, BARE) if column in names]
    return next((plain[name] for pattern in patterns for name in plain if pattern.search(name)), None)


def _spellings(names: Sequence[str], others: Collection[str]) -> dict[str, str]:
    """Name by spelling, the plainest first: of what lies within another column also ``listener_id`` of ``listener.id`` and ``title`` of ``episode.title``."""
    free = [name for name in names if name not in others]
    plain = [(plain_name(name), name) for name in free]
    within = [(name.replace(".", "_"), source) for name, source in plain if "." in name]
    alone = [(name.rpartition(".")[2], source) for name, source in plain if "." in name and not _PERSON.match(name)]
    spellings: dict[str, str] = {}
    for spelling, source in (*plain, *within, *alone):
        spellings.setdefault(spelling, source)
    return spellings
