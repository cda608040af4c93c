"""Ways through a grid."""

from collections import deque
from collections.abc import Callable

Cell = tuple[int, int]


def distances_to(goal: Cell, is_free: Callable[[Cell], bool]) -> dict[Cell, int]:
    """Return the number of moves to `goal`, up, down, left or right, of all cells that reach it."""
    distances = {goal: 0}
    queue = deque([goal])
    while queue:
        cell = queue.popleft()
        for neighbour in neighbours(cell):
            if neighbour not in distances and is_free(neighbour):
                distances[neighbour] = distances[cell] + 1
                queue.append(neighbour)
    return distances


def neighbours(cell: Cell) -> tuple[Cell, ...]:
    """Return the four cells beside `cell`."""
    row, column = cell
    return (row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)


def next_cell(cell: Cell, distances: dict[Cell, int]) -> Cell:
    """Return the neighbour that is nearest to the goal, or the goal itself."""
    known = [c for c in (cell, *neighbours(cell)) if c in distances]
    return min(known, key=distances.__getitem__, default=cell)
