"""Training steps of LightGCN the way LightGCN-PyTorch takes them: COO product, stack and mean, Adam.

The method is that of github.com/gusye1234/LightGCN-PyTorch, written anew: two embedding tables joined in every step,
`torch.sparse.mm` with a coalesced COO matrix, softplus BPR, half the squared norms of the batch's rows of layer 0 over
the rows of the batch, `torch.optim.Adam` as it comes.

    python benches/rivals/lightgcn_coo.py FOLDER        (see fixture.py)
"""

import sys

import torch

from fixture import Fixture, serve_training, torch_threads


def main():
    fixture = Fixture(sys.argv[1])
    versions = torch_threads(fixture)
    coo = fixture.adjacency().tocoo()
    indices = torch.stack([torch.from_numpy(ends).long() for ends in (coo.row, coo.col)])
    graph = torch.sparse_coo_tensor(indices, torch.from_numpy(coo.data), coo.shape).coalesce()
    initial = torch.from_numpy(fixture.table("initial").copy())
    split = [fixture.num_users, fixture.num_items]
    users_of, items_of = (torch.nn.Embedding.from_pretrained(part, freeze=False) for part in initial.split(split))
    optimiser = torch.optim.Adam([users_of.weight, items_of.weight], lr=fixture.learning_rate)

    def step(users, positives, negatives):
        users, positives, negatives = map(torch.from_numpy, (users, positives, negatives))
        layer = torch.cat([users_of.weight, items_of.weight])
        layers = [layer]
        for _ in range(fixture.num_layers):
            layer = torch.sparse.mm(graph, layer)
            layers.append(layer)
        final_users, final_items = torch.stack(layers, dim=1).mean(dim=1).split(split)
        user, positive, negative = final_users[users], final_items[positives], final_items[negatives]
        scores = (user * positive).sum(dim=1), (user * negative).sum(dim=1)
        bpr = torch.nn.functional.softplus(scores[1] - scores[0]).mean()
        looked_up = users_of(users), items_of(positives), items_of(negatives)
        penalty = 0.5 * sum(rows.norm(2).pow(2) for rows in looked_up) / len(users)
        loss = bpr + fixture.l2 * penalty
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return loss.item()

    serve_training(fixture, versions, step)


if __name__ == "__main__":
    main()
