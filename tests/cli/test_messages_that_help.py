"""Mistakes on the command line are answered with what to do."""

import pytest

from tests.cli.small_api import small_api


@pytest.mark.parametrize("number", ["x", "m7", "0", "1.5", "9" * 19, "\u0663"])
def test_what_is_no_number_of_an_order_is_told_where_numbers_are(call, number):
    code, _, told = call("order", "show", number)
    assert code == 2
    assert f'"{number}" is not the number of an order, such as 17: `evenrack order list`' in told


def test_the_number_of_an_order_may_have_zeros_before_it(call, tmp_path):
    with small_api(tmp_path / "regiond-1.sock") as api:
        api.answer("/api/v1/orders/17", {"order": 17})
        assert call("order", "show", "0017")[0] == 0
