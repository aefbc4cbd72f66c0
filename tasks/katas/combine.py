"""Put concepts together: which combinations fit, their code, their mutants."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from tasks.katas.concepts import NUMBERS, WORDS, Concept, Family, Kind

SHARED_REDUCERS = {"int": NUMBERS, "str": WORDS}
"""A family whose maps give numbers or words sums them up with the words learned there."""


STAGES: dict[Kind, str] = {"filter": "kept", "map": "changed", "reduce": "answer"}  # what each stage's result is called


@dataclass(frozen=True, kw_only=True)
class Combination:
    """One to three concepts of a family, applied in the order filter, map, reduce."""

    family: Family
    concepts: tuple[Concept, ...]

    @property
    def level(self) -> int:
        """Return the number of concepts."""
        return len(self.concepts)

    @property
    def key(self) -> str:
        """Return the name that no other combination of the family has; also the function's name."""
        return "_".join(concept.key for concept in self.concepts)

    @property
    def answer_type(self) -> str:
        """Return the type hint of the answer."""
        last = self.concepts[-1]
        if last.kind == "reduce":
            return last.gives
        return "str" if self.family.is_text else f"list[{last.gives}]"

    def concept(self, kind: Kind) -> Concept | None:
        """Return the concept of a kind, if there is one."""
        return next((concept for concept in self.concepts if concept.kind == kind), None)


def combinations_of(family: Family, level: int) -> Iterator[Combination]:
    """Yield every combination of a level whose types fit, in a fixed order."""
    for chain in _CHAINS[level](family):
        yield Combination(family=family, concepts=chain)


def _singles(family: Family) -> Iterator[tuple[Concept, ...]]:
    yield from ((concept,) for concept in family.concepts)


def _pairs(family: Family) -> Iterator[tuple[Concept, ...]]:
    yield from product(_of(family, "filter"), _of(family, "map"))
    yield from product(_of(family, "filter"), _of(family, "reduce"))
    yield from ((m, r) for m in _of(family, "map") for r in _reducers(family, m.gives))


def _triples(family: Family) -> Iterator[tuple[Concept, ...]]:
    for kept, changed in product(_of(family, "filter"), _of(family, "map")):
        yield from ((kept, changed, summed) for summed in _reducers(family, changed.gives))


_CHAINS = {1: _singles, 2: _pairs, 3: _triples}


def _of(family: Family, kind: Kind) -> list[Concept]:
    return [concept for concept in family.concepts if concept.kind == kind]


def _reducers(family: Family, takes: str) -> list[Concept]:
    """Return what can sum up results of a type: the family's own reducers, else those of numbers and words."""
    if family.is_text:
        takes = "text"
    own = [concept for concept in _of(family, "reduce") if concept.takes == takes]
    shared = SHARED_REDUCERS.get(takes)
    return own or (_of(shared, "reduce") if shared else [])


def program_of(combination: Combination, codes: Mapping[Kind, str]) -> str:
    """Return the program that applies these codes (of `x`, `xs`), which may differ from the concepts' own."""
    family = combination.family
    lines, collection = [], family.parameter
    for kind, name in STAGES.items():
        if kind not in codes:
            continue
        element = "value" if collection == "changed" and not family.is_text else family.thing
        renamed = _rename(codes[kind], {"x": element, "xs": collection})
        lines.append(f"{name} = {_stage(kind, renamed, element, collection, is_text=family.is_text)}")
        collection = name
    last = lines.pop().split(" = ", 1)[1] if lines else collection
    body = "\n".join(f"    {line}" for line in [*lines, f"return {last}"])
    header = "import math\n\n\n" if "math." in body else ""
    return f"{header}{signature_of(combination)}\n{body}\n"


def _stage(kind: Kind, code: str, element: str, collection: str, *, is_text: bool) -> str:
    if kind == "reduce":
        return code
    if kind == "filter":
        inner = f"{element} for {element} in {collection} if {code}"
    else:
        inner = f"{code} for {element} in {collection}"
    return f'"".join({inner})' if is_text else f"[{inner}]"


def signature_of(combination: Combination) -> str:
    """Return the function's header line."""
    family = combination.family
    first = combination.concepts[0]
    of_things = "str" if family.is_text else f"list[{first.takes}]"
    extra = f", {family.extra}: int" if family.extra else ""
    return f"def {combination.key}({family.parameter}: {of_things}{extra}) -> {combination.answer_type}:"


def codes_of(combination: Combination) -> dict[Kind, str]:
    """Return the concepts' own codes by kind."""
    return {concept.kind: concept.code for concept in combination.concepts}


def ablations_of(combination: Combination) -> list[dict[Kind, str]]:
    """Return the codes without one of the concepts, for each of them."""
    codes = codes_of(combination)
    return [{kind: code for kind, code in codes.items() if kind != left_out} for left_out in codes]


def mutants_of(combination: Combination) -> list[dict[Kind, str]]:
    """Return the codes with one small change.

    Another concept of the family instead, a filter or map of the family more than was asked for, a constant or an
    operator changed.
    """
    codes = codes_of(combination)
    changed: list[dict[Kind, str]] = []
    for concept in combination.concepts:
        siblings = [
            other.code
            for other in combination.family.concepts
            if other != concept and (other.kind, other.takes) == (concept.kind, concept.takes)
        ]
        changed += [{**codes, concept.kind: code} for code in (*siblings, *_near(concept.code))]
    more = [c for c in combination.family.concepts if c.kind not in (*codes, "reduce") and c.takes == c.gives]
    return changed + [{**codes, concept.kind: concept.code} for concept in more]


CONSTANT_STEPS = (1, -1, 0)  # 0: halved
COMPARED_AS: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Gt: ast.GtE, ast.Lt: ast.LtE, ast.Eq: ast.NotEq}
COMPUTED_AS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
}


def _near(code: str) -> Iterator[str]:
    """Yield the code with one constant off by one or halved, one operator exchanged, or one function not called."""
    for place, node in enumerate(ast.walk(ast.parse(code, mode="eval"))):
        if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
            yield code.replace(ast.unparse(node), f"({ast.unparse(node.args[0])})")
        for step in CONSTANT_STEPS if isinstance(node, ast.Constant | ast.Compare | ast.BinOp) else ():
            tree = ast.parse(code, mode="eval")
            if _changed(list(ast.walk(tree))[place], step):
                yield ast.unparse(tree)


def _changed(node: ast.AST, step: int) -> bool:
    """Change one node in place; tell whether there was something to change."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        node.value = node.value + step if step else node.value // 2
        return True
    if step > 0 and isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARED_AS:
        node.ops[0] = COMPARED_AS[type(node.ops[0])]()
        return True
    if step > 0 and isinstance(node, ast.BinOp) and type(node.op) in COMPUTED_AS:
        node.op = COMPUTED_AS[type(node.op)]()
        return True
    return False


def _rename(code: str, names: Mapping[str, str]) -> str:
    return re.sub(rf"\b({'|'.join(names)})\b", lambda match: names[match.group()], code)
