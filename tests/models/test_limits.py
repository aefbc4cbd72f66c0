from models.limits import RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


def test_no_sixty_seconds_hold_more_requests_than_allowed() -> None:
    clock = Clock()
    limit = RateLimit(3, None, clock)
    times = []
    for _ in range(10):
        limit.take(1, clock.wait)
        times.append(clock.now)
        clock.now += 7.0
    assert all(later - earlier >= 60 for earlier, later in zip(times, times[3:], strict=False))


def test_tokens_are_reserved_by_a_guess_and_corrected_by_what_was_used() -> None:
    clock = Clock()
    limit = RateLimit(None, 100, clock)
    settle = limit.take(90, clock.wait)
    settle(40)
    limit.take(60, clock.wait)
    assert clock.now == 0.0
    limit.take(1, clock.wait)
    assert clock.now == 60.0


def test_a_call_larger_than_the_limit_waits_for_an_empty_window() -> None:
    clock = Clock()
    limit = RateLimit(None, 100, clock)
    limit.take(10, clock.wait)
    limit.take(500, clock.wait)
    assert clock.now == 60.0


def test_nobody_is_let_go_while_the_server_wants_to_be_left_alone() -> None:
    clock = Clock()
    limit = RateLimit(100, None, clock)
    limit.hold(5.0)
    limit.take(1, clock.wait)
    assert clock.now == 5.0
