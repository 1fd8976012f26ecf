"""Seconds of an epoch of RecBole's KGCN, KGIN or LightGCN on MovieLens 100k with its facts.

    python benches/rivals/recbole_epoch.py DATA_FOLDER MODEL EPOCHS
    python benches/rivals/recbole_epoch.py DATA_FOLDER MODEL EPOCHS --beside GNNREC_BINARY [--rounds 3]

The folder is that of the datasets; ml-100k in it holds the dataset `ml-100k-kg` as RecBole's atomic files. The first form
trains without evaluating and ends with a line of JSON. The second runs RecBole and benches/specs/ml-100k-kg-epochs.toml in
turn, a fresh process each, and prints the median epoch and the peak memory of each.

    python3.11 -m venv VENV
    VENV/bin/pip install -r benches/rivals/requirements-recbole.txt
    VENV/bin/pip install --no-deps recbole==1.2.1

The same on both sides: 80,000 of the 100,000 interactions, drawn at random; width 64; batches of 1024 with one negative
each; Adam; two threads. KGCN: one hop, four neighbours, cross-entropy. KGIN: three layers, four intents, facts in both
directions of which a step leaves out half, message dropout .1, distance correlation. LightGCN: three layers.

Not the same, or changed here:
- its KGIN drops interactions with the rate of messages, .1, where ours drops .5;
- of torch_scatter, which has to be compiled, its KGIN calls `scatter_mean` alone: a stand-in in PyTorch takes its place;
- it drops the interactions of items without an entity. They get one here, with a fact that leads to itself (84 in 91,631);
- its data loader draws a batch of facts for every step though neither model looks at it. That is turned off here
  (`train_kg_step`): its epochs are shorter than those of `run_recbole`;
- its peak memory is that of the process with its imports, ours that of the process since training began, data included.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

THREADS = 2
DATASET = "ml-100k-kg"  # Named "ml-100k", RecBole would read a copy of its own.
SETTINGS = {
    "KGCN": {"embedding_size": 64, "n_iter": 1, "neighbor_sample_size": 4, "aggregator": "sum"},
    "KGIN": {
        "embedding_size": 64, "context_hops": 3, "n_factors": 4, "node_dropout_rate": 0.5, "mess_dropout_rate": 0.1,
        "ind": "distance", "kg_reverse_r": True,
    },
    "LightGCN": {"embedding_size": 64, "n_layers": 3},
}  # fmt: skip
SPEC = Path(__file__).parent.parent / "specs" / "ml-100k-kg-epochs.toml"


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def atomic_files(source, target):
    """The interactions, facts and links, with an entity for each item that has none."""
    inter, kg, link = (source / f"ml-100k.{kind}" for kind in ("inter", "kg", "link"))
    items = {row.split("\t")[1] for row in inter.read_text().splitlines()[1:]}
    lonely = sorted(items - {row.split("\t")[0] for row in link.read_text().splitlines()[1:]})
    target.mkdir()
    for file, rows in [
        (inter, []),
        (kg, [f"item.{item}\tfilm.film.itself\titem.{item}" for item in lonely]),
        (link, [f"{item}\titem.{item}" for item in lonely]),
    ]:
        (target / f"{target.name}{file.suffix}").write_text("\n".join([file.read_text().rstrip("\n"), *rows, ""]))


def scatter_stand_in():
    """As torch_scatter has it: sums and counts by index, and their quotient."""
    import torch

    def scatter_mean(src, index, dim, dim_size):
        assert dim == 0
        total = src.new_zeros(dim_size, src.shape[1]).scatter_add_(0, index[:, None].expand_as(src), src)
        count = torch.bincount(index, minlength=dim_size).clamp_(min=1)
        return total / count[:, None]

    module = types.ModuleType("torch_scatter")
    module.scatter_mean = scatter_mean
    sys.modules["torch_scatter"] = module


def train(folder, name, epochs):
    import torch

    torch.set_num_threads(THREADS)
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed

    scatter_stand_in()
    imports_mib = peak_mib()
    atomic_files(Path(folder) / "ml-100k", Path(DATASET))
    columns = {"inter": ["user_id", "item_id"]}
    if name != "LightGCN":
        columns |= {"kg": ["head_id", "relation_id", "tail_id"], "link": ["item_id", "entity_id"]}
    sys.argv = sys.argv[:1]  # RecBole would read options from it.
    config = Config(model=name, dataset=DATASET, config_dict=SETTINGS[name] | {
        "data_path": ".", "checkpoint_dir": ".", "load_col": columns, "use_gpu": False, "show_progress": False,
        "eval_args": {"split": {"RS": [0.8, 0.1, 0.1]}, "group_by": "none", "order": "RO", "mode": "full"},
        "train_batch_size": 1024, "learning_rate": 1e-3, "train_rec_step": 1, "train_kg_step": 0,
    })  # fmt: skip
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    batches, _, _ = data_preparation(config, dataset)
    interactions = getattr(batches, "general_dataloader", batches)._dataset
    model = get_model(name)(config, interactions)
    trainer = get_trainer(config["MODEL_TYPE"], name)(config, model)
    seconds = []
    for epoch in range(epochs):
        start = time.perf_counter()
        loss = trainer._train_epoch(batches, epoch, show_progress=False)
        seconds.append(time.perf_counter() - start)
        print(f"epoch {epoch + 1}: {seconds[-1]:.3f} s, mean loss {loss / len(batches):.4f}", flush=True)
    return {
        "model": name, "epoch_seconds": seconds, "interactions": len(interactions), "steps": len(batches),
        "facts": len(getattr(dataset, "kg_feat", ())), "peak_mib": peak_mib(), "imports_mib": imports_mib,
        "torch": torch.__version__, "threads": torch.get_num_threads(),
    }  # fmt: skip


def rival(options):
    command = [sys.executable, "-W", "ignore", __file__, options.folder, options.model, str(options.epochs)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines()[-1])


def ours(options):
    with tempfile.TemporaryDirectory() as out:
        command = [options.beside, "experiment", "--spec", SPEC, "--models", options.model.lower(), "--threads", str(THREADS)]
        command += ["--data", options.folder, "--epochs", str(options.epochs), "--out", out, "--quiet"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        results = json.loads((Path(out) / "results.json").read_text())
    record = results["models"][0]["runs"][0]["training"]
    seconds = [epoch["seconds"] for epoch in record["epochs"]]
    return {
        "epoch_seconds": seconds, "interactions": results["dataset"]["train"], "steps": record["num_steps"] / len(seconds),
        "peak_mib": record["peak_bytes"] / 2**20,
    }  # fmt: skip


def beside(options):
    ratios = []
    print(f"{options.model}, {options.epochs} epochs a round")
    print("round  RecBole s  gnnrec s  ratio  RecBole MiB  of it imports  gnnrec MiB")
    for number in range(1, options.rounds + 1):
        other, own = rival(options), ours(options)
        for work in ("interactions", "steps"):
            assert other[work] == own[work], f"{work} of an epoch: RecBole {other[work]}, gnnrec {own[work]}"
        other_s, own_s = (statistics.median(record["epoch_seconds"]) for record in (other, own))
        ratios.append(other_s / own_s)
        memory = f"{other['peak_mib']:13.0f}{other['imports_mib']:15.0f}{own['peak_mib']:12.0f}"
        print(f"{number:5}{other_s:11.3f}{own_s:10.3f}{ratios[-1]:7.2f}{memory}", flush=True)
    spread = f"{statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}"
    print(f"ratio {spread}: {own['interactions']} interactions, {own['steps']:.0f} steps an epoch")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=os.path.abspath)
    parser.add_argument("model", choices=SETTINGS)
    parser.add_argument("epochs", type=int)
    parser.add_argument("--beside", type=os.path.abspath, metavar="GNNREC_BINARY")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.beside:
        return beside(options)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # RecBole leaves logs where it is started.
        print(json.dumps(train(options.folder, options.model, options.epochs)))


if __name__ == "__main__":
    main()
