"""The best k unseen items for every user, from given tables: torch (product and topk in chunks) or implicit.

    python benches/rivals/ranking.py torch|implicit FOLDER        (see fixture.py)

Indices are prepared outside the clock. The lists of the first, untimed pass are left in FOLDER as `top-WAY.u32`,
num_users rows of k, for the runner to compare.
"""

import sys

import numpy as np

from fixture import Fixture, serve

USERS_PER_CHUNK = 512


def torch_lists(fixture, users, items):
    import torch

    from fixture import torch_threads

    versions = torch_threads(fixture)
    seen = fixture.interactions()
    starts = seen.indptr
    seen_users = torch.from_numpy(np.repeat(np.arange(fixture.num_users), np.diff(starts)))
    seen_items = torch.from_numpy(seen.indices.astype(np.int64))
    users, items = torch.from_numpy(users), torch.from_numpy(items).T.contiguous()
    top = torch.empty(fixture.num_users, fixture.k, dtype=torch.int64)

    @torch.inference_mode()
    def lists():
        for first in range(0, fixture.num_users, USERS_PER_CHUNK):
            last = min(first + USERS_PER_CHUNK, fixture.num_users)
            scores = users[first:last] @ items
            masked = slice(starts[first], starts[last])
            scores[seen_users[masked] - first, seen_items[masked]] = -torch.inf
            top[first:last] = scores.topk(fixture.k).indices
        return top.numpy()

    return lists, versions


def implicit_lists(fixture, users, items):
    import implicit
    from implicit.cpu.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    # It has threads of its own, and says itself that those of BLAS must not come on top.
    threadpool_limits(1, "blas")
    model = AlternatingLeastSquares(factors=fixture.dim, num_threads=fixture.threads)
    model.user_factors, model.item_factors = users.copy(), items.copy()
    seen, everybody = fixture.interactions(), np.arange(fixture.num_users)

    def lists():
        return model.recommend(everybody, seen, N=fixture.k, filter_already_liked_items=True)[0]

    return lists, {"implicit": implicit.__version__}


def main():
    way, fixture = sys.argv[1], Fixture(sys.argv[2])
    tables = np.split(fixture.table("final"), [fixture.num_users])
    lists, versions = {"torch": torch_lists, "implicit": implicit_lists}[way](fixture, *tables)
    lists().astype("<u4").tofile(fixture.folder / f"top-{way}.u32")

    def one_round(steps):
        for _ in range(steps):
            lists()

    serve(fixture, versions, one_round)


if __name__ == "__main__":
    main()
