"""What every driver of a comparison shares: the folder that the runner wrote, and the protocol of a round.

A driver is started as `python DRIVER.py ARGUMENTS FOLDER` by `cargo xtask bench --rivals`. It prepares its data,
prints one JSON line (`threads`, `versions`), and then answers each line `run [STEPS]` on its standard input with one
JSON line: `ms` and `cpu_ms`, milliseconds on the wall and of all threads, and what the round gave that the runner can
check. It ends with its input. A driver may also be fed by hand. All files are little-endian; numbers of rows and columns are in `meta.json`:

    meta.json      num_users, num_items, dim, num_layers, learning_rate, l2, k, threads, batch_sizes (one per step)
    edges.u32      pairs (user, item) of the training part, by user and then item
    initial.f32    the table before the first step, users and then items, num_users + num_items rows of dim
    final.f32      a table to rank with, of the same shape
    batches.u32    for each step: users, positives, negatives, as many of each as its batch size
"""

import json
import os
import pathlib
import sys
import time
import warnings

import numpy as np
import scipy.sparse as sp

# Of sparse tensors in PyTorch, that they are young.
warnings.filterwarnings("ignore")


class Fixture:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.__dict__.update(json.loads((self.folder / "meta.json").read_text()))
        self.num_nodes = self.num_users + self.num_items

    def edges(self):
        return np.fromfile(self.folder / "edges.u32", dtype="<u4").reshape(-1, 2).astype(np.int64)

    def table(self, name):
        return np.fromfile(self.folder / f"{name}.f32", dtype="<f4").reshape(self.num_nodes, self.dim)

    def interactions(self):
        """The users x items pattern as a SciPy matrix."""
        users, items = self.edges().T
        shape = (self.num_users, self.num_items)
        return sp.csr_matrix((np.ones(len(users), dtype=np.float32), (users, items)), shape=shape)

    def joint_edges(self):
        """Both directions of every interaction, rows ascending, as (rows, columns)."""
        pattern = self.interactions()
        joint = sp.bmat([[None, pattern], [pattern.T, None]], format="csr")
        joint.sort_indices()
        rows = np.repeat(np.arange(self.num_nodes), np.diff(joint.indptr))
        return rows, joint.indices.astype(np.int64)

    def adjacency(self):
        """D^-1/2 A D^-1/2 of users and items in one graph, as a SciPy CSR matrix of 32-bit floats."""
        rows, cols = self.joint_edges()
        degree = np.bincount(rows, minlength=self.num_nodes).astype(np.float64)
        scale = np.where(degree > 0, np.maximum(degree, 1) ** -0.5, 0.0)
        values = (scale[rows] * scale[cols]).astype(np.float32)
        return sp.csr_matrix((values, (rows, cols)), shape=(self.num_nodes, self.num_nodes))

    def batches(self):
        """(users, positives, negatives) of every step, ids of their own kind."""
        flat = np.fromfile(self.folder / "batches.u32", dtype="<u4").astype(np.int64)
        start = 0
        for size in self.batch_sizes:
            yield flat[start : start + 3 * size].reshape(3, size)
            start += 3 * size


def torch_threads(fixture):
    """Tells PyTorch how many threads it has, and gives what `serve` reports."""
    import torch

    torch.set_num_threads(fixture.threads)
    return {"torch": torch.__version__}


def serve(fixture, versions, one_round):
    """Says that all is ready, then times `one_round(steps)` for every line `run [STEPS]`.

    `one_round` may return a dictionary to send with the time. `*.f32` or `*.u32` arrays that the runner compares are
    better left in the folder by the preparation, outside of any round.
    """
    print(json.dumps({"threads": fixture.threads, "versions": {"numpy": np.__version__, **versions}}), flush=True)
    for line in sys.stdin:
        word, *steps = line.split()
        assert word == "run", line
        start, cpu = time.perf_counter(), time.process_time()
        answer = one_round(int(steps[0]) if steps else 1) or {}
        answer["ms"], answer["cpu_ms"] = 1000 * (time.perf_counter() - start), 1000 * (time.process_time() - cpu)
        answer["peak_bytes"] = peak_bytes()
        print(json.dumps(answer), flush=True)


def serve_training(fixture, versions, step):
    """`step(users, positives, negatives)` on successive batches; its losses are the answer of a round."""
    batches = fixture.batches()
    serve(fixture, versions, lambda steps: {"losses": [step(*next(batches)) for _ in range(steps)]})


def peak_bytes():
    """Largest resident memory so far, where Linux tells."""
    if not os.path.exists("/proc/self/status"):
        return None
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
