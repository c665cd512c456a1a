"""Draw the pictures of docs/invert.md: python docs/invert.py"""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageDraw

from icbench.builtin.datasets.mnist import MNIST
from icbench.cli.invert import command as invert

HERE = Path(__file__).parent
SEVEN = HERE.parent / "examples" / "seven.png"
MORE_ACCURATE = ("--generator", "cgan:noise_dim=25", "--schedule", "exhaustive")
ALWAYS = ("--device", "cpu", "--precision", "float32", "--quiet")
NINE = 12
"""The number of a nine among MNIST's test images."""


def written_nine() -> Image.Image:
    """Dark blue on grey paper, at a side of the sheet."""
    ink = Image.fromarray(MNIST().split("test", Path()).images[NINE, 0]).resize((336, 336), Image.Resampling.BICUBIC)
    sheet = Image.new("RGB", (640, 480), (232, 230, 224))
    sheet.paste((20, 30, 90), (60, 70), ink)
    return sheet


def smiling_face() -> Image.Image:
    sheet = Image.new("RGB", (400, 400), "white")
    pen = ImageDraw.Draw(sheet)
    pen.ellipse((60, 60, 340, 340), outline="black", width=16)
    for left in (140, 230):
        pen.ellipse((left, 140, left + 30, 170), fill="black")
    pen.arc((125, 130, 275, 280), 20, 160, fill="black", width=16)
    return sheet


def main() -> None:
    with TemporaryDirectory() as folder:
        files = [str(SEVEN)]
        for name, picture in (("nine", written_nine()), ("smile", smiling_face())):
            files.append(f"{folder}/{name}.png")
            picture.save(files[-1])
        invert([*files, *MORE_ACCURATE, *ALWAYS, "--png", str(HERE / "invert.png")], standalone_mode=False)
        invert([files[1], *ALWAYS, "--gif", str(HERE / "invert.gif")], standalone_mode=False)


if __name__ == "__main__":
    main()
