"""Batches as the data loader collates them, of random views."""

import torch
from mmaction.structures import ActionDataSample


def collated_batch(totals, width, seed=0):
    """Two views of sequences of these lengths, with labels and phases."""
    generator = torch.Generator().manual_seed(seed)
    views = []
    for _ in range(2):
        kept = [
            torch.randperm(total, generator=generator)[: total * 2 // 3 + i]
            for i, total in enumerate(totals)
        ]
        kept = [frames.sort().values for frames in kept]
        views.append(
            dict(
                values=[
                    torch.randn(len(frames), width, generator=generator)
                    for frames in kept
                ],
                frame_index=kept,
                num_frames=list(totals),
            )
        )
    samples = []
    for i, total in enumerate(totals):
        sample = ActionDataSample(
            metainfo=dict(frame_dir=f'clip{i}', total_frames=total, label=i)
        )
        sample.phase = torch.arange(total) * 3 // total
        samples.append(sample)
    return dict(inputs=views, data_samples=samples)
