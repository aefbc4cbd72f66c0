"""The engine that the settings name."""

from batch.runner import Engine
from batch.threads import ThreadEngine
from runtime.build import Services
from runtime.context import Context
from state.errors import SetupError

MOST_THREADS = 1024


def open_engine(services: Services, context: Context) -> Engine:
    """Return where the episodes of a run are to run; nothing is started before the first of them.

    context: of episodes that run in this process.
    """
    settings = services.settings
    if settings.engine == "ray":
        from batch.ray_pool import RayPool

        return RayPool(settings, services.home, context.events)
    if settings.concurrency > MOST_THREADS:
        raise SetupError(
            f"--concurrency {settings.concurrency} is more than one process takes ({MOST_THREADS}): use --engine ray"
        )
    return ThreadEngine(context, services.home, settings.concurrency)
