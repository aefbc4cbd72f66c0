"""Services that read the home and keep what is written to themselves: a replay leaves no trace."""

from collections.abc import Sequence

from checkpoints.ledger import Ledger
from checkpoints.optimisations import OptimisationLog, ProposalRow, StepKind
from checkpoints.questions import Question, Questions
from memory.record import draft_from
from memory.store import MemoryStore
from prompts.registry import PromptRegistry
from state.json_values import JsonMapping, JsonObject
from state.ledger import RunRow
from state.memory_item import MemoryDraft
from state.periodic import CareCounts
from state.prompt_set import PromptSet
from storage.contents import ContentStore, digest_of
from storage.engine import Home


class ContentsApart(ContentStore):
    """The home's texts, and those that were put since, which stay in this object."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._put: dict[str, str] = {}

    def put(self, *texts: str) -> list[str]:
        """Keep texts here; return the addresses that they have in any home."""
        addresses = [digest_of(text) for text in texts]
        self._put.update(zip(addresses, texts, strict=True))
        return addresses

    def get(self, address: str) -> str:
        """Return the text at an address, from here or from the home; raises RatchetError when there is none."""
        return self._put[address] if address in self._put else super().get(address)


class MemoryApart(MemoryStore):
    """The home's memory, read only: what is added gets its id and goes nowhere."""

    def add_all(self, drafts: Sequence[MemoryDraft]) -> list[str]:
        """Return the ids that the memories would have."""
        return [draft_from(draft, self.scope).memory_id for draft in drafts]

    def note_uses(self, memory_ids: Sequence[str], *, cause: str, reward: float | None, baseline: float | None) -> int:
        """Note nothing."""
        return 0


class LedgerApart(Ledger):
    """The home's ledger, read only: that an optimisation begins and ends again is not noted."""

    def begin_run(self, run: RunRow) -> None:
        """Note nothing."""

    def end_run(self, run_id: str, status: str, ended_at: float, active_s: float) -> None:
        """Note nothing."""

    def note_care(self, run_id: str, batch: int, counts: CareCounts) -> None:
        """Note nothing."""


class PromptsApart(PromptRegistry):
    """The home's prompt sets, and those that were saved since, which stay in this object."""

    def save(self, prompt_set: PromptSet, *, author: str, parents: Sequence[str], created_at: float) -> str:
        """Keep a prompt set here; return its id."""
        self._loaded[prompt_set["prompt_set"]] = prompt_set
        return prompt_set["prompt_set"]

    def add_evidence(self, prompt_set: str, evidence: JsonMapping) -> None:
        """Note nothing."""


class OptimisationsApart(OptimisationLog):
    """What the home's optimisations left behind, read only."""

    def note(self, optimisation: str, iteration: int, kind: StepKind, record: JsonObject) -> None:
        """Note nothing."""

    def keep_proposal(self, row: ProposalRow) -> None:
        """Keep nothing."""


class QuestionsApart(Questions):
    """The home's questions, read only: a replayed node asks nobody."""

    def ask(self, question: Question) -> None:
        """Note nothing."""

    def close(self, thread_id: str) -> None:
        """Forget nothing."""
