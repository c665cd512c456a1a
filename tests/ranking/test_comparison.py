"""Two entries on the same images, counted by hand."""

from pathlib import Path

import pytest
from record_factory import RESULTS, finished, first, right, seeds

from icbench.ranking import collect
from icbench.ranking.comparison import compare_rows
from icbench.ranking.rows import rows_of, tracks
from icbench.report.comparison import comparison_data, comparison_lines
from icbench.statistics import images_to_tell_apart


def compared(results=RESULTS):
    """Entry a against entry b."""
    ((track, records),) = tracks(collect([results]).records).items()
    rows = {row.name: row for row in rows_of(track, records)[0]}
    return compare_rows(track, rows["a"], rows["b"])


def test_mcnemar_s_table_is_counted_image_by_image():
    finished(right(20, 0, 1, 2, 3), label="a")
    finished(right(20, 3, 4, 5, 6, 7, 8), label="b")
    found = compared()
    assert (found.pair.both, found.pair.only_first, found.pair.only_second, found.pair.neither) == (11, 5, 3, 1)
    assert found.only_first.tolist() == [4, 5, 6, 7, 8]
    assert found.only_second.tolist() == [0, 1, 2]
    assert found.difference.value == pytest.approx(2 / 20)
    # P(X <= 3 or X >= 5) for eight fair coins is 1 - 70 / 256.
    assert found.difference.p == pytest.approx(min(1, 2 * (1 + 8 + 28 + 56) / 256))
    # (|5 - 3| - 1)^2 / 8 = 1/8 on one degree of freedom.
    assert found.corrected_p == pytest.approx(0.7236736)


def test_a_difference_that_is_there_is_found():
    finished(first(90, 100), label="a")
    finished(first(70, 100), label="b")
    found = compared()
    assert found.decided
    assert found.more_images is None
    assert 0 < found.bootstrap[0] < found.difference.value < found.bootstrap[1]
    assert "A is better than B" in comparison_lines(found)


def test_the_worse_one_may_be_named_first():
    finished(first(70, 100), label="a")
    finished(first(90, 100), label="b")
    assert "B is better than A" in comparison_lines(compared())


def test_what_is_undecided_says_how_many_images_it_takes():
    finished(first(90, 100), label="a")
    finished(first(87, 100), label="b")
    found = compared()
    assert not found.decided
    assert found.more_images == images_to_tell_apart(found.pair) - 100
    assert found.more_images > 0
    assert f"not told apart: needs about {found.more_images:,} more images" in comparison_lines(found)


def test_equal_entries_are_not_told_apart_by_any_number_of_images():
    finished(right(20, 1), label="a")
    finished(right(20, 2), label="b")
    found = compared()
    assert (found.difference.value, found.difference.p, found.more_images) == (0, 1, None)
    assert "not told apart: as many images speak for A as for B" in comparison_lines(found)


def test_identical_entries_differ_in_no_image():
    finished(right(20, 1), label="a")
    finished(right(20, 1), label="b")
    found = compared()
    assert len(found.only_first) == len(found.only_second) == 0
    assert found.bootstrap == (0, 0)
    assert not any(line.startswith("only") for line in comparison_lines(found))


def test_with_several_seeds_images_go_by_what_most_seeds_say():
    seeds([right(20, 0, 1), right(20, 0, 2), right(20, 0, 3)], label="a")
    seeds([right(20, 5), right(20, 5)], label="b")
    found = compared()
    assert found.only_first.tolist() == [5]
    assert found.only_second.tolist() == [0]
    assert found.corrected_p is None
    assert "t test" in " ".join(comparison_lines(found))
    assert "hierarchical bootstrap" in comparison_lines(found)[0]


def test_what_half_of_the_seeds_have_right_counts_as_wrong():
    seeds([right(20, 0), right(20)], label="a")
    finished(right(20), label="b")
    assert compared().only_second.tolist() == [0]


def test_where_seeds_differ_more_than_entries_more_images_are_no_help():
    seeds([first(95, 100), first(95, 100), first(20, 100)], label="a")
    finished(first(60, 100), label="b")
    found = compared()
    assert not found.decided
    assert found.more_images is None
    assert "not told apart: needs more seeds, they differ too much" in comparison_lines(found)


def test_the_interval_is_wider_where_seeds_differ():
    widths = []
    for folder, runs in [(Path("alike"), (85, 85)), (Path("scattered"), (70, 100))]:
        seeds([first(count, 100) for count in runs], folder, label="a")
        finished(first(60, 100), folder, label="b")
        low, high = compared(folder).bootstrap
        widths.append(high - low)
    assert widths[1] > 2 * widths[0]


def test_many_images_are_listed_up_to_a_point():
    finished(first(100, 100), label="a")
    finished(first(30, 100), label="b")
    (line,) = (line for line in comparison_lines(compared()) if line.startswith("only A"))
    assert line.endswith("49 … (70)")
    assert comparison_data(compared())["only_first"] == list(range(30, 100))


def test_flags_are_said():
    finished(right(20), label="a", flags=["trained on these images"])
    finished(right(20), label="b")
    assert "A is flagged: trained on these images" in comparison_lines(compared())
    assert [entry["flags"] for entry in comparison_data(compared())["entries"]] == [["trained on these images"], []]
