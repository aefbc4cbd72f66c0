"""Ask the offline model 1,000 random and hostile things: each must end in an answer or a refusal within the budget.

    python -m benchmarks.offline_messages [--count 1000] [--budget 3000] [--seed 0]

Mixtures of headings, code, examples, skill lines and noise; memories whose code loops, allocates, recurses, raises,
hides or reaches for the system; messages of up to a million characters; every kind of Unicode. Every tenth one is asked
again, of other processes: the answer must be the same.
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Final

from langchain_core.messages import HumanMessage, SystemMessage

from models.offline.chat import OfflineChatModel
from models.offline.pool import close_pools
from state.errors import TransientError

PIECES: Final = (
    "## Task\n", "## Examples\n", "## Memories\n### Memory x (similarity 9..9): y\n", "## Feedback\n### Attempt 1\n",
    "## Program\n",
    "```python\n", "```\n", "def f(x, list):\n", "def f(", "    return x\n", "assert f(1, [2]) == [1, 2]\n",
    "assert f(", "assert f(float('inf'), {}) == {1: {2}}\n", "f('\\ud800', ...) -> 10 ** 40\n", ">>> f([], None)\n1\n",
    "\x00é😀", "x = 1\nx.append(x)\n", "import os\n", "class A: pass\n", "while True: pass\n", '"""', "(" * 200,
    "9" * 5_000, "- when x: prefer sum\n", "Role: propose\n", "Role: reflect\n", "### Solved 1\n", "#### Program\n",
    "## Proposal\nProposal 3 of series 1.\n",
)  # fmt: skip
QUESTION: Final = '''## Task
```python
def f(xs: list[int]) -> int:
    """Return the total, {words}."""
```

## Examples
```python
assert f([1, 5]) == 6
assert f([2, 2, 3]) == {answer}
```

## Memories
### Memory m (procedural, similarity 0.9): total {words}
```python
{code}
```
'''
REVIEW: Final = """## Task
def total(x: list[int]) -> int:
    \"\"\"Return the total.\"\"\"

## Examples
assert total([1, 2, 3]) == {answer}

## Program
```python
{code}
```
"""
CODES: Final = (
    "def total(x):\n    while True: pass",
    "def total(x):\n    return [0] * 10 ** 10",
    "def total(x):\n    return total(x)",
    "def total(x):\n    return 9 ** 9 ** 9",
    "def total(x):\n    return 'a'.ljust(10 ** 9)",
    "def total(x):\n    s = 'a'\n    while 1: s += s",
    "def total(x):\n    return sum(range(10 ** 12))",
    "def total(x):\n    return list(map(list, [x] * 10 ** 6))",
    "import re\ndef total(x):\n    return re.match('(a+)+b', 'a' * 40)",
    "def total(x):\n    return ().__class__.__base__.__subclasses__()",
    "import os\ndef total(x):\n    os._exit(0)",
    "def total(x):\n    raise SystemExit",
    "def total(x):\n    x.clear()\n    return 6",
    "def total(x):\n    return (lambda f: f(f))(lambda f: f(f))",
    "import itertools\ndef total(x):\n    return list(itertools.permutations(range(20)))",
    "def total(x):\n    return '{:>1000000000}'.format(1)",
    "def total(x):\n    return int('9' * 100000)",
    "def total(" + "(" * 5_000,
    "def total(x):\n" + "    x = [x]\n" * 5_000 + "    return x",
    "[[" * 2_000,
)


def messages(seed: int) -> list[SystemMessage | HumanMessage]:
    """Return one random or hostile conversation, the same for the same seed."""
    random = Random(f"messages:{seed}")
    kind = seed % 5
    if kind == 0:
        text = "".join(random.choices(PIECES, k=random.randint(3, 25)))
    elif kind == 1:
        words = " ".join(
            random.choices(("sum", "largest", "every", "of", "twice", "ünï", "数"), k=random.randint(1, 8))
        )
        text = QUESTION.format(words=words, answer=random.choice((7, 12, 3)), code=random.choice(CODES))
    elif kind == 2:
        text = "".join(
            chr(random.choice((random.randrange(0x20, 0x250), random.randrange(0x11_0000)))) for _ in range(300)
        )
        text = random.choice(PIECES) + text + random.choice(PIECES)
    elif kind == 3:
        text = random.choice(PIECES) * random.choice((10, 1_000, 20_000))
    else:
        text = REVIEW.format(answer=random.choice((6, 7)), code=random.choice(CODES))
        return [SystemMessage("Role: review"), HumanMessage(text)]
    return [SystemMessage("## Skills\n" + text[:2_000]), HumanMessage(text)]


def outcome(text: str) -> str:
    """Return "answer" or "refusal"; anything else that the model says is neither."""
    if "```" in text or text.startswith("- when "):
        return "answer"
    refusals = ("I have no program", "I have no new task", "I see no pattern")
    return "refusal" if text.startswith(refusals) else f"neither: {text[:60]!r}"


def asked(model: OfflineChatModel, seeds: range) -> Iterator[tuple[int, str, int, float]]:
    """Yield (seed, what the model said, candidates, seconds)."""
    for seed in seeds:
        began = time.monotonic()
        try:
            answer = model.invoke(messages(seed))
        except TransientError as error:
            yield seed, f"message {seed}: {error}", 0, time.monotonic() - began
        else:
            yield seed, answer.text, answer.response_metadata["candidates"], time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--budget", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    model, other = (
        OfflineChatModel(budget=options.budget, workers=1),
        OfflineChatModel(budget=options.budget, workers=2),
    )
    outcomes: Counter[str] = Counter()
    slowest, beyond, different = 0.0, 0, 0
    for seed, text, candidates, seconds in asked(model, range(options.seed, options.seed + options.count)):
        outcomes[outcome(text)] += 1
        slowest = max(slowest, seconds)
        beyond += candidates > options.budget
        different += seed % 10 == 0 and other.invoke(messages(seed)).text != text
    close_pools()
    for what, count in outcomes.most_common():
        print(f"{count:6} {what}")
    print(
        f"{beyond} went beyond the budget of {options.budget} candidates; the slowest took {slowest:.1f} s of wall time"
    )
    print(f"{different} of {-(-options.count // 10)} asked again gave another answer")


if __name__ == "__main__":
    main()
