"""The task shelf: tasks by content address, so that a saved run can be opened without its task file."""

import json
from collections import OrderedDict
from collections.abc import Sequence

from state.task import Task
from storage.contents import ContentStore, canonical

KEPT_TASKS = 2048


class TaskShelf:
    """Tasks in the content store, with the latest ones at hand."""

    def __init__(self, contents: ContentStore) -> None:
        self._contents = contents
        self._kept: OrderedDict[str, Task] = OrderedDict()

    def put(self, tasks: Sequence[Task]) -> list[str]:
        """Store tasks; return their addresses, in order."""
        return self._contents.put(*[canonical(task) for task in tasks])

    def get(self, address: str) -> Task:
        """Return the task at an address."""
        task = self._kept.get(address)
        if task is None:
            loaded: Task = json.loads(self._contents.get(address))
            task = self._kept[address] = loaded
            while len(self._kept) > KEPT_TASKS:
                self._kept.popitem(last=False)
        return task
