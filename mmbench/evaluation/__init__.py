"""Playing the evaluation protocol and reporting what came out."""

from mmbench.evaluation.manifest import Manifest
from mmbench.evaluation.result import Result, load_result
from mmbench.evaluation.runner import evaluate

__all__ = ["Manifest", "Result", "evaluate", "load_result"]
