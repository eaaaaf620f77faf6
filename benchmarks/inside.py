"""Numbers and picture of docs/how-it-works.md: one prompt on its way through the network.

    python benchmarks/inside.py

Trains the bundled fable in a temporary directory, explains one prompt, and writes results/inside.json and
results/gates.png. The text is inside.md; `make docs` inserts the numbers.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rnnwords import Predictor, TrainRequest, train
from rnnwords.cli.reports.explain_tables import report
from rnnwords.prediction.explanation import LayerTrace

HERE = Path(__file__).parent
FABLE = HERE.parent / "corpora" / "belling_the_cat.txt"
RESULTS = HERE / "results"
RNNWORDS = [sys.executable, "-m", "rnnwords"]
PROMPT = "had a general"
SEED = 1


def numbers(predictor: Predictor) -> dict[str, Any]:
    """Return all numbers of the page, with four decimals, so that a test can check their arithmetic."""
    explanation = predictor.explain(PROMPT)
    best = predictor.vocabulary.ids[explanation.predictions[0].word]
    output, bias = predictor.model.weights["output/kernel"], predictor.model.weights["output/bias"]
    hidden = explanation.layers[-1].states["hidden"][-1].astype(np.float64)  # (H,)
    scores = hidden @ output + bias  # (V,)
    powers = np.exp(scores)
    # The unit that contributes most to the logit of the best word.
    unit = int(np.where(output[:, best] > 0, hidden * output[:, best], 0).argmax())
    vectors = predictor.model.weights["embedding/embeddings"]
    shown = [*scores.argsort()[:-4:-1].tolist(), predictor.vocabulary.ids["mice"]]
    return {
        "network": predictor.model.network.to_json(),
        "words": [
            {
                "word": step.word,
                "id": step.id,
                "count": int(predictor.vocabulary.counts[step.id]),
                "vector": [round(float(number), 4) for number in vectors[step.id][:3]],
            }
            for step in explanation.words
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


def unit_steps(layer: LayerTrace, unit: int) -> list[dict[str, float]]:
    """Return gates and states of one LSTM unit at each word, with the products that make up its cell."""
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
        for _ in train(TrainRequest([FABLE], model, training={"precision": "float32"}, seed=SEED)):
            pass
        values = numbers(Predictor.load(model))
        (RESULTS / "inside.json").write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n")
        picture = RESULTS / "gates.png"
        command = [*RNNWORDS, "explain", PROMPT, "--model", model, "--plot", picture]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
