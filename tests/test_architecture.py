"""The import rules of the package: one direction, no cycles, heavy packages only where they are needed."""

import ast
import graphlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.texts import ROOT

PACKAGE = "rnnwords"
# A module may import from its own line and from the lines above it.
LAYERS = (
    ("version", "errors", "config", "files", "saving", "requirements"),
    ("text",),
    ("network",),
    ("tensor_header", "tensor_file", "model_file"),
    ("lm",),
    ("personal",),
    ("generation",),
    ("prediction",),
    ("evaluation",),
    ("training",),
    ("forecasting",),
    ("export",),
    ("server",),
    ("cli",),
    ("__init__", "__main__"),
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}


def trains(module: str) -> bool:
    return module.startswith(("network.keras_", "training.", "export.keras")) or module == "forecasting.training"


def shows(module: str) -> bool:
    return module.split(".")[0] == "cli"


# Package from outside -> whether a module, named without `rnnwords.`, may import it.
ALLOWED: dict[str, Callable[[str], bool]] = {
    **dict.fromkeys(("tensorflow", "keras", "tensorboard"), trains),
    **dict.fromkeys(("onnx", "onnxruntime"), lambda module: module.startswith("export.onnx")),
    **dict.fromkeys(("click", "rich", "prompt_toolkit", "matplotlib"), shows),
}

Graph = dict[str, set[str]]


def modules_of(root: Path) -> dict[str, ast.Module]:
    """Return the modules under the directory of the package: name without `rnnwords.` -> syntax tree."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def imports_of(name: str, tree: ast.Module, known: set[str]) -> Iterator[str]:
    """Yield the absolute names of what a module imports anywhere: at the top, in functions, under TYPE_CHECKING."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively, in line {node.lineno}"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole.removeprefix(f"{PACKAGE}.") in known else str(node.module)


def graph_of(modules: dict[str, ast.Module]) -> Graph:
    """Return module -> modules of the package that it imports."""
    known, graph = set(modules), {}
    for name, tree in modules.items():
        inside = {one for one in imports_of(name, tree, known) if one.split(".")[0] == PACKAGE}
        graph[name] = {one.removeprefix(PACKAGE).removeprefix(".") or "__init__" for one in inside}
    return graph


def downward(graph: Graph) -> list[str]:
    """Return the imports from a lower line of `LAYERS`."""
    return [
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in sorted(others)
        if LEVEL[name.split(".")[0]] < LEVEL[other.split(".")[0]]
    ]


def cycle(graph: Graph) -> list[str]:
    """Return one cycle of imports, from a module to itself, or an empty list."""
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def misplaced(modules: dict[str, ast.Module]) -> list[str]:
    """Return the imports of outside packages where `ALLOWED` forbids them."""
    return [
        f"{name} imports {top}"
        for name, tree in modules.items()
        for top in sorted({one.split(".")[0] for one in imports_of(name, tree, set(modules))})
        if top in ALLOWED and not ALLOWED[top](name)
    ]


MODULES = modules_of(ROOT / PACKAGE)


def test_every_module_has_a_layer() -> None:
    assert sorted({name.split(".")[0] for name in MODULES} - set(LEVEL)) == []


def test_imports_go_up_the_layers() -> None:
    assert downward(graph_of(MODULES)) == []


def test_no_modules_import_each_other() -> None:
    assert cycle(graph_of(MODULES)) == []


def test_tensorflow_and_terminal_packages_are_imported_only_in_their_layers() -> None:
    assert misplaced(MODULES) == []


def test_no_test_imports_another_test_file() -> None:
    found = {
        f"{name} imports {other}"
        for name, tree in modules_of(ROOT / "tests").items()
        for other in imports_of(name, tree, set())
        if re.match(r"tests\.(.*\.)?(test_|conftest)", other)
    }
    assert found == set()


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"text/a": "from rnnwords.errors import E", "errors": "import rnnwords.config", "config": ""}, ([], [], [])),
        ({"__init__": "import rnnwords.text.a", "text/a": "import rnnwords.version", "version": ""}, ([], [], [])),
        ({"text/a": "def f():\n    from rnnwords.lm import b", "lm/b": ""}, (["text.a imports lm.b"], [], [])),
        ({"text/a": "from rnnwords.lm.b import f", "lm/b": ""}, (["text.a imports lm.b"], [], [])),
        ({"text/a": "from rnnwords import Predictor", "__init__": ""}, (["text.a imports __init__"], [], [])),
        (
            {
                "lm/a": "if TYPE_CHECKING:\n    from rnnwords.lm.b import B",
                "lm/b": "from rnnwords.lm.c import C",
                "lm/c": "from rnnwords.lm import a",
            },
            ([], ["lm.a", "lm.b", "lm.c"], []),
        ),
        (
            {"lm/a": "import tensorflow as tf", "training/b": "import keras.layers", "network/keras_c": "import keras"},
            ([], [], ["lm.a imports tensorflow"]),
        ),
        ({"training/a": "import click", "cli/b": "from rich.table import Row"}, ([], [], ["training.a imports click"])),
    ],
    ids=["errors", "version", "function", "name", "facade", "cycle", "tensorflow", "click"],
)  # fmt: skip
def test_violations_are_found(
    sources: dict[str, str], expected: tuple[list[str], list[str], list[str]], tmp_path: Path
) -> None:
    """Proves that the tests above can fail."""
    for name, source in sources.items():
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source)
    modules = modules_of(tmp_path)
    graph = graph_of(modules)
    assert (downward(graph), sorted(set(cycle(graph))), misplaced(modules)) == expected
