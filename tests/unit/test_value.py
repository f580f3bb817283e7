import copy
import pickle

import pytest

from pyfetch.value import Value


class Place(Value):
    """A value for these tests."""

    name: str
    number: int = 3
    tags: tuple[str, ...] = ()


def test_fields_are_given_by_place_or_name_or_have_their_default() -> None:
    """As a dataclass would have it."""
    assert Place("a") == Place(name="a", number=3) == Place("a", 3, tags=())
    assert Place("a") != Place("b")


def test_what_is_given_has_to_be_fields() -> None:
    """One that is missing, unknown, given twice, or too many is an error."""
    for places, names in (
        ((), {}),
        (("a",), {"other": 1}),
        (("a",), {"name": "b"}),
        (("a", 1, (), 2), {}),
        (("a",), {"_defaults": {}}),
    ):
        with pytest.raises(TypeError, match="Place"):
            Place(*places, **names)


def test_a_value_cannot_be_changed() -> None:
    """Neither its fields nor what it has besides."""
    place = Place("a")
    with pytest.raises(AttributeError):
        place.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        place.other = 1
    with pytest.raises(AttributeError):
        del place.name
    assert place.replaced(number=4) == Place("a", 4)
    assert place == Place("a")


def test_equal_values_are_of_one_class_and_have_one_hash() -> None:
    """So they can be keys."""

    class Other(Value):
        name: str

    assert {Place("a"): 1}[Place("a")] == 1
    assert Other("a") != Place("a")
    assert Other("a") != "a"


def test_a_value_is_shown_with_its_fields() -> None:
    """So that a log line tells what it is."""
    assert repr(Place("a")) == "Place(name='a', number=3, tags=())"


def test_a_value_goes_to_other_processes() -> None:
    """It can be pickled and copied."""
    place = Place("a", 4, ("b",))
    assert pickle.loads(pickle.dumps(place)) == place  # noqa: S301 - our own
    assert copy.deepcopy(place) == copy.copy(place) == place


def test_a_value_can_be_matched_by_its_fields() -> None:
    """By place, as a dataclass."""
    match Place("a", 4):
        case Place(name, number):
            assert (name, number) == ("a", 4)
