import torch


def with_leaves(views, dtype=torch.float64):
    """Copies of views whose embeddings take gradients."""
    return [
        view._replace(values=view.values.detach().to(dtype).requires_grad_())
        for view in views
    ]
