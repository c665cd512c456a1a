"""Checks of a generator."""

from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from icbench.engine.decode import generate
from icbench.engine.preflight.compatibility import TOLERANCE
from icbench.kinds.generator import Generator
from icbench.testing.assertions import Skipped, expect, expect_close, expect_unchanged
from icbench.testing.gradients import expect_gradient, expect_own_row_only, gradient_at
from icbench.testing.subject import Check, Subject
from icbench.testing.synthetic import latents, normal, uniform

ROWS = 5
LONG = 100.0
"""Noise so many times longer than it starts is what a large learning rate leads to."""
BFLOAT16_ERROR = 0.02
DIFFERENT = 1e-4
STARTS = 3


def sizes_are_declared(subject: Subject) -> None:
    """num_classes, noise_dim, image_shape and weights_digest are what a generator declares."""
    generator = subject.component
    expect(isinstance(generator, Generator), f"frozen returned {type(generator).__name__}, not the generator")
    classes, noise, shape = (getattr(generator, n, None) for n in ("num_classes", "noise_dim", "image_shape"))
    expect(isinstance(classes, int) and classes >= 2, f"num_classes is {classes!r}, not an integer of 2 or more")
    modes = generator.modes_per_class
    expect(isinstance(modes, int) and modes >= 1, f"modes_per_class is {modes!r}, not an integer of 1 or more")
    expect(isinstance(noise, int) and noise >= 0, f"noise_dim is {noise!r}, not an integer of 0 or more")
    sound = isinstance(shape, tuple) and len(shape) == 3 and all(isinstance(n, int) and n > 0 for n in shape)
    expect(sound, f"image_shape is {shape!r}, not three sizes (C, H, W)")
    digest = generator.weights_digest
    expect(digest == "" or _is_sha256(digest), f"weights_digest is {digest!r}, not a SHA-256 in hexadecimal digits")


def images_have_the_declared_shape(subject: Subject) -> None:
    """Latents (B, K) and (B, Z) give images (B, C, H, W)."""
    generator = subject.component
    shape = tuple(_images(generator, *latents(generator, ROWS)).shape)
    expected = (ROWS, *generator.image_shape)
    expect(shape == expected, f"{ROWS} latents give shape {shape}, not {expected}")


def one_image_has_the_declared_shape(subject: Subject) -> None:
    """A batch of one image is a batch."""
    generator = subject.component
    shape = tuple(_images(generator, *latents(generator, 1)).shape)
    expect(shape == (1, *generator.image_shape), f"1 latent gives shape {shape}, not {(1, *generator.image_shape)}")


def images_are_finite(subject: Subject) -> None:
    """No pixel is infinite or not a number."""
    generator = subject.component
    expect(_images(generator, *latents(generator, ROWS)).isfinite().all(), "some pixels are not finite")


def images_are_float32(subject: Subject) -> None:
    """Pixels are float32."""
    dtype = _images(subject.component, *latents(subject.component, ROWS)).dtype
    expect(dtype is torch.float32, f"pixels are {dtype}")


def images_are_in_range(subject: Subject) -> None:
    """Pixels are in [0, 1], for class vectors inside the simplex and at its corners."""
    generator = subject.component
    inside, noise = latents(generator, ROWS)
    corners = torch.eye(generator.class_dim)
    pixels = torch.cat([_images(generator, inside, noise), _images(generator, corners, _noise(generator, corners))])
    low, high = pixels.min().item(), pixels.max().item()
    expect(low >= -TOLERANCE and high <= 1 + TOLERANCE, f"pixels go from {low:.3g} to {high:.3g}")


def unusual_noise_gives_sound_images(subject: Subject) -> None:
    """Noise of zeros and noise of a hundred times its usual length give finite images in [0, 1]."""
    generator = subject.component
    class_vector, noise = latents(generator, ROWS)
    for name, factor in (("of zeros", 0.0), (f"{LONG:g} times as long", LONG)):
        pixels = _images(generator, class_vector, factor * noise)
        expect(pixels.isfinite().all(), f"noise {name} gives pixels that are not finite")
        low, high = pixels.min().item(), pixels.max().item()
        expect(low >= -TOLERANCE and high <= 1 + TOLERANCE, f"noise {name} gives pixels from {low:.3g} to {high:.3g}")


def gradient_of_class_vector_is_right(subject: Subject) -> None:
    """The gradient with respect to the class vector agrees with central differences."""
    _expect_gradient(subject, "class vector")


def gradient_of_noise_is_right(subject: Subject) -> None:
    """The gradient with respect to the noise agrees with central differences."""
    _without_noise_skip(subject)
    _expect_gradient(subject, "noise")


