"""Datasets with a fault each."""

import contextlib
import socket

import numpy as np
from faulty import Faults

from icbench.kinds.dataset import Dataset, Split

FAULTS = Faults("dataset")
COUNT = 40


@FAULTS()
class Sound(Dataset):
    """nothing is wrong with it"""

    num_classes = 4
    licence = "CC0"

    def split(self, name, folder):
        images = np.random.default_rng(len(name)).integers(0, 256, (COUNT, 1, 6, 6), np.uint8)
        return Split(images, np.arange(COUNT) % self.num_classes)

    def status(self, folder):
        return "made when asked for"


@FAULTS("facts_are_declared")
class Unlicensed(Sound):
    """does not name its licence"""

    licence = ""


@FAULTS("facts_are_declared")
class OfItsOwnForm(Sound):
    """names a preprocessing that there is not"""

    preprocessing = "crop"


@FAULTS("facts_are_declared")
class HalfNamed(Sound):
    """names some of its classes only"""

    class_names = ("one", "two")


@FAULTS("facts_are_declared")
class TwiceNamed(Sound):
    """calls two classes the same"""

    class_names = ("one", "two", "two", "four")


@FAULTS("facts_are_declared")
class LineBreaking(Sound):
    """has a line break in the name of a class"""

    class_names = ("one", "two", "thr\nee", "four")


@FAULTS("facts_are_declared")
class OfManySources(Sound):
    """says where it is from in two lines"""

    source = "here\nand there"


@FAULTS("status_is_told")
class Speechless(Sound):
    """has nothing to say about where it is"""

    def status(self, folder):
        return None


@FAULTS("splits_are_complete")
class WithoutValidation(Sound):
    """has no validation split"""

    def split(self, name, folder):
        return {"train": super().split(name, folder), "test": super().split(name, folder)}[name]


@FAULTS("splits_are_complete")
class Unlabelled(Sound):
    """has fewer labels than images"""

    def split(self, name, folder):
        split = super().split(name, folder)
        return Split(split.images, split.labels[1:])


@FAULTS("images_are_bytes")
class Fractions(Sound):
    """images are float32 in [0, 1]"""

    def split(self, name, folder):
        split = super().split(name, folder)
        return Split((split.images / 100).astype(np.float32), split.labels)


@FAULTS("images_are_bytes")
class Bits(Sound):
    """images are of zeros and ones"""

    def split(self, name, folder):
        split = super().split(name, folder)
        return Split(split.images % 2, split.labels)


@FAULTS("images_have_one_shape")
class Growing(Sound):
    """test images are larger"""

    def split(self, name, folder):
        split = super().split(name, folder)
        return Split(split.images.repeat(2, axis=3) if name == "test" else split.images, split.labels)


@FAULTS("labels_are_in_range")
class Beyond(Sound):
    """a label is beyond the last class"""

    def split(self, name, folder):
        split = super().split(name, folder)
        return Split(split.images, np.arange(COUNT) % 5)


@FAULTS("labels_are_in_range")
class SmallLabels(Sound):
    """labels are int32"""

    def split(self, name, folder):
        split = super().split(name, folder)
        return Split(split.images, split.labels.astype(np.int32))


@FAULTS("every_class_can_be_learned")
class Unseen(Sound):
    """train has no image of the last class"""

    def split(self, name, folder):
        split = super().split(name, folder)
        return Split(split.images, split.labels % 3 if name == "train" else split.labels)


@FAULTS(
    "splits_are_the_same_every_time",
    "built_twice_it_is_the_same",
    "used_twice_it_is_the_same",
    "pickled_it_is_the_same",
    "global_seeds_do_not_matter",
)
class Shuffled(Sound):
    """shuffles anew each time"""

    def split(self, name, folder):
        split = super().split(name, folder)
        order = np.random.default_rng().permutation(COUNT)
        return Split(split.images[order], split.labels[order])


@FAULTS("splits_are_apart")
class Leaking(Sound):
    """tests on images that it trains on"""

    def split(self, name, folder):
        return super().split("train" if name == "test" else name, folder)


@FAULTS("status_fetches_nothing")
class Eager(Sound):
    """makes its folder when asked where it is"""

    def status(self, folder):
        (folder / "eager").mkdir(exist_ok=True)
        return "here"


@FAULTS("status_fetches_nothing")
class Calling(Sound):
    """asks a server for its status, and says nothing if there is none"""

    def status(self, folder):
        with contextlib.suppress(OSError), socket.socket() as line:
            line.settimeout(0.01)
            line.connect(("127.0.0.1", 9))
        return "here"


@FAULTS("digests_are_sha256")
class Digesting(Sound):
    """gives MD5 digests"""

    def digests(self):
        return {"train": "d41d8cd98f00b204e9800998ecf8427e"}


@FAULTS("bundled_data_is_in_the_package", traits=("bundled",))
class Unpacking(Sound):
    """says that it is bundled, and unpacks itself into the data folder"""

    def split(self, name, folder):
        (folder / "unpacked").write_text("data")
        return super().split(name, folder)


@FAULTS("traits_are_known", traits=("bundled", "fetched"))
class Both(Sound):
    """says that it is bundled and fetched"""
