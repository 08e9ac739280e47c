from __future__ import annotations

from backends.measuring.noise_stream import NoiseStream


def numbers(stream: NoiseStream) -> list[float]:
    return stream.generator().random(3).tolist()


def test_every_call_is_fresh():
    stream = NoiseStream(0)
    assert numbers(stream) != numbers(stream)


def test_a_step_is_reproducible_whatever_came_before():
    first, second = NoiseStream(5), NoiseStream(5)
    first.start_step(7)
    expected = [numbers(first), numbers(first)]
    for _ in range(3):
        numbers(second)
    second.start_step(7)
    assert [numbers(second), numbers(second)] == expected


def test_seeds_and_steps_differ():
    drawn = []
    for seed, step in [(0, 0), (0, 1), (1, 0), (1, 1)]:
        stream = NoiseStream(seed)
        stream.start_step(step)
        drawn.append(tuple(numbers(stream)))
    assert len(set(drawn)) == 4
