"""Classifiers with a fault each."""

import torch
from faulty import Faults

from icbench.kinds.classifier import Classifier

FAULTS = Faults("classifier")


@FAULTS()
class Sound(Classifier):
    """nothing is wrong with it"""

    def fit(self, images, labels, num_classes, seed):
        flat = images.flatten(1)
        self.means = torch.stack([flat[labels == number].mean(dim=0) for number in range(num_classes)])

    def scores(self, images):
        return -(images.flatten(1)[:, None] - self.means).square().mean(dim=2)

    def parameters(self):
        return self.means.numel()


@FAULTS("it_can_be_fitted")
class Choosy(Sound):
    """wants flat images"""

    def fit(self, images, labels, num_classes, seed):
        super().fit(images @ torch.ones(784, 1), labels, num_classes, seed)


@FAULTS("there_is_a_score_per_class")
class Answering(Sound):
    """returns the class instead of scores"""

    def scores(self, images):
        return super().scores(images).argmax(dim=1)


@FAULTS("scores_are_finite")
class Certain(Sound):
    """the logarithm of zero"""

    def scores(self, images):
        return (super().scores(images) * 1e6).softmax(dim=1).log()


@FAULTS("one_image_has_scores", "rows_are_independent")
class Squeezed(Sound):
    """a batch of one loses its first dimension"""

    def scores(self, images):
        return super().scores(images).squeeze(0)


@FAULTS("it_learns")
class Ignorant(Sound):
    """has learned the wrong classes"""

    def scores(self, images):
        return super().scores(images).roll(1, dims=1)


@FAULTS("rows_are_independent")
class Transductive(Sound):
    """centres the scores of a batch"""

    def scores(self, images):
        scores = super().scores(images)
        return scores - scores.mean(dim=0) / 2


@FAULTS(
    "same_seed_same_scores",
    "fitting_starts_afresh",
    "built_twice_it_is_the_same",
    "used_twice_it_is_the_same",
    "pickled_it_is_the_same",
    "global_seeds_do_not_matter",
)
class Unseeded(Sound):
    """draws from a generator that the clock seeds"""

    def fit(self, images, labels, num_classes, seed):
        super().fit(images, labels, num_classes, seed)
        own = torch.Generator()
        own.seed()
        self.means += 0.01 * torch.rand(self.means.shape, generator=own)


@FAULTS("random_state_is_left_alone")
class Seeding(Sound):
    """seeds torch for everybody"""

    def fit(self, images, labels, num_classes, seed):
        torch.manual_seed(seed)
        super().fit(images, labels, num_classes, seed)
        self.means += 0.01 * torch.rand(self.means.shape)


@FAULTS("fitting_starts_afresh", "used_twice_it_is_the_same")
class Remembering(Sound):
    """goes on from what it was fitted to before"""

    def fit(self, images, labels, num_classes, seed):
        before = getattr(self, "means", None)
        super().fit(images, labels, num_classes, seed)
        self.means = self.means if before is None else (self.means + before.roll(1, dims=0)) / 2


@FAULTS("inputs_are_not_changed")
class Overwriting(Sound):
    """rounds the images in place"""

    def fit(self, images, labels, num_classes, seed):
        images.copy_(images.round(decimals=2))
        super().fit(images, labels, num_classes, seed)


@FAULTS("rows_are_independent", "scoring_changes_nothing", "same_seed_same_scores", "fitting_starts_afresh")
class Adapting(Sound):
    """goes on learning from the images it classifies"""

    def scores(self, images):
        scores = super().scores(images)
        self.means = 0.9 * self.means + 0.1 * images.flatten(1).mean(dim=0)
        return scores


@FAULTS("parameters_are_counted")
class Uncounted(Sound):
    """says its size in words"""

    def parameters(self):
        return "few"


THE_ONE = Sound()


@FAULTS("each_build_is_its_own")
def one_for_all():
    """every build is the same object"""
    return THE_ONE
