from comps.gptsovits.engine.shares import PRESSED_WEIGHT, Shares


def turns(
    shares: Shares, seconds: float, *, token_cost: float, audio_cost: float, pressed_audio: bool
) -> float:
    """Seconds that audio got out of `seconds`."""
    clock = got = 0.0
    while clock < seconds:
        audio = shares.audio_is_next(tokens=True, audio=True)
        cost = audio_cost if audio else token_cost
        shares.used(cost, audio=audio, pressed=audio and pressed_audio)
        clock += cost
        got += cost if audio else 0.0
    return got


def test_both_sides_get_half_of_the_time_whatever_their_turns_cost() -> None:
    got = turns(Shares(), 10.0, token_cost=0.003, audio_cost=0.2, pressed_audio=False)
    assert 4.5 < got < 5.5


def test_a_pressed_side_gets_its_weight_in_time() -> None:
    got = turns(Shares(), 10.0, token_cost=0.003, audio_cost=0.02, pressed_audio=True)
    assert abs(got / 10.0 - PRESSED_WEIGHT / (PRESSED_WEIGHT + 1)) < 0.05


def test_a_side_alone_always_has_its_turn() -> None:
    shares = Shares()
    assert shares.audio_is_next(tokens=False, audio=True)
    assert not shares.audio_is_next(tokens=True, audio=False)


def test_idle_time_is_not_saved_up() -> None:
    shares = Shares()
    for _ in range(1_000):
        assert not shares.audio_is_next(tokens=True, audio=False)
        shares.used(0.01, audio=False, pressed=False)
    got = turns(shares, 1.0, token_cost=0.01, audio_cost=0.01, pressed_audio=False)
    assert got < 0.6
