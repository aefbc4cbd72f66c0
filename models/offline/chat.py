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
from models.offline.solve import Solution

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
    def _identifying_params(self) -> dict[str, Any]:
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
        solution = Solution(**pool_of(self.workers).ask(system[:MAX_MESSAGE], human[:MAX_MESSAGE], self.budget))
        text = answer_text(solution)
        asked = sum(count_tokens(content) for _, content in texts)
        said = count_tokens(text)
        return AIMessage(
            content=text,
            usage_metadata=UsageMetadata(input_tokens=asked, output_tokens=said, total_tokens=asked + said),
            response_metadata=_metadata(solution),
        )


def answer_text(solution: Solution) -> str:
    """Return what the model says: how the program was found, and one block with it; no block when nothing fits."""
    if not solution.code:
        return f"I have no program for this. {solution.how}"
    return f"{solution.how}\n\n```python\n{solution.code.rstrip()}\n```"


def count_tokens(text: str) -> int:
    """Count words and marks: a rough stand-in for a tokenizer, named in the metadata as `regex`."""
    return len(_TOKEN.findall(text))


def _metadata(solution: Solution) -> dict[str, Any]:
    return {
        "model_name": MODEL_NAME,
        "finish_reason": "stop",
        "token_counter": "regex",
        "candidates": solution.candidates,
        "stage": solution.stage,
        "alternatives": solution.alternatives,
        "components": solution.components,
        "memories_used": solution.memories_used,
        "memories_refused": solution.memories_refused,
        "skills_used": solution.skills_used,
        "skills_ignored": solution.skills_ignored,
        "stopped_by_time": solution.stopped,
    }
