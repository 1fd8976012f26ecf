"""One product of the normalised adjacency with the table, alone.

    python benches/rivals/product.py torch-csr|torch-csr-out|torch-coo|scipy-csr FOLDER        (see fixture.py)

`torch-csr` is `torch.sparse.mm`, which makes a new table in every call; `torch-csr-out` writes into one that is there,
as our kernel does. The product itself is left in FOLDER as `product-WAY.f32`, for the runner to compare.
"""

import sys

from fixture import Fixture, serve

WAYS = ("torch-csr", "torch-csr-out", "torch-coo", "scipy-csr")


def torch_product(way, fixture, matrix, table):
    import torch

    from fixture import torch_threads

    versions = torch_threads(fixture)
    table, values = torch.from_numpy(table), torch.from_numpy(matrix.data)
    if way == "torch-coo":
        coo = matrix.tocoo()
        ends = torch.stack([torch.from_numpy(ends).long() for ends in (coo.row, coo.col)])
        graph = torch.sparse_coo_tensor(ends, values, coo.shape).coalesce()
    else:
        # 32-bit indices: MKL takes them as they are.
        parts = torch.from_numpy(matrix.indptr.astype("int32")), torch.from_numpy(matrix.indices.astype("int32"))
        graph = torch.sparse_csr_tensor(*parts, values, matrix.shape)
    if way == "torch-csr-out":
        out = torch.empty_like(table)
        return versions, lambda: torch.addmm(table, graph, table, beta=0, out=out).numpy()
    return versions, lambda: torch.sparse.mm(graph, table).numpy()


def main():
    way, fixture = sys.argv[1], Fixture(sys.argv[2])
    if way not in WAYS:
        sys.exit(f"expected one of {WAYS}, found {way}")
    matrix, table = fixture.adjacency(), fixture.table("initial").copy()
    if way == "scipy-csr":
        import scipy

        versions, product = {"scipy": scipy.__version__}, lambda: matrix @ table
    else:
        versions, product = torch_product(way, fixture, matrix, table)
    product().astype("<f4").tofile(fixture.folder / f"product-{way}.f32")

    def one_round(steps):
        for _ in range(steps):
            product()

    serve(fixture, versions, one_round)


if __name__ == "__main__":
    main()
