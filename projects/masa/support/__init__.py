"""What is not about alignment: files, command lines, configs, upstream.

Safe checkpoints and files, the frame of command-line tools, checks of
configs, and repairs of MMEngine, MMCV and MMAction2.
"""
