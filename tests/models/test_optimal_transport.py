import math

import pytest
import torch

from masa.models.losses.optimal_transport import (
    add_virtual_frame,
    fused_gromov_plan,
    mass_error,
    sinkhorn_log_plan,
    uniform_log_mass,
)
from masa.structures import length_mask

LENGTHS1, LENGTHS2 = (6, 3, 1, 4), (2, 5, 4, 1)
MASK1 = length_mask(torch.tensor(LENGTHS1), 7)
MASK2 = length_mask(torch.tensor(LENGTHS2), 6)


def random_masses(mask, seed):
    generator = torch.Generator().manual_seed(seed)
    mass = torch.rand(mask.shape, generator=generator, dtype=torch.float64)
    mass = (mass + 0.1) * mask
    return (mass / mass.sum(1, keepdim=True)).log()


def random_matrices(rows, columns, seed, symmetric=False):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.rand(
        len(LENGTHS1), rows, columns, generator=generator, dtype=torch.float64
    )
    return (matrix + matrix.mT) / 2 if symmetric else matrix


def loop_sinkhorn(kernel, a, b, iterations, u=None):
    """Scale one kernel of plain numbers; gives the plan and u."""
    u = u or [1.0] * len(a)
    for _ in range(iterations):
        v = [
            b[j] / sum(u[i] * kernel[i][j] for i in range(len(a)))
            for j in range(len(b))
        ]
        u = [
            a[i] / sum(kernel[i][j] * v[j] for j in range(len(b)))
            for i in range(len(a))
        ]
    plan = [
        [u[i] * kernel[i][j] * v[j] for j in range(len(b))]
        for i in range(len(a))
    ]
    return plan, u


def loop_fused_gromov(
    cost, struct1, struct2, a, b, alpha, eps, iterations, inner, step
):
    rows, columns = range(len(a)), range(len(b))
    plan = [[a[i] * b[j] for j in columns] for i in rows]
    u = gradient = None
    for _ in range(iterations):
        target = [
            [
                (1 - alpha) * cost[i][j]
                + alpha
                * sum(
                    struct1[i][k] * struct2[j][l] * plan[k][l]
                    for k in rows
                    for l in columns  # noqa: E741
                )
                for j in columns
            ]
            for i in rows
        ]
        gradient = gradient or target
        gradient = [
            [
                (1 - step) * gradient[i][j] + step * target[i][j]
                for j in columns
            ]
            for i in rows
        ]
        kernel = [
            [math.exp(-gradient[i][j] / eps) for j in columns] for i in rows
        ]
        plan, u = loop_sinkhorn(kernel, a, b, inner, u)
    return plan


def pairs(*tensors):
    """Cut what there is of every pair, as lists."""
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        yield [tensor[row].tolist() for tensor in tensors], m, n


def cut(matrix, rows, columns):
    return [row[:columns] for row in matrix[:rows]]


def check_plans(plans, expected):
    for plan, rows in zip(plans, expected, strict=True):
        m, n = len(rows), len(rows[0])
        torch.testing.assert_close(
            plan[:m, :n], torch.tensor(rows, dtype=plan.dtype)
        )
        assert plan[m:].eq(0).all()
        assert plan[:, n:].eq(0).all()


@pytest.mark.parametrize('iterations', [1, 7])
def test_sinkhorn_equals_loops(iterations):
    log_kernel = 3 * random_matrices(7, 6, 0)
    mass1, mass2 = random_masses(MASK1, 1), random_masses(MASK2, 2)
    log_kernel[~MASK1] = torch.nan
    plans = sinkhorn_log_plan(log_kernel, mass1, mass2, iterations).exp()
    check_plans(
        plans,
        [
            loop_sinkhorn(cut(kernel, m, n), a[:m], b[:n], iterations)[0]
            for (kernel, a, b), m, n in pairs(
                log_kernel.exp(), mass1.exp(), mass2.exp()
            )
        ],
    )


def test_gradient_is_that_of_the_iterations():
    log_kernel = 3 * random_matrices(7, 6, 0)
    mass1, mass2 = random_masses(MASK1, 1), random_masses(MASK2, 2)

    def plan(kernel):
        return sinkhorn_log_plan(kernel, mass1, mass2, 3).exp()

    assert torch.autograd.gradcheck(plan, log_kernel.requires_grad_())


def test_kernel_in_the_padding_gets_no_gradient():
    log_kernel = random_matrices(7, 6, 0)
    pair = MASK1[:, :, None] & MASK2[:, None]
    log_kernel[~pair] = torch.nan
    plan = sinkhorn_log_plan(
        log_kernel.requires_grad_(),
        random_masses(MASK1, 1),
        random_masses(MASK2, 2),
    )
    plan.exp().square().sum().backward()
    assert log_kernel.grad[~pair].eq(0).all()
    assert log_kernel.grad[pair].isfinite().all()
    assert log_kernel.grad[pair].ne(0).any()


