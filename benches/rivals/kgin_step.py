"""The loss of KGIN and its gradient in PyTorch, as numbers for crates/knowledge/tests/kgin.rs.

The equations at the head of crates/knowledge/src/kgin.rs, fact by fact in double precision, for each kind of
independence:

    python benches/rivals/kgin_step.py > crates/knowledge/tests/data/kgin_step.json
"""

import torch

from knowledge_fixture import *

DIM, NUM_LAYERS, NUM_INTENTS, L2, WEIGHT = 5, 2, 3, 0.03, 0.7


def embed(p):
    users, nodes = p["users"], p["nodes"]
    all_users, all_nodes = users, nodes
    unit = lambda x: x / x.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    for _ in range(NUM_LAYERS):
        new_users, new_nodes = [], []
        for u in range(NUM_USERS):
            items = [nodes[NODE_OF_ITEM[item]] for user, item in EDGES if user == u]
            mean = sum(items) / len(items) if items else torch.zeros(DIM, dtype=torch.float64)
            shares = torch.softmax(p["intents"] @ users[u], 0)
            gate = 0
            for intent in range(NUM_INTENTS):
                weights = torch.softmax(p["intent_logits"][intent], 0)
                gate = gate + shares[intent] * sum(w * relation for w, relation in zip(weights, p["relations"]))
            new_users.append(unit(mean * gate + mean))
        for v in range(NUM_NODES):
            heard = [p["relations"][relation] * nodes[tail] for head, relation, tail in both_directions() if head == v]
            mean = sum(heard) / len(heard) if heard else torch.zeros(DIM, dtype=torch.float64)
            new_nodes.append(unit(mean))
        users, nodes = torch.stack(new_users), torch.stack(new_nodes)
        all_users, all_nodes = all_users + users, all_nodes + nodes
    return all_users, all_nodes


def distance_correlation(x, y):
    def centred(v):
        d = ((v[:, None] - v[None, :]) ** 2 + 1e-8).sqrt()
        return d - d.mean(0, keepdim=True) - d.mean(1, keepdim=True) + d.mean()

    a, b = centred(x), centred(y)
    covariance = lambda one, other: ((one * other).sum().clamp_min(0.0) / len(x) ** 2 + 1e-8).sqrt()
    return covariance(a, b) / (covariance(a, a) * covariance(b, b) + 1e-8).sqrt()


def dependence(p, kind):
    rows = list(p["intent_logits"])
    cosine = lambda x, y: (x @ y) / (x.norm() * y.norm())
    pairs = [(i, j) for i in range(NUM_INTENTS) for j in range(i + 1, NUM_INTENTS)]
    if kind == "distance":
        return sum(distance_correlation(rows[i], rows[j]) for i, j in pairs)
    if kind == "cosine":
        return sum(cosine(rows[i], rows[j]) ** 2 for i, j in pairs)
    total = 0
    for i in range(NUM_INTENTS):
        compared = torch.stack([cosine(rows[i], rows[j]) / 0.2 for j in range(NUM_INTENTS)])
        total = total - torch.log(torch.exp(compared[i]) / torch.exp(compared).sum())
    return total


def loss_of(p, kind):
    users, nodes = embed(p)
    losses, squares = [], 0
    for user, positive, negative in zip(USERS, POSITIVES, NEGATIVES):
        i, j = nodes[NODE_OF_ITEM[positive]], nodes[NODE_OF_ITEM[negative]]
        losses.append(softplus(users[user] @ j - users[user] @ i))
        squares = squares + sum(row.pow(2).sum() for row in (users[user], i, j))
    return torch.stack(losses).mean() + 0.5 * L2 * squares / len(USERS) + WEIGHT * dependence(p, kind)


def main():
    torch.manual_seed(2021)
    cases = []
    for kind in ("distance", "cosine", "mutual-information"):
        p = {
            "users": normal(NUM_USERS, DIM),
            "nodes": normal(NUM_NODES, DIM),
            "relations": normal(2 * NUM_RELATIONS, DIM),
            "intent_logits": normal(NUM_INTENTS, 2 * NUM_RELATIONS),
            "intents": normal(NUM_INTENTS, DIM),
        }
        loss = loss_of(p, kind)
        users, nodes = embed(p)
        cases.append({
            "config": {"embedding_dim": DIM, "num_layers": NUM_LAYERS, "num_intents": NUM_INTENTS, "independence": kind,
                       "independence_weight": WEIGHT, "l2": L2, "node_dropout": 0.0, "message_dropout": 0.0},
            "parameters": {name: flat(table) for name, table in p.items()},
            "losses": [loss.item()],
            "gradients": [gradients(loss, p)],
            "scores": flat(users @ nodes[NODE_OF_ITEM].T),
        })
    write("python benches/rivals/kgin_step.py", cases)


if __name__ == "__main__":
    main()
