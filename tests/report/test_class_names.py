"""A class is called by its name, if it has one, and nothing that is called so reaches a terminal as a command."""

from icbench.report.class_names import call_by_number, call_class, tell_outcome

NAMES = ("cat", "d\x1b[2Jog")


def test_a_class_without_a_name_is_called_by_its_number():
    assert (call_class(1, ()), call_by_number(1, ())) == ("1", "1")
    assert (call_class(0, NAMES), call_by_number(0, NAMES)) == ("cat", "0 cat")


def test_names_are_printable():
    assert call_class(1, NAMES).isprintable()
    assert call_by_number(1, NAMES).isprintable()


def test_an_outcome_names_what_an_image_was_taken_for():
    assert tell_outcome(0, 0, NAMES) == "cat, found"
    assert tell_outcome(1, 0, ()) == "1, taken for 0"
