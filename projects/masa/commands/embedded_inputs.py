"""Embedding the inputs of a command, and saying which cannot be used."""

import argparse
from collections.abc import Callable, Sequence

from ..apis import AlignmentInferencer, EmbeddedSequence
from ..embeddings.checks import check_distinct
from ..support.broken_inputs import show_broken, show_problems
from .model_options import model_arguments


def run_on_all(
    args: argparse.Namespace,
    use: Callable[[AlignmentInferencer, list[EmbeddedSequence]], None],
) -> int:
    """Embed the inputs of a command and use them all alike.

    Args:
        args (argparse.Namespace): Of ``add_inputs`` and
            ``add_model_options``.
        use (Callable): Takes the model and the sequences.

    Returns:
        int: The exit status: 0, 1 if inputs were left out, 2 if some cannot
        be used and leaving out was not asked for.

    Raises:
        ValueError: If an input or a name cannot be used.
        OSError: If there is no model, or a file cannot be written.
    """
    inferencer = _inferencer(args)
    found, problems = inferencer.embed_usable(args.inputs)
    return _go_on(
        args, found, problems, lambda: use(inferencer, _only(found, args.only))
    )


def run_on_first(
    args: argparse.Namespace,
    use: Callable[
        [AlignmentInferencer, EmbeddedSequence, list[EmbeddedSequence]], None
    ],
    parts: bool = False,
) -> int:
    """Embed the inputs of a command and use one of them with the others.

    Args:
        args (argparse.Namespace): Of ``add_first_and_others`` and
            ``add_model_options``.
        use (Callable): Takes the model, the one and the others.
        parts (bool): Whether only parts of the one are compared with the
            others. Defaults to False.

    Returns:
        int: As of :func:`run_on_all`.

    Raises:
        ValueError: As of :func:`run_on_all`; and if the first input is
            expected to hold one sequence and does not.
        OSError: As of :func:`run_on_all`.
    """
    inferencer = _inferencer(args)
    if args.name is not None:
        name = args.name
        found, problems = inferencer.embed_usable(
            [args.first, *args.others], parts=parts
        )
    else:
        # Apart, as the order alone does not tell what is left out.
        found, problems = inferencer.embed_usable([args.first], parts=parts)
        if len(found) > 1:
            raise ValueError(
                f'{args.first} is expected to hold one sequence, but holds '
                f'{len(found)}; {args.name_option} NAME says which is meant'
            )
        if not found:
            if args.others:
                problems |= inferencer.embed_usable(args.others)[1]
            show_problems(problems)
            return 2
        name = found[0].name
        if args.others:
            others, broken = inferencer.embed_usable(args.others)
            found, problems = [*found, *others], problems | broken
        check_distinct([one.name for one in found])

    def use_them() -> None:
        first = found[index_of(found, name)]
        others = [one for one in _only(found, args.only) if one is not first]
        use(inferencer, first, others)

    return _go_on(args, found, problems, use_them)


def index_of(sequences: Sequence[EmbeddedSequence], name: str) -> int:
    """Find a sequence by its name.

    Args:
        sequences (Sequence[EmbeddedSequence]): The sequences.
        name (str): The name.

    Returns:
        int: Its position.

    Raises:
        ValueError: If there is no such sequence.
    """
    names = [one.name for one in sequences]
    if name not in names:
        raise ValueError(
            f'there is no sequence {name!r}; there are {", ".join(names)}'
        )
    return names.index(name)


def frame_at(sequence: EmbeddedSequence, second: float) -> int:
    """Find the frame of a sequence that is nearest to a second.

    Args:
        sequence (EmbeddedSequence): The sequence.
        second (float): The moment.

    Returns:
        int: The frame.

    Raises:
        ValueError: If the times are not known, or it ends before.
    """
    times = sequence.timestamps
    if times is None:
        raise ValueError(
            f'{sequence.name}: --second needs its frame rate, which is not '
            'known; --frame-rate sets it, or give --frame'
        )
    # The last frame is shown for as long as the one before.
    end = times[-1] + (times[-1] - times[-2] if len(times) > 1 else 0)
    if second > end:
        raise ValueError(
            f'{sequence.name} ends after {end:.3f} s and has no second '
            f'{second:g}'
        )
    return int(abs(times - second).argmin())


def _inferencer(args: argparse.Namespace) -> AlignmentInferencer:
    return AlignmentInferencer(**model_arguments(args), show_progress=True)


def _go_on(
    args: argparse.Namespace,
    sequences: Sequence[EmbeddedSequence],
    problems: dict[str, str],
    use: Callable[[], None],
) -> int:
    """Use the sequences, unless others are broken and may not be left out."""
    if problems and not args.skip_broken:
        show_broken(problems, bool(sequences))
        return 2
    try:
        use()
    finally:
        show_problems(problems)
    return 1 if problems else 0


def _only(
    sequences: list[EmbeddedSequence], names: Sequence[str] | None
) -> list[EmbeddedSequence]:
    if names is None:
        return sequences
    return [sequences[index_of(sequences, name)] for name in names]
