"""Schedules with a fault each."""

import torch
from faulty import Faults

from icbench.kinds.schedule import Hypotheses, Rates, Schedule, clamp_and_normalise, uniform_point

FAULTS = Faults("schedule")


@FAULTS()
class Sound(Schedule):
    """nothing is wrong with it"""

    default_steps = 10

    def hypotheses(self, class_dim):
        return uniform_point(2, class_dim)

    def rates(self, step, steps):
        return Rates(1.0, 0.5)


@FAULTS("default_steps_are_declared")
class Timeless(Sound):
    """does not say how many steps it takes"""

    default_steps = 0


@FAULTS("hypotheses_have_their_shape")
class Uneven(Sound):
    """has more restarts than starts"""

    def hypotheses(self, class_dim):
        return Hypotheses(torch.full((1, class_dim), 1 / class_dim), (0, 1))


@FAULTS("hypotheses_have_their_shape")
class TenClasses(Sound):
    """takes it for granted that there are ten classes"""

    def hypotheses(self, class_dim):
        return uniform_point(1, 10)


@FAULTS("survivors_only_fall")
class Emptying(Sound):
    """drops every hypothesis in the end"""

    def survivors(self, step, steps, hypotheses):
        return hypotheses if step < 5 else 0


@FAULTS("survivors_only_fall")
class Reviving(Sound):
    """takes back what it has dropped"""

    def survivors(self, step, steps, hypotheses):
        return 1 if step == 2 else hypotheses


@FAULTS("hypotheses_are_on_the_simplex")
class Outside(Sound):
    """starts at zero"""

    def hypotheses(self, class_dim):
        return Hypotheses(torch.zeros(1, class_dim), (0,))


@FAULTS("hypotheses_are_the_same_every_time")
class SharedStart(Sound):
    """hands its only copy out"""

    def __init__(self):
        self.made = {}

    def hypotheses(self, class_dim):
        return self.made.setdefault(class_dim, uniform_point(1, class_dim))


@FAULTS("rates_are_finite")
class Backwards(Sound):
    """has a rate below zero"""

    def rates(self, step, steps):
        return Rates(1.0, 0.5 - step)


@FAULTS("rates_are_finite")
class DividingByTheRest(Sound):
    """divides by the number of steps but one"""

    def rates(self, step, steps):
        return Rates(1.0, step / (steps - 1))


@FAULTS("rates_are_pure", "an_inversion_is_the_same_in_every_batch", "used_twice_it_is_the_same")
class Fading(Sound):
    """its rates fall each time it is asked"""

    def __init__(self):
        self.rate = 1.0

    def rates(self, step, steps):
        self.rate *= 0.99
        return Rates(self.rate, 1.0)


@FAULTS("an_inversion_finishes")
class Leaping(Sound):
    """takes steps that no number can hold"""

    def rates(self, step, steps):
        return Rates(1.0, 1e38)


@FAULTS("something_moves_at_every_step")
class Waiting(Sound):
    """lets both latents rest at first"""

    def rates(self, step, steps):
        return Rates(float(step > 0), 0.0) if steps > 1 else Rates(1.0, 1.0)


@FAULTS("constrain_tells_the_reset_rows")
class Elsewhere(Sound):
    """returns the constrained vectors instead of changing them"""

    def constrain(self, class_vector):
        return clamp_and_normalise(class_vector.clone())


@FAULTS("constrain_tells_the_reset_rows")
class Silent(Sound):
    """does not tell which rows were reset"""

    def constrain(self, class_vector):
        clamp_and_normalise(class_vector)


@FAULTS("constrained_is_on_the_simplex")
class ClampOnly(Sound):
    """clamps, and does not normalise"""

    def constrain(self, class_vector):
        class_vector.clamp_(0, 1)
        return torch.zeros(len(class_vector), dtype=torch.bool, device=class_vector.device)


@FAULTS("constraining_twice_is_constraining_once")
class Softmax(Sound):
    """moves a vector that is on the simplex"""

    def constrain(self, class_vector):
        class_vector.copy_(class_vector.softmax(dim=1))
        return torch.zeros(len(class_vector), dtype=torch.bool, device=class_vector.device)


