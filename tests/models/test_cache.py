from models.cache import AnswerCache
from models.call import Answer
from state.message import Message
from storage.engine import Home


def test_a_kept_answer_comes_back_whole_and_for_free(home: Home) -> None:
    asked: list[Message] = [{"role": "user", "content": "?"}]
    answer = Answer(
        text="t",
        finish="stop",
        usage={"prompt_tokens": 3, "completion_tokens": 4, "cost_usd": 0.5, "model_s": 1.5},
        effort={"tried": 5, "limit": 100},
    )
    cache = AnswerCache(home)
    cache.put("m", asked, 0, answer)
    kept = cache.get("m", asked, 0)
    assert kept == Answer(
        text="t",
        finish="stop",
        usage={"prompt_tokens": 3, "completion_tokens": 4, "cost_usd": 0.0, "model_s": 0.0},
        effort={"tried": 5, "limit": 100},
    )
    assert cache.get("m", asked, 1) is None
