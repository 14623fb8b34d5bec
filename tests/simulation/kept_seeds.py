"""Worlds that once went wrong, each with what went wrong in it: they are lived through again.

A world is its seed, the code of the simulation and that of the product, so a seed that was kept
tells less as these change. It costs as much as any other and stays while there is room.
"""

KEPT_SEEDS = {
    8: "a rack was given to a process that had stopped in order since the leader read of it",
    14: "a leader that was cut off itself gives up a dead process 9 s later: no mistake",
}
