from typing import NamedTuple


class MediaLimits(NamedTuple):
    """What a video or an image may ask for before it is decoded.

    A file of a few kilobytes can decode to gigabytes. Whatever is larger is
    refused by its header.

    Attributes:
        max_pixels (int): Pixels of a frame. Defaults to 2^26, twice those of
            an 8K video: 200 MB as RGB.
        max_seconds (float): Duration of a video. Defaults to six hours.
    """

    max_pixels: int = 2**26
    max_seconds: float = 6 * 3600.0


DEFAULT_LIMITS = MediaLimits()
