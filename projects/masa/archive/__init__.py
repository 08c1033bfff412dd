"""Archives of motion: many recordings, searched by what they show."""

from ..support.lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    names={
        'archive': ['Archive'],
        'conditions': ['parse_conditions'],
        'discovery': ['discover_activities'],
        'ingestion': ['ingest'],
        'errors': ['ArchiveError', 'RefusedSequenceError'],
        'search': ['find_moment', 'find_occurrences_in'],
        'sequences': ['make_entry', 'model_version'],
        'sources': ['Settings', 'find_sources'],
    },
)
