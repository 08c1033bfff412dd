"""Files of results for other programs, a module for each format.

A result is a set of tracks (:mod:`masa.writers.tracks`): labeled intervals on
the timelines of sequences.
"""
