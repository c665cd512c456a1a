"""Random numbers that are a function of what they are for: the same on every device, in every batch, in any order."""

from math import tau

import torch
from torch import Tensor

WORD = 2**32 - 1
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)
"""What the key grows by: 32 bits of the golden ratio, and of the root of 3."""
ROUNDS = 10
"""As many as Salmon et al. recommend, for a margin over the seven that pass their tests."""


def philox(counter: tuple[Tensor, ...], key: tuple[int, int]) -> tuple[Tensor, ...]:
    """Philox4x32-10, a counter-based generator (Salmon et al. 2011, section 3.3), in integers that any device has.

    Args:
        counter: four int64 tensors of one shape, with values below 2^32.
        key: two integers below 2^32.

    Returns:
        four int64 tensors of that shape, with values below 2^32, as good as independent and uniform.
    """
    a, b, c, d = counter
    first, second = key
    for _ in range(ROUNDS):
        # A product of two words fills 64 bits and may look negative; the shift and the mask read it as unsigned.
        left, right = a * MULTIPLIERS[0], c * MULTIPLIERS[1]
        a, b = (right >> 32 & WORD) ^ b ^ first, right & WORD
        c, d = (left >> 32 & WORD) ^ d ^ second, left & WORD
        first, second = (first + WEYL[0]) & WORD, (second + WEYL[1]) & WORD
    return a, b, c, d


def normal(seed: int, image: Tensor, restart: Tensor, step: int, begin: int, blocks: int) -> Tensor:
    """N(0, 1) numbers for some rows at one step, four to a block (Box and Muller 1958).

    Args:
        seed: the run's, from 0 to 2^63 - 1.
        image, restart: (N,) int64, what tells the rows apart.
        step: the step, from 0.
        begin: the first block, from 0.
        blocks: how many.

    Returns:
        (N, 4 * blocks) float32, a function of the arguments row by row.
    """
    number = torch.arange(begin, begin + blocks, device=image.device).expand(len(image), -1)
    counter = (number, torch.full_like(number, step), restart[:, None] + 0 * number, image[:, None] + 0 * number)
    # In double, as float32 has 24 of a word's 32 bits; halves of the last bit keep the uniform numbers off 0, whose
    # logarithm would be infinite.
    words = [(word.double() + 0.5) / 2**32 for word in philox(counter, (seed & WORD, seed >> 32))]
    pairs = [((-2 * length.log()).sqrt(), tau * angle) for length, angle in (words[:2], words[2:])]
    numbers = [length * turn(angle) for length, angle in pairs for turn in (torch.cos, torch.sin)]
    return torch.stack(numbers, dim=2).flatten(1).float()
