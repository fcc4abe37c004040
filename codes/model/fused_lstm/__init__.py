"""The fast path of :class:`codes.model.lstm.LSTM`: numbers in, numbers out; knows no modules and no sketches.

:func:`run_packed` runs many sequences with gradients, and :func:`step_cell` one row of each without.
"""

from codes.model.fused_lstm.cell import double_candidate, step_cell
from codes.model.fused_lstm.sequence import run_packed

__all__ = ["double_candidate", "run_packed", "step_cell"]
