from tests.proof import audio
from tests.proof.mutants import mutant, seeds

N_CLIPS = 1_000


def test_damaged_clips_give_audio_or_a_typed_error_and_take_no_memory() -> None:
    figures = audio.run(N_CLIPS)
    assert not figures.losses
    assert figures.n_clips == N_CLIPS
    assert figures.outcomes["decoded"] > N_CLIPS / 10, "nothing gets past the header: too rough"
    assert figures.outcomes["InvalidAudio"] > N_CLIPS / 10, "nothing is damaged: too soft"


def test_a_mutant_is_the_same_each_time_and_no_longer_its_seed() -> None:
    assert mutant(7) == mutant(7)
    assert sum(mutant(number) in seeds() for number in range(100)) < 5
