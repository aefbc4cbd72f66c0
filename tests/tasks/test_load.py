import gzip
import json
import os
from pathlib import Path

import pytest

from state.errors import SetupError
from tasks.load import load_tasks, resolve_tasks

OURS = {
    "task_id": "double",
    "prompt": "Return twice the number.",
    "entry_point": "double",
    "examples": [{"args": [1], "expected": 2}],
    "tests": [{"args": [4], "expected": 8}],
}
HUMANEVAL = {
    "task_id": "Set/0",
    "prompt": 'def half(n):\n    """Halve.\n    >>> half(4)\n    2\n    """\n',
    "entry_point": "half",
    "canonical_solution": "    return n // 2\n",
    "test": "def check(candidate):\n    assert candidate(6) == 3\n",
}
MBPP = {
    "task_id": 7,
    "text": "Write a function to negate.",
    "code": "def negate(n):\n    return -n",
    "test_setup_code": "",
    "test_list": ["assert negate(1) == -1", "assert negate(2) == -2"],
    "challenge_test_list": ["assert negate(0) == 0"],
}


def written(folder: Path, *lines: object, name: str = "tasks.jsonl") -> Path:
    path = folder / name
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(SetupError) as caught:
        load_tasks(path)
    return str(caught.value)


def test_the_three_kinds_of_lines_are_recognised_in_one_file(tmp_path: Path) -> None:
    loaded = load_tasks(written(tmp_path, OURS, HUMANEVAL, MBPP))
    assert [task["task_id"] for task in loaded.tasks] == ["double", "Set/0", "mbpp/7"]
    assert [task["entry_point"] for task in loaded.tasks] == ["double", "half", "negate"]
    kinds = [[(test["kind"], test["visible"]) for test in task["tests"]] for task in loaded.tasks]
    assert kinds[0] == [("call", True), ("call", False)]
    assert kinds[1] == [("call", True), ("check", False)]
    assert kinds[2] == [("assert", True), ("assert", False), ("assert", False)]


def test_a_compressed_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    plain = written(tmp_path, OURS, MBPP)
    packed = tmp_path / "packed.jsonl"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert load_tasks(packed) == load_tasks(plain)


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(OURS).encode() + b"\r\n\r\n" + json.dumps(MBPP).encode())
    assert load_tasks(path).tasks == load_tasks(written(tmp_path, OURS, MBPP, name="plain.jsonl")).tasks


def test_a_bundled_name_is_a_file_and_any_other_name_a_path() -> None:
    assert resolve_tasks("katas").name == "katas.jsonl"
    assert resolve_tasks("./katas") == Path("katas")
    assert resolve_tasks("mine.jsonl") == Path("mine.jsonl")


def test_skipping_bad_lines_keeps_the_good_ones_and_names_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, OURS, "{", {"task_id": "x"}, b"\xff".decode("latin-1"), OURS, MBPP)
    loaded = load_tasks(path, skip_invalid=True)
    assert [task["task_id"] for task in loaded.tasks] == ["double", "mbpp/7"]
    assert [message.split(":")[0].split()[-1] for message in loaded.skipped] == ["2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({"task_id": "a", "test": ""}, 'no "prompt" (keys: task_id, test)'),
        ({**OURS, "prompt": 3}, '"prompt" should be a valid string, not 3'),
        ({**OURS, "promt": "x"}, 'unknown key "promt"'),
        ({**OURS, "split": "dev"}, "\"split\" should be 'train', 'validation' or 'test', not 'dev'"),
        ({**OURS, "tests": [{"args": [1]}]}, 'no "tests[0].expected" (keys: args)'),
        ({**OURS, "tests": [{"stdin": "1"}]}, 'no "tests[0].stdout" (keys: stdin)'),
        ({**OURS, "tests": [{"args": [1], "expected": 1, "note": ""}]}, 'unknown key "tests[0].note".'),
        ({**OURS, "tests": [{"args": 1, "expected": 2}]}, '"tests[0].args" should be a valid list, not 1'),
        ({**OURS, "tests": [{"args_literal": "(1)", "expected_literal": "2"}]}, "should be a tuple of Python literals"),
        ({**OURS, "tests": [{"args_literal": "(1,)", "expected_literal": "x"}]}, "should be a Python literal"),
        ({**OURS, "tests": ["double(2)"]}, "should be assert statements"),
        ({**OURS, "tests": [{"check": "def test(f): pass"}]}, "defines check(candidate)"),
        ({**OURS, "entry_point": ""}, 'no "entry_point"'),
        ({**OURS, "entry_point": "a b"}, "should be a function name"),
        ({**OURS, "entry_point": "class"}, "should be a function name"),
        ({**OURS, "prompt": "def triple(x: int):\n", "entry_point": "double"}, "but the prompt defines 'triple'"),
        ({**OURS, "examples": [], "tests": []}, "no tests"),
        ({**OURS, "reference": "def double(:"}, '"reference" is not valid Python'),
        ({**OURS, "limits": {"cpu_s": -1.0}}, '"limits.cpu_s" should be greater than 0'),
        ({**HUMANEVAL, "prompt": "Halve a number."}, '"prompt" is not valid Python'),
        ({**HUMANEVAL, "entry_point": "third"}, "does not define the entry point 'third'"),
        ({**MBPP, "text": None}, 'no "text" and no "prompt"'),
        ({**MBPP, "test_list": []}, '"test_list" '),
        ({**MBPP, "test_list": ["assert 1 == 1"]}, "call no function"),
        ([1], "a task is an object, not a list"),
        ('{"task_id": }', "not JSON (Expecting value at column 13)"),
        ('{"task_id": ' + "[" * 100_000, "nested too deeply"),
        ('{"n": 1' + "0" * 5_000 + "}", "a number too long"),
    ],
)
def test_a_bad_line_is_named_with_its_field_and_the_way_out(tmp_path: Path, line: object, problem: str) -> None:
    path = written(tmp_path, MBPP if line is OURS else {**OURS, "task_id": "fine"}, line)
    message = complaint(path)
    assert message.startswith(f"{path} line 2: ")
    assert problem in message
    assert message.endswith(". Fix the line, or skip bad lines with --skip-invalid")


def test_values_without_a_literal_are_refused(tmp_path: Path) -> None:
    line = json.dumps(OURS).replace('"expected": 8', '"expected": NaN')
    assert "no Python literal" in complaint(written(tmp_path, line))


def test_an_id_given_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    assert "line 3: task_id 'double' is already on line 1" in complaint(written(tmp_path, OURS, MBPP, OURS))


def test_bytes_that_are_not_utf8_are_named_with_their_column(tmp_path: Path) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_bytes(json.dumps(OURS).encode() + b'\n{"task_id": "\xff"}')
    assert "line 2: not UTF-8 (byte 0xff at column 14)" in complaint(path)


def test_files_that_cannot_be_read_are_setup_errors(tmp_path: Path) -> None:
    assert "is a directory" in complaint(tmp_path)
    assert "bundled sets: katas, hard" in complaint(tmp_path / "none.jsonl")
    assert "is empty" in complaint(written(tmp_path, "", " "))
    damaged = tmp_path / "tasks.jsonl.gz"
    damaged.write_bytes(gzip.compress(os.urandom(2_000))[:500])
    assert "damaged gzip file" in complaint(damaged)


def test_a_file_with_bad_lines_only_has_no_tasks_even_when_they_are_skipped(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"has no tasks \(2 bad lines\)"):
        load_tasks(written(tmp_path, "{", "["), skip_invalid=True)
