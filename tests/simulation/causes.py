"""Nothing moves without a cause: each change of who manages a rack or serves a VLAN is judged.

A leader decides by what it read a moment ago, or longer ago when it was stopped in between. So a
move is right when it was right by the tables as they were at some moment since then.
"""

LONGEST_MEMORY_SECONDS = 60.0
HOLD_DOWN_SECONDS = 8.0
"""What a lost rack keeps its DHCP roles for, in these worlds: shorter than they last."""
DRAIN_SECONDS = 10.0
"""So late a leader may act on a drain: it may have been stopped in between, or slow."""


class Causes:
    """Remembers what the tables showed, and complains of moves that none of it explains."""

    def __init__(self, world):
        self.world = world
        self._seen = []
        """(when, tables), oldest first."""
        self._connected_until = {}

    def saw(self, tables, *, since):
        """Take in what the tables show after a commit, for which was read at `since` or later."""
        now = self.world.now
        if self._seen:
            before = self._seen[-1][1]
            self._note_connected(before)
            self._judge_managing(before, tables, [*self._since(since), tables])
            self._judge_pairs(before, tables)
        self._seen = [x for x in self._seen if now - x[0] < LONGEST_MEMORY_SECONDS]
        self._seen.append((now, tables))

    def _since(self, since):
        """Give what the tables showed at that moment, and everything later."""
        later = [tables for when, tables in self._seen if when >= since]
        earlier = [tables for when, tables in self._seen if when < since]
        return earlier[-1:] + later

    def _note_connected(self, before):
        for rack, _ in before.counted:
            self._connected_until[rack] = self.world.now

    def _judge_managing(self, before, after, readings):
        moved = {
            rack: (before.managing[rack], process)
            for rack, process in after.managing.items()
            if before.managing.get(rack, process) != process
        }
        for rack, (_, to) in moved.items():
            if not any((rack, to) in tables.counted for tables in readings):
                self.world.violate(f"{rack} was given to {to}, which it has no link to")
        chosen = {
            rack: (source, to)
            for rack, (source, to) in moved.items()
            if all(
                (rack, source) in tables.counted
                for tables in readings
                if tables.managing.get(rack) == source
            )
        }
        if chosen and not any(_helps(tables, moved, chosen) for tables in readings):
            self.world.violate(f"moves that help nobody: {chosen}")

    def _judge_pairs(self, before, after):
        for vlan, (primary, secondary) in before.pairs.items():
            now = after.pairs.get(vlan, (None, None))
            if now[0] != primary:
                self._must_be_lost(after, primary, f"primary of VLAN {vlan}")
            elif secondary not in (None, now[1]) and not self._is_given_back(vlan, before, now):
                self._must_be_lost(after, secondary, f"secondary of VLAN {vlan}")

    def _is_given_back(self, vlan, before, now):
        """Tell whether a lost rack that is back has the place that another one only waited for."""
        earlier = [tables.pairs.get(vlan) for _, tables in self._seen]
        others = [pair for pair in earlier if pair != before.pairs[vlan]]
        return others[-1:] == [now]

    def _must_be_lost(self, after, rack, role):
        now = self.world.now
        away = now - self._connected_until.get(rack, float("-inf"))
        drained = any(
            rack in tables.drains for tables in (*self._since(now - DRAIN_SECONDS), after)
        )
        if away < HOLD_DOWN_SECONDS and not drained:
            self.world.violate(f"{rack}, away for {away:.1f} s, is no more the {role}")


def _helps(tables, moved, chosen):
    """Tell whether the chosen moves made processes more even, or else region hosts."""
    base = tables.managing | {rack: to for rack, (_, to) in moved.items()}
    without = base | {rack: source for rack, (source, _) in chosen.items()}
    return _unevenness(tables, base) < _unevenness(tables, without)


def _unevenness(tables, managing):
    of_process, of_host = tables.loads(managing)
    return (
        sum(owned * owned for owned in of_process.values()),
        sum(owned * owned / processes for owned, processes in of_host.values()),
    )
