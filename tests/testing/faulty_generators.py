"""Generators with a fault each."""

import os
import warnings
from pathlib import Path

import torch
from faulty import Faults
from torch import nn

from icbench import Param
from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from icbench.training.weights import read_shape

FAULTS = Faults("generator")
CLASSES, NOISE, SHAPE = 4, 3, (1, 8, 8)


@FAULTS()
class Sound(Generator):
    """nothing is wrong with it"""

    num_classes, noise_dim, image_shape = CLASSES, NOISE, SHAPE

    def __init__(self):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.first = nn.Parameter(torch.randn(CLASSES + NOISE, 16, generator=random))
        self.second = nn.Parameter(torch.randn(16, 64, generator=random) / 2)

    def forward(self, class_vector, noise):
        hidden = torch.tanh(torch.cat([class_vector, noise], dim=1) @ self.first)
        return torch.sigmoid(hidden @ self.second).view(-1, *SHAPE)


@FAULTS("sizes_are_declared")
class NoSizes(Sound):
    """does not say how many classes it has"""

    num_classes = None


@FAULTS("sizes_are_declared")
class MadeUpDigest(Sound):
    """its weights digest is none"""

    weights_digest = "0.1.0"


@FAULTS("images_have_the_declared_shape")
class Flat(Sound):
    """images without a channel"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise)[:, 0]


@FAULTS("one_image_has_the_declared_shape", "rows_are_independent")
class Squeezed(Sound):
    """a batch of one loses its first dimension"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise).squeeze(0)


@FAULTS("images_are_finite")
class NotFinite(Sound):
    """returns NaN"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise) * torch.nan


@FAULTS("images_are_float32")
class Half(Sound):
    """returns float64"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise).double()


@FAULTS("images_are_in_range", "unusual_noise_gives_sound_images")
class Loud(Sound):
    """pixels from -1 to 1"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise) * 2 - 1


@FAULTS("unusual_noise_gives_sound_images")
class Overflowing(Sound):
    """long noise makes infinity over infinity"""

    def forward(self, class_vector, noise):
        large = noise.sum(dim=1).abs().exp()
        return super().forward(class_vector, noise) * (large / large).view(-1, 1, 1, 1)


@FAULTS("gradient_of_class_vector_is_right")
class DetachedClass(Sound):
    """gives the class vector no gradient"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector.detach(), noise)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(context, values):
        return values.clone()

    @staticmethod
    def backward(context, gradient):
        return 2 * gradient


@FAULTS("gradient_of_noise_is_right")
class DoubledNoiseGradient(Sound):
    """its noise has twice the gradient it should have"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector, Doubled.apply(noise))


@FAULTS("gradients_are_finite_where_inversions_start")
class RootOfNoise(Sound):
    """a root without an epsilon, whose gradient at zero is none"""

    def forward(self, class_vector, noise):
        length = noise.square().sum(dim=1).sqrt()
        return super().forward(class_vector, noise) * torch.exp(-length).view(-1, 1, 1, 1)


@FAULTS(
    "gradient_of_class_vector_is_right",
    "gradient_of_noise_is_right",
    "rows_are_independent",
    "gradients_stay_in_their_row",
    "a_bad_row_leaves_the_others_alone",
)
class BatchNormed(Sound):
    """normalises by the statistics of the batch, always"""

    def forward(self, class_vector, noise):
        images = super().forward(class_vector, noise)
        return torch.sigmoid(images - images.mean(dim=0))


@FAULTS("a_bad_row_leaves_the_others_alone")
class Entangled(Sound):
    """zero times the batch's mean, which is not zero if that is not a number"""

    def forward(self, class_vector, noise):
        images = super().forward(class_vector, noise)
        return images + 0 * images.detach().mean()


@FAULTS("it_is_in_eval_mode")
class AlwaysTraining(Sound):
    """ignores eval"""

    def train(self, mode=True):
        return super().train(True)


@FAULTS("parameters_take_no_gradient")
class Thawed(Sound):
    """asks for gradients of its weights whatever it is told"""

    def requires_grad_(self, requires_grad=True):
        return super().requires_grad_(True)


@FAULTS("using_it_changes_no_weight")
class Counting(Sound):
    """counts its calls in a buffer"""

    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, class_vector, noise):
        self.calls += 1
        return super().forward(class_vector, noise)


@FAULTS("folding_changes_nothing")
class Misfolded(Sound):
    """folds its weights wrongly"""

    def fold(self):
        self.second *= 1.1


@FAULTS("inputs_are_not_changed")
class Overwriting(Sound):
    """zeroes a number of the noise in place that it does not need"""

    def forward(self, class_vector, noise):
        with torch.no_grad():
            noise[:, -1] = 0
        return super().forward(class_vector, torch.cat([noise[:, :-1], torch.zeros_like(noise[:, :1])], dim=1))


