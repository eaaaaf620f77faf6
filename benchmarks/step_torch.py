"""Time of the training steps of step_ours.py in PyTorch, as JSON: the same networks in its usual style.

Run by training.py with an interpreter that has torch and numpy; rnnwords is not needed.
"""

import argparse
import json
import statistics
import time

import numpy as np
import torch


class Model(torch.nn.Module):
    """Embedding, LSTM layers, linear output."""

    def __init__(self, vocabulary: int, units: int, dropout: float, stateful: bool) -> None:
        super().__init__()
        self.stateful = stateful
        self.drop = torch.nn.Dropout(dropout)
        self.embedding = torch.nn.Embedding(vocabulary, units)
        self.recurrent = torch.nn.LSTM(units, units, 2, dropout=dropout, batch_first=True)
        self.output = torch.nn.Linear(units, vocabulary)

    def forward(self, ids: torch.Tensor, state: object) -> tuple[torch.Tensor, object]:
        """(B, T) ids -> logits (B, V), or (B, T, V) if stateful."""
        outputs, state = self.recurrent(self.drop(self.embedding(ids)), state)
        return self.output(self.drop(outputs if self.stateful else outputs[:, -1])), state


def step_seconds(model: Model, optimizer: torch.optim.Optimizer, options: argparse.Namespace) -> list[float]:
    """Return the seconds of --steps steps, after two that are not counted.

    Raises RuntimeError or NotImplementedError if PyTorch lacks the LSTM in this precision.
    """
    weights = 1 / np.arange(1, options.vocabulary + 1)
    generator = np.random.default_rng(0)
    state, seconds = None, []
    for _ in range(options.steps + 2):
        shape = (options.batch, options.window + 1)
        ids = torch.from_numpy(generator.choice(options.vocabulary, size=shape, p=weights / weights.sum()))
        begun = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.precision == "bfloat16"):
            logits, after = model(ids[:, :-1], state)
            targets = ids[:, 1:] if options.stateful else ids[:, -1]
            loss = torch.nn.functional.cross_entropy(logits.reshape(-1, options.vocabulary), targets.reshape(-1))
        loss.backward()
        if options.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip)
        optimizer.step()
        if options.stateful:
            state = tuple(part.detach() for part in after)
        seconds.append(time.perf_counter() - begun)
    return seconds[2:]


def main() -> None:
    """Time --steps steps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--vocabulary", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--window", type=int, default=3)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--stateful", action="store_true")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--clip", type=float, default=None)
    parser.add_argument("--steps", type=int, default=30)
    options = parser.parse_args()
    model = Model(options.vocabulary, options.units, options.dropout, options.stateful)
    if options.optimizer == "adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    else:
        optimizer = torch.optim.SGD(model.parameters(), 1e-3, fused=True)
    try:
        seconds = step_seconds(model, optimizer, options)
    except (RuntimeError, NotImplementedError):
        if options.precision != "bfloat16":
            raise
        print(json.dumps({"unsupported": "PyTorch has no bfloat16 LSTM on this processor"}))
        return
    words = options.batch * (options.window if options.stateful else 1)
    print(json.dumps({"words": words / statistics.median(seconds), "version": torch.__version__}))


if __name__ == "__main__":
    main()
