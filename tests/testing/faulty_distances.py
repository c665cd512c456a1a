"""Distances with a fault each."""

import torch
from faulty import Faults

from icbench.kinds.distance import Distance, LeastSquares

FAULTS = Faults("distance")
ZERO = ("zero-at-equality",)


@FAULTS(traits=ZERO)
class Sound(Distance):
    """nothing is wrong with it"""

    def compare(self, reconstruction, features):
        return (reconstruction - features).square().flatten(1).mean(dim=1)


@FAULTS("features_have_a_row_per_image", traits=ZERO)
class Averaging(Sound):
    """its features are one number for the whole batch"""

    def features(self, target):
        return target, target.mean()

    def compare(self, reconstruction, features):
        return super().compare(reconstruction, features[0])


@FAULTS("features_carry_no_gradient", traits=ZERO)
class Learning(Sound):
    """its features have a graph, which the first step frees"""

    def features(self, target):
        return target * torch.ones((), requires_grad=True)


@FAULTS("there_is_one_number_per_image", traits=ZERO)
class Scalar(Sound):
    """one number for the whole batch"""

    def compare(self, reconstruction, features):
        return super().compare(reconstruction, features).mean()


@FAULTS("distances_are_finite", traits=ZERO)
class Infinite(Sound):
    """divides by pixels that are zero"""

    def compare(self, reconstruction, features):
        return (super().compare(reconstruction, features)[:, None] / features.flatten(1)).sum(dim=1)


@FAULTS("one_image_gives_one_number", "rows_are_independent", "final_distances_are_like_any", traits=ZERO)
class Squeezed(Sound):
    """a batch of one gives a number without dimensions"""

    def compare(self, reconstruction, features):
        return super().compare(reconstruction, features).squeeze()


@FAULTS("extreme_images_give_finite_distances")
class Logarithm(Sound):
    """the cross entropy, with the logarithm of zero"""

    def compare(self, reconstruction, features):
        entropy = features * reconstruction.log() + (1 - features) * (1 - reconstruction).log()
        return -entropy.flatten(1).mean(dim=1)


@FAULTS("extreme_images_give_finite_gradients", "gradient_is_finite_at_equality", traits=ZERO)
class RootOfPixels(Sound):
    """compares roots of pixels, whose gradient at black is infinite"""

    def compare(self, reconstruction, features):
        return super().compare(reconstruction.sqrt(), features.sqrt())


@FAULTS("gradient_is_finite_at_equality", "extreme_images_give_finite_gradients", traits=ZERO)
class Root(Sound):
    """a root without an epsilon"""

    def compare(self, reconstruction, features):
        return super().compare(reconstruction, features).sqrt()


@FAULTS("gradient_is_right", traits=ZERO)
class HalfDetached(Sound):
    """a part of its gradient is cut off"""

    def compare(self, reconstruction, features):
        difference = reconstruction - features
        return (difference * difference.detach()).flatten(1).mean(dim=1)


@FAULTS(
    "gradient_is_right",
    "rows_are_independent",
    "gradients_stay_in_their_row",
    "final_distances_are_like_any",
    "a_bad_row_leaves_the_others_alone",
    "features_can_be_repeated",
    traits=ZERO,
)
class BatchScaled(Sound):
    """divides by the largest distance of the batch"""

    def compare(self, reconstruction, features):
        values = super().compare(reconstruction, features)
        return values / (values.sum() + 1)


@FAULTS("final_distances_are_like_any", traits=ZERO)
class Centred(Sound):
    """reads the class from distances less the batch's mean"""

    def compare_final(self, reconstruction, features):
        values = self.compare(reconstruction, features)
        return values - values.mean()


@FAULTS("a_bad_row_leaves_the_others_alone", traits=ZERO)
class GivingUp(Sound):
    """returns zeros for all if anything is not a number"""

    def compare(self, reconstruction, features):
        values = super().compare(reconstruction, features)
        return torch.where(values.isfinite().all(), values, 0 * values.detach().nan_to_num())


