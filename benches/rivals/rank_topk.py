"""Full ranking in PyTorch: matrix product, mask of the seen items, top 20, Recall and NDCG, in chunks of users.

The rival of crates/eval/examples/full_ranking.rs, on the same files and the same tables:

    pip install torch numpy
    OMP_NUM_THREADS=2 python benches/rivals/rank_topk.py FOLDER [ROUNDS] [USERS_PER_CHUNK]

Written to be fast: indices are prepared outside the clock, nothing loops over users, and hits are
looked up in one sorted array. Reading, tables and that preparation are not timed, as on the other side.
"""

import sys
import time

import numpy
import torch

DIM, K = 64, 20


def edges(path):
    users, items = [], []
    with open(path) as lines:
        for line in lines:
            user, *row = map(int, line.split())
            users += [user] * len(row)
            items += row
    return numpy.array(users, dtype=numpy.int64), numpy.array(items, dtype=numpy.int64)


def table(number, rows):
    """Numbers in [-1/2, 1/2) by their position (SplitMix64)."""
    x = numpy.arange(rows * DIM, dtype=numpy.uint64) | numpy.uint64(number << 40)
    x = (x + numpy.uint64(1)) * numpy.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    x = (x ^ (x >> numpy.uint64(31))) >> numpy.uint64(40)
    return torch.from_numpy(x.astype(numpy.float32) / numpy.float32(1 << 24) - numpy.float32(0.5)).view(rows, DIM)


def main():
    folder = sys.argv[1]
    num_rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    chunk = int(sys.argv[3]) if len(sys.argv) > 3 else 512
    (train_users, train_items), (test_users, test_items) = edges(f"{folder}/train.txt"), edges(f"{folder}/test.txt")
    num_users = int(max(train_users.max(), test_users.max())) + 1
    num_items = int(max(train_items.max(), test_items.max())) + 1
    seen = numpy.unique(train_users * num_items + train_items)
    wanted = numpy.unique(test_users * num_items + test_items)
    num_wanted = torch.from_numpy(numpy.bincount(wanted // num_items, minlength=num_users))
    starts = numpy.searchsorted(seen, numpy.arange(num_users + 1) * num_items)
    seen_users, seen_items = torch.from_numpy(seen // num_items), torch.from_numpy(seen % num_items)
    wanted = torch.from_numpy(wanted)
    users, items = table(0, num_users), table(1, num_items).T.contiguous()
    discount = 1 / torch.log2(torch.arange(2, K + 2, dtype=torch.float64))
    ideal = torch.cat([torch.zeros(1, dtype=torch.float64), discount.cumsum(0)])
    print(f"{num_users} users, {num_items} items, {torch.get_num_threads()} threads, torch {torch.__version__}")
    for _ in range(num_rounds):
        start = time.perf_counter()
        recall = ndcg = 0.0
        with torch.inference_mode():
            for first in range(0, num_users, chunk):
                last = min(first + chunk, num_users)
                scores = users[first:last] @ items
                masked = slice(starts[first], starts[last])
                scores[seen_users[masked] - first, seen_items[masked]] = -torch.inf
                top = scores.topk(K).indices
                keys = torch.arange(first, last)[:, None] * num_items + top
                places = torch.searchsorted(wanted, keys).clamp_(max=len(wanted) - 1)
                hits = (wanted[places] == keys).double()
                relevant = num_wanted[first:last]
                has_any = relevant > 0
                recall += (hits.sum(1) / relevant)[has_any].sum().item()
                ndcg += ((hits @ discount) / ideal[relevant.clamp(max=K)])[has_any].sum().item()
        seconds = time.perf_counter() - start
        counted = int((num_wanted > 0).sum())
        print(f"{seconds:.3f} s  recall@{K} {recall / counted:.9f}  ndcg@{K} {ndcg / counted:.9f}", flush=True)


if __name__ == "__main__":
    main()
