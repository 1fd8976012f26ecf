"""Training steps of LightGCN with PyTorch Geometric's own class and loss.

`edge_index` as its example passes it; the class normalises the edges itself, in every layer of every step. With
`--sparse` the normalised matrix is made once and passed as a CSR tensor, which the class multiplies.

    python benches/rivals/lightgcn_pyg.py [--sparse] FOLDER        (see fixture.py)
"""

import sys

import torch
import torch_geometric
from torch_geometric.nn.models import LightGCN

from fixture import Fixture, serve_training, torch_threads


def main():
    fixture = Fixture(sys.argv[-1])
    versions = torch_threads(fixture) | {"torch_geometric": torch_geometric.__version__}
    if "--sparse" in sys.argv:
        csr = fixture.adjacency()
        parts = torch.from_numpy(csr.indptr), torch.from_numpy(csr.indices)
        graph = torch.sparse_csr_tensor(*parts, torch.from_numpy(csr.data), csr.shape)
        options = {"normalize": False}
    else:
        rows, cols = map(torch.from_numpy, fixture.joint_edges())
        graph, options = torch.stack([cols, rows]), {}
    model = LightGCN(fixture.num_nodes, fixture.dim, fixture.num_layers, **options)
    with torch.no_grad():
        model.embedding.weight.copy_(torch.from_numpy(fixture.table("initial")))
    optimiser = torch.optim.Adam(model.parameters(), lr=fixture.learning_rate)

    def step(users, positives, negatives):
        users = torch.from_numpy(users)
        positives, negatives = (torch.from_numpy(items) + fixture.num_users for items in (positives, negatives))
        pairs = torch.stack([users.repeat(2), torch.cat([positives, negatives])])
        positive, negative = model(graph, pairs).chunk(2)
        # Its penalty has no factor 1/2; the rows with repetition, as the authors of LightGCN take them.
        node_id = torch.cat([users, positives, negatives])
        loss = model.recommendation_loss(positive, negative, node_id=node_id, lambda_reg=0.5 * fixture.l2)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    serve_training(fixture, versions, step)


if __name__ == "__main__":
    main()
