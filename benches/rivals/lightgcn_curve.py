"""LightGCN, or with --ngcf NGCF, in plain PyTorch, epoch by epoch: the curve that ours must follow.

The method is that of github.com/gusye1234/LightGCN-PyTorch, written anew: an epoch draws as many
(user, positive, negative) rows as there are training pairs, users uniformly among those with training
items, with replacement; BPR with softplus, L2 on the batch's rows of layer 0, Adam, N(0, 0.1) initial
values; every epoch ranks the whole catalogue less the training items.

    python benches/rivals/lightgcn_curve.py FOLDER --epochs 10 --seed 1 [--layers 3] [--dim 64] \
        [--lr 1e-3] [--l2 1e-4] [--batch 2048] [--coo] > curve.json

FOLDER holds `train.txt` and `test.txt`, each line `user item item ...`; or, with --triples, `data1.txt`
and `test1.txt`, each line `user item count`, ids from 1. `--coo` multiplies as LightGCN-PyTorch does; without
it a CSR matrix does the same faster. NGCF (Wang et al., SIGIR 2019) has Glorot's initial values and dropout .1 of
messages; its recipe is `--ngcf --lr 1e-4 --l2 1e-5 --batch 1024`.
"""

import argparse
import json
import pathlib
import sys
import time

import numpy as np
import torch


def adjacency_lists(path):
    for line in path.read_text().splitlines():
        user, *items = map(int, line.split())
        for item in items:
            yield user, item


def triples(path):
    for line in path.read_text().splitlines():
        user, item, _count = line.split()
        yield int(user) - 1, int(item) - 1


def normalised(pairs, num_users, num_items, coo):
    rows = np.concatenate([pairs[:, 0], pairs[:, 1] + num_users])
    cols = np.concatenate([pairs[:, 1] + num_users, pairs[:, 0]])
    degree = np.bincount(rows, minlength=num_users + num_items).astype(np.float64)
    scale = np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    values = torch.tensor(scale[rows] * scale[cols], dtype=torch.float32)
    size = (num_users + num_items,) * 2
    matrix = torch.sparse_coo_tensor(torch.tensor(np.stack([rows, cols])), values, size).coalesce()
    return matrix if coo else matrix.to_sparse_csr()


class Propagate(torch.autograd.Function):
    """The matrix is symmetric: its gradient is itself."""

    @staticmethod
    def forward(context, matrix, table):
        context.matrix = matrix
        return matrix @ table

    @staticmethod
    def backward(context, gradient):
        return None, context.matrix @ gradient


def draw(random, items_of, active, count, num_items, seen):
    users = active[random.integers(len(active), size=count)]
    starts, lengths = items_of[1][users], items_of[2][users]
    positives = items_of[0][starts + (random.random(count) * lengths).astype(np.int64)]
    negatives = random.integers(num_items, size=count)
    while True:
        wrong = np.flatnonzero(np.isin(users * num_items + negatives, seen))
        if len(wrong) == 0:
            return users, positives, negatives
        negatives[wrong] = random.integers(num_items, size=len(wrong))


def measure(users, items, train, test, k=20, block=1024):
    recalls, ndcgs = [], []
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    wanted = sorted(test)
    for start in range(0, len(wanted), block):
        part = wanted[start : start + block]
        scores = users[part] @ items.T
        for row, user in enumerate(part):
            scores[row, train.get(user, [])] = -torch.inf
        top = scores.topk(k, dim=1).indices.numpy()
        for row, user in enumerate(part):
            relevant = test[user]
            hits = np.isin(top[row], list(relevant))
            recalls.append(hits.sum() / len(relevant))
            ndcgs.append((hits * discount).sum() / discount[: min(k, len(relevant))].sum())
    return float(np.mean(recalls)), float(np.mean(ndcgs))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--l2", type=float, default=1e-4)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--coo", action="store_true")
    parser.add_argument("--triples", action="store_true")
    parser.add_argument("--ngcf", action="store_true")
    args = parser.parse_args()

    read, names = (triples, ("data1.txt", "test1.txt")) if args.triples else (adjacency_lists, ("train.txt", "test.txt"))
    pairs, held = (np.array(list(read(args.folder / name)), dtype=np.int64) for name in names)
    num_users, num_items = (int(max(pairs[:, side].max(), held[:, side].max())) + 1 for side in (0, 1))
    train, test = {}, {}
    for table, rows in ((train, pairs), (test, held)):
        for user, item in rows.tolist():
            table.setdefault(user, set()).add(item)
    pairs = np.array(sorted({(user, item) for user, items in train.items() for item in items}), dtype=np.int64)
    train = {user: sorted(items) for user, items in train.items()}
    lengths = np.bincount(pairs[:, 0], minlength=num_users)
    items_of = (pairs[:, 1], np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    active = np.flatnonzero(lengths)
    seen = pairs[:, 0] * num_items + pairs[:, 1]

    random = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    matrix = normalised(pairs, num_users, num_items, args.coo)
    multiply = torch.sparse.mm if args.coo else Propagate.apply
    glorot = lambda *shape: torch.nn.init.xavier_uniform_(torch.empty(shape))
    table = torch.nn.Parameter(torch.randn(num_users + num_items, args.dim) * 0.1)
    weights = []
    if args.ngcf:
        table = torch.nn.Parameter(torch.cat([glorot(num_users, args.dim), glorot(num_items, args.dim)]))
        shapes = [(args.dim, args.dim), (1, args.dim)] * 2
        weights = [[torch.nn.Parameter(glorot(*shape)) for shape in shapes] for _ in range(args.layers)]
    optimiser = torch.optim.Adam([table, *(weight for layer in weights for weight in layer)], lr=args.lr, eps=1e-8)

    def final():
        if args.ngcf:
            own, parts = table, [table]
            for w1, b1, w2, b2 in weights:
                near = multiply(matrix, own)
                own = torch.nn.functional.leaky_relu((near + own) @ w1 + b1 + (near * own) @ w2 + b2, 0.2)
                own = torch.nn.functional.dropout(own, 0.1, torch.is_grad_enabled())
                parts.append(torch.nn.functional.normalize(own))
            return torch.cat(parts, 1)
        layers = [table]
        for _ in range(args.layers):
            layers.append(multiply(matrix, layers[-1]))
        return sum(layers) / len(layers)

    curve = []
    for epoch in range(1, args.epochs + 1):
        began = time.perf_counter()
        users, positives, negatives = draw(random, items_of, active, len(pairs), num_items, seen)
        losses = []
        for start in range(0, len(users), args.batch):
            part = slice(start, start + args.batch)
            u, i, j = (torch.from_numpy(x) for x in (users[part], positives[part] + num_users, negatives[part] + num_users))
            last = final()
            score = lambda item: (last[u] * last[item]).sum(1)
            bpr = torch.nn.functional.softplus(score(j) - score(i)).mean()
            penalty = 0.5 * sum(table[rows].pow(2).sum() for rows in (u, i, j)) / len(u)
            optimiser.zero_grad()
            (bpr + args.l2 * penalty).backward()
            optimiser.step()
            losses.append(bpr.item())
        seconds = time.perf_counter() - began
        with torch.no_grad():
            last = final()
            recall, ndcg = measure(last[:num_users], last[num_users:], train, test)
        curve.append({"epoch": epoch, "loss": float(np.mean(losses)), "recall@20": recall, "ndcg@20": ndcg, "seconds": seconds})
        print(curve[-1], file=sys.stderr, flush=True)
    shown = {name: str(value) for name, value in vars(args).items() if name != "folder"}
    json.dump({"torch": torch.__version__, "arguments": shown, "curve": curve}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
