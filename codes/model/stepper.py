"""Draw point by point: the weights of a step, laid out once, for one decoder or for many that began as the same.

What a decoder learned beyond the one it began as is a few directions of each matrix. So drawings of many such decoders
share the products with the common weights, which are nearly all of a step, and each adds its own.
"""

from __future__ import annotations

from itertools import count
from typing import NamedTuple, cast
from weakref import WeakValueDictionary

import torch
from torch import Tensor
from torch.nn import functional as F

from codes.model.decoder import Decoder, DecoderState
from codes.model.encoder import POINT, POSITION, POSITION_SCALE
from codes.model.fused_lstm import double_candidate, step_cell
from codes.model.low_rank import Difference, LowRank
from codes.model.packed_linear import packed_linear
from codes.strokes.stroke3 import OFFSET, UP

ALONE = 0  # the number of a decoder that shares its weights with no other
LSTM, INK, JOINT, OUTPUT = "lstm", "ink", "joint", "output"  # the products of a step


class Factors(NamedTuple):
    """Hold what one decoder adds to a product, ``x right left + bias``: ``[I, rank]``, ``[rank, O]`` and ``[O]``."""

    right: Tensor
    left: Tensor
    bias: Tensor | None

    def of(self, inputs: Tensor) -> Tensor:
        """Return what is added for ``inputs [n, I]``, ``[n, O]``."""
        product = inputs @ self.right
        return product @ self.left if self.bias is None else torch.addmm(self.bias, product, self.left)


class Member:
    """Hold what one decoder adds to each product, by its name; alive as long as somebody draws with it."""

    def __init__(self, factors: dict[str, Factors]) -> None:
        self.factors = factors


Members = list[tuple[Member, Tensor | None]]  # those in a batch, each with its rows; None for all


