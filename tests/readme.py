"""The generated parts of the README. `python -m tests.readme` writes them; a test holds them true."""

import ast
import json
import re
from pathlib import Path

import click

from rnnwords.cli import program
from rnnwords.training import defaults

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
ORDER = (
    "errors", "config", "files", "text", "network", "tensor_file", "model_file", "lm", "generation", "prediction",
    "evaluation", "training", "forecasting", "cli",
)  # fmt: skip


def generated() -> dict[str, str]:
    """Name of a part -> its text."""
    figures = ROOT / "benchmarks" / "results"
    return {
        "defaults": defaults_table(),
        "files": files_table(),
        "help": help_texts(),
        "inside": inside_page(),
        "figures": "\n\n".join(part.read_text().strip() for part in sorted(figures.glob("figures-*.md"))),
    }


def defaults_table() -> str:
    """The table in the docstring of training/defaults.py."""
    lines = (defaults.__doc__ or "").splitlines()
    return "\n".join(line for line in lines if line.startswith("|"))


def inside_page() -> str:
    """One prompt on its road through the network: benchmarks/inside.md with the numbers of benchmarks/inside.py."""
    numbers = json.loads((ROOT / "benchmarks" / "results" / "inside.json").read_text())
    return (ROOT / "benchmarks" / "inside.md").read_text().format(**numbers).strip()


def files_table() -> str:
    """Every module with the first sentence of its docstring, in the order of the data."""
    rows = []
    for name in ORDER:
        path = ROOT / "rnnwords" / name
        modules = [path.with_suffix(".py")] if path.with_suffix(".py").exists() else sorted(path.rglob("*.py"))
        for module in modules:
            if module.name == "__init__.py" and name != "cli":
                continue
            text = ast.get_docstring(ast.parse(module.read_text())) or ""
            first = re.split(r"(?<=\.)\s|\n\n", text, maxsplit=1)[0].rstrip(".").replace("\n", " ").replace("|", r"\|")
            rows.append(f"| `{module.relative_to(ROOT / 'rnnwords')}` | {first} |")
    return "\n".join(["| file | what happens there |", "|---|---|", *rows])


def help_texts() -> str:
    """`--help` of every command."""
    parts = []
    above = click.Context(program, info_name="rnnwords", **program.context_settings)
    for name, command in sorted(program.commands.items()):
        context = click.Context(command, parent=above, info_name=name, terminal_width=100)
        text = command.get_help(context)
        parts.append(f"<details><summary><code>rnnwords {name}</code></summary>\n\n```text\n{text}\n```\n\n</details>")
    return "\n\n".join(parts)


def filled(readme: str) -> str:
    """The README with every generated part as it should be."""
    for name, text in generated().items():
        mark = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        readme = mark.sub(lambda match, text=text: f"{match[1]}{text}\n{match[2]}", readme)  # type: ignore[misc]
    return readme


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
