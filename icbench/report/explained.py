"""Images beside what they were taken for, as a page of records shows them."""

from icbench.report.class_names import call_class, tell_outcome
from icbench.report.tiles import picture_url
from icbench.report.views import Explained, Picture
from icbench.running.reconstructions import Explanations


def explain(found: Explanations, light_on_dark: bool) -> list[Explained]:
    """Each image beside the reconstruction that won and, where that is wrong, the one of its own class.

    Args:
        found: the images and their reconstructions.
        light_on_dark: whether the dataset's images are; they are drawn as they would be printed.
    """
    return [_explain_image(found, number, light_on_dark) for number in range(len(found.index))]


def _explain_image(found: Explanations, number: int, light_on_dark: bool) -> Explained:
    truth, prediction, place = int(found.truth[number]), int(found.prediction[number]), int(found.index[number])
    right = truth == prediction
    own, taken = (call_class(label, found.class_names) for label in (truth, prediction))
    images = [(found.targets, "image", f"#{place}", f"Image {place}, a {own}")]
    images.append(
        (found.winners, "winner", f"{found.winner_energy[number]:.4f}", f"The winning reconstruction, a {taken}")
    )
    if not right:
        said = f"The reconstruction as a {own}"
        images.append((found.truths, f"as a {own}", f"{found.truth_energy[number]:.4f}", said))
    pictures = [
        Picture(picture_url(kind[number], light_on_dark), alt, f"{name} {figure}") for kind, name, figure, alt in images
    ]
    return Explained(tell_outcome(truth, prediction, found.class_names), right, pictures)
