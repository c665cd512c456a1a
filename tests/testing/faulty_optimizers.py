"""Optimizers with a fault each."""

import torch
from faulty import Faults

from icbench.kinds.optimizer import Optimizer

FAULTS = Faults("optimizer")
LR = 0.5


class Descent(torch.optim.Optimizer):
    """Gradient descent, in small methods for a fault each."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.taken = 0

    @torch.no_grad()
    def step(self, closure):
        energy = self.evaluated(closure)
        self.taken += 1
        for group in self.param_groups:
            latent = group["params"][0]
            if latent.grad is not None:
                latent.sub_(group["lr"] * self.direction(latent.grad, group, closure))
        return energy

    def evaluated(self, closure):
        return closure()

    def direction(self, gradient, group, closure):
        return gradient


@FAULTS()
def sound():
    """nothing is wrong with it"""
    return Optimizer(Descent, LR)


@FAULTS("it_is_a_torch_optimizer")
def homemade():
    """over returns an object of its own"""

    class Other(Optimizer):
        def over(self, class_vector, noise):
            return object()

    return Other(Descent, LR)


class OneGroup(Optimizer):
    def over(self, class_vector, noise):
        return Descent([class_vector, noise], self.lr)


@FAULTS("it_is_a_torch_optimizer")
def lumping():
    """puts both latents into one group"""
    return OneGroup(Descent, LR)


class Copying(Optimizer):
    def over(self, class_vector, noise):
        return super().over(class_vector.clone(), noise.clone())


@FAULTS("it_is_a_torch_optimizer")
def copying():
    """moves copies of the latents"""
    return Copying(Descent, LR)


class Exploding(Descent):
    def direction(self, gradient, group, closure):
        return gradient / 0


@FAULTS("an_inversion_finishes")
def exploding():
    """divides by zero"""
    return Optimizer(Exploding, LR)


class Faster(Optimizer):
    def over(self, class_vector, noise):
        optimizer = super().over(class_vector, noise)
        optimizer.param_groups[1]["lr"] = 2 * self.lr
        return optimizer


@FAULTS("learning_rate_is_declared")
def faster():
    """begins with another rate than it declares"""
    return Faster(Descent, LR)


class Lazy(Descent):
    def evaluated(self, closure):
        return closure() if self.taken % 2 == 0 else None


@FAULTS("every_step_evaluates")
def lazy():
    """evaluates at every second step alone"""
    return Optimizer(Lazy, LR)


class Ascent(Descent):
    def direction(self, gradient, group, closure):
        return -gradient


@FAULTS("energy_descends")
def ascending():
    """goes up"""
    return Optimizer(Ascent, LR)


class ClassAlone(Descent):
    def direction(self, gradient, group, closure):
        return gradient * (group["name"] == "class_vector")


@FAULTS("both_latents_move", "a_resting_class_vector_stays", "rates_are_heeded")
def half():
    """leaves the noise where it is"""
    return Optimizer(ClassAlone, LR)


class Decaying(Descent):
    @torch.no_grad()
    def step(self, closure):
        energy = super().step(closure)
        for group in self.param_groups:
            group["params"][0].mul_(0.999)
        return energy


@FAULTS("a_resting_noise_stays", "a_resting_class_vector_stays")
def decaying():
    """shrinks latents that rest"""
    return Optimizer(Decaying, LR)


class OwnRate(Descent):
    def direction(self, gradient, group, closure):
        return gradient * LR / group["lr"]


@FAULTS("rates_are_heeded")
def headstrong():
    """uses the rate it began with, whatever the group says"""
    return Optimizer(OwnRate, LR)


class Clipping(Descent):
    def direction(self, gradient, group, closure):
        return gradient / (gradient.norm() + 0.01)


@FAULTS("rows_are_independent", "a_bad_row_leaves_the_others_alone")
def clipping():
    """divides by the length of the whole batch's gradient"""
    return Optimizer(Clipping, 0.02)


class Stopping(Descent):
    def direction(self, gradient, group, closure):
        return gradient if gradient.isfinite().all() else torch.zeros_like(gradient)


@FAULTS("a_bad_row_leaves_the_others_alone")
def stopping():
    """stops for all where one image's gradient is not a number"""
    return Optimizer(Stopping, LR)


class Unit(Descent):
    def direction(self, gradient, group, closure):
        return gradient / gradient.square().sum(dim=1, keepdim=True).sqrt()


@FAULTS("a_flat_energy_is_survived")
def unit():
    """divides by a gradient's length, without an epsilon"""
    return Optimizer(Unit, 0.02)


class Largest(Descent):
    def direction(self, gradient, group, closure):
        return gradient * (gradient.amax(dim=1, keepdim=True) > -1)


@FAULTS("latents_without_noise_can_be_inverted")
def largest():
    """asks for the largest of no numbers"""
    return Optimizer(Largest, LR)


class Growing(Descent):
    known = 0

    def direction(self, gradient, group, closure):
        Growing.known += 1
        return gradient * (1 + 0.01 * Growing.known)


@FAULTS("every_inversion_starts_afresh")
def growing():
    """grows with every step that it ever took"""
    return Optimizer(Growing, LR)


class Shaking(Descent):
    def direction(self, gradient, group, closure):
        return gradient + 0.01 * torch.randn_like(gradient)


@FAULTS("rows_are_independent", "random_state_is_left_alone", "global_seeds_do_not_matter")
def shaking():
    """draws from the random numbers of everybody"""
    return Optimizer(Shaking, LR)


class Drawing(Descent):
    def direction(self, gradient, group, closure):
        return gradient + 0.01 * closure.normal(gradient.shape[1])


@FAULTS(traits=("stochastic",))
def drawing():
    """nothing is wrong with it: it draws, and says so"""
    return Optimizer(Drawing, LR)


@FAULTS("stochastic_is_honest")
def secretly_drawing():
    """draws, and does not say so"""
    return Optimizer(Drawing, LR)


@FAULTS("stochastic_is_honest", traits=("stochastic",))
def never_drawing():
    """says that it draws, and does not"""
    return Optimizer(Descent, LR)


class ByPlace(Descent):
    def direction(self, gradient, group, closure):
        own = torch.Generator().manual_seed(self.taken)
        return gradient + 0.01 * closure.normal(1) + 0.01 * torch.randn(gradient.shape, generator=own).to(gradient)


@FAULTS("rows_are_independent", "draws_depend_on_the_image_alone", traits=("stochastic",))
def by_place():
    """draws by the place in the batch"""
    return Optimizer(ByPlace, LR)


@FAULTS("pickled_it_is_the_same")
def unpicklable():
    """its class is made in a function, where no worker process finds it"""

    class Local(Descent):
        pass

    return Optimizer(Local, LR)
