"""Products and lengths of short vectors, in a fixed order and thus the same on every processor.

NumPy leaves `@`, `dot` and `linalg` to BLAS and LAPACK, which choose their code by the processor
and add up in other orders: the last bits would depend on the machine, and replay on them.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.floating[Any]]


def dot(a: Vector, b: Vector) -> float:
    """Return the product of two vectors of one type, added up in float64 and rounded to it."""
    return float((a * b).sum(dtype=np.float64).astype(a.dtype))


def length(vector: Vector) -> float:
    """Return the Euclidean length."""
    return math.sqrt(dot(vector, vector))
