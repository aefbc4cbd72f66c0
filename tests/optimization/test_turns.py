from optimization.turns import after_acceptance, after_refusal, fresh_tally, is_stuck


def test_a_proposer_hands_over_after_its_patience_and_all_are_stuck_when_each_has() -> None:
    tally = fresh_tally()
    places = []
    while not is_stuck(tally, 2):
        tally = after_refusal(tally, 2, 3, exhausted=False)
        places.append(tally["at"])
    assert places == [0, 0, 1, 1, 1, 0]


def test_a_proposer_that_has_nothing_hands_over_at_once_and_an_accepted_child_frees_all() -> None:
    tally = after_refusal(fresh_tally(), 2, 3, exhausted=True)
    assert (tally["at"], tally["idle"]) == (1, 1)
    assert not is_stuck(after_acceptance(tally), 2)