def gradients_are_finite_where_inversions_start(subject: Subject) -> None:
    """Gradients are finite at the corners and the middle of the simplex, and at noise of zeros."""
    generator = subject.component
    classes = generator.class_dim
    class_vector = torch.cat([torch.eye(classes), torch.full((1, classes), 1 / classes)])
    for name, factor in (("usual noise", 1.0), ("noise of zeros", 0.0)):
        noise = factor * _noise(generator, class_vector)
        first = gradient_at(partial(_sums, generator, noise=noise), class_vector)
        second = gradient_at(partial(_sums, generator, class_vector), noise)
        expect(
            first.isfinite().all(), f"the class vector's gradient is not finite at some corner or the middle, {name}"
        )
        expect(second.isfinite().all(), f"the noise's gradient is not finite at {name}")


def rows_are_independent(subject: Subject) -> None:
    """A latent gives the same image alone, in a batch, and in a permuted batch."""
    subject.needs_independent_rows()
    generator = subject.component
    class_vector, noise = latents(generator, ROWS)
    images = _images(generator, class_vector, noise)
    order = torch.arange(ROWS).flip(0)
    permuted = _images(generator, class_vector[order], noise[order])
    expect_close(permuted, images[order], "a permuted batch gives other images")
    for row in range(ROWS):
        alone = _images(generator, class_vector[row : row + 1], noise[row : row + 1])
        expect_close(alone, images[row : row + 1], f"latent {row} gives another image alone than in a batch")


def groups_are_declared(subject: Subject) -> None:
    """`batch_group_size`, the rows that depend on each other, is 1, or the record has the trait `batch-dependent`."""
    group = subject.component.batch_group_size
    expect(isinstance(group, int) and group >= 1, f"batch_group_size is {group!r}, not an integer of 1 or more")
    declared = group == 1 or subject.has("batch-dependent")
    expect(declared, f"its batch_group_size is {group}; declare the trait batch-dependent")


def groups_are_independent(subject: Subject) -> None:
    """A group of rows gives the same images alone and beside other groups, and takes no gradient from them."""
    generator = subject.component
    group = generator.batch_group_size
    if group == 1:
        raise Skipped("each row is a group of its own")
    class_vector, noise = latents(generator, 2 * group)
    together = _images(generator, class_vector, noise)
    for name, part in (("first", slice(0, group)), ("second", slice(group, None))):
        alone = _images(generator, class_vector[part], noise[part])
        expect_close(alone, together[part], f"the {name} {group} rows give other images alone than beside others")
    gradient = gradient_at(lambda point: generator(point, noise)[:group].flatten(1).mean(dim=1), class_vector)
    expect(not gradient[group:].any(), f"images of the first {group} rows have a gradient in the others")


def gradients_stay_in_their_row(subject: Subject) -> None:
    """An image's gradient is in its own latents alone."""
    subject.needs_independent_rows()
    generator = subject.component
    class_vector, noise = latents(generator, ROWS)
    expect_own_row_only(lambda point: generator(point, noise), class_vector, "image")
    expect_own_row_only(lambda point: generator(class_vector, point), noise, "image")


def a_bad_row_leaves_the_others_alone(subject: Subject) -> None:
    """Latents that are not a number spoil their own image alone."""
    subject.needs_independent_rows()
    generator = subject.component
    class_vector, noise = latents(generator, ROWS)
    images = _images(generator, class_vector, noise)
    class_vector[0], noise[0] = torch.nan, torch.nan
    expect_close(_images(generator, class_vector, noise)[1:], images[1:], "a row that is not a number changes others")


def it_is_in_eval_mode(subject: Subject) -> None:
    """Frozen, and after use, every module of it is in eval mode."""
    generator = subject.component
    _images(generator, *latents(generator, 2))
    training = [name or "itself" for name, module in generator.named_modules() if module.training]
    expect(not training, f"in training mode: {', '.join(training)}")


def parameters_take_no_gradient(subject: Subject) -> None:
    """Frozen, no parameter asks for a gradient or gets one."""
    generator = subject.component
    class_vector, noise = (latent.requires_grad_() for latent in latents(generator, 2))
    generator(class_vector, noise).sum().backward()
    asking = [name for name, p in generator.named_parameters() if p.requires_grad or p.grad is not None]
    expect(not asking, f"with a gradient: {', '.join(asking)}")


def using_it_changes_no_weight(subject: Subject) -> None:
    """Parameters and buffers are the same after use: no running statistic moves."""
    generator = subject.component
    before = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    _images(generator, *latents(generator, ROWS))
    moved = [name for name, tensor in generator.state_dict().items() if not torch.equal(tensor, before[name])]
    expect(not moved, f"changed by use: {', '.join(moved)}")


def folding_changes_nothing(subject: Subject) -> None:
    """`fold` leaves the images as they are."""
    generator = subject.build().eval()
    before = _images(generator, *latents(generator, ROWS))
    with torch.no_grad():
        generator.fold()
    expect_close(_images(generator, *latents(generator, ROWS)), before, "folded it gives other images")


