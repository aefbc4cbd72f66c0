"""The engine that the settings name."""

from batch.runner import Engine
from batch.threads import ThreadEngine
from runtime.build import Services
from runtime.context import Context


def open_engine(services: Services, context: Context) -> Engine:
    """Return where the episodes of a run are to run; nothing is started before the first of them.

    context: of episodes that run in this process.
    """
    settings = services.settings
    if settings.engine == "ray":
        from batch.ray_pool import RayPool

        return RayPool(settings, context.events, reachable=bool(getattr(services.home, "url", "")))
    return ThreadEngine(context, services.home, settings.concurrency)