@FAULTS("every_tensor_is_registered", "another_device_can_be_used")
class Loose(Sound):
    """a constant that does not move with it"""

    def __init__(self):
        super().__init__()
        self.extra = [torch.full((1, 64), 0.1)]

    def forward(self, class_vector, noise):
        return super().forward(class_vector, noise) * self.extra[0].view(1, *SHAPE)


@FAULTS("bfloat16_is_close")
class Cancelling(Sound):
    """the difference of two large products, which bfloat16 cannot hold"""

    def forward(self, class_vector, noise):
        hidden = super().forward(class_vector, noise).flatten(1)
        weight = torch.eye(64, device=hidden.device, dtype=hidden.dtype)
        shift = torch.full_like(hidden, 100.0)
        return ((hidden + shift) @ weight - shift @ weight).clamp(0, 1).float().view(-1, *SHAPE)


@FAULTS("class_matters")
class Twins(Sound):
    """two classes are the same"""

    def __init__(self):
        super().__init__()
        self.first.data[1] = self.first.data[0]


@FAULTS("noise_matters")
class Deaf(Sound):
    """ignores its noise"""

    def forward(self, class_vector, noise):
        return super().forward(class_vector, torch.zeros_like(noise))


THE_ONE = Sound()


@FAULTS("each_build_is_its_own")
def one_for_all():
    """every build is the same object"""
    return THE_ONE


@FAULTS("groups_are_declared")
class Grouped(Sound):
    """says that its rows depend on each other, and not in its record"""

    batch_group_size = 2


@FAULTS(
    "groups_are_independent",
    "gradient_of_class_vector_is_right",
    "gradient_of_noise_is_right",
    traits=("batch-dependent",),
)
class Spilling(Sound):
    """depends on more rows than it says"""

    batch_group_size = 2

    def forward(self, class_vector, noise):
        images = super().forward(class_vector, noise)
        return images * images.mean(dim=0, keepdim=True)


@FAULTS("its_encoder_gives_sound_starts")
class OneStart(Sound):
    """its encoder gives one noise and not one per class"""

    def encode(self, images):
        return images.flatten(1)[:, :NOISE]


@FAULTS("its_encoder_gives_sound_starts")
class Averaging(Sound):
    """its encoder looks at the whole batch"""

    def encode(self, images):
        noise = (images.flatten(1) - images.flatten(1).mean(0))[:, None, :NOISE]
        return noise.expand(-1, CLASSES, -1)


class Encoding(Sound):
    """finds noise in the first pixels"""

    def encode(self, images):
        return images.flatten(1)[:, None, :NOISE].repeat(1, CLASSES, 1)

    def encode_starts(self, images, count):
        return self.encode(images)[:, :, None].repeat(1, 1, count, 1)


@FAULTS("its_starts_are_sound")
class Impatient(Encoding):
    """offers one start, however many are asked for"""

    def encode_starts(self, images, count):
        return super().encode_starts(images, 1)


@FAULTS("its_starts_are_sound")
class Backwards(Encoding):
    """its best start comes last"""

    def encode_starts(self, images, count):
        return super().encode_starts(images, count) + torch.arange(count, 0.0, -1)[:, None]


@FAULTS("its_starts_are_sound")
class Crossing(Encoding):
    """its further starts are those of the image before"""

    def encode_starts(self, images, count):
        starts = super().encode_starts(images, count)
        starts[:, :, 1:] = starts[:, :, 1:].roll(1, dims=0)
        return starts


@FAULTS("it_is_made_of_other_datasets", traits=("made-of-data",), params=(Param("trained_on", ""),))
def always_the_same(trained_on):
    """is made of the same images whatever the dataset"""
    return Sound()


@FAULTS("it_is_made_of_other_datasets", traits=("made-of-data",))
class Unasking(Sound):
    """is not told of which dataset to be made"""


@FAULTS("its_error_calibration_is_sound")
class Rewarding(Sound):
    """a larger error is less energy"""

    def error_calibration(self, class_vector):
        return class_vector[:, 0] - 1, class_vector[:, 0]


@FAULTS("its_error_calibration_is_sound")
class Comparing(Sound):
    """its residuals are large relative to those of the batch"""

    def error_calibration(self, class_vector):
        share = class_vector[:, 0] / class_vector[:, 0].mean()
        return 1 + share, share


@FAULTS("its_spread_is_sound")
class Blurred(Sound):
    """its mean is not the image that it makes"""

    def mean_and_spread(self, class_vector, noise):
        return self(class_vector, noise) / 2, class_vector[:, 0]


