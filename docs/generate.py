"""Write the generated parts of the documents: `make docs`. `make test` fails where one of them is out of date.

A generated part lies between `<!-- generated: NAME -->` and `<!-- end -->`; PARTS maps each name to its function.
"""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path

import click

from rnnwords.cli import program
from rnnwords.training.settings.config import TrainingConfig
from rnnwords.training.settings.defaults import TIERS, DefaultsTier, complete, network_defaults

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
# The order of docs/architecture.md: from the text to the command line.
FOLDERS = (
    "text", "text/reading", "text/formats", "text/tokens", "text/spacing", "network", "lm", "lm/ngram", "personal",
    "generation", "prediction", "evaluation", "training", "training/settings", "training/runs", "training/optimization",
    "training/distributed", "training/continuation", "training/post_training", "training/reports", "forecasting",
    "export", "export/html", "server", "cli", "cli/commands", "cli/output", "cli/reports", "cli/reports/training",
    "cli/repl", "cli/repl/editor",
)  # fmt: skip
PART = re.compile(r"(<!-- generated: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def documents() -> list[Path]:
    """Return every document of the project but the reports in benchmarks/results."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def filled(text: str) -> str:
    """Return a document with all its generated parts up to date."""
    return PART.sub(lambda match: f"{match[1]}{PARTS[match[2]]().strip()}\n{match[3]}", text)


def command_table() -> str:
    """Return the commands with the first sentence of their help."""
    rows = [f"| `{name}` | {command.get_short_help_str(200)} |" for name, command in program.commands.items()]
    return "\n".join(["| command | what it does |", "|---|---|", *rows])


def command_reference() -> str:
    """Return `--help` of the program and of every command, in the order of the program's own list."""
    above = click.Context(program, info_name="rnnwords", **program.context_settings)
    parts = [f"## rnnwords\n\n```text\n{_help(program, above)}\n```"]
    for name, command in program.commands.items():
        context = click.Context(command, parent=above, info_name=name, terminal_width=100)
        parts.append(f"## rnnwords {name}\n\n```text\n{_help(command, context)}\n```")
    return "\n\n".join(parts)


def _help(command: click.Command, context: click.Context) -> str:
    return "\n".join(line.rstrip() for line in command.get_help(context).splitlines())


def defaults_table() -> str:
    """Return the default settings by corpus size, as training completes them."""
    head = ["words of text", "vocabulary", "network; embedding", "optimizer", "learning rate", "batch", "dropout",
            "averaging", "budget"]  # fmt: skip
    rows = [
        [
            "`--stateful`, " * stateful + _below(tier),
            _vocabulary(tier),
            _network(tier, stateful),
            *_training(tier, stateful),
        ]
        for stateful in (False, True)
        for tier in TIERS
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows])


def _below(tier: DefaultsTier) -> str:
    return "more" if tier.below == float("inf") else f"below {tier.below:,}"


def _vocabulary(tier: DefaultsTier) -> str:
    if tier.max_size is None:
        return "every word"
    return f"words that occur {tier.min_count} times or more, at most {tier.max_size:,}"


def _network(tier: DefaultsTier, stateful: bool) -> str:
    size = network_defaults(_words(tier), stateful)
    embedding = size.get("embedding", "as wide as the layers")
    return f"{size['layers']} x {size['units']}; {embedding}, {'tied' if tier.tie else 'not tied'}"


def _words(tier: DefaultsTier) -> int:
    return int(min(tier.below, 10**9)) - 1


def _training(tier: DefaultsTier, stateful: bool) -> list[str]:
    words = _words(tier)
    config = complete(TrainingConfig(seed=0), words, words, stateful)
    optimizer = {"adam": "Adam", "adamw": "AdamW", "sgd": "SGD", "rmsprop": "RMSProp"}[str(config.optimizer)]
    start = "" if config.dropout_start is None else f"{config.dropout_start:g} to "
    averaging = f"{config.ema:g}" if config.ema else "no"
    return [f"{optimizer}, {config.schedule}", f"{config.learning_rate:g}", f"{config.batch_size}",
            f"{start}{config.dropout:g}", averaging, f"{config.epochs} epochs"]  # fmt: skip


def module_tables() -> str:
    """Return a table per folder of rnnwords/: every module with the first sentence of its docstring."""
    parts = [_module_table("rnnwords/", ROOT / "rnnwords")]
    parts += [_module_table(f"rnnwords/{name}/", ROOT / "rnnwords" / name) for name in FOLDERS]
    return "\n\n".join(parts)


def _module_table(title: str, folder: Path) -> str:
    package = folder / "__init__.py"
    rows = [f"| `{module.name}` | {first_sentence(module)} |" for module in sorted(folder.glob("*.py"))
            if module != package]  # fmt: skip
    return "\n".join([f"### {title}", "", first_sentence(package), "", "| file | what it is |", "|---|---|", *rows])


def first_sentence(module: Path) -> str:
    """Return the first sentence of a module's docstring, as one line that fits into a table."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    sentence = re.split(r"(?<=\.)(?<! al\.)\s|:?\n\n", text, maxsplit=1)[0]
    return sentence.replace("\n", " ").replace("|", r"\|")


def walk() -> str:
    """Return the walk of one prompt: benchmarks/inside.md with the numbers that benchmarks/inside.py has measured."""
    numbers = json.loads((RESULTS / "inside.json").read_text(encoding="utf-8"))
    return (ROOT / "benchmarks" / "inside.md").read_text(encoding="utf-8").format(**numbers)


def _tour(command: str) -> Callable[[], str]:
    """Return a function that returns a recorded command with its output: docs/pictures.py records them."""

    def text() -> str:
        tour = json.loads((ROOT / "docs" / "tour.json").read_text(encoding="utf-8"))
        return f"```console\n{tour[command]}\n```"

    return text


def _result(name: str) -> Callable[[], str]:
    """Return a function that returns the text of a report in benchmarks/results."""
    return (RESULTS / f"{name}.md").read_text


PARTS: dict[str, Callable[[], str]] = {
    "command table": command_table,
    "command reference": command_reference,
    "defaults": defaults_table,
    "modules": module_tables,
    "walk": walk,
    **{f"tour {name}": _tour(name) for name in ("train", "predict", "generate", "pipe")},
    **{name: _result(name) for name in ("startup", "training", "prediction", "editor", "quality", "spacing")},
}


if __name__ == "__main__":
    for document in documents():
        document.write_text(filled(document.read_text(encoding="utf-8")), encoding="utf-8")
