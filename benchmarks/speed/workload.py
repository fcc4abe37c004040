"""How much work a benchmark may do, and the figures that come of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from benchmarks.speed.reference import Sizes

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Effort:
    """How often, and on how much, everything is measured.

    Attributes:
        rounds: repeats; in each one, everything that is compared runs in turn.
        pools: the same for training, a pool of batches a round.
        sketches: in the store that training reads.
        few, many: sketches of the two stores whose training is compared in memory.
        memory_steps: training steps of each of these two.
        categories: decoders of the large bundle.
        bulk: sketches that are completed together.
        singly: of these, how many are completed one by one.
        gap_steps: training steps after which the fast way is compared with the plain one.
        product: side of the square matrices whose product is the machine's peak.
        sizes: of the models.
    """

    rounds: int
    pools: int
    sketches: int
    few: int
    many: int
    memory_steps: int
    categories: int = 345
    bulk: int = 512
    singly: int = 32
    gap_steps: int = 400
    product: int = 2048
    sizes: Sizes = field(default_factory=Sizes)


FULL = Effort(rounds=7, pools=3, sketches=50_000, few=50_000, many=5_000_000, memory_steps=300)
QUICK = replace(
    FULL, rounds=2, pools=1, sketches=5_000, many=500_000, memory_steps=60, bulk=256, singly=16, gap_steps=100
)