def inputs_are_not_changed(subject: Subject) -> None:
    """The latents are the same after a call."""
    generator = subject.component
    class_vector, noise = latents(generator, ROWS)
    copies = class_vector.clone(), noise.clone()
    _images(generator, class_vector, noise)
    expect_unchanged(class_vector, copies[0], "the class vector")
    expect_unchanged(noise, copies[1], "the noise")


def its_encoder_gives_sound_starts(subject: Subject) -> None:
    """An encoder, where it is offered, gives finite noise (B, K, Z), each row of its own image alone."""
    generator = subject.component
    images = uniform(ROWS, *generator.image_shape)
    found = generator.encode(images)
    if found is None:
        raise Skipped("it offers no encoder")
    expected = (ROWS, generator.class_dim, generator.noise_dim)
    expect(tuple(found.shape) == expected, f"{ROWS} images give noise of shape {tuple(found.shape)}, not {expected}")
    expect(found.isfinite().all(), "some noise is not finite")
    for row in (0, ROWS - 1):
        alone = generator.encode(images[row : row + 1])
        expect_close(alone, found[row : row + 1], f"the noise of image {row} alone differs from that in a batch")


def its_error_calibration_is_sound(subject: Subject) -> None:
    """What it says of its residuals, where it does, is a positive factor and a summand (B,), each of its own row."""
    generator = subject.component
    class_vector, _ = latents(generator, ROWS)
    found = generator.error_calibration(class_vector)
    if found is None:
        raise Skipped("it says nothing of its residuals")
    for values, name in zip(found, ("factor", "summand"), strict=True):
        expect(tuple(values.shape) == (ROWS,), f"the {name} has shape {tuple(values.shape)}, not ({ROWS},)")
        expect(values.isfinite().all(), f"the {name} is not finite")
    expect((found[0] > 0).all(), f"a factor is {found[0].min().item():.3g}, not above 0")
    alone = generator.error_calibration(class_vector[:1])
    assert alone is not None
    for one, other in zip(alone, found, strict=True):
        expect_close(one, other[:1], "a row alone has another error calibration than in a batch")


def its_spread_is_sound(subject: Subject) -> None:
    """Where its image is a mean, it is that of `forward`, with a spread (B,) of 0 or more, each of its own row."""
    generator = subject.component
    class_vector, noise = latents(generator, ROWS)
    with torch.no_grad():
        found = generator.mean_and_spread(class_vector, noise)
        alone = generator.mean_and_spread(class_vector[:1], noise[:1])
    if found is None or alone is None:
        raise Skipped("its image is no mean")
    mean, spread = found
    expect_close(mean, _images(generator, class_vector, noise), "the mean is another image than that of `forward`")
    expect(tuple(spread.shape) == (ROWS,), f"the spread has shape {tuple(spread.shape)}, not ({ROWS},)")
    expect(spread.isfinite().all() and (spread >= 0).all(), f"a spread is {spread.min().item():.3g}")
    expect_close(alone[1], spread[:1], "a row alone has another spread than in a batch")


def every_tensor_is_registered(subject: Subject) -> None:
    """Every tensor of it is a parameter or a buffer, which move to the device with it."""
    loose = [f"{path}.{name}".strip(".") for path, m in subject.component.named_modules() for name in _loose_tensors(m)]
    expect(not loose, f"neither parameter nor buffer: {', '.join(loose)}; use register_buffer")


def bfloat16_is_close(subject: Subject) -> None:
    """With its products in bfloat16, images are about the same."""
    generator = subject.component
    with torch.no_grad():
        exact, rounded = (
            generate(generator, *latents(generator, ROWS), precision) for precision in (torch.float32, torch.bfloat16)
        )
    expect(rounded.isfinite().all(), "under bfloat16 autocast some pixels are not finite")
    error = (exact - rounded).abs().mean().item()
    expect(error <= BFLOAT16_ERROR, f"under bfloat16 autocast pixels differ by {error:.3g} on average")


def class_matters(subject: Subject) -> None:
    """With the same noise, every class has an image of its own."""
    generator = subject.component
    corners = torch.eye(generator.class_dim)
    images = _images(generator, corners, _noise(generator, corners)[:1].expand(len(corners), -1).clone()).flatten(1)
    for first in range(len(images)):
        for second in range(first):
            difference = (images[first] - images[second]).abs().max().item()
            expect(difference > DIFFERENT, f"classes {second} and {first} give the same image")


def noise_matters(subject: Subject) -> None:
    """With the same class, other noise gives another image."""
    _without_noise_skip(subject)
    generator = subject.component
    class_vector, noise = latents(generator, ROWS)
    images = _images(generator, class_vector[:1].expand(ROWS, -1).clone(), noise)
    expect((images[1:] - images[:1]).abs().max() > DIFFERENT, "other noise gives the same image; declare noise_dim 0")


