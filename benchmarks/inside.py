"""The numbers and the picture of the README's "What happens inside": one prompt on its road through the network.

    python benchmarks/inside.py

Trains the bundled fable in a temporary directory as the README's first tour does, explains one prompt, and writes
results/inside.json and results/gates.png. The page itself is inside.md; `python -m tests.readme` puts the numbers in.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords import Predictor
from rnnwords.cli.reports.explain_tables import report
from rnnwords.prediction.explanation import Layer

HERE = Path(__file__).parent
FABLE = HERE.parent / "corpora" / "belling_the_cat.txt"
RESULTS = HERE / "results"
RNNWORDS = [sys.executable, "-m", "rnnwords"]
PROMPT = "had a general"
SEED = 1


def numbers(predictor: Predictor) -> dict[str, Any]:
    """All numbers of the page, with four decimals: enough to check one against the other."""
    explanation = predictor.explain(PROMPT)
    best = predictor.vocabulary.ranks[explanation.predictions[0].word]
    output, bias = predictor.network.weights["output/kernel"], predictor.network.weights["output/bias"]
    hidden = explanation.layers[-1].states["hidden"][-1].astype(np.float64)  # (H,)
    scores = hidden @ output + bias  # (V,)
    powers = np.exp(scores)
    # Of the units that speak for the best word, the one that speaks loudest.
    unit = int(np.where(output[:, best] > 0, hidden * output[:, best], 0).argmax())
    vectors = predictor.network.weights["embedding/embeddings"]
    shown = [*scores.argsort()[:-4:-1].tolist(), predictor.vocabulary.ranks["mice"]]
    return {
        "network": predictor.network.config.to_json(),
        "words": [
            {
                "word": step.word,
                "rank": step.rank,
                "count": int(predictor.vocabulary.counts[step.rank]),
                "vector": [round(float(number), 4) for number in vectors[step.rank][:3]],
            }
            for step in explanation.steps
        ],
        "unit": {
            "number": unit,
            "weight": round(float(output[unit, best]), 4),
            "product": round(float(hidden[unit] * output[unit, best]), 4),
            "steps": unit_steps(explanation.layers[-1], unit),
        },
        "scores": [
            {
                "word": predictor.vocabulary.words[word],
                "score": round(float(scores[word]), 4),
                "power": round(float(powers[word]), 4),
                "probability": float(powers[word] / powers.sum()),
            }
            for word in shown
        ],
        "sum": round(float(powers.sum()), 4),
        "explain": report(explanation),
    }  # fmt: skip


def unit_steps(layer: Layer, unit: int) -> list[dict[str, float]]:
    """What one unit of an LSTM does at each word, with the products that its cell is made of."""
    steps: list[dict[str, float]] = []
    before = 0.0
    for t in range(len(layer.states["cell"])):
        step = {name: float(rows[t, unit]) for name, rows in {**layer.gates, **layer.states}.items()}
        step |= {"before": before, "kept": step["forget"] * before, "added": step["input"] * step["candidate"]}
        step |= {"squashed": float(np.tanh(step["cell"]))}
        steps.append({name: round(value, 4) for name, value in step.items()})
        before = step["cell"]
    return steps


def main() -> None:
    """Train, explain, write."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory() as directory:
        model = Path(directory) / "fable"
        settings = ["--seed", str(SEED), "--precision", "float32"]
        subprocess.run([*RNNWORDS, "train", FABLE, "--model", model, "--quiet", *settings], check=True)
        found = numbers(Predictor.load(model))
        (RESULTS / "inside.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        picture = RESULTS / "gates.png"
        command = [*RNNWORDS, "explain", PROMPT, "--model", model, "--plot", picture]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
