"""The numbers drawn for a row are Philox4x32-10's, whatever else is in the batch."""

from math import cos, log, pi, sin, sqrt

import pytest
import torch

from icbench.engine.rng import normal, philox

# The known answers that Salmon et al. publish with their reference implementation (Random123) for philox4x32-10:
# counter, key, result.
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_philox_gives_the_published_known_answers(counter, key, expected):
    assert tuple(word.item() for word in philox(tuple(torch.tensor(word) for word in counter), key)) == expected


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_normal_numbers_are_box_and_muller_s_of_the_words_for_block_step_restart_and_image(counter, key, words):
    block, step, restart, image = counter
    seed = key[0] | key[1] << 32
    found = normal(seed, torch.tensor([image]), torch.tensor([restart]), step, block, 1)
    first, second, third, fourth = ((word + 0.5) / 2**32 for word in words)
    lengths = sqrt(-2 * log(first)), sqrt(-2 * log(third))
    angles = 2 * pi * second, 2 * pi * fourth
    expected = [length * turn(angle) for length, angle in zip(lengths, angles, strict=True) for turn in (cos, sin)]
    torch.testing.assert_close(found, torch.tensor([expected]), rtol=1e-6, atol=1e-7)


def test_a_row_s_numbers_depend_on_nothing_beside_it():
    images, restarts = torch.arange(5), torch.tensor([0, 1, 0, 2, 0])
    together = normal(7, images, restarts, 3, 0, 3)
    alone = torch.cat([normal(7, images[row : row + 1], restarts[row : row + 1], 3, 0, 3) for row in range(5)])
    assert torch.equal(together, alone)
    assert torch.equal(together[:, 4:], normal(7, images, restarts, 3, 1, 2))