def test_pairs_do_not_depend_on_each_other_or_on_padding():
    log_kernel = 30 * random_matrices(7, 6, 0)
    mass1, mass2 = random_masses(MASK1, 1), random_masses(MASK2, 2)
    together = sinkhorn_log_plan(log_kernel, mass1, mass2)
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        alone = sinkhorn_log_plan(
            log_kernel[row, None, :m, :n],
            mass1[row, None, :m],
            mass2[row, None, :n],
        )
        torch.testing.assert_close(together[row, None, :m, :n], alone)


def test_extreme_kernels_stay_finite():
    log_kernel = (1e5 * random_matrices(7, 6, 0)).float().requires_grad_()
    mass1, mass2 = (
        uniform_log_mass(mask, torch.float32) for mask in (MASK1, MASK2)
    )
    plan = sinkhorn_log_plan(log_kernel, mass1, mass2).exp()
    (plan * log_kernel.detach()).sum().backward()
    assert log_kernel.grad.isfinite().all()
    torch.testing.assert_close(plan.sum(2), mass1.exp(), atol=1e-2, rtol=0)


def test_columns_need_more_iterations_where_eps_is_small():
    generator = torch.Generator().manual_seed(0)
    frames = torch.randn(1, 40, 8, generator=generator).cumsum(1)
    cost = torch.cdist(frames, frames[:, ::2]).square()
    cost = cost / cost.mean()
    mass1, mass2 = (
        uniform_log_mass(torch.ones(1, n, dtype=torch.bool), cost.dtype)
        for n in (40, 20)
    )

    def errors(eps):
        for iterations in (20, 2000):
            plan = sinkhorn_log_plan(-cost / eps, mass1, mass2, iterations)
            plan = plan.exp()
            torch.testing.assert_close(plan.sum(2), mass1.exp())
            yield mass_error(plan, mass1, mass2).item()

    assert max(errors(1.0)) < 1e-4
    few, many = errors(0.003)
    assert few > 0.02
    assert many < few / 10


def test_iterations_keep_no_matrix_for_the_gradient():
    mass1, mass2 = random_masses(MASK1, 1), random_masses(MASK2, 2)
    log_kernel = random_matrices(7, 6, 0).requires_grad_()

    def saved(iterations):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor: sizes.append(tensor.numel()) or tensor,
            lambda tensor: tensor,
        ):
            sinkhorn_log_plan(log_kernel, mass1, mass2, iterations)
        return sum(sizes)

    vectors = 2 * (mass1.numel() + mass2.numel())
    assert saved(9) - saved(4) == 5 * vectors


def test_mass_error_adds_rows_and_columns():
    plan = torch.tensor([[[0.5, 0.0], [0.2, 0.1]]])
    half = torch.full((1, 2), math.log(0.5))
    assert mass_error(plan, half, half).item() == pytest.approx(0.2 + 0.6)


def test_uniform_mass():
    mass = uniform_log_mass(MASK1, torch.float64).exp()
    assert mass[0].tolist() == pytest.approx([1 / 6] * 6 + [0])
    mass = uniform_log_mass(MASK1, torch.float64, virtual=True).exp()
    assert mass[1].tolist() == pytest.approx([1 / 4] * 4 + [0] * 4)


def test_virtual_frame_comes_first():
    values = torch.tensor([[[1.0, 2.0]]], requires_grad=True)
    assert add_virtual_frame(values, 7.0).tolist() == [[[7, 7, 7], [7, 1, 2]]]
    border = torch.tensor([[[5.0]]])
    assert add_virtual_frame(values, border, 0.0).tolist() == [
        [[0, 5, 5], [5, 1, 2]]
    ]


def test_sinkhorn_equals_pot():
    ot = pytest.importorskip('ot')
    log_kernel = 3 * random_matrices(7, 6, 0)
    mass1, mass2 = random_masses(MASK1, 1), random_masses(MASK2, 2)
    plans = sinkhorn_log_plan(log_kernel, mass1, mass2, 4).exp()
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        expected = ot.bregman.sinkhorn_log(
            mass1[row, :m].exp(),
            mass2[row, :n].exp(),
            -0.05 * log_kernel[row, :m, :n],
            reg=0.05,
            numItermax=4,
            stopThr=0,
            warn=False,
        )
        torch.testing.assert_close(plans[row, :m, :n], expected)


def test_converged_sinkhorn_equals_pot_in_a_batch():
    pytest.importorskip('ot')
    from ot.batch import bregman_log_projection_batch

    log_kernel = 3 * random_matrices(7, 6, 0)
    mass1, mass2 = random_masses(MASK1, 1), random_masses(MASK2, 2)
    expected = bregman_log_projection_batch(
        log_kernel, mass1.exp(), mass2.exp(), max_iter=500, tol=1e-12
    )
    plans = sinkhorn_log_plan(log_kernel, mass1, mass2, 500).exp()
    torch.testing.assert_close(plans, expected['T'])


