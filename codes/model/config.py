"""The sizes of every model, as frozen dataclasses that are saved with the weights they describe.

Sizes are checked when they are made, so that nothing absurd is ever built. Knows no weights and no training.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from codes.errors import BadOption

LARGEST = 1 << 14


@dataclass(frozen=True)
class EncoderConfig:
    """Size a bidirectional encoder.

    Attributes:
        size: hidden units of each direction.
        positions: whether it sees where the pen is (from the first point on) beside how it moved.
        pooled: whether its features hold the maximum over all points beside the two last states.
        dropout: share of recurrent weights dropped in a training step (DropConnect).
    """

    size: int = 256
    positions: bool = True
    pooled: bool = False
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check(self, ("size",))

    @property
    def features(self) -> int:
        """Return how many features the encoder makes of a sketch."""
        return self.size * (4 if self.pooled else 2)


@dataclass(frozen=True)
class InkConfig:
    """Size the attention with which a decoder looks back at earlier points.

    Attributes:
        heads: places that it attends to at a time.
        key: numbers of a key, and of a value.
        hidden: units of the layer that joins what it finds to the LSTM's output.
    """

    heads: int = 2
    key: int = 16
    hidden: int = 128

    def __post_init__(self) -> None:
        _check(self, ("heads", "key", "hidden"))


@dataclass(frozen=True)
class DecoderConfig:
    """Size an autoregressive decoder.

    Attributes:
        size: hidden units.
        latent: length of z.
        mixtures: bivariate Gaussians that the next offset is mixed from.
        positions: whether it sees where the pen is beside how it moved.
        dropout: share of recurrent weights dropped in a training step (DropConnect).
        ink: how it looks back at earlier points; None for a decoder that remembers them in its LSTM alone, as
            Sketch-RNN's does.
    """

    size: int = 512
    latent: int = 128
    mixtures: int = 20
    positions: bool = True
    dropout: float = 0.0
    ink: InkConfig | None = field(default_factory=InkConfig)

    def __post_init__(self) -> None:
        _check(self, ("size", "latent", "mixtures"))


@dataclass(frozen=True)
class VAEConfig:
    """Size a Sketch-RNN variational autoencoder."""

    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    def is_like(self, other: VAEConfig) -> bool:
        """Return true if weights of the one fit the other: they differ in rates of dropout at most."""
        first, second = (
            (replace(each.encoder, dropout=0.0), replace(each.decoder, dropout=0.0)) for each in (self, other)
        )
        return first == second

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VAEConfig:
        """Invert :meth:`to_dict`.

        Raises:
            TypeError, KeyError: a name is unknown or missing.
            BadOption: a size is not possible.
        """
        decoder = dict(values["decoder"])
        ink = decoder.pop("ink", None)
        return cls(EncoderConfig(**values["encoder"]), DecoderConfig(**decoder, ink=InkConfig(**ink) if ink else None))


@dataclass(frozen=True)
class ImageConfig:
    """Size a convolutional encoder of the picture of a sketch.

    Attributes:
        side: of the picture, in pixels.
        width: channels after the first convolution; later ones have two and four times as many.
        features: length of what the encoder returns.
    """

    side: int = 48
    width: int = 32
    features: int = 384

    def __post_init__(self) -> None:
        _check(self, ("side", "width", "features"))
        if self.side < 16 or self.width % 8 or self.features % 16:
            raise BadOption("a picture has 16 pixels a side or more; width goes in eights, features in sixteens")


@dataclass(frozen=True)
class RouterConfig:
    """Size the shared encoder and its classifier.

    Attributes:
        encoder: sizes of the encoder of strokes.
        raster: sizes of the encoder of the picture.
        labels: how many kinds of sketch it tells apart, those without a decoder included.
        hidden: units between the features and the logits.
        dropout: share of features dropped in a training step (the *drop* rate).
    """

    encoder: EncoderConfig = field(default_factory=lambda: EncoderConfig(pooled=True))
    raster: ImageConfig = field(default_factory=ImageConfig)
    labels: int = 5
    hidden: int = 512
    dropout: float = 0.3

    def __post_init__(self) -> None:
        _check(self, ("labels", "hidden"))

    @property
    def features(self) -> int:
        """Return how many features the shared encoder makes of a sketch."""
        return self.encoder.features + self.raster.features

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RouterConfig:
        """Invert :meth:`to_dict`.

        Raises:
            TypeError, KeyError: a name is unknown or missing.
            BadOption: a size is not possible.
        """
        parts = {"encoder": EncoderConfig(**values["encoder"]), "raster": ImageConfig(**values["raster"])}
        return cls(**{**values, **parts})


@dataclass(frozen=True)
class CriticConfig:
    """Size the critic of finished sketches.

    Attributes:
        features: those of the shared encoder.
        categories: how many it has a row for.
        hidden: units that all categories share.
        stroke_features: those of an added stroke; 0 for a critic that does not see the ink.
        summary_features: those of all added strokes of a sketch together; 0 likewise.
        ink_hidden: units that all categories share, of each of the two scorers of ink.
    """

    features: int
    categories: int
    hidden: int = 256
    stroke_features: int = 0
    summary_features: int = 0
    ink_hidden: int = 64

    def __post_init__(self) -> None:
        ink = ("stroke_features", "summary_features") if self.sees_ink else ()
        _check(self, ("features", "categories", "hidden", "ink_hidden", *ink))

    @property
    def sees_ink(self) -> bool:
        """Return true if it scores added strokes by the ink before them."""
        return self.stroke_features != 0 or self.summary_features != 0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CriticConfig:
        """Invert :meth:`to_dict`.

        Raises:
            TypeError: a name is unknown or missing.
            BadOption: a size is not possible.
        """
        return cls(**values)


Config = EncoderConfig | InkConfig | DecoderConfig | ImageConfig | RouterConfig | CriticConfig


def _check(config: Config, sizes: tuple[str, ...]) -> None:
    for name in sizes:
        value = getattr(config, name)
        if type(value) is not int or not 1 <= value <= LARGEST:
            raise BadOption(f"{name} must be 1 to {LARGEST}, not {value}")
    dropout = getattr(config, "dropout", 0.0)
    if not 0 <= dropout < 1:
        raise BadOption(f"dropout must be at least 0 and below 1, not {dropout}")
