"""A small picture of a picture, drawn anew: what a page shows instead of a stranger's bytes. Pure.

A picture that claims more points than a screen could need is not opened: its few bytes may unfold
to many.
"""

from __future__ import annotations

import io
import threading
import warnings

from PIL import Image, ImageOps

KINDS = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
SIDE = 640  # points, of the longer side
MOST_POINTS = 20_000_000  # of a picture that is opened: about 80 MB
_ONE_AT_A_TIME = threading.Lock()  # a worker that sends, too, keeps its memory
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP")


def draw(content: bytes) -> bytes | None:
    """Return a PNG without anything but the points; None where it is no picture that can be shown.

    Whatever a decoder makes of hostile bytes, the answer is that there is no preview.
    """
    try:
        with _ONE_AT_A_TIME, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
                if picture.width * picture.height > MOST_POINTS:
                    return None
                picture.draft("RGB", (SIDE, SIDE))
                picture.thumbnail((SIDE, SIDE))  # first, so that what follows is small
                turned = ImageOps.exif_transpose(picture)
                plain = Image.new("RGBA", turned.size)
                plain.paste(turned.convert("RGBA"))
                drawn = io.BytesIO()
                plain.save(drawn, "PNG")
                return drawn.getvalue()
    except Exception:  # noqa: BLE001 - decoders raise all kinds; a bomb's warning too
        return None
