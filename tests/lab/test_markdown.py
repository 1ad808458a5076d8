from __future__ import annotations

from tinct.lab.markdown import markdown_table


def test_texts_are_left_and_numbers_right_and_no_cell_ends_early() -> None:
    table = markdown_table(["name", "", "dB"], [["a|b", "x", "1"], ["c", "", "2"]], num_texts=2)
    assert table.splitlines() == [
        "| name |  | dB |",
        "|---|---|---:|",
        "| a\\|b | x | 1 |",
        "| c |  | 2 |",
    ]
