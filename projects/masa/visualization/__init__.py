"""From arrays to figures, pages and video."""
