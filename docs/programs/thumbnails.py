"""A small copy of each image, in the directory `thumbs`: for `--map thumbnails.py:make`."""

from pathlib import Path

from PIL import Image

from pyfetch import Result

THUMBNAILS = Path("thumbs")
THUMBNAILS.mkdir(exist_ok=True)


def make(path: Path, result: Result) -> str:
    thumbnail = THUMBNAILS / path.name
    with Image.open(path) as image:
        image.thumbnail((256, 256))
        image.save(thumbnail, image.format)
    return str(thumbnail)
