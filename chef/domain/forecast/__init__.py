"""How long a running job still takes, from the finished jobs of its kind. Pure."""

from chef.domain.forecast.bar import ProgressBar, ShownProgress, shown_progress
from chef.domain.forecast.estimating import estimate
from chef.domain.forecast.learning import build_model
from chef.domain.forecast.model import ForecastModel
from chef.domain.forecast.values import (
    FEWEST_RUNS,
    MOST_RUNS,
    Estimate,
    Interval,
    PastRun,
    PastSpan,
    RunningJob,
)

__all__ = [
    "FEWEST_RUNS",
    "MOST_RUNS",
    "Estimate",
    "ForecastModel",
    "Interval",
    "PastRun",
    "PastSpan",
    "ProgressBar",
    "RunningJob",
    "ShownProgress",
    "build_model",
    "estimate",
    "shown_progress",
]
