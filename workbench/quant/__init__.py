"""PaddleSlim's quantization methods behind one contract, and how to choose one."""

from workbench.quant.decisions import Data, Goal, Target, Time
from workbench.quant.recommend import Recommendation, recommend

__all__ = ["Data", "Goal", "Recommendation", "Target", "Time", "recommend"]
