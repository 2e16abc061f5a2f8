"""The page at `/`: static files that show the models at work through the public API alone."""

from service.protocols.page.page import router

__all__ = ["router"]