@FAULTS("constraining_twice_is_constraining_once")
class AlwaysReset(Sound):
    """says that it reset every row"""

    def constrain(self, class_vector):
        return torch.ones_like(clamp_and_normalise(class_vector))


@FAULTS("constrain_is_row_by_row")
class Together(Sound):
    """moves all rows inwards unless one of them is at a corner"""

    def constrain(self, class_vector):
        clamp_and_normalise(class_vector)
        off = class_vector.max() < 0.999
        class_vector.mul_(0.5 * off + (~off)).add_(0.5 * off / class_vector.shape[1])
        return torch.zeros(len(class_vector), dtype=torch.bool, device=class_vector.device)


@FAULTS("constrained_is_on_the_simplex", "coordinates_lead_back_to_the_start")
class Halved(Sound):
    """its coordinates give class vectors of half the sum"""

    def class_vector_of(self, coordinates, progress):
        return coordinates / 2


@FAULTS("coordinates_lead_back_to_the_start")
class Astray(Sound):
    """the coordinates of any start are those of the first class"""

    def coordinates(self, class_vector):
        return torch.eye(class_vector.shape[1])[:1].repeat(len(class_vector), 1)


@FAULTS("class_vectors_are_row_by_row", "an_inversion_is_the_same_in_every_batch")
class Mixing(Sound):
    """a row's class vector is drawn to the batch's mean"""

    def class_vector_of(self, coordinates, progress):
        return (coordinates + coordinates.mean(dim=0)) / 2


@FAULTS("prior_is_one_number_per_row")
class ScalarPrior(Sound):
    """one prior for the whole batch"""

    def prior(self, class_vector, noise, progress):
        return noise.square().sum()


@FAULTS("prior_is_one_number_per_row")
class AveragedPrior(Sound):
    """averages over the noise, of which a generator may have none"""

    def prior(self, class_vector, noise, progress):
        return noise.square().mean(dim=1)


@FAULTS("prior_is_row_by_row", "an_inversion_is_the_same_in_every_batch")
class SharedPrior(Sound):
    """a row's prior depends on the others"""

    def prior(self, class_vector, noise, progress):
        return noise.square().mean(dim=1) if not len(noise) else noise.square().sum(dim=1) + noise.square().sum()


@FAULTS("prior_is_one_number_per_row")
class EntropyPrior(Sound):
    """an entropy whose gradient at a corner is infinite"""

    def prior(self, class_vector, noise, progress):
        return torch.special.entr(class_vector).sum(dim=1)


@FAULTS("scores_have_a_column_per_class")
class ByHypothesis(Sound):
    """scores hypotheses instead of classes"""

    def class_scores(self, energy, class_vector):
        return -energy


@FAULTS("scores_are_row_by_row", "an_inversion_is_the_same_in_every_batch")
class Competing(Sound):
    """divides scores by those of the batch"""

    def class_scores(self, energy, class_vector):
        scores = super().class_scores(energy, class_vector)
        return scores / scores.sum()


@FAULTS("scores_name_the_best_class")
class Reversed(Sound):
    """the least likely class has the highest score"""

    def class_scores(self, energy, class_vector):
        return -super().class_scores(energy, class_vector)


@FAULTS("inputs_are_not_changed")
class Sorting(Sound):
    """shifts the energies in place, which changes no score"""

    def class_scores(self, energy, class_vector):
        energy.sub_(energy.min(dim=1, keepdim=True).values)
        return super().class_scores(energy, class_vector)


@FAULTS("another_device_can_be_used")
class Homebound(Sound):
    """its prior has a weight that stays on the CPU"""

    def prior(self, class_vector, noise, progress):
        return class_vector @ torch.ones(class_vector.shape[1])


@FAULTS("what_does_not_anneal_is_the_same_at_every_step")
class Hardening(Sound):
    """makes its class vectors harder as it goes on, and does not say that it anneals"""

    def class_vector_of(self, coordinates, progress):
        powers = coordinates ** (1 + progress)
        return powers / powers.sum(dim=1, keepdim=True)


@FAULTS("what_does_not_anneal_is_the_same_at_every_step")
class Weighing(Sound):
    """gives its prior more weight as it goes on, and does not say that it anneals"""

    def prior(self, class_vector, noise, progress):
        return progress * class_vector.square().sum(dim=1)
