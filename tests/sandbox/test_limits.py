"""Exhausted limits are verdicts that say which limit it was and where the program was."""

from sandbox.protocol import Limits


def first(report):
    return report["verdicts"][0]


def test_cpu_time_is_limited_and_the_line_is_told(run, call) -> None:
    report = run("def f():\n    n = 0\n    while True:\n        n += 1", call("()", "1"), limits=Limits(cpu_s=0.3))
    assert (first(report)["status"], report["limit"]) == ("timeout", "cpu")
    assert first(report)["message"].startswith("timeout after 0.3 s of CPU time in line ")


def test_a_c_function_that_never_returns_is_ended_too(run, call) -> None:
    report = run("def f():\n    return 10 ** 10 ** 9", call("()", "1"), limits=Limits(cpu_s=0.3))
    assert (first(report)["status"], first(report)["traceback"]) == ("timeout", ["line 2, in f: return 10 ** 10 ** 9"])


def test_waiting_is_ended_by_the_wall_clock(run, call) -> None:
    report = run("import time\ndef f():\n    time.sleep(1000)", call("()", "1"), limits=Limits(wall_s=0.3))
    assert (first(report)["status"], report["limit"]) == ("timeout", "wall")


def test_cpu_time_of_all_scripts_of_a_task_counts_together(run, stdio) -> None:
    program = "import time\nwhile time.process_time() < 0.4: pass\nprint(1)"
    report = run(program, *[stdio("", "1")] * 5, entry_point="", limits=Limits(cpu_s=1))
    assert [verdict["status"] for verdict in report["verdicts"]] == [
        "passed",
        "passed",
        "timeout",
        "not_run",
        "not_run",
    ]


def test_memory_is_limited(run, call) -> None:
    report = run("def f():\n    return len(bytearray(1 << 30))", call("()", "1"), limits=Limits(memory_mb=256))
    assert (first(report)["error_type"], report["limit"]) == ("MemoryError", "memory")


def test_output_is_limited(run, stdio) -> None:
    report = run("while True: print('x' * 100)", stdio("", ""), entry_point="", limits=Limits(output_kb=64))
    assert (first(report)["status"], report["limit"]) == ("killed", "output")
    assert report["output_bytes"] <= 2 * (64 << 10)
    assert len(report["stdout"]) == 2000


def test_a_file_is_limited(run, call) -> None:
    report = run("def f():\n    open('x', 'wb').write(bytes(4 << 20))", call("()", "None"), limits=Limits(file_mb=2))
    assert first(report)["error_type"] == "OSError"


def test_processes_and_threads_are_limited(run, call) -> None:
    start = "threading.Thread(target=time.sleep, args=(99,)).start()"
    program = f"import threading, time\ndef f():\n    for _ in range(40):\n        {start}"
    report = run(program, call("()", "None"), limits=Limits(processes=8))
    assert (first(report)["status"] in ("error", "killed"), report["limit"]) == (True, "processes")


def test_a_test_that_hangs_by_itself_on_a_result_is_ended(run, holds) -> None:
    endless = holds("assert sum(1 for _ in range(f())) == 1")
    report = run("def f():\n    return 10**18", endless, limits=Limits(wall_s=0.5))
    assert (first(report)["status"], report["limit"]) == ("timeout", "wall")


def test_one_programs_exhaustion_is_not_the_next_ones(run, call) -> None:
    run("def f():\n    while True: pass", call("()", "1"), limits=Limits(cpu_s=0.3))
    assert first(run("def f():\n    return 1", call("()", "1")))["status"] == "passed"
