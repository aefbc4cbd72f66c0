import gzip
import json
import os
from pathlib import Path

import pytest

from models.call import Address, ask, code_in
from models.factory import ModelSpec, make_model, model_id
from models.recorded import RecordedChatModel
from state.errors import PermanentError, SetupError

PROMPT = 'def f(x):\n    """Return x."""\n'
SOLUTION = "def f(x):\n    return x\n"


def written(folder: Path, *lines: object, name: str = "answers.jsonl") -> Path:
    path = folder / name
    text = "\n".join(line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines)
    path.write_text(text, encoding="utf-8")
    return path


def program(path: Path, repeat: int = 0, attempt: int = 0, task_id: str = "t") -> str:
    address: Address = {"task_id": task_id, "prompt": PROMPT, "repeat": repeat, "attempt": attempt}
    answer = ask(make_model(ModelSpec(name=f"recorded:{path}")), [{"role": "user", "content": "hi"}], address)
    return code_in(answer.text, "f", PROMPT)


def complaint(path: Path) -> str:
    with pytest.raises(SetupError) as caught:
        RecordedChatModel.from_file(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "solution",
    [
        SOLUTION,
        'def f(x):\n    """Like this:\n```\nf(1)\n```\n"""\n',
        'T = """\n````python\n`````\n"""\ndef f(x): return x\n',
        "def f(x):\n    return '\u2028\x85'\n",
        "x = 1\n",
    ],
)
def test_a_recorded_solution_comes_back_as_it_was(tmp_path: Path, solution: str) -> None:
    assert program(written(tmp_path, {"task_id": "t", "solution": solution})) == solution


def test_a_recorded_solution_that_is_no_program_but_an_answer_with_one_is_read_as_an_answer(tmp_path: Path) -> None:
    answer = f"Here you go:\n```python\n{SOLUTION}```\nThat is all."
    assert program(written(tmp_path, {"task_id": "t", "solution": answer})).strip() == SOLUTION.strip()


def test_a_recorded_completion_continues_the_prompt(tmp_path: Path) -> None:
    assert program(written(tmp_path, {"task_id": "t", "completion": "    return x\n"})) == PROMPT + "    return x\n"


def test_an_empty_solution_is_no_program(tmp_path: Path) -> None:
    assert program(written(tmp_path, {"task_id": "t", "solution": ""})) == ""


def test_the_nth_repeat_is_answered_by_the_nth_run_or_else_the_nth_line(tmp_path: Path) -> None:
    rows = [{"task_id": "t", "solution": f"def f(x): return {n}\n"} for n in (1, 2)]
    in_order = written(tmp_path, *rows)
    numbered = written(tmp_path, {**rows[1], "run": 2}, {**rows[0], "run": 1}, name="numbered.jsonl")
    for path in (in_order, numbered):
        assert [program(path, repeat) for repeat in (0, 1)] == [row["solution"] for row in rows]


def test_a_repair_is_declined_since_none_was_recorded(tmp_path: Path) -> None:
    assert program(written(tmp_path, {"task_id": "t", "solution": SOLUTION}), attempt=1) == ""


def test_a_missing_answer_is_named_and_no_wrong_answer(tmp_path: Path) -> None:
    path = written(tmp_path, {"task_id": "t", "solution": SOLUTION})
    with pytest.raises(PermanentError, match="no recorded answer for t repeat 2: the file has 1"):
        program(path, repeat=1)
    with pytest.raises(PermanentError, match="no recorded answer for u repeat 1: the file has 0"):
        program(path, task_id="u")


def test_a_recorded_model_that_is_asked_like_any_other_says_what_it_lacks(tmp_path: Path) -> None:
    model = RecordedChatModel.from_file(written(tmp_path, {"task_id": "t", "solution": SOLUTION}))
    with pytest.raises(PermanentError, match="answers by task and repeat"):
        model.invoke("hi")


def test_a_compressed_file_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    line = json.dumps({"task_id": "t", "solution": SOLUTION}).encode()
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(line))
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + line + b"\r\n\r\n")
    assert program(tmp_path / "a.jsonl.gz") == program(tmp_path / "b.jsonl") == SOLUTION


def test_two_files_with_the_same_answers_are_the_same_model(tmp_path: Path) -> None:
    row = {"task_id": "t", "solution": SOLUTION}
    ids = []
    for name, task_id in (("a", "t"), ("b", "t"), ("c", "u")):
        spec = ModelSpec(name=f"recorded:{written(tmp_path, {**row, 'task_id': task_id}, name=name)}")
        ids.append(model_id(make_model(spec), spec))
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "no valid JSON"),
        ("[1]", "the line: Input should be a valid dictionary"),
        ('{"task_id": ' + "[" * 100_000, "no valid JSON"),
        ('{"task_id": 1' + "0" * 5_000 + "}", "no valid JSON"),
        ({"solution": "x"}, "task_id: Field required"),
        ({"task_id": "t", "solution": 1}, "solution: Input should be a valid string"),
        ({"task_id": "t"}, 'no "solution" and no "completion"'),
    ],
)
def test_a_bad_line_is_named_with_file_line_and_field(tmp_path: Path, line: object, problem: str) -> None:
    path = written(tmp_path, {"task_id": "t", "solution": ""}, line)
    message = complaint(path)
    assert message.startswith(f"{path} line 2: ")
    assert problem in message


def test_files_that_cannot_be_read_are_setup_errors(tmp_path: Path) -> None:
    assert "cannot read the recorded answers" in complaint(tmp_path / "none.jsonl")
    assert "cannot read the recorded answers" in complaint(tmp_path)
    assert "holds no recorded answers" in complaint(written(tmp_path, "", ""))
    packed = gzip.compress(os.urandom(2_000))
    for name, raw in (("short", packed[:500]), ("bent", packed[:40] + b"\xff" * 40 + packed[80:]), ("no", b"{}")):
        (tmp_path / f"{name}.gz").write_bytes(raw)
        assert "cannot read the recorded answers" in complaint(tmp_path / f"{name}.gz")
