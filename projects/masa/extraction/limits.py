from typing import NamedTuple


class MediaLimits(NamedTuple):
    """Largest video and image that are decoded.

    A file of a few kilobytes can decode to gigabytes. Larger files are refused
    by their headers.

    Attributes:
        max_pixels (int): Pixels per frame. Defaults to 2^26, twice an 8K
            frame: 200 MB as RGB.
        max_seconds (float): Duration of a video. Defaults to six hours.
    """

    max_pixels: int = 2**26
    max_seconds: float = 6 * 3600.0


DEFAULT_LIMITS = MediaLimits()
