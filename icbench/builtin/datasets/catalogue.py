"""The datasets that torchvision fetches, one function each: what is known of them, and in which files they are."""

import string

from icbench.builtin.datasets.fetched import Facts, IDXDataset, TorchvisionDataset

MNIST_FILES = {"train": "train", "test": "t10k"}
FASHION_DIGESTS = {
    "train-images": "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
    "train-labels": "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
    "t10k-images": "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
    "t10k-labels": "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
}
FASHION_NAMES = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
ALIKE = "cijklmopsuvwxyz"
"""Letters that are much the same in upper and lower case, which EMNIST's balanced part has as one class each."""
EMNIST_NAMES = {
    "balanced": tuple(sorted({*string.digits, *string.ascii_letters} - {*ALIKE})),
    "letters": tuple(string.ascii_lowercase),
    "digits": (),
}
CIFAR10_NAMES = "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"
CIFAR100_NAMES = """
apple, aquarium fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, bowl, boy, bridge, bus, butterfly, camel,
can, castle, caterpillar, cattle, chair, chimpanzee, clock, cloud, cockroach, couch, crab, crocodile, cup, dinosaur,
dolphin, elephant, flatfish, forest, fox, girl, hamster, house, kangaroo, keyboard, lamp, lawn mower, leopard, lion,
lizard, lobster, man, maple tree, motorcycle, mountain, mouse, mushroom, oak tree, orange, orchid, otter, palm tree,
pear, pickup truck, pine tree, plain, plate, poppy, porcupine, possum, rabbit, raccoon, ray, road, rocket, rose, sea,
seal, shark, shrew, skunk, skyscraper, snail, snake, spider, squirrel, streetcar, sunflower, sweet pepper, table,
tank, telephone, television, tiger, tractor, train, trout, tulip, turtle, wardrobe, whale, willow tree, wolf, woman,
worm
"""
CIFAR_CITATION = "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images"
NOT_STATED = "not stated by its makers"


def fashion_mnist() -> IDXDataset:
    """Fashion-MNIST (Xiao, Rasul, Vollgraf 2017); also taken from Debian's package dataset-fashion-mnist."""
    facts = Facts(
        name="fashion-mnist",
        torchvision="FashionMNIST",
        num_classes=10,
        class_names=_names(FASHION_NAMES),
        light_on_dark=True,
        licence="MIT",
        source="https://github.com/zalandoresearch/fashion-mnist",
        citation="Xiao, Rasul, Vollgraf 2017, Fashion-MNIST, arXiv:1708.07747",
    )
    return IDXDataset(facts, MNIST_FILES, FASHION_DIGESTS)


def kmnist() -> IDXDataset:
    """Kuzushiji-MNIST (Clanuwat et al. 2018)."""
    facts = Facts(
        name="kmnist",
        torchvision="KMNIST",
        num_classes=10,
        class_names=_names("o, ki, su, tsu, na, ha, ma, ya, re, wo"),
        light_on_dark=True,
        licence="CC BY-SA 4.0",
        source="http://codh.rois.ac.jp/kmnist",
        citation="Clanuwat et al. 2018, Deep Learning for Classical Japanese Literature, arXiv:1812.01718",
    )
    return IDXDataset(facts, MNIST_FILES)


def emnist(part: str = "balanced") -> IDXDataset:
    """EMNIST (Cohen et al. 2017): one of its parts.

    Args:
        part: "balanced" has digits and letters in 47 classes, "letters" 26 letters, "digits" the digits.
    """
    letters = part == "letters"
    facts = Facts(
        name="emnist",
        torchvision="EMNIST",
        num_classes=len(EMNIST_NAMES[part]) or 10,
        class_names=EMNIST_NAMES[part],
        light_on_dark=True,
        licence=NOT_STATED,
        source="https://www.nist.gov/itl/products-and-services/emnist-dataset",
        citation="Cohen, Afshar, Tapson, van Schaik 2017, EMNIST, arXiv:1702.05373",
        options={"train": {"split": part, "train": True}, "test": {"split": part, "train": False}},
    )
    files = {"train": f"emnist-{part}-train", "test": f"emnist-{part}-test"}
    return IDXDataset(facts, files, first_label=int(letters), transposed=True)


def usps() -> TorchvisionDataset:
    """USPS (Hull 1994): digits of the United States Postal Service."""
    facts = Facts(
        name="usps",
        torchvision="USPS",
        num_classes=10,
        light_on_dark=True,
        licence=NOT_STATED,
        source="https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass.html#usps",
        citation="Hull 1994, A Database for Handwritten Text Recognition Research, doi:10.1109/34.291440",
    )
    return TorchvisionDataset(facts, ("usps.bz2", "usps.t.bz2"))


def svhn() -> TorchvisionDataset:
    """Street View House Numbers (Netzer et al. 2011): single digits with what is beside them."""
    facts = Facts(
        name="svhn",
        torchvision="SVHN",
        num_classes=10,
        licence="for non-commercial use only",
        source="http://ufldl.stanford.edu/housenumbers",
        citation="Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning",
        options={"train": {"split": "train"}, "test": {"split": "test"}},
    )
    return TorchvisionDataset(facts, ("train_32x32.mat", "test_32x32.mat"), labels="labels")


def cifar10() -> TorchvisionDataset:
    """CIFAR-10 (Krizhevsky 2009)."""
    facts = Facts(
        name="cifar10",
        torchvision="CIFAR10",
        num_classes=10,
        class_names=_names(CIFAR10_NAMES),
        licence=NOT_STATED,
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        citation=CIFAR_CITATION,
    )
    batches = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
    return TorchvisionDataset(facts, [f"cifar-10-batches-py/{name}" for name in batches], channels_last=True)


def cifar100() -> TorchvisionDataset:
    """CIFAR-100 (Krizhevsky 2009), in its hundred fine classes."""
    facts = Facts(
        name="cifar100",
        torchvision="CIFAR100",
        num_classes=100,
        class_names=_names(CIFAR100_NAMES),
        licence=NOT_STATED,
        source="https://www.cs.toronto.edu/~kriz/cifar.html",
        citation=CIFAR_CITATION,
    )
    files = [f"cifar-100-python/{name}" for name in ("train", "test", "meta")]
    return TorchvisionDataset(facts, files, channels_last=True)


def _names(text: str) -> tuple[str, ...]:
    return tuple(" ".join(name.split()) for name in text.split(","))
