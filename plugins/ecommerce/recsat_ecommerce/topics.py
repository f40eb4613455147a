"""Topics of products that come without categories, derived from words of their descriptions.

They are what a description *says*, not a shop's own categories: a product is in a topic if its description has one of the
topic's words, so one product may be in several, and one that none of the words fits is in none.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

WORDS: Mapping[str, str] = {
    "Bags and purses": "bag bags handbag shopper purse purses backpack rucksack luggage-tag washbag wallet wallets satchel tote",
    "Bath and beauty": "bath bathroom bathbomb soap soaps sponge flannel towel towels shower hair hairclip hairslide hairband comb nail lip tissues perfume talc",
    "Candles and light": "candle candles candleholder candleholders candlestick candlesticks candlepot candelabra t-light t-lights tealight votive lantern lanterns light lights lamp lamps lampshade chandelier nightlight incense scented tlight",
    "Cards and wrapping": "card cards wrap wraps wrapping giftwrap gift ribbon ribbons tissue envelope envelopes tag tags postcard postcards",
    "Children": "childrens children's children child childs child's kids baby boys girls boy girl junior spaceboy",
    "Christmas": "christmas xmas santa advent reindeer rudolph stocking stockings snowman snowmen snowflake bauble baubles noel nativity nutcracker",
    "Clocks": "clock clocks alarm",
    "Craft and sewing": "sewing craft crafts knitting feltcraft crochet button buttons patches wool stencil scissor scissors embroidery trimmings sketchbook",
    "Decorations": "decoration decorations decorative garland garlands wreath bunting hanging ornament ornaments mobile chain streamer dec honeycomb",
    "Easter": "easter chick chicks bunny bunnies",
    "Frames, mirrors and signs": "frame frames mirror mirrors sign signs plaque picture photo chalkboard blackboard",
    "Garden and outdoors": "garden gardener gardeners gardening plant planter watering parasol birdhouse feeder gnome trowel seeds herb herbs hedgehog umbrella picnic beach camping deckchair windmill hammock umbrellas",
    "Hooks and hardware": "hook hooks hanger hangers knob knobs door doorbell doorknob doorstop doorstops thermometer hammer torch screwdriver bell bells letter letters number numbers tile hinge",
    "Jewellery": "necklace necklaces necklac neckl earring earrings bracelet bracelets ring rings brooch bangle bangles charm charms pendant choker anklet jewellery beads keyring keyrings",
    "Kitchen and baking": "cake cakes baking cutter cutters pan spoon spoons scales mould moulds recipe oven measuring jelly whisk muffin cupcake cupcakes kitchen pantry fridge jam biscuit bread toast apron aprons teatowel chopping grater colander bottle bottles",
    "Party": "party balloon balloons birthday invite invites confetti cocktail sparkler sparklers straw straws tiara tiaras",
    "Stationery": "notebook notebooks pencil pencils pen pens journal book books eraser erasers rubber rubbers ruler rulers sharpener sharpeners sticker stickers notepad memo stationery diary calendar clipboard crayons chalk stamp stamps bookmark tape office album magnet magnets",
    "Storage": "box boxes tin tins basket baskets jar jars drawer drawers cabinet storage chest container containers tidy crate hamper caddy bin bucket rack shelf shelves organiser trinket",
    "Tableware": "mug mugs cup cups saucer saucers plate plates bowl bowls tea teapot teapots teacup jug jugs cutlery placemat placemats coaster coasters napkin napkins tumbler beaker beakers tray trays cakestand dish dishes coffee dinner tablecloth goblet doily doilies egg-cup egg-cups snack lunch",
    "Textiles": "cushion cushions doormat doormats blanket throw quilt quilts curtain curtains rug cosy fabric lace tablecloths bedspread pillow hot-water",
    "Toys and games": "toy toys game games jigsaw puzzle puzzles doll dolls teddy soldier dominoes skittles helicopter marbles yoyo yo-yo skipping ludo playing-cards inflatable puppet puppets whistle kite blocks sucker bear rocking rattle snakes spinning",
}
"""The words of each topic, as they stand in the descriptions of a shop for gifts and the home."""

PHRASES: Mapping[str, str] = {
    "playing cards": "playing-cards",
    "hot water bottle": "hot-water",
    "box of": "pack of",
    "light blue": "pale blue",
    "light pink": "pale pink",
    "gift bag": "gift",
    "travel card wallet": "wallet",
    "egg cup": "egg-cup",
    "drawer knob": "knob",
    "tape measure": "measure",
    "luggage tag": "luggage-tag",
    "key ring": "keyring",
}
"""Read as one word, since their words alone would mean something else."""


def topics_of(descriptions: pl.Series) -> pl.Series:
    """One list of topics, in the order of :data:`WORDS`, for each description; empty where no word fits.

    >>> topics_of(pl.Series(["Set of 6 t-lights santa", "Playing cards", "Groovy cactus"])).to_list()
    [['Candles and light', 'Christmas'], ['Toys and games'], []]
    """
    text = pl.col("text").str.to_lowercase().str.replace_many(list(PHRASES), list(PHRASES.values()))
    topics = [
        pl.when(pl.col("words").list.set_intersection(words.split()).list.len() > 0).then(pl.lit(topic))
        for topic, words in WORDS.items()
    ]
    return (
        pl.DataFrame({"text": descriptions.cast(pl.String)})
        .lazy()
        .select(words=text.fill_null("").str.extract_all(r"[a-z]+(?:[-'][a-z]+)*"))
        .select(topics=pl.concat_list(topics).list.drop_nulls())
        .collect()
        .to_series()
    )
