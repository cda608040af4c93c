"""Playing the evaluation protocol and reporting what came out."""

from mmbench.evaluation.manifest import Manifest
from mmbench.evaluation.result import Result, load_result
from mmbench.evaluation.runner import evaluate
from mmbench.evaluation.verification import Verification, verify_result

__all__ = ["Manifest", "Result", "Verification", "evaluate", "load_result", "verify_result"]