def each_build_is_its_own(subject: Subject) -> None:
    """Two builds share no weights: freezing one leaves the other as it is."""
    first, second = subject.component, subject.build()
    places = {tensor.data_ptr() for tensor in first.state_dict().values() if tensor.numel()}
    shared = [name for name, t in second.state_dict().items() if t.numel() and t.data_ptr() in places]
    expect(first is not second and not shared, f"shared by two builds: {', '.join(shared) or 'the object itself'}")


def its_starts_are_sound(subject: Subject) -> None:
    """Where it offers several starts of a class, they are finite (B, K, count, Z), the first that of `encode`."""
    generator = subject.component
    images = uniform(ROWS, *generator.image_shape)
    found = generator.encode_starts(images, STARTS)
    if found is None:
        raise Skipped("it offers no several starts")
    expected = (ROWS, generator.class_dim, STARTS, generator.noise_dim)
    expect(tuple(found.shape) == expected, f"{ROWS} images give starts of shape {tuple(found.shape)}, not {expected}")
    expect(found.isfinite().all(), "some noise is not finite")
    expect_close(found[:, :, 0], generator.encode(images), "the first start is not what `encode` gives")
    alone = generator.encode_starts(images[:1], STARTS)
    expect_close(alone, found[:1], "the starts of an image alone differ from those in a batch")


GATES: tuple[Check, ...] = (
    sizes_are_declared,
    each_build_is_its_own,
    images_have_the_declared_shape,
    images_are_finite,
)
CHECKS: tuple[Check, ...] = (
    one_image_has_the_declared_shape,
    images_are_float32,
    images_are_in_range,
    unusual_noise_gives_sound_images,
    gradient_of_class_vector_is_right,
    gradient_of_noise_is_right,
    gradients_are_finite_where_inversions_start,
    rows_are_independent,
    groups_are_declared,
    groups_are_independent,
    gradients_stay_in_their_row,
    a_bad_row_leaves_the_others_alone,
    it_is_in_eval_mode,
    parameters_take_no_gradient,
    using_it_changes_no_weight,
    folding_changes_nothing,
    inputs_are_not_changed,
    its_encoder_gives_sound_starts,
    its_starts_are_sound,
    its_error_calibration_is_sound,
    its_spread_is_sound,
    every_tensor_is_registered,
    bfloat16_is_close,
    class_matters,
    noise_matters,
)


def _images(generator: Generator, class_vector: Tensor, noise: Tensor) -> Tensor:
    with torch.no_grad():
        images: Tensor = generator(class_vector, noise)
    return images


def _noise(generator: Generator, class_vector: Tensor) -> Tensor:
    return normal(len(class_vector), generator.noise_dim, seed=11)


def _without_noise_skip(subject: Subject) -> None:
    if subject.component.noise_dim == 0:
        raise Skipped("noise_dim is 0")


def _sums(generator: Generator, class_vector: Tensor, noise: Tensor) -> Tensor:
    """One number per image (B,), a random weight on every pixel."""
    images: Tensor = generator(class_vector, noise)
    weights = normal(1, *generator.image_shape, seed=13).to(images.dtype)
    return (images * weights).flatten(1).mean(dim=1)


def _expect_gradient(subject: Subject, latent: str) -> None:
    exact = _double(subject)
    group = exact.batch_group_size
    class_vector, noise = latents(exact, 4 * group)

    def value(point: Tensor) -> Tensor:
        # Of one row of each group; its mates stay where they are.
        vectors, noises = (values.to(point.dtype, copy=True) for values in (class_vector, noise))
        (noises if latent == "noise" else vectors)[::group] = point
        return _sums(exact, vectors, noises)[::group]

    expect_gradient(value, (noise if latent == "noise" else class_vector)[::group], f"images in the {latent}")


def _double(subject: Subject) -> Generator:
    """One in float64 if it computes in that, to tell wrong gradients from rounding; else in float32."""
    generator: Generator = deepcopy(subject.component).double()
    try:
        images = _images(generator, *(latent.double() for latent in latents(generator, 2)))
    except RuntimeError:
        return generator.float()
    return generator if images.dtype is torch.float64 else generator.float()


def _is_sha256(digest: object) -> bool:
    return isinstance(digest, str) and len(digest) == 64 and not digest.strip("0123456789abcdef")


def _loose_tensors(module: nn.Module) -> Iterator[str]:
    for name, value in vars(module).items():
        if not name.startswith("_parameters") and not name.startswith("_buffers") and _holds_tensor(value):
            yield name


def _holds_tensor(value: Any) -> bool:
    if isinstance(value, Tensor):
        return True
    values = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(_holds_tensor(item) for item in values)
