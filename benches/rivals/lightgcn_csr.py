"""Training steps of LightGCN in the best PyTorch we could write for a CPU.

Same numbers as lightgcn_coo.py, but: one table; a CSR matrix, whose products go through MKL; Horner's rule, so that a
hop and the sum over layers are one `addmm`; one autograd function for propagation and lookup together, which uses that
the matrix is symmetric and keeps no layer; products into buffers that live as long as the run; fused Adam.

    python benches/rivals/lightgcn_csr.py FOLDER        (see fixture.py)
"""

import sys

import torch

from fixture import Fixture, serve_training, torch_threads


def main():
    fixture = Fixture(sys.argv[1])
    versions = torch_threads(fixture)
    csr = fixture.adjacency()
    # 32-bit indices: MKL takes them as they are.
    parts = torch.from_numpy(csr.indptr.astype("int32")), torch.from_numpy(csr.indices.astype("int32"))
    graph = torch.sparse_csr_tensor(*parts, torch.from_numpy(csr.data), csr.shape)
    table = torch.nn.Parameter(torch.from_numpy(fixture.table("initial").copy()))
    optimiser = torch.optim.Adam([table], lr=fixture.learning_rate, fused=True)
    buffers = [torch.empty_like(table, requires_grad=False) for _ in range(2)]
    gradient = torch.empty_like(table, requires_grad=False)
    weight = 1 / (fixture.num_layers + 1)

    def sum_of_layers(x):
        """x + A x + A A x + ..., in a buffer that the next call overwrites."""
        y = x
        for hop in range(fixture.num_layers):
            y = torch.addmm(x, graph, y, out=buffers[hop % 2])
        return y

    class PropagatedRows(torch.autograd.Function):
        @staticmethod
        def forward(context, table, rows):
            context.save_for_backward(rows)
            return sum_of_layers(table).index_select(0, rows).mul_(weight)

        @staticmethod
        def backward(context, grad):
            (rows,) = context.saved_tensors
            gradient.zero_().index_add_(0, rows, grad, alpha=weight)
            return sum_of_layers(gradient), None

    def step(users, positives, negatives):
        size = len(users)
        rows = torch.cat([torch.from_numpy(users), torch.from_numpy(positives), torch.from_numpy(negatives)])
        rows[size:] += fixture.num_users
        user, positive, negative = PropagatedRows.apply(table, rows).view(3, size, -1)
        difference = torch.linalg.vecdot(user, negative - positive)
        bpr = torch.nn.functional.softplus(difference).mean()
        penalty = 0.5 / size * table.detach().index_select(0, rows).pow_(2).sum()
        optimiser.zero_grad(set_to_none=True)
        bpr.backward()
        # The penalty's gradient by hand: the same rows, without a second table of zeros.
        table.grad.index_add_(0, rows, table.detach().index_select(0, rows), alpha=fixture.l2 / size)
        optimiser.step()
        return (bpr.detach() + fixture.l2 * penalty).item()

    serve_training(fixture, versions, step)


if __name__ == "__main__":
    main()
