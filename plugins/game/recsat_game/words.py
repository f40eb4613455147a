"""What simulated games are about: genres and their vocabularies, what is sold inside them, and first names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_TEXTS = {
    "fantasy": "dragon wizard quest dungeon elf tavern sword prophecy kingdom spellbook troll enchanted",
    "space": "starship galaxy orbit alien asteroid colony hyperdrive nebula planet fleet wormhole astronaut",
    "racing": "drift turbo circuit pitstop rally engine lap podium nitro grid tyres cockpit",
    "horror": "asylum ghost lantern crypt whisper ritual basement undead fog cellar haunted scream",
    "farming": "harvest barn tractor orchard cows seeds village windmill sheep pumpkin meadow fishing",
    "puzzle": "riddle tiles logic maze mirror cube pattern lever portal clue jigsaw gears",
    "shooter": "sniper squad grenade mission bunker recoil helicopter arena ambush soldier reload airstrike",
    "strategy": "empire siege diplomacy cavalry fortress resources general turn-based alliance conquest barracks map",
    "sports": "football goal tournament coach stadium champion tennis referee league training racket captain",
    "platformer": "jump ladder coins castle pixel trampoline cloud mushroom cavern spring lava checkpoint",
}
_NAMES = "Ada Ben Cleo Dan Eva Finn Gia Hugo Ines Jon Kaja Leo Mia Nils Olga Pia Quin Rosa Sam Tess Uma Vera Will Xenia Yara Zoe"

WORDS: Mapping[str, Sequence[str]] = {topic: text.split() for topic, text in _TEXTS.items()}
NAMES: Sequence[str] = _NAMES.split()
THINGS: Sequence[str] = ("skin", "season pass", "emote", "booster", "outfit", "coin pack", "map pack", "pet")
USED_UP = ("booster", "coin pack")
PLATFORMS: Sequence[Sequence[str]] = (["windows"], ["windows", "mac"], ["windows", "mac", "linux"], ["console"])
AGES: Sequence[int] = (3, 7, 12, 16, 18)
GAME_PRICES: Sequence[float] = (0.0, 0.0, 4.99, 9.99, 19.99, 29.99, 59.99)
ITEM_PRICES: Sequence[float] = (0.99, 1.99, 2.99, 4.99, 9.99)
