"""Hypothesis strategies for texts of snippets: sensible ones, and ones that try to break out."""

from hypothesis import strategies as st

from evenrack.model.snippet_rules import problem_in

LEVELS = ("global", "vlan", "subnet", "pool", "host")

STATEMENTS = (
    'option domain-name "a.example";',
    "default-lease-time 600;",
    'if option user-class = "x" { filename "a"; } else { filename "b"; }',
    'filename "x{};";',
    'if exists user-class and option user-class = "class {" { filename "c"; }',
    'option domain-name "with \\"marks\\" and \\\\";',
    '# a comment with a } and a "\nfilename "a";',
)
"""Each is one that dhcpd takes at every level."""

PIECES = (
    *STATEMENTS,
    *("{", "}", ";", '"', "\\", "#", "\n", " ", "\t", "'", "(", ")", "=", ",", "/", "//"),
    *("if 1 = 1 {", "} else {", "else", "elsif 1 = 1 {", "option", "domain-name", '"x"', "1"),
    *('}\n subnet 10.66.0.0 netmask 255.255.255.0 { option domain-name "y";', "group {"),
    *('class "c" {', "pool {", "range 10.1.0.5;", "\\042", '\\"', '"\\', "/*", "*/", "x-y_z.w"),
)
"""What makes blocks, literals and comments, and words that go with them."""

texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.text(
    st.sampled_from("{};\"\\#\n ab'") | st.characters(codec="ascii"), max_size=30
)
good_texts = st.recursive(
    st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=3).map("\n".join),
    lambda inner: st.tuples(inner, inner).map(
        "if 1 = 1 {{{0[0]}}} else {{ # {{\n{0[1]}\n}}".format
    ),
    max_leaves=4,
)
taken_texts = good_texts | texts.filter(lambda text: problem_in(text, "vlan") is None)
"""What the rules take at every level; dhcpd may yet say that it means nothing."""
levels = st.sampled_from(LEVELS)
