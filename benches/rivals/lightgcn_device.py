"""An epoch of LightGCN in PyTorch on a GPU: `python lightgcn_device.py TRAIN.TXT [--device cuda]`.

Two ways: sparse COO and autograd, as most code of the field does it, and the best we could write: CSR, the gradient of a
symmetric product by hand, fused Adam, no read-back within an epoch. Width 64, 3 layers, batches of 2048 with one
negative each; batches are drawn before the clock starts. The median of five epochs.
"""

import argparse
import statistics
import time

import torch

WIDTH, LAYERS, BATCH, L2 = 64, 3, 2048, 1e-4


class SymmetricProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, matrix, x):
        ctx.matrix = matrix
        return matrix @ x

    @staticmethod
    def backward(ctx, gradient):
        return None, ctx.matrix @ gradient


def read(path):
    users, items = [], []
    with open(path) as lines:
        for line in lines:
            user, *seen = map(int, line.split())
            users += [user] * len(seen)
            items += seen
    return torch.tensor(users), torch.tensor(items)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("train")
    arguments.add_argument("--device", default="cuda")
    arguments = arguments.parse_args()
    device = torch.device(arguments.device)
    torch.manual_seed(2020)
    users, items = read(arguments.train)
    num_users, num_items = int(users.max()) + 1, int(items.max()) + 1
    num_nodes = num_users + num_items
    rows, cols = torch.cat([users, items + num_users]), torch.cat([items + num_users, users])
    degrees = torch.bincount(rows, minlength=num_nodes).float()
    weights = (degrees[rows] * degrees[cols]).rsqrt()
    coo = torch.sparse_coo_tensor(torch.stack([rows, cols]), weights, (num_nodes, num_nodes)).coalesce().to(device)
    csr = coo.to_sparse_csr()
    users, items = users.to(device), items.to(device)
    print(f"{torch.cuda.get_device_name(device) if device.type == 'cuda' else device}, torch {torch.__version__}")

    for name in ["coo", "csr"]:
        table = torch.nn.Parameter(torch.randn(num_nodes, WIDTH, device=device) * 0.1)
        optimiser = torch.optim.Adam([table], lr=1e-3, fused=name == "csr")
        product = (lambda x: torch.sparse.mm(coo, x)) if name == "coo" else (lambda x: SymmetricProduct.apply(csr, x))

        def epoch(timed=True):
            order = torch.randperm(len(users), device=device)
            negatives = torch.randint(num_items, (len(users),), device=device)
            torch.cuda.synchronize()
            start = time.perf_counter()
            for batch in order.split(BATCH):
                layers = [table]
                for _ in range(LAYERS):
                    layers.append(product(layers[-1]))
                final = torch.stack(layers).mean(0)
                u, p = users[batch], items[batch] + num_users
                n = negatives[batch] + num_users
                scores = (final[u] * (final[n] - final[p])).sum(1)
                squares = table[u].square().sum() + table[p].square().sum() + table[n].square().sum()
                loss = torch.nn.functional.softplus(scores).mean() + L2 / 2 * squares / len(batch)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
            torch.cuda.synchronize()
            return time.perf_counter() - start

        epoch()
        seconds = [epoch() for _ in range(5)]
        print(f"{name}: {statistics.median(seconds):.3f} s an epoch ({min(seconds):.3f} to {max(seconds):.3f})", flush=True)


if __name__ == "__main__":
    main()
