"""A training step of GraphRec in plain PyTorch: neighbourhoods padded to the longest, masked, whole.

The equations of Fan et al., WWW 2019, written anew from the paper. As numbers in double precision for
crates/social/tests/graphrec_pytorch.rs:

    python benches/rivals/graphrec_step.py > crates/social/tests/data/graphrec_step.json

and timed on Epinions beside benches/examples/graphrec_step.rs, with at most CAP neighbours a node (0: all):

    python benches/rivals/graphrec_step.py FOLDER CAP STEPS
"""

import json
import resource
import sys
import time

import torch

LAST_WIDTH, MOMENTUM = 16, 0.5
LAYERS = {  # name: (rows, columns) in multiples of the width; 1 stands for one row
    "item_opinions.node": (1, 1), "item_opinions.opinion": (1, 1), "item_opinions.bias": (0, 1),
    "item_opinions.second.weight": (1, 1), "item_opinions.second.bias": (0, 1),
    "user_opinions.node": (1, 1), "user_opinions.opinion": (1, 1), "user_opinions.bias": (0, 1),
    "user_opinions.second.weight": (1, 1), "user_opinions.second.bias": (0, 1),
    "social.combination.0.weight": (2, 1), "social.combination.0.bias": (0, 1),
    "social.combination.1.weight": (1, 1), "social.combination.1.bias": (0, 1),
    "social.combination.2.weight": (1, 1), "social.combination.2.bias": (0, 1),
    "rating.first": (2, 1), "rating.first_norm.gamma": (0, 1), "rating.first_norm.beta": (0, 1),
}
for aggregation in ("rated_items", "social.friends", "raters"):
    LAYERS |= {
        f"{aggregation}.attention.source": (1, 1), f"{aggregation}.attention.target": (1, 1),
        f"{aggregation}.attention.bias": (0, 1), f"{aggregation}.attention.out": (0, 1),
        f"{aggregation}.output.weight": (1, 1), f"{aggregation}.output.bias": (0, 1),
    }


def parameters(num_users, num_items, num_levels, dim, std, dtype):
    shapes = {"users.weight": (num_users, dim), "items.weight": (num_items, dim), "levels": (num_levels, dim)}
    shapes |= {name: (rows * dim or 1, columns * dim) for name, (rows, columns) in LAYERS.items()}
    shapes |= {
        "rating.second": (dim, LAST_WIDTH), "rating.second_norm.gamma": (1, LAST_WIDTH),
        "rating.second_norm.beta": (1, LAST_WIDTH), "rating.output.weight": (LAST_WIDTH, 1), "rating.output.bias": (1, 1),
    }
    # Values that single precision holds exactly, so that both sides start from the same numbers.
    return {name: (torch.randn(shape) * std).to(dtype).requires_grad_() for name, shape in shapes.items()}


