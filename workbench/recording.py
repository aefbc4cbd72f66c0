"""Chat models that give the answers which an episode's checkpoints hold."""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from models.call import Address
from models.retry import Retries
from models.roles import Models, RoleModel
from state.episode import Attempt, EpisodeState
from state.errors import PermanentError
from state.json_values import JsonObject
from state.role import Role
from state.usage import ModelCall
from storage.contents import ContentStore


def recorded_models(state: EpisodeState, contents: ContentStore) -> Models:
    """Return the models of an episode's roles as its checkpoints recorded them: what wrote it, and what reviewed it."""
    writer = EpisodeRecording.of(state.get("attempts", []), contents)
    models: dict[Role, RoleModel] = {"generate": RoleModel(model=writer, model_id="recorded")}
    opinion = state["review"].get("opinion") if "review" in state else None
    if opinion:
        reviewer = EpisodeRecording.of_calls(opinion["calls"], contents)
        models["review"] = RoleModel(model=reviewer, model_id=opinion["calls"][-1]["model"])
    return Models(models, retries=Retries(count=0))


class EpisodeRecording(BaseChatModel):
    """Answers the n-th question of an episode with what the model answered then, whatever it is asked."""

    answers: list[str]
    about: list[JsonObject]
    """Of each answer: whether it had met the model's limit of length, and the effort, where the model told it."""

    @classmethod
    def of(cls, attempts: Sequence[Attempt], contents: ContentStore) -> "EpisodeRecording":
        """Read the answers of an episode's attempts."""
        return cls(
            answers=[contents.get(attempt["answer"]) for attempt in attempts],
            about=[
                {
                    "finish_reason": "length" if attempt["finish"] == "length" else "stop",
                    "effort": attempt.get("effort"),
                }
                for attempt in attempts
            ],
        )

    @classmethod
    def of_calls(cls, calls: Sequence[ModelCall], contents: ContentStore) -> "EpisodeRecording":
        """Read the answers of calls."""
        return cls(
            answers=[contents.get(call["answer"]) for call in calls],
            about=[{"finish_reason": call["finish"]} for call in calls],
        )

    @property
    def _llm_type(self) -> str:
        return "recorded"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        *,
        address: Address | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        attempt = address["attempt"] if address else 0
        if attempt >= len(self.answers):
            raise PermanentError(f"question {attempt + 1} was never asked: the recording has {len(self.answers)}")
        metadata = {**self.about[attempt], "model_name": "recorded"}
        message = AIMessage(content=self.answers[attempt], response_metadata=metadata)
        return ChatResult(generations=[ChatGeneration(message=message)])
