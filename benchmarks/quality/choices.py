"""Name the sets of categories that routers are asked to choose among, and those that an evaluation router never sees.

Knows names alone. They are kept here so that figures of different bundles are of the same categories.
"""

from __future__ import annotations

from codes.data.quickdraw import categories

FIVE = ("bicycle", "alarm clock", "sun", "crab", "cat")
EARLIER_FIVE = ("bicycle", "clock", "hand", "spider", "sun")  # of the classify-then-complete system before this one
CORE = (
    *("airplane", "alarm clock", "ambulance", "ant", "apple", "backpack", "basket", "bicycle", "butterfly", "cactus"),
    *("calculator", "camera", "campfire", "candle", "car", "cat", "coffee cup", "computer", "crab", "crayon"),
    *("dragon", "duck", "eye", "face", "guitar", "headphones", "ice cream", "map", "monkey", "mouth", "paint can"),
    *("paintbrush", "pig", "pineapple", "power outlet", "shoe", "suitcase", "sun", "television"),
)
CHOICES = {"five": FIVE, "earlier five": EARLIER_FIVE, "core": CORE}
HELD_OUT = 35


def held_out_categories() -> list[str]:
    """Return the categories that an evaluation router is trained without, in the order of their names.

    They are :data:`HELD_OUT` of those outside :data:`CORE`, evenly spread over the official list: of n, number
    ``i * n // HELD_OUT`` for each i from 0.
    """
    others = [name for name in categories() if name not in CORE]
    return [others[i * len(others) // HELD_OUT] for i in range(HELD_OUT)]
