"""What the bins of each host own together."""

from collections.abc import Iterator

from attrs import define


@define
class HostLoad:
    """The bins of one host that take something: how much they own, and how many they are."""

    owned: int = 0
    bins: int = 0

    @property
    def for_each(self) -> float:
        """What each of its bins owns on average."""
        return self.owned / self.bins


class HostLoads:
    """Counts by host; bins without a host are not counted."""

    def __init__(self) -> None:
        self._hosts: dict[str, HostLoad] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def get(self, host: str) -> HostLoad | None:
        """Give what a host's bins own; None when none of them takes anything."""
        return self._hosts.get(host)

    def for_each_on(self, host: str) -> float:
        """Give what each bin of this host owns on average, 0 without a host."""
        known = self._hosts.get(host)
        return 0.0 if known is None else known.for_each

    def add(self, host: str, load: int) -> None:
        """Count a bin."""
        if host:
            known = self._hosts.setdefault(host, HostLoad())
            known.owned += load
            known.bins += 1

    def remove(self, host: str, load: int) -> None:
        """Count a bin no more."""
        if host:
            known = self._hosts[host]
            known.owned -= load
            known.bins -= 1
            if not known.bins:
                del self._hosts[host]

    def change(self, host: str, by: int) -> None:
        """Note that a bin of this host owns so much more, or less."""
        if host:
            self._hosts[host].owned += by
