"""From a question to one score per row: engines by intent, fused, then smoothed over neighbours."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from memory.bm25 import TermWeights
from memory.dense import Matrix, Vector
from memory.fuzzy import Vocabulary
from memory.neighbours import Neighbours
from memory.postings import Mask, Numbers, Postings, Rows, best
from memory.question import Intent, Question
from memory.titles import Titles, abbreviations

CODE_CANDIDATES = 100  # more gave nothing: docs/memory.md#cosine


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each engine adds to a question's scores; each is measured in docs/memory.md#ablation."""

    cosine: float = 0.0  # of the normalised cosine, beside a normalised BM25 of weight 1
    names: float = 0.0  # of what a question and a program's name have in common
    abbreviations: float = 0.0  # of a term that stands for a longer one of the question: max for maximum
    code_only: bool = False  # these three only where most of what is found is code
    neighbours: tuple[float, ...] = ()  # of the scores of the records one, two, ... steps away in the same thread
    fuzzy: bool = True  # expand terms that no visible record holds
    dense: float = 0.7  # of the normalised cosine of dense vectors, where there is an embedder


_NEAR = (0.4, 0.2)
WEIGHTS: Mapping[Intent, Weights] = {
    # on dialogues the cosine loses
    "prose": Weights(neighbours=_NEAR, cosine=1.0, names=0.5, abbreviations=0.4, code_only=True),
    "phrase": Weights(neighbours=_NEAR),
    "code": Weights(neighbours=_NEAR, cosine=1.0, names=0.5, abbreviations=0.4),
}


@dataclass(frozen=True, slots=True)
class Scored:
    """A record that was found, and what its score is made of."""

    memory_id: str
    score: float
    parts: Mapping[str, float]


@dataclass(slots=True)
class Ranking:
    """Scores of every row, and what each engine gave."""

    scores: Numbers
    parts: dict[str, Numbers]

    def fuse(self, engine: str, values: Numbers, weight: float) -> None:
        """Add an engine's values, brought to [0, weight], to the scores."""
        self.add(engine, weight * values / (values.max(initial=0.0) or 1.0))

    def add(self, engine: str, values: Numbers) -> None:
        """Add an engine's values to the scores, brought to [0, 1] when they are BM25 alone."""
        if len(self.parts) == 1:
            self.parts["bm25"] = self.scores = self.scores / (self.scores.max(initial=0.0) or 1.0)
        self.parts[engine] = values
        self.scores = self.scores + values

    def explained(self, row: int) -> dict[str, float]:
        """Return what the score of a row is made of."""
        return {name: round(float(values[row]), 4) for name, values in self.parts.items() if values[row]}


@dataclass(frozen=True, slots=True)
class Engines:
    """What a scope's records are found by; it grows with them."""

    postings: Postings = field(default_factory=Postings)
    titles: Titles = field(default_factory=Titles)
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    vectors: Matrix = field(default_factory=Matrix)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A question's dense vector, and rows that an approximate index found near it."""

    vector: Vector
    near: Rows


class Ranker:
    """The engines over a fixed set of visible rows; the caller holds the index's lock."""

    def __init__(self, engines: Engines, visible: Mask, neighbours: Neighbours, is_code: Mask) -> None:
        self._postings = engines.postings
        self._titles = engines.titles
        self._vocabulary = engines.vocabulary
        self._vectors = engines.vectors
        self._visible = visible
        self._weights = TermWeights(engines.postings, visible)
        self._neighbours = neighbours
        self._is_code = is_code
        self._any_code = bool(is_code.any())

    def ranking(self, question: Question, weights: Weights, asked: Meaning | None) -> Ranking:
        """Score every row; with the question's dense vector, rows that share no term with it as well."""
        terms = self._weighted(question, fuzzy=weights.fuzzy)
        scores = self._weights.bm25(terms)
        ranking = Ranking(scores, {"bm25": scores})
        if self._is_about_code(scores, weights):
            ranking = self._among_code(terms, scores, weights)
            scores = ranking.parts["bm25"]
        if asked is not None and weights.dense:
            dense = self._vectors.cosine(asked.vector, self._visible, scores, asked.near)
            ranking.fuse("dense", dense, weights.dense)
        if weights.neighbours and self._neighbours.exist:
            smoothed = self._neighbours.smoothed(ranking.scores, weights.neighbours)
            ranking.parts["neighbours"] = smoothed - ranking.scores
            ranking.scores = smoothed
        return ranking

    def _is_about_code(self, scores: Numbers, weights: Weights) -> bool:
        if not (weights.cosine or weights.names or weights.abbreviations):
            return False
        if not weights.code_only:
            return True
        return self._any_code and bool(scores.any() and self._is_code[best(scores, CODE_CANDIDATES)].mean() > 0.5)

    def _among_code(self, terms: dict[str, float], scores: Numbers, weights: Weights) -> Ranking:
        """Rank again with what tells programs apart: abbreviated terms, their names, the cosine."""
        if weights.abbreviations:
            short = {one: weights.abbreviations * v for term, v in terms.items() for one in abbreviations(term)}
            terms = {one: value for one, value in short.items() if self._weights.holds(one)} | terms
            scores = self._weights.bm25(terms)
        ranking, rows = Ranking(scores, {"bm25": scores}), best(scores, CODE_CANDIDATES)
        if weights.cosine:
            ranking.fuse("cosine", self._spread(rows, self._weights.cosine(terms, rows)), weights.cosine)
        if weights.names:
            asked = {self._postings.terms[term]: value for term, value in terms.items() if self._weights.holds(term)}
            matches = self._titles.matches(rows, asked, self._weights.idf)
            ranking.add("names", weights.names * self._spread(rows, matches))
        return ranking

    def _weighted(self, question: Question, *, fuzzy: bool) -> dict[str, float]:
        """Return the question's terms with their weights; misspelt ones give way to similar ones."""
        terms: dict[str, float] = dict(Counter(question.terms))
        unknown = [term for term in terms if not self._weights.holds(term)]
        if unknown and fuzzy:
            self._vocabulary.extend(self._postings.names)
            for term in unknown:
                for similar, value in self._vocabulary.similar(term, self._weights.holds):
                    terms[similar] = max(terms.get(similar, 0.0), value * value)
        return terms

    def _spread(self, rows: Rows, values: Numbers) -> Numbers:
        """Return the values at their rows, 0 elsewhere."""
        spread = np.zeros(len(self._visible))
        spread[rows] = values
        return spread