@FAULTS("features_once_suffice", "features_can_be_repeated", traits=ZERO)
class Remembering(Sound):
    """compares with the images that it saw last, not with the features"""

    def features(self, target):
        self.target = target
        return target[:, :0]

    def compare(self, reconstruction, features):
        return super().compare(reconstruction, self.target)


@FAULTS("features_once_suffice", traits=ZERO)
class Consuming(Sound):
    """changes the features while comparing"""

    def features(self, target):
        return target, torch.zeros(len(target))

    def compare(self, reconstruction, features):
        features[1].add_(1)
        return super().compare(reconstruction, features[0])


@FAULTS("inputs_are_not_changed", traits=ZERO)
class Overwriting(Sound):
    """rounds the target in place, which changes nothing but the target"""

    def features(self, target):
        rounded = target.round(decimals=3)
        target.copy_(rounded)
        return rounded


@FAULTS("strided_images_can_be_compared", traits=ZERO)
class Viewing(Sound):
    """takes it for granted that images are contiguous"""

    def compare(self, reconstruction, features):
        return (reconstruction.view(len(reconstruction), -1) - features.flatten(1)).square().mean(dim=1)


@FAULTS("equality_is_no_worse")
class Darkening(Sound):
    """is smallest at an image darker than the target"""

    def features(self, target):
        return target / 2


@FAULTS("zero_at_equality_is_honest")
class Modest(Sound):
    """is zero at equality, and does not say so"""


@FAULTS("zero_at_equality_is_honest", traits=ZERO)
class Boastful(Sound):
    """is not zero at equality, and says so"""

    def compare(self, reconstruction, features):
        return super().compare(reconstruction, features) + 0.01


@FAULTS("other_images_are_farther", "zero_at_equality_is_honest")
class Indifferent(Sound):
    """is the same for all images"""

    def compare(self, reconstruction, features):
        return 0 * super().compare(reconstruction, features)


@FAULTS("least_squares_is_declared", traits=(*ZERO, "least-squares"))
class ClaimingSquares(Sound):
    """says that it has residuals, and has none"""


@FAULTS("least_squares_is_declared", traits=ZERO)
class SecretSquares(LeastSquares):
    """has residuals, and does not say so"""

    def residuals(self, reconstruction, features):
        return (reconstruction - features).flatten(1)


@FAULTS("residuals_are_honest", traits=(*ZERO, "least-squares"))
class WithoutTheHalf(SecretSquares):
    """is the whole squared length of its residuals"""

    def compare(self, reconstruction, features):
        return self.residuals(reconstruction, features).square().sum(dim=1)


@FAULTS("another_device_can_be_used", traits=ZERO)
class Homebound(Sound):
    """multiplies by a matrix that stays on the CPU"""

    def __init__(self):
        self.weights = torch.eye(28)

    def compare(self, reconstruction, features):
        weights = self.weights.to(reconstruction.dtype)
        return (torch.matmul(reconstruction, weights) - features).square().flatten(1).mean(dim=1)


@FAULTS("random_state_is_left_alone", "global_seeds_do_not_matter", traits=ZERO)
class Projecting(Sound):
    """draws its projection from the random numbers of everybody, once"""

    def __init__(self):
        self.projection = torch.rand(1, 1, 28, 28)

    def compare(self, reconstruction, features):
        return ((reconstruction - features).square() * self.projection.to(reconstruction)).flatten(1).mean(dim=1)


@FAULTS("earlier_images_do_not_matter", traits=ZERO)
class Normalising(Sound):
    """divides by the mean of the first images it sees"""

    def features(self, target):
        if not hasattr(self, "mean"):
            self.mean = target.mean().item()
        return target

    def compare(self, reconstruction, features):
        return super().compare(reconstruction, features) / self.mean
