"""Worlds that once went wrong, each with what went wrong in it: they are lived through again.

A world is its seed, the code of the simulation and that of the product, so a seed that was kept
tells less as these change. It costs as much as any other and stays while there is room.
"""

KEPT_SEEDS = {}
