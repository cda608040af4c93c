"""Maps of the mazes and the pairs of start and goal cells."""

from itertools import product

Cell = tuple[int, int]
Pair = tuple[Cell, Cell]

# Row i from y = -4 upward, column j from x = -4 rightward; 1 is a wall.
MAPS: dict[str, tuple[str, ...]] = {
    "arena": ("11111111", *("10000001",) * 6, "11111111"),
    "maze": (
        *("11111111", "10011001", "10010001", "11000111"),
        *("10010001", "10100101", "10001001", "11111111"),
    ),
    "bottleneck": (
        *("11111111", "10011001", "10011001", "10000001"),
        *("10000001", "10011001", "10011001", "11111111"),
    ),
    "circle": (
        *("11111111", "11000011", "10011001", "10111101"),
        *("10111101", "10011001", "11000011", "11111111"),
    ),
    "spiral": (
        *("11111111", "10000001", "10101101", "10100001"),
        *("10000101", "10110101", "10000001", "11111111"),
    ),
    "var1": (
        *("11110011", "11000011", "10000000", "10110100"),
        *("00100101", "10000000", "11000011", "11011111"),
    ),
    "var2": (
        *("00110011", "10000001", "10011000", "10000001"),
        *("00000001", "00011000", "10010001", "11010011"),
    ),
}

_ARENA_CELLS = tuple(product((2, 3, 4), (2, 3, 4)))
_HALLS = (
    *product((1, 2), (1, 2)),
    *product((1, 2), (5, 6)),
    *product((5, 6), (1, 2)),
    *product((5, 6), (5, 6)),
    *product((3, 4), (3, 4)),
)
_RING = (
    *((1, 2), (1, 3), (1, 4), (1, 5), (2, 1), (2, 2), (2, 5), (2, 6), (3, 1), (3, 6)),
    *((4, 1), (4, 6), (5, 1), (5, 2), (5, 5), (5, 6), (6, 2), (6, 3), (6, 4), (6, 5)),
)
_SPIRAL_CELLS = (
    *((1, 1), (1, 2), (2, 1), (1, 5), (1, 6), (2, 6), (5, 1), (6, 1)),
    *((6, 2), (5, 6), (6, 5), (6, 6), (3, 3), (3, 4), (4, 3), (4, 4)),
)


def _pairs(cells: tuple[Cell, ...], min_distance: int) -> tuple[Pair, ...]:
    return tuple(
        (start, goal)
        for start in cells
        for goal in cells
        if abs(start[0] - goal[0]) + abs(start[1] - goal[1]) >= min_distance
    )


PAIRS: dict[str, tuple[Pair, ...]] = {
    "arena": _pairs(_ARENA_CELLS, 2),
    "maze": (
        ((1, 1), (6, 6)),
        ((6, 1), (1, 6)),
        ((5, 3), (2, 4)),
        ((2, 2), (6, 1)),
        ((2, 6), (1, 1)),
        ((2, 1), (4, 5)),
        ((6, 5), (4, 6)),
        ((2, 2), (4, 4)),
        ((6, 1), (2, 1)),
        ((6, 3), (3, 3)),
    ),
    "bottleneck": _pairs(_HALLS, 3),
    "circle": _pairs(_RING, 3),
    "spiral": _pairs(_SPIRAL_CELLS, 3),
    "var1": _pairs(_RING, 3),
    "var2": _pairs(_HALLS, 3),
}
"""Ordered (start, goal) cells; every reset chooses one uniformly."""

UNIT = 4.0
"""Side of a cell."""
OFFSET = 4.0
"""Cell (0, 0) is centred at x = y = -OFFSET."""
WALL_HEIGHT = 2.0


def centre(cell: Cell) -> tuple[float, float]:
    """Return x and y of a cell's centre."""
    row, column = cell
    return UNIT * column - OFFSET, UNIT * row - OFFSET