@pytest.mark.parametrize(('inner', 'step'), [(1, 1.0), (3, 0.5)])
def test_fused_gromov_equals_loops(inner, step):
    cost = random_matrices(7, 6, 0)
    structures = (
        5 * random_matrices(7, 7, 1, symmetric=True),
        random_matrices(6, 6, 2, symmetric=True),
    )
    mass1, mass2 = random_masses(MASK1, 3), random_masses(MASK2, 4)
    expected = [
        loop_fused_gromov(
            cut(c, m, n),
            cut(s1, m, m),
            cut(s2, n, n),
            a[:m],
            b[:n],
            0.4,
            0.3,
            4,
            inner,
            step,
        )
        for (c, s1, s2, a, b), m, n in pairs(
            cost, *structures, mass1.exp(), mass2.exp()
        )
    ]
    cost[~MASK1] = torch.nan
    plans = fused_gromov_plan(
        cost, *structures, mass1, mass2, 0.4, 0.3, 4, inner, step
    )
    check_plans(plans, expected)


def test_fused_gromov_equals_pot():
    ot = pytest.importorskip('ot')
    cost = random_matrices(7, 6, 0)
    structure1 = 5 * random_matrices(7, 7, 1, symmetric=True)
    structure2 = random_matrices(6, 6, 2, symmetric=True)
    mass1, mass2 = random_masses(MASK1, 3), random_masses(MASK2, 4)
    plans = fused_gromov_plan(
        cost, structure1, structure2, mass1, mass2, 0.3, 0.2, 6, 300
    )
    for row, (m, n) in enumerate(zip(LENGTHS1, LENGTHS2, strict=True)):
        # Squared differences, whose gradient is -4 alpha C1 T C2 and what
        # rows and columns have in common.
        expected = ot.gromov.entropic_fused_gromov_wasserstein(
            cost[row, :m, :n],
            structure1[row, :m, :m] / -4,
            structure2[row, :n, :n],
            mass1[row, :m].exp(),
            mass2[row, :n].exp(),
            'square_loss',
            epsilon=0.2,
            symmetric=True,
            alpha=0.3,
            max_iter=6,
            tol=0,
            solver='PGD',
            numItermax=1000,
            stopThr=1e-14,
        )
        torch.testing.assert_close(
            plans[row, :m, :n], expected, rtol=1e-6, atol=1e-9
        )


def test_without_structure_it_is_sinkhorn():
    cost = random_matrices(7, 6, 0)
    mass1, mass2 = random_masses(MASK1, 3), random_masses(MASK2, 4)
    plans = fused_gromov_plan(
        cost,
        random_matrices(7, 7, 1),
        random_matrices(6, 6, 2),
        mass1,
        mass2,
        alpha=0.0,
        eps=0.1,
        num_iterations=5,
        sinkhorn_iterations=2,
    )
    expected = sinkhorn_log_plan(-cost / 0.1, mass1, mass2, 10).exp()
    torch.testing.assert_close(plans, expected)


def test_half_steps_settle_where_full_steps_go_to_and_fro():
    # alpha / 2 <A T B, T> is 0.4 times the sum of squares: a full step
    # leads twice as far beyond the minimum as the plan was on this side.
    cost = torch.tensor([[[0.1, 0.0], [0.0, 0.0]]])
    structure1, structure2 = 1.6 * torch.eye(2)[None], torch.eye(2)[None]
    half = torch.full((1, 2), math.log(0.5))

    def last_move(step_size):
        plans = [
            fused_gromov_plan(
                cost,
                structure1,
                structure2,
                half,
                half,
                alpha=0.5,
                eps=0.1,
                num_iterations=iterations,
                sinkhorn_iterations=10,
                step_size=step_size,
            )
            for iterations in (60, 61)
        ]
        return (plans[1] - plans[0]).abs().sum().item()

    assert last_move(0.5) < 1e-4
    assert last_move(1.0) > 0.1


def test_structure_of_short_sequences_stays_finite():
    mask = length_mask(torch.tensor([1, 2]), 4)
    mass = uniform_log_mass(mask, torch.float32)
    cost = torch.rand(2, 4, 4, generator=torch.Generator().manual_seed(0))
    near = torch.ones(2, 4, 4) - torch.eye(4)
    plans = fused_gromov_plan(cost, near / 1e-3, 1 - near, mass, mass)
    assert plans.isfinite().all()
    torch.testing.assert_close(plans.sum(2), mass.exp())


def test_solver_gives_no_gradient():
    cost = random_matrices(7, 6, 0).requires_grad_()
    plans = fused_gromov_plan(
        cost,
        random_matrices(7, 7, 1),
        random_matrices(6, 6, 2),
        random_masses(MASK1, 3),
        random_masses(MASK2, 4),
    )
    assert not plans.requires_grad
