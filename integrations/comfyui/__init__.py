"""tinct for ComfyUI: color for gray pictures and films, and what a person knows of their colors."""

from .nodes import Tinct


async def comfy_entrypoint() -> Tinct:
    """Return the extension, as ComfyUI asks for it."""
    return Tinct()
