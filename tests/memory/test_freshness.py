"""An index that followed the log says what one that is built from the records says."""

from random import Random

import pytest

from memory.forget import erase
from memory.index import Sight
from memory.recall import Recall, Search
from memory.record import Draft, Scope
from memory.records import Records
from memory.writer import Moment, Writer
from storage.engine import Home

ANN = Scope(user="ann")
WORDS = ("tea", "coffee", "milk", "sugar", "lemon", "honey", "water", "juice")
SIGHTS = [Sight(), Sight(hidden=True), Sight(watermark=8, run_id="run", batch=2), Sight(kinds=("episodic",))]


def change(writer: Writer, draws: Random, number: int) -> None:
    """Make one change of any kind."""
    text = " ".join(draws.choices(WORDS, k=4))
    origin = {"run_id": draws.choice(["run", "other"]), "batch": draws.randrange(4), "episode_id": ""}
    kind = draws.choice(["episodic", "semantic"])
    draft = Draft(text=text, cause=str(draws.randrange(20)), scope=ANN, kind=kind, origin=origin, thread=kind)  # type: ignore[arg-type]
    known = writer.read([draft.memory_id]).get(draft.memory_id)
    action = draws.randrange(4) if known is not None else 0
    if known is None or action == 0:
        writer.add([draft])
    elif action == 1:
        writer.replace(known, text=text)
    elif action == 2:
        state = draws.choice(["archived", "active", "decayed"])
        writer.move(known, state, cause=str(number), moment=Moment("run", 1))  # type: ignore[arg-type]
    else:
        erase(writer, {known.memory_id: known})


def answers(recall: Recall) -> list[list[tuple[str, float]]]:
    texts = ("tea with milk", "hony", '"lemon honey"')
    searches = [Search(text=text, scope=ANN, sight=sight) for text in texts for sight in SIGHTS]
    return [[(hit.record.memory_id, hit.score) for hit in recall.search(search)] for search in searches]


@pytest.mark.usefixtures("either_database")
@pytest.mark.parametrize("seed", range(3))
def test_following_the_log_and_building_anew_give_the_same_answers(home: Home, seed: int) -> None:
    records, followed, draws = Records(home, now=lambda: 0.0), Recall(home), Random(seed)
    for number in range(60):
        with records.changing() as writer:
            change(writer, draws, number)
        answers(followed)
    fresh = Recall(home)
    assert any(answers(fresh))
    assert answers(followed) == answers(fresh)
    assert [followed.index(ANN).snapshot(sight) for sight in SIGHTS] == [fresh.index(ANN).snapshot(s) for s in SIGHTS]
    followed.close()
    fresh.close()
