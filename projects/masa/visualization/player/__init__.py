"""A page of one file that plays sequences in step."""

from .comparison import comparison_player, most_unusual, repetition_name
from .page import height_script, player_page, player_section
from .tracks import (
    DISTANCE,
    Mark,
    Player,
    Track,
    aligned_player,
    distances,
    phase_marks,
)

__all__ = [
    'DISTANCE',
    'Mark',
    'Player',
    'Track',
    'aligned_player',
    'comparison_player',
    'distances',
    'height_script',
    'most_unusual',
    'phase_marks',
    'player_page',
    'player_section',
    'repetition_name',
]
