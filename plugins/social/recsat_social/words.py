"""What simulated people talk about: topics and their vocabularies, and first names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_TEXTS = {
    "hiking": "trail summit ridge boots backpack valley glacier campsite forest waterfall map cliff",
    "cooking": "recipe oven pasta garlic sourdough soup spices roast dessert kitchen butter stew",
    "football": "goal striker penalty league stadium derby keeper midfield coach transfer corner fans",
    "music": "guitar concert album chorus drummer vinyl melody festival piano singer bass encore",
    "film": "director scene thriller premiere actor screenplay cinema sequel documentary trailer drama cast",
    "gardening": "tomatoes compost seedlings roses greenhouse pruning soil herbs tulips watering orchard weeds",
    "photography": "lens portrait shutter tripod exposure sunset darkroom aperture landscape film-roll flash contrast",
    "science": "telescope galaxy experiment physics genome laboratory planet theory fossil particle vaccine orbit",
    "travel": "passport train hostel island museum market itinerary border souvenir harbour temple ferry",
    "coding": "python compiler bug database algorithm server refactoring keyboard release debugger terminal hackathon",
}
_NAMES = "Ada Ben Cleo Dan Eva Finn Gia Hugo Ines Jon Kaja Leo Mia Nils Olga Pia Quin Rosa Sam Tess Uma Vera Will Xenia Yara Zoe"

WORDS: Mapping[str, Sequence[str]] = {topic: text.split() for topic, text in _TEXTS.items()}
NAMES: Sequence[str] = _NAMES.split()
