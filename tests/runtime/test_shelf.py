from collections.abc import Callable

import pytest

from runtime.shelf import KEPT_TASKS, TaskShelf
from state.errors import RatchetError
from state.task import Task
from storage.contents import ContentStore


def test_a_task_comes_back_as_it_was_to_anyone_who_has_its_address(
    contents: ContentStore, task_of: Callable[..., Task]
) -> None:
    tasks = [task_of(task_id="a"), task_of(task_id="b", limits={"cpu_s": 1.0}, reference=None)]
    addresses = TaskShelf(contents).put(tasks)
    shelf = TaskShelf(contents)
    assert [shelf.get(address) for address in addresses] == tasks
    assert TaskShelf(contents).put(tasks) == addresses


def test_the_shelf_keeps_a_bounded_number_at_hand(contents: ContentStore, task_of: Callable[..., Task]) -> None:
    shelf = TaskShelf(contents)
    addresses = shelf.put([task_of(task_id=str(number)) for number in range(KEPT_TASKS + 5)])
    assert [shelf.get(address)["task_id"] for address in addresses] == [str(n) for n in range(KEPT_TASKS + 5)]
    assert len(shelf._kept) == KEPT_TASKS


def test_a_task_that_nobody_put_there_is_an_error(contents: ContentStore) -> None:
    with pytest.raises(RatchetError, match="no content at nowhere"):
        TaskShelf(contents).get("nowhere")
