"""LangGraph's own suite for savers passes on ours, as we configure them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.conformance import checkpointer_test, validate

from checkpoints.savers import close_saver, open_saver
from storage.engine import Home


class Awaited(BaseCheckpointSaver[Any]):
    """A saver of plain functions behind the names that the suite awaits."""

    def __init__(self, saver: BaseCheckpointSaver[Any]) -> None:
        super().__init__(serde=saver.serde)
        self._saver = saver

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        return await asyncio.to_thread(self._saver.put, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await asyncio.to_thread(self._saver.put_writes, config, writes, task_id, task_path)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await asyncio.to_thread(self._saver.get_tuple, config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        for found in await asyncio.to_thread(
            lambda: list(self._saver.list(config, filter=filter, before=before, limit=limit))
        ):
            yield found

    async def adelete_thread(self, thread_id: str) -> None:
        await asyncio.to_thread(self._saver.delete_thread, thread_id)


def test_langgraphs_conformance_suite_passes_on_our_savers(home: Home) -> None:
    saver = open_saver(home)

    @checkpointer_test(name="ours")
    async def ours() -> AsyncIterator[Awaited]:
        with emptied(saver):
            yield Awaited(saver)

    report = asyncio.run(validate(ours))
    close_saver(saver)
    assert report.passed_all_base(), report.to_dict()


@contextmanager
def emptied(saver: BaseCheckpointSaver[Any]) -> Iterator[None]:
    yield
    for thread_id in {point.config["configurable"]["thread_id"] for point in list(saver.list(None))}:
        saver.delete_thread(thread_id)
