"""A long learning run, simulated against the real memory: what lifecycle and clustering are worth.

    python -m benchmarks.memory_lifecycle [--episodes 5000] [--rows care none ...] [--seed 3]

Tasks come in families (topics), each with its own difficulty and 12 variants; 15 of 60 families are current at a time
and topics drift through all of them. One task in ten is a one-off that nothing will resemble again. An episode is shown
the three best skills, and writes what happened and, when it was solved, a program: 5 % of those are harmful. A shown
skill of the right family raises the chance of success by 0.2, a harmful one lowers it by 0.4. Batches of 50, care
before every second one, with the search, records, credit and care of the product; only the model is simulated.

    care         all of memory care
    no clusters  care without groups and summaries
    none         nothing is ever tended
    recency, importance, utility, utility 1: care, and a prior of weight 0.2 (1) in the ranking

Per tenth of the run: memories in sight, the median CPU time of a search, the share of shown skills that are of the
right family and not harmful, the share of episodes that were shown a harmful one, solved episodes, and bytes on disk.
At the end: how many uses a harmful skill lasts, how many harmless ones were retired by mistake, and what `prune` frees.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from memory.care import Care
from memory.credit import Shown
from memory.index import sight_of
from memory.lifecycle import EPISODE_S
from memory.prior import Prior
from memory.prune import prune
from memory.store import MemoryStore
from state.memory_item import Horizon, MemoryDraft, MemoryHit
from storage.engine import open_home

VERBS = ("sort", "merge", "count", "filter", "parse", "reverse", "group", "rotate", "encode", "split")
THINGS = ("intervals", "strings", "matrices", "dates", "graphs", "vectors")
VARIANTS = ("in place", "by length", "without repeats", "descending", "by key", "stably", "lazily", "in pairs",
            "with limits", "from the end", "by weight", "recursively")  # fmt: skip
FAMILIES = [f"{verb} {thing}" for verb in VERBS for thing in THINGS]
CURRENT = 15  # families at a time
BATCH = 50
MOST_USES = 50  # within which a harmful memory should be retired
PRIORS = {
    "recency": Prior(recency=0.2),
    "importance": Prior(importance=0.2),
    "utility": Prior(utility=0.2),
    "utility 1": Prior(utility=1.0),
}
ROWS = ("care", "no clusters", "none", *PRIORS)


@dataclass
class Fate:
    """What became of a skill."""

    harmful: bool
    family: str
    uses: int = 0
    lasted: int | None = None  # uses until it was retired


@dataclass
class Tenth:
    """What is measured in a tenth of the run."""

    searches: list[float] = field(default_factory=list)
    fitting: list[bool] = field(default_factory=list)
    harmed: list[bool] = field(default_factory=list)
    solved: list[bool] = field(default_factory=list)


class Simulation:
    """One run."""

    def __init__(self, store: MemoryStore, row: str, episodes: int, seed: int) -> None:
        self.store, self.row, self.episodes = store, row, episodes
        self.rng = random.Random(seed)
        self.ease = {family: self.rng.uniform(0.25, 0.75) for family in FAMILIES}
        self.fates: dict[str, Fate] = {}
        self.shown: list[Shown] = []
        self.tenth = Tenth()

    def run(self) -> None:
        """Run all episodes and print a line per tenth."""
        for batch in range(self.episodes // BATCH):
            horizon: Horizon = {"watermark": 0, "run_id": "run", "batch": batch}
            if self.row != "none" and batch and batch % 2 == 0:
                self.tend(self.store.care(horizon, began=0.0))
            drafts = [draft for number in range(BATCH) for draft in self.episode(horizon, batch * BATCH + number)]
            self.store.add_all(drafts)
            if (batch + 1) % (self.episodes // BATCH // 10) == 0:
                self.report((batch + 1) * BATCH, {**horizon, "batch": batch + 1})

    def episode(self, horizon: Horizon, number: int) -> list[MemoryDraft]:
        """Run one episode; return what it remembers."""
        rng = self.rng
        family, text = self.task(number)
        started = time.process_time()
        hits = self.store.search(
            {"text": text, "kinds": ["procedural"], "limit": 3, "horizon": horizon, "closed": True}
        )
        self.tenth.searches.append(time.process_time() - started)
        fates = [self.fates[hit["memory_id"]] for hit in hits]
        good = [fate.family == family and not fate.harmful for fate in fates]
        harmed = any(fate.harmful for fate in fates)
        chance = self.ease.get(family, 0.5) + 0.2 * any(good) - 0.4 * harmed
        solved = rng.random() < min(max(chance, 0.02), 0.98)
        self.note(number, text, hits, solved)
        self.tenth.fitting += good if family else []
        self.tenth.harmed.append(harmed)
        self.tenth.solved.append(solved)
        return self.drafts(horizon, number, text, solved=solved, family=family)

    def task(self, number: int) -> tuple[str, str]:
        """Return the family and the text of a task; one in ten has no family."""
        rng = self.rng
        if rng.random() < 0.1:
            words = ["".join(rng.choices("bcdfgklmnprstv", k=3)) + rng.choice("aeiou") for _ in range(6)]
            return "", f"handle {' '.join(words)}"
        first = number * (len(FAMILIES) - CURRENT) // self.episodes
        family = rng.choice(FAMILIES[first : first + CURRENT])
        return family, f"{family}: write a function that can {family} {rng.choice(VARIANTS)}"

    def note(self, number: int, text: str, hits: Sequence[MemoryHit], solved: bool) -> None:
        """Keep what credit will be given for."""
        memory_ids = frozenset(hit["memory_id"] for hit in hits)
        self.shown.append(Shown(f"episode {number}", text, memory_ids, float(solved), repaired=False))
        for memory_id in memory_ids:
            self.fates[memory_id].uses += 1

    def drafts(self, horizon: Horizon, number: int, text: str, *, solved: bool, family: str) -> list[MemoryDraft]:
        """Return what an episode remembers: programs differ, so that the same task is solved in many versions."""
        common: MemoryDraft = {
            "kind": "episodic", "cause": f"episode {number}", "text": f"{text}\n{'solved' if solved else 'not solved'}",
            "code": "", "entry_point": "", "signature": "", "importance": 0.9 if solved else 0.2,
            "origin": {"run_id": horizon["run_id"], "batch": horizon["batch"], "episode_id": f"episode {number}"},
        }  # fmt: skip
        if not solved:
            return [common]
        harmful = self.rng.random() < 0.05
        code = f"def solve(): return {self.rng.randrange(4)}  # {harmful}"
        skill: MemoryDraft = {**common, "kind": "procedural", "cause": f"{text} {code}", "text": text, "code": code}
        [memory_id] = self.store.add_all([skill])
        self.fates.setdefault(memory_id, Fate(harmful, family))
        return [common, skill]

    def tend(self, care: Care) -> None:
        """Do a round of care."""
        care.credit(self.shown[-2 * BATCH :], self.shown[-500:])
        before = self.visible(care)
        care.retire()
        for memory_id in before - self.visible(care):
            self.fates[memory_id].lasted = self.fates[memory_id].uses
        care.thin()
        care.decay()
        if self.row != "no clusters":
            care.cluster()
            care.consolidate()

    def visible(self, care: Care) -> set[str]:
        """Return the ids in sight."""
        found = self.store.recall.listed(self.store.scope, sight=care.now.sight, limit=10**6)
        return {record.memory_id for record in found}

    def report(self, episodes: int, horizon: Horizon) -> None:
        """Print a line, and begin the next tenth."""
        seen = self.store.recall.listed(self.store.scope, sight=sight_of(horizon), limit=10**6)
        kinds = Counter(record.kind for record in seen)
        tenth = self.tenth
        print(
            f"{self.row:12}{episodes:8}{len(seen):10}{kinds['procedural']:8}{kinds['episodic']:10}"
            f"{statistics.median(tenth.searches) * 1e3:11.2f}{statistics.fmean(tenth.fitting):10.1%}"
            f"{statistics.fmean(tenth.harmed):9.1%}{statistics.fmean(tenth.solved):8.1%}{self.size_mib():9.1f}",
            flush=True,
        )
        self.tenth = Tenth()

    def fates_in_words(self) -> str:
        """Say how long harmful skills lasted."""
        harmful = [fate for fate in self.fates.values() if fate.harmful]
        harmless = [fate for fate in self.fates.values() if not fate.harmful and fate.uses >= 8]
        lasted = sorted(fate.lasted for fate in harmful if fate.lasted is not None)
        long = len(lasted) + sum(fate.uses >= MOST_USES for fate in harmful if fate.lasted is None)
        in_time = sum(uses <= MOST_USES for uses in lasted)
        wrong = sum(fate.lasted is not None for fate in harmless)
        return (
            f"{self.row}: {len(lasted)} of {len(harmful)} harmful skills retired, {in_time} of {long} that were "
            f"retired or had {MOST_USES} uses within {MOST_USES}; uses at retirement (least, quartiles, 90 %, most): "
            f"{_spread(lasted)}; {wrong} of {len(harmless)} harmless ones with 8 uses or more retired by mistake"
        )

    def pruned_in_words(self) -> str:
        """Say what there is on disk before and after what was put away is removed."""
        before = self.size_mib()
        pruned = prune(self.store.records)
        return f"{self.row}: {before:.1f} MiB, and {self.size_mib():.1f} without {len(pruned.memory_ids)} put away"

    def size_mib(self) -> float:
        """Return the size of the database in MiB."""
        return sum(file.stat().st_size for file in self.store.records.home.folder.glob("ratchet.db*")) / 2**20


def _spread(lasted: Sequence[int]) -> str:
    """Return the least, the quartiles, the ninth decile and the most of what is in order."""
    at = (round(share * (len(lasted) - 1)) for share in (0, 0.25, 0.5, 0.75, 0.9, 1))
    return ", ".join(str(lasted[place]) for place in at) if lasted else "none"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=5000)
    parser.add_argument("--rows", nargs="+", default=list(ROWS[:3]), choices=ROWS)
    parser.add_argument("--seed", type=int, default=3)
    options = parser.parse_args()
    print(f"{'':12}{'episode':>8}{'in sight':>10}{'skills':>8}{'episodic':>10}{'search ms':>11}", end="")
    print(f"{'fitting':>10}{'harmful':>9}{'solved':>8}{'MiB':>9}")
    fates = []
    for row in options.rows:
        with tempfile.TemporaryDirectory() as folder:
            home = open_home(Path(folder))
            store = MemoryStore(home, prior=PRIORS.get(row, Prior()), batch_s=EPISODE_S * BATCH)
            simulation = Simulation(store, row, options.episodes, options.seed)
            simulation.run()
            fates += [simulation.fates_in_words(), simulation.pruned_in_words()]
            simulation.store.close()
            home.close()
    print("\n".join(fates))


if __name__ == "__main__":
    main()