def padded(rows):
    """Ids and mask, both `rows x longest`."""
    longest = max(1, max(len(row) for row in rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for n, row in enumerate(rows):
        ids[n, : len(row)] = torch.as_tensor(row, dtype=torch.long)
        mask[n, : len(row)] = True
    return ids, mask


class GraphRec:
    def __init__(self, p, items_of, users_of, friends_of, *, two_hops=True, social=True, opinions=True, attention=True):
        """`items_of[u]` are pairs (item, level), `users_of[i]` pairs (user, level), `friends_of[u]` users."""
        self.p, self.items_of, self.users_of, self.friends_of = p, items_of, users_of, friends_of
        self.two_hops, self.social, self.opinions, self.attention = two_hops, social, opinions, attention
        self.dropout, self.training = 0.0, True
        dtype = p["levels"].dtype
        widths = {"first": p["levels"].shape[1], "second": LAST_WIDTH}
        self.running = {
            layer: (torch.zeros(width, dtype=dtype), torch.ones(width, dtype=dtype)) for layer, width in widths.items()
        }

    def opinion(self, name, nodes, levels):
        p = self.p
        if self.opinions:
            weight = torch.cat([p[f"{name}.node"], p[f"{name}.opinion"]])
            first = torch.cat([nodes, p["levels"][levels]], dim=-1) @ weight
        else:
            first = nodes @ p[f"{name}.node"]
        first = torch.relu(first + p[f"{name}.bias"])
        return torch.relu(first @ p[f"{name}.second.weight"] + p[f"{name}.second.bias"])

    def aggregate(self, name, values, mask, targets):
        """`values` is rows x longest x dim, `targets` rows x dim."""
        p = self.p
        if self.attention:
            joined = torch.cat([values, targets[:, None, :].expand_as(values)], dim=-1)
            weight = torch.cat([p[f"{name}.attention.source"], p[f"{name}.attention.target"]])
            hidden = torch.relu(joined @ weight + p[f"{name}.attention.bias"])
            logits = (hidden @ p[f"{name}.attention.out"][0]).masked_fill(~mask, -torch.inf)
            # A row without neighbours would be NaN.
            shares = torch.softmax(logits.masked_fill(~mask.any(1, keepdim=True), 0.0), dim=1) * mask
        else:
            shares = mask / mask.sum(1, keepdim=True).clamp(min=1)
        total = (shares[:, :, None].to(values.dtype) * values).sum(1)
        output = torch.relu(total @ p[f"{name}.output.weight"] + p[f"{name}.output.bias"])
        return output * mask.any(1, keepdim=True)

    def item_space(self, users):
        pairs = [self.items_of[user] for user in users]
        items, mask = padded([[item for item, _ in row] for row in pairs])
        levels, _ = padded([[level for _, level in row] for row in pairs])
        x = self.opinion("item_opinions", self.p["items.weight"][items], levels)
        return self.aggregate("rated_items", x, mask, self.p["users.weight"][users])

    def user_space(self, items):
        pairs = [self.users_of[item] for item in items]
        users, mask = padded([[user for user, _ in row] for row in pairs])
        levels, _ = padded([[level for _, level in row] for row in pairs])
        f = self.opinion("user_opinions", self.p["users.weight"][users], levels)
        return self.aggregate("raters", f, mask, self.p["items.weight"][items])

    def user_vectors(self, users):
        if not self.social:
            return self.item_space(users)
        friends, mask = padded([self.friends_of[user] for user in users])
        if self.two_hops:
            known = sorted(set(friends[mask].tolist()) | set(users))
            place = {user: n for n, user in enumerate(known)}
            table = self.item_space(known)
            own = table[[place[user] for user in users]]
            vectors = table[torch.tensor([[place.get(v, 0) for v in row] for row in friends.tolist()])]
        else:
            own, vectors = self.item_space(users), self.p["users.weight"][friends]
        social = self.aggregate("social.friends", vectors, mask, self.p["users.weight"][users])
        x = torch.cat([own, social], dim=1)
        for layer in range(3):
            name = f"social.combination.{layer}"
            x = torch.relu(x @ self.p[f"{name}.weight"] + self.p[f"{name}.bias"])
        return x

    def ratings(self, users, items):
        """Of one pair a row; distinct users and items are computed once."""
        distinct_users, distinct_items = sorted(set(users)), sorted(set(items))
        user_place = {user: n for n, user in enumerate(distinct_users)}
        item_place = {item: n for n, item in enumerate(distinct_items)}
        h = self.user_vectors(distinct_users)[[user_place[user] for user in users]]
        z = self.user_space(distinct_items)[[item_place[item] for item in items]]
        x = torch.cat([h, z], dim=1)
        for layer in ("first", "second"):
            gamma, beta = (self.p[f"rating.{layer}_norm.{part}"][0] for part in ("gamma", "beta"))
            x = torch.nn.functional.batch_norm(
                x @ self.p[f"rating.{layer}"], *self.running[layer], gamma, beta, self.training, MOMENTUM
            )
            x = torch.nn.functional.dropout(torch.relu(x), self.dropout, self.training)
        return (x @ self.p["rating.output.weight"] + self.p["rating.output.bias"])[:, 0]


def numbers():
    num_users, num_items, dim = 6, 7, 5
    levels = [0.5, 2.0, 5.0]
    # User 4 and item 6 have no rating.
    rated = [
        (0, 0, 5.0), (0, 1, 0.5), (0, 5, 2.0), (1, 1, 2.0), (1, 2, 2.0), (2, 0, 5.0),
        (2, 3, 0.5), (2, 4, 2.0), (2, 5, 5.0), (3, 4, 0.5), (5, 1, 2.0), (5, 3, 5.0),
    ]  # fmt: skip
    # Truster, trustee. User 5 trusts nobody, user 3 only the one without ratings.
    ties = [(0, 1), (0, 2), (0, 4), (1, 5), (2, 0), (2, 3), (3, 4), (4, 0), (4, 5)]
    # One user and one item twice, and a pair of those without ratings.
    users, items, ratings = [0, 1, 2, 3, 0, 5, 4], [1, 2, 5, 4, 0, 1, 6], [0.5, 2.0, 5.0, 0.5, 5.0, 2.0, 3.5]

    torch.manual_seed(2019)
    p = parameters(num_users, num_items, len(levels), dim, 0.5, torch.float64)
    items_of = [[(i, levels.index(r)) for u, i, r in rated if u == user] for user in range(num_users)]
    users_of = [[(u, levels.index(r)) for u, i, r in rated if i == item] for item in range(num_items)]
    friends_of = [[v for u, v in ties if u == user] for user in range(num_users)]
    flat = lambda table: [float(f"{value:.7g}") for value in table.flatten().tolist()]
    cases = []
    for options in (
        {},
        {"two_hops": False},
        {"attention": False},
        {"social": False, "opinions": False},
    ):
        model = GraphRec(p, items_of, users_of, friends_of, **options)
        for table in p.values():
            table.grad = None
        found = model.ratings(users, items)
        loss = 0.5 * (found - torch.tensor(ratings, dtype=torch.float64)).square().mean()
        loss.backward()
        model.training = False
        with torch.no_grad():
            every = [(u, i) for u in range(num_users) for i in range(num_items)]
            scores = model.ratings([u for u, _ in every], [i for _, i in every])
        cases.append({
            "two_hops": True, "social": True, "opinions": True, "attention": True, **options,
            "loss": loss.item(),
            "gradients": {name: flat(table.grad) for name, table in p.items() if table.grad is not None},
            "scores": flat(scores),
        })  # fmt: skip
    json.dump(
        {
            "command": "python benches/rivals/graphrec_step.py",
            "torch": torch.__version__,
            "num_users": num_users, "num_items": num_items, "dim": dim,
            "rated": rated, "ties": ties, "users": users, "items": items, "ratings": ratings,
            "parameters": {name: flat(table) for name, table in p.items()},
            "cases": cases,
        },
        fp=sys.stdout,
    )  # fmt: skip
    print()


def timed(folder, cap, steps):
    """The first of repeated ratings counts; four fifths of the rows are trained with."""
    rated, users, items, levels = {}, {}, {}, {}
    for line in open(f"{folder}/ratings.txt"):
        user, item, _, rating = line.split()[:4]
        rated.setdefault((users.setdefault(user, len(users)), items.setdefault(item, len(items))), float(rating))
    ties = set()
    for line in open(f"{folder}/trust.txt"):
        truster, trustee = line.split()[:2]
        if truster in users and trustee in users and truster != trustee:
            ties.add((users[truster], users[trustee]))
    train = [(u, i, r) for n, ((u, i), r) in enumerate(sorted(rated.items())) if n % 5]
    levels = sorted({r for _, _, r in train})
    items_of, users_of, friends_of = ([[] for _ in range(n)] for n in (len(users), len(items), len(users)))
    for u, i, r in train:
        items_of[u].append((i, levels.index(r)))
        users_of[i].append((u, levels.index(r)))
    for u, v in sorted(ties):
        friends_of[u].append(v)
    if cap:
        items_of, users_of, friends_of = ([row[:cap] for row in rows] for rows in (items_of, users_of, friends_of))
    torch.manual_seed(1)
    p = parameters(len(users), len(items), len(levels), 64, 0.1, torch.float32)
    model = GraphRec(p, items_of, users_of, friends_of)
    model.dropout = 0.5
    optimiser = torch.optim.RMSprop(p.values(), lr=1e-3, alpha=0.9)
    print(f"{len(users)} users, {len(items)} items, {len(train)} ratings, {len(ties)} ties, {torch.get_num_threads()} threads")
    for step in range(steps):
        rows = [train[(n * 104729 + step * 7907) % len(train)] for n in range(128)]
        start = time.perf_counter()
        optimiser.zero_grad()
        found = model.ratings([u for u, _, _ in rows], [i for _, i, _ in rows])
        loss = 0.5 * (found - torch.tensor([r for _, _, r in rows])).square().mean()
        loss.backward()
        computed = time.perf_counter()
        optimiser.step()
        seconds = f"{computed - start:.3f} s, with the optimiser {time.perf_counter() - start:.3f} s"
        print(f"step {step}: loss {loss.item():.4f}, {seconds}", flush=True)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    timed(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 1 else numbers()
