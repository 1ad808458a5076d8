"""What the documentation site takes from outside ``docs/``: a hook of MkDocs.

Documents at the root of the repository become pages, with links that fit their new place; the
reference of commands is written by Typer from the commands themselves.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

import typer
from mkdocs.structure.files import File, Files
from typer.cli import get_docs_for_click

from tinct.apps.cli import make_command

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "ARCHITECTURE.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "MODEL_CARD.md": "MODEL_CARD.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CITATION.cff": "CITATION.cff",
    "examples/README.md": "examples/README.md",
    "integrations/comfyui/README.md": "comfyui.md",
    "integrations/vapoursynth/README.md": "vapoursynth.md",
}
"""Documents of the repository, and where the site has them."""
COMMAND_PAGE = "reference/commands.md"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in ``docs/``."""
    for document, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=document))
    files.append(File.generated(config, COMMAND_PAGE, content=describe_commands()))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links between documents of the repository into links between pages of the site."""
    here = page.file.src_uri
    homes = {place: document for document, place in PAGES.items()}
    document = homes.get(here, f"docs/{here}")

    def translate(match: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(document), match[1]))
        place = PAGES.get(target, target.removeprefix("docs/"))
        return posixpath.relpath(place, posixpath.dirname(here) or ".")

    return _LINK.sub(translate, markdown)


def describe_commands() -> str:
    """Return all commands with their arguments and options, as Markdown."""
    command = make_command()
    context = typer.Context(command, info_name="tinct")
    return get_docs_for_click(obj=command, ctx=context, name="tinct", title="Commands")
