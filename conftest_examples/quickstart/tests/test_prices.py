import pytest
from parcel_desk import price


def test_two_parcels_cost_twice_as_much():
    assert price("small", 2) == 2 * price("small")


def test_no_parcel_has_no_price():
    with pytest.raises(ValueError, match="cannot be sent"):
        price("small", 0)