class StepWeights:
    """Take one more point of many drawings, without gradients; drawings of all decoders that share these go together.

    Make new ones when the decoder's weights change.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self._members: WeakValueDictionary[int, Member] = WeakValueDictionary()
        self._numbers = count(ALONE + 1)
        lstm, rows = decoder.lstm, _row_inputs(decoder)
        gates = torch.cat([lstm.weight_input[:, :rows], lstm.weight_hidden], dim=1)
        self._products = {
            LSTM: packed_linear(double_candidate(gates, dim=0)),
            OUTPUT: packed_linear(decoder.output.weight, decoder.output.bias),
        }
        if decoder.ink:
            query, memory = decoder.ink.query, decoder.ink.memory
            weight, bias = torch.cat([query.weight, memory.weight]), torch.cat([query.bias, memory.bias])
            self._products |= {INK: packed_linear(weight, bias)}
            self._products |= {JOINT: packed_linear(decoder.joint.weight, decoder.joint.bias)}

    def add(self, difference: Difference) -> tuple[int, Member]:
        """Take in a decoder that differs from this one, by the names of a decoder's weights.

        Returns:
            Its number in states, and what it adds; let go of that, and it is forgotten.
        """
        number, member = next(self._numbers), Member(_factors(difference, _row_inputs(self.decoder)))
        self._members[number] = member
        return number, member

    @torch.no_grad()
    def step(self, points: Tensor, static_gates: Tensor, state: DecoderState) -> DecoderState:
        """Take one more point of every sketch, ``points [B, 5]``, and return the state after it.

        ``static_gates [B, 4 H]`` are those of :meth:`Stepper.static_gates`.
        """
        members, inputs = self._members_of(state.member), [points]
        if self.decoder.config.positions:
            inputs.append((state.pen.position[:, 0] + points[:, OFFSET]) * POSITION_SCALE)
        gates = self._product(LSTM, torch.cat([*inputs, state.hidden], dim=1), members)
        hidden, cell = step_cell(gates, static_gates, state.cell)
        features, memory, ink = hidden, None, self.decoder.ink
        if ink and state.memory:
            looked = self._product(INK, hidden, members)
            context, memory, pen = ink.advance(looked, state.memory, state.pen, points, state.lifted)
            features = torch.cat([hidden, context], dim=-1)
            features = torch.cat([features, self._product(JOINT, features, members).relu_()], dim=-1)
        else:
            pen = state.pen.after(points, state.lifted)
        outputs = self._product(OUTPUT, features, members)
        return DecoderState(hidden, cell, points[:, UP], outputs, state.member, pen, memory, ink)

    def _members_of(self, numbers: Tensor) -> Members:
        """Return the decoders of these numbers ``[B]``, each with its rows, but for those that add nothing."""
        if not self._members:
            return []
        found = sorted(set(numbers.tolist()))
        if len(found) == 1 and found != [ALONE]:
            return [(self._members[found[0]], None)]
        rows = {number: (numbers == number).nonzero().squeeze(1) for number in found if number != ALONE}
        return [(self._members[number], some) for number, some in rows.items()]

    def _product(self, name: str, inputs: Tensor, members: Members) -> Tensor:
        product = self._products[name](inputs)
        for member, rows in members:
            if factors := member.factors.get(name):
                if rows is None:
                    product += factors.of(inputs)
                else:
                    product.index_add_(0, rows, factors.of(inputs[rows]))
        return product


class Stepper:
    """Read prefixes with one decoder and draw on from them.

    Attributes:
        decoder: reads prefixes.
        weights: draw on, perhaps shared with other decoders.
    """

    @torch.no_grad()
    def __init__(
        self, decoder: Decoder, shared: StepWeights | None = None, difference: Difference | None = None
    ) -> None:
        """Prepare a decoder, or one whose ``difference`` from the one that made the ``shared`` weights is known."""
        self.decoder = decoder
        self.weights = shared or StepWeights(decoder)
        self._number, self._member = ALONE, cast("Member | None", None)  # the weights know a member while we hold it
        if difference:
            self._number, self._member = self.weights.add(difference)
        self._static_weight = decoder.lstm.weight_input[:, _row_inputs(decoder) :]

    @torch.no_grad()
    def static_gates(self, z: Tensor) -> Tensor:
        """Return what z ``[B, Z]`` and the bias add to the gates at every point, ``[B, 4 H]``."""
        return double_candidate(F.linear(z, self._static_weight, self.decoder.lstm.bias), dim=1)

    @torch.no_grad()
    def read(self, points: Tensor, lengths: Tensor, z: Tensor) -> DecoderState:
        """Read prefixes as :meth:`codes.model.decoder.Decoder.read` does, for these weights to go on from."""
        state = self.decoder.read(points, lengths, z)
        return state.drawn_by(self._number)


def _row_inputs(decoder: Decoder) -> int:
    """Return how many inputs of the LSTM change from row to row; the others are z."""
    return POINT + (POSITION if decoder.config.positions else 0)


def _factors(difference: Difference, rows: int) -> dict[str, Factors]:
    """Return what a decoder adds to each product of a step; what it adds to the gates' bias is in its static gates."""
    inputs, hidden = (_low_rank(difference[f"lstm.weight_{name}"]) for name in ("input", "hidden"))
    gates = _beside(LowRank(inputs.left, inputs.right[:, :rows]), hidden)
    found = {LSTM: Factors(gates.right.t().contiguous(), double_candidate(gates.left, dim=1), None)}
    found[OUTPUT] = _biased(_low_rank(difference["output.weight"]), difference["output.bias"])
    if "joint.weight" in difference:
        query, memory = (_low_rank(difference[f"ink.{name}.weight"]) for name in ("query", "memory"))
        bias = torch.cat([_tensor(difference[f"ink.{name}.bias"]) for name in ("query", "memory")])
        found[INK] = _biased(_above(query, memory), bias)
        found[JOINT] = _biased(_low_rank(difference["joint.weight"]), difference["joint.bias"])
    return found


def _biased(matrix: LowRank, bias: LowRank | Tensor) -> Factors:
    return Factors(matrix.right.t().contiguous(), matrix.left.contiguous(), _tensor(bias))


def _beside(first: LowRank, second: LowRank) -> LowRank:
    """Return the matrix ``[first second]``, for inputs behind one another."""
    return LowRank(torch.cat([first.left, second.left]), _block_diagonal(first.right, second.right))


def _above(first: LowRank, second: LowRank) -> LowRank:
    """Return the matrix of ``first`` above ``second``, for outputs behind one another."""
    return LowRank(_block_diagonal(first.left, second.left), torch.cat([first.right, second.right]))


def _block_diagonal(first: Tensor, second: Tensor) -> Tensor:
    made: Tensor = torch.block_diag(first, second)  # type: ignore[no-untyped-call]
    return made


def _low_rank(matrix: LowRank | Tensor) -> LowRank:
    """Return a matrix as a product of two, if need be of itself and one that changes nothing."""
    if isinstance(matrix, LowRank):
        return matrix
    outputs, inputs = matrix.shape
    return LowRank(torch.eye(outputs), matrix) if outputs < inputs else LowRank(matrix.t(), torch.eye(inputs))


def _tensor(value: LowRank | Tensor) -> Tensor:
    assert isinstance(value, Tensor), "a bias is no matrix"
    return value
