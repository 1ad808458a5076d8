"""Tables in Markdown, as all reports have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]], num_texts: int = 1) -> str:
    """Render a table.

    Args:
        heads: Of the columns.
        rows: The cells of each row; a ``|`` in one does not end it.
        num_texts: So many columns, the first, hold text and are aligned left; numbers are right.
    """
    marks = ["---" if column < num_texts else "---:" for column in range(len(heads))]
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    head, *body = (f"| {' | '.join(line)} |" for line in (heads, *cells))
    return "\n".join([head, f"|{'|'.join(marks)}|", *body])
