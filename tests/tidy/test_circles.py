"""No circles: headers include downwards, and calls between files go one way."""

import json

import measure
from source import c_files, read
from test_include_direction import includes

LIMITS = json.loads(measure.LIMITS.read_text())


def test_no_circle_of_includes():
    headers = {str(path.relative_to("src")): path for path in c_files("src", suffixes=(".h",))}
    graph = {name: set(includes(read(path))) & set(headers) for name, path in headers.items()}
    circle = measure.largest_circle(graph)
    assert len(circle) <= 1, circle


def test_no_circle_of_calls():
    listings = measure.object_listings()
    assert len(listings) > 10, "the objects of the build are not where this test looks"
    circle = measure.largest_circle(measure.calls(listings))
    assert len(circle) <= LIMITS["largest_call_circle"], circle


def test_a_circle_is_seen():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}
    assert measure.largest_circle(graph) == ["a", "b", "c"]
    assert len(measure.largest_circle({"a": {"b"}, "b": set()})) == 1


def test_calls_are_read_from_nm():
    listings = {
        "one.o": "0000000000000000 T one\n                 U two\n                 U printf\n",
        "two.o": "0000000000000000 T two\n0000000000000010 t one\n                 U one\n",
    }
    assert measure.calls(listings) == {"one.o": {"two.o"}, "two.o": {"one.o"}}
