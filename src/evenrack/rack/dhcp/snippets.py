"""Snippets of administrators in dhcpd.conf: code, which stands as it was written. Pure.

What might change anything outside of its block is refused here once more, although the regions let
none of that in: `dhcpd -t` would take it.
"""

from collections import defaultdict
from collections.abc import Iterable

from attrs import frozen

from evenrack.model.network import Vlan
from evenrack.model.snippet import Snippet, SnippetLevel
from evenrack.model.snippet_rules import problem_in


@frozen
class Snippets:
    """The texts of snippets, by where they stand."""

    _texts: dict[tuple[SnippetLevel, int | None], str]

    @classmethod
    def of(cls, vlans: Iterable[Vlan]) -> "Snippets":
        """Take those of VLANs, in the order of their ids; ValueError names one that is wrong."""
        texts: defaultdict[tuple[SnippetLevel, int | None], str] = defaultdict(str)
        for snippet in sorted((it for vlan in vlans for it in vlan.snippets), key=lambda it: it.id):
            texts[snippet.level, snippet.of] += _text(snippet)
        return cls(dict(texts))

    def at(self, level: SnippetLevel, of: int | None = None) -> str:
        """Give what is to stand there; empty for nothing."""
        return self._texts.get((level, of), "")


def _text(snippet: Snippet) -> str:
    problem = problem_in(snippet.text, snippet.level)
    if problem is not None:
        raise ValueError(f"snippet {snippet.id}: {problem}")
    return f"# snippet {snippet.id}\n{snippet.text.rstrip()}\n"
