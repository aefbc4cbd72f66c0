"""A chat model that gives the answers which an episode's checkpoints hold."""

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from models.call import Address
from state.episode import Attempt
from state.errors import PermanentError
from storage.contents import ContentStore


class EpisodeRecording(BaseChatModel):
    """Answers the n-th attempt of an episode with what the model answered then, whatever it is asked."""

    answers: list[str]
    about: list[dict[str, Any]]
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
            raise PermanentError(f"attempt {attempt + 1} was never made: the recording has {len(self.answers)}")
        metadata = {**self.about[attempt], "model_name": "recorded"}
        message = AIMessage(content=self.answers[attempt], response_metadata=metadata)
        return ChatResult(generations=[ChatGeneration(message=message)])