@FAULTS("its_spread_is_sound")
class Columned(Sound):
    """its spread is a column"""

    def mean_and_spread(self, class_vector, noise):
        return self(class_vector, noise), class_vector[:, :1]


@FAULTS("its_spread_is_sound")
class Negative(Sound):
    """its spread is below 0"""

    def mean_and_spread(self, class_vector, noise):
        return self(class_vector, noise), -class_vector[:, 0]


@FAULTS("its_spread_is_sound")
class Crowded(Sound):
    """its images are spread around those of the batch"""

    def mean_and_spread(self, class_vector, noise):
        images = self(class_vector, noise)
        return images, (images - images.mean(dim=0)).square().flatten(1).mean(dim=1)


@FAULTS("random_state_is_left_alone")
def seeding():
    """seeds torch for everybody"""
    torch.manual_seed(0)
    return Sound()


@FAULTS("random_state_is_left_alone", "global_seeds_do_not_matter")
class Untrained(Sound):
    """its weights are drawn from the random numbers of everybody"""

    def __init__(self):
        super().__init__()
        self.second.data = torch.randn(16, 64)


@FAULTS("torch_settings_are_left_alone")
def strict():
    """switches torch's deterministic mode on for everybody"""
    torch.use_deterministic_algorithms(True)
    return Sound()


@FAULTS("process_is_left_alone")
def polluting():
    """sets an environment variable"""
    os.environ["ICBENCH_POLLUTED"] = "1"
    return Sound()


@FAULTS("process_is_left_alone")
def silencing():
    """silences the warnings of everybody"""
    warnings.simplefilter("ignore")
    return Sound()


@FAULTS("process_is_left_alone")
def moving():
    """changes the working folder"""
    os.chdir("/")
    return Sound()


@FAULTS("nothing_is_printed")
def chatty():
    """prints where results belong"""
    print("weights loaded")
    return Sound()


@FAULTS("pickled_it_is_the_same")
class Unpicklable(Sound):
    """holds a lambda, which no worker process can be sent"""

    def __init__(self):
        super().__init__()
        self.activation = lambda values: values


class RigidTrainer:
    """Makes the same generator whatever the data."""

    def __init__(self, weights):
        pass

    def begin(self, split, num_classes, job):
        pass

    def epoch(self, number, on_batch):
        return {}

    def snapshot(self):
        return Sound()


WEIGHTS = (Param("weights", "", path=True), Param("trained_on", ""))


@FAULTS("it_is_trained_for_other_shapes", params=WEIGHTS, trainer="faulty_generators:RigidTrainer")
def rigid(weights="", trained_on=""):
    """is said to have weights for any data, and is made for one shape"""
    return Sound()


class Fitting(Sound):
    """Makes images of any shape, all of one grey."""

    def __init__(self, shape, grey):
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.grey = nn.Parameter(torch.tensor(grey))

    def forward(self, class_vector, noise):
        return self.grey.expand(len(class_vector), *self.image_shape).clone()


class FittingTrainer(RigidTrainer):
    """Makes a generator for the data that it is given."""

    def begin(self, split, num_classes, job):
        self.shape = DataShape.of(split, num_classes)

    def snapshot(self):
        return Fitting(self.shape, 0.25)


@FAULTS("it_is_trained_for_other_shapes", params=WEIGHTS, trainer="faulty_generators:FittingTrainer")
def forgetful(weights="", trained_on=""):
    """is trained for any data, and does not read the weights of that"""
    return Fitting(read_shape(Path(weights)), 0.75) if weights else Sound()


@FAULTS("it_is_trained_for_other_shapes", params=WEIGHTS)
def untrained(weights="", trained_on=""):
    """is said to have weights for any data, and nothing makes them"""
    return Sound()


@FAULTS("traits_are_known", "it_is_trained_for_other_shapes", params=WEIGHTS, traits=("weights-of:cgan/mnist",))
def misspelt(weights="", trained_on=""):
    """names no generator as the one whose weights it has"""
    return Sound()


@FAULTS("it_is_trained_for_other_shapes", params=WEIGHTS, traits=("weights-of:linear",))
def beggar(weights="", trained_on=""):
    """is said to have the weights of a generator that is not trained"""
    return Sound()


@FAULTS(
    "it_is_trained_for_other_shapes",
    params=WEIGHTS,
    trainer="faulty_generators:RigidTrainer",
    traits=("weights-of:cgan",),
)
def undecided(weights="", trained_on=""):
    """has a trainer, and is said to need none"""
    return Sound()


@FAULTS(params=WEIGHTS, traits=("weights-of:cgan",))
def borrower(weights="", trained_on=""):
    """nothing is wrong with it: its weights are made elsewhere"""
    return Sound()
