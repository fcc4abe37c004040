"""The models of a bundle, each read when it is first used: router, critic, and a pool of decoders.

Knows which decoders are in memory and reads others, on the caller's thread or on one of its own; knows nothing of
drawing.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from threading import Lock

from codes.checkpoints.bundle import Bundle
from codes.checkpoints.part import DECODER_WEIGHTS, PartConfig
from codes.errors import BadFile
from codes.inference.ranking import CriticScorer
from codes.inference.router import Router
from codes.model import fused_draw, fused_ink
from codes.model.low_rank import Difference
from codes.model.stepper import Stepper, StepWeights
from codes.model.vae import SketchVAE
from codes.strokes.ink import STROKE_FEATURES, SUMMARY_FEATURES

MAX_DECODERS = 48  # in memory, 6 MB each at the starter's sizes


@dataclass(frozen=True)
class LoadedDecoder:
    """Hold a category's decoder, ready to draw, with its encoder and its configuration.

    ``shared`` are the weights that it draws with if it is a ``difference`` from those, by the names of a decoder's.
    """

    vae: SketchVAE
    config: PartConfig
    category: str
    shared: InitVar[StepWeights | None] = None
    difference: InitVar[Difference | None] = None
    stepper: Stepper = field(init=False)

    def __post_init__(self, shared: StepWeights | None, difference: Difference | None) -> None:
        object.__setattr__(self, "stepper", Stepper(self.vae.decoder, shared, difference))


class DecoderPool:
    """Keep the decoders that were used last; read others when they are asked for.

    A decoder that is being read is read once, however many ask for it. A caller keeps what it was given, so eviction
    takes nothing away from a drawing that is under way.
    """

    def __init__(self, bundle: Bundle, capacity: int = MAX_DECODERS) -> None:
        self.bundle, self.capacity = bundle, capacity
        self._decoders: OrderedDict[str, Future[LoadedDecoder]] = OrderedDict()
        self._lock = Lock()
        self._reader: ThreadPoolExecutor | None = None
        self._weights: StepWeights | None = None  # those of the bundle's common decoder
        self._preparing = Lock()

    def load(self, category: str) -> Future[LoadedDecoder]:
        """Return a decoder that has been read, on the caller's thread if need be; or the error that reading raised."""
        future, missing = self._claim(category)
        if missing:
            self._read(category, future)
        return future

    def fetch(self, category: str) -> Future[LoadedDecoder]:
        """Return a decoder that is being read on the pool's own thread; returns at once."""
        future, missing = self._claim(category)
        if missing:
            with self._lock:
                self._reader = self._reader or ThreadPoolExecutor(1, "decoders")
                self._reader.submit(self._read, category, future)
        return future

    def get(self, category: str) -> LoadedDecoder:
        """Return a category's decoder.

        Raises:
            ModelNotFound: there is no such category.
            BadFile: it is missing or damaged.
        """
        return self.load(category).result()

    def close(self) -> None:
        """End the pool's thread; what it had not read yet is read when it is asked for again."""
        with self._lock:
            reader, self._reader = self._reader, None
        if reader:
            reader.shutdown(cancel_futures=True)
        with self._lock:
            for category in [category for category, future in self._decoders.items() if not future.done()]:
                self._decoders.pop(category).cancel()

    def _claim(self, category: str) -> tuple[Future[LoadedDecoder], bool]:
        """Return a category's future, and true if it falls to the caller to have it read."""
        with self._lock:
            missing = category not in self._decoders
            future = self._decoders.setdefault(category, Future())
            self._decoders.move_to_end(category)
            self._evict()
        return future, missing

    def _evict(self) -> None:
        """Forget the decoders that were used longest ago; those that are being read are not in memory yet."""
        in_memory = [category for category, future in self._decoders.items() if future.done()]
        for category in in_memory[: max(0, len(self._decoders) - self.capacity)]:
            del self._decoders[category]

    def _common_weights(self) -> StepWeights | None:
        """Return what all decoders draw with that are differences from the common one; laid out once."""
        with self._preparing:
            if self._weights is None and self.bundle.common:
                self._weights = StepWeights(self.bundle.common.decoder)
            return self._weights

    def _read(self, category: str, future: Future[LoadedDecoder]) -> None:
        try:
            part = self.bundle.decoder(category)
            shared = self._common_weights() if part.difference else None
            decoder = LoadedDecoder(part.vae, part.config, category, shared, _of_decoder(part.difference))
        except Exception as error:
            with self._lock:  # a file that is mended is read again
                self._decoders.pop(category, None)
            future.set_exception(error)
        else:
            future.set_result(decoder)


def _of_decoder(difference: Difference | None) -> Difference | None:
    """Return the part of a model's difference that is its decoder's."""
    if difference is None:
        return None
    return {
        name.removeprefix(DECODER_WEIGHTS): each
        for name, each in difference.items()
        if name.startswith(DECODER_WEIGHTS)
    }


class Models:
    """Hold everything of a bundle that recognises and draws."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.decoders = DecoderPool(bundle)
        fused_ink.prepare()
        fused_draw.prepare()

    @cached_property
    def router(self) -> Router:
        """Return the router; read when the first sketch is classified.

        Raises:
            BadFile: it is missing or damaged.
        """
        net, config = self.bundle.router()
        return Router(net, config, self.bundle.categories)

    @cached_property
    def critic(self) -> CriticScorer:
        """Return the critic; read when candidates are first chosen among.

        Raises:
            BadFile: it is damaged, or was made for another router.
        """
        critic, config = self.bundle.critic() or (None, None)
        if critic is None or config is None:
            return CriticScorer(None, ())
        if critic.config.features != self.router.net.config.features:
            raise BadFile(self.bundle.folder, "its critic was made for another router")
        ink = (critic.config.stroke_features, critic.config.summary_features)
        if critic.config.sees_ink and ink != (STROKE_FEATURES, SUMMARY_FEATURES):
            raise BadFile(self.bundle.folder, "its critic was made for other features of added strokes")
        return CriticScorer(critic, config.categories)
