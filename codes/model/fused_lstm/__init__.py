"""The fast path of :class:`codes.model.lstm.LSTM`: numbers in, numbers out; knows no modules and no sketches.

:func:`run_packed` runs many sequences with gradients, and :class:`PreparedStep` one row of each without.
"""

from codes.model.fused_lstm.cell import PreparedStep
from codes.model.fused_lstm.sequence import run_packed

__all__ = ["PreparedStep", "run_packed"]
