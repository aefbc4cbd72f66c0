"""The offline model behind LangChain's chat-model protocol. It is a program synthesiser, not a language model."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from models.offline.parse import human_text
from models.offline.pool import pool_of
from models.offline.roles import Said
from state.json_values import JsonObject

MAX_MESSAGE: Final = 1_000_000
MODEL_NAME: Final = "offline-synth"
_TOKEN: Final = re.compile(r"\w+|[^\w\s]")


class OfflineChatModel(BaseChatModel):
    """Answers programming tasks by search against the examples that the messages show.

    It reads nothing but the messages. Equal messages give equal answers.
    """

    budget: int = Field(default=20_000, gt=0)
    """Candidates that one answer may try."""
    workers: int | None = Field(default=None, gt=0)
    """Search processes; None: one per core."""

    def close(self) -> None:
        """End idle search processes; a later call starts new ones."""
        pool_of(self.workers).release()

    @property
    def _llm_type(self) -> str:
        return MODEL_NAME

    @property
    def _identifying_params(self) -> JsonObject:
        return {"model_name": MODEL_NAME, "budget": self.budget}

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        message = self._answer(messages)
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        answer = self._answer(messages)
        pieces = answer.text.splitlines(keepends=True)
        for piece in pieces[:-1]:
            yield ChatGenerationChunk(message=AIMessageChunk(content=piece))
        last = AIMessageChunk(
            content=pieces[-1], usage_metadata=answer.usage_metadata, response_metadata=answer.response_metadata
        )
        yield ChatGenerationChunk(message=last)

    def _answer(self, messages: Sequence[BaseMessage]) -> AIMessage:
        texts = [
            ("system" if m.type == "system" else "human", m.text) for m in messages if m.type in ("system", "human")
        ]
        system, human = human_text(texts)
        said = Said(**pool_of(self.workers).ask(system[:MAX_MESSAGE], human[:MAX_MESSAGE], self.budget))
        asked = sum(count_tokens(content) for _, content in texts)
        answered = count_tokens(said.text)
        usage = UsageMetadata(input_tokens=asked, output_tokens=answered, total_tokens=asked + answered)
        metadata = {"model_name": MODEL_NAME, "finish_reason": "stop", "token_counter": "regex", **said.metadata}
        return AIMessage(content=said.text, usage_metadata=usage, response_metadata=metadata)


def count_tokens(text: str) -> int:
    """Count words and marks: a rough stand-in for a tokenizer, named in the metadata as `regex`."""
    return len(_TOKEN.findall(text))
