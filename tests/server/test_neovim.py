"""A headless Neovim as the client: it attaches, types, and shows the menu; skipped where Neovim is missing."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.models import chain, saved
from tests.processes import LIMIT, environment, killed_at_end, until

ATTACH = """
client = vim.lsp.start_client({ name = "rnnwords", cmd = vim.json.decode(vim.env.SERVER),
  root_dir = vim.loop.cwd(), init_options = { words = 3 } })
vim.lsp.buf_attach_client(0, client)
vim.bo.omnifunc = "v:lua.vim.lsp.omnifunc"
vim.o.completeopt = "menuone,noinsert"
"""


class Neovim:
    """A Neovim that listens on a socket, to which another one sends keys and expressions."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    def remote(self, option: str, text: str) -> str:
        command = ["nvim", "--server", str(self.socket), option, text]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        return (done.stdout + done.stderr).strip()  # Neovim 0.7 writes results to stderr

    def type(self, keys: str) -> None:
        self.remote("--remote-send", keys)

    def value(self, expression: str) -> object:
        """Return the value of an expression; None while it has none."""
        with contextlib.suppress(json.JSONDecodeError):
            value: object = json.loads(self.remote("--remote-expr", f"json_encode({expression})"))
            return value
        return None


@pytest.fixture
def neovim(tmp_path: Path) -> Iterator[Neovim]:
    if shutil.which("nvim") is None:
        pytest.skip("needs Neovim (apt-get install neovim)")
    command = [sys.executable, "-m", "rnnwords", "lsp", "--model", str(saved(chain(), tmp_path))]
    (tmp_path / "attach.lua").write_text(ATTACH, encoding="utf-8")
    socket = tmp_path / "socket"
    places = {name: str(tmp_path / name) for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    process = subprocess.Popen(
        ["nvim", "--headless", "--clean", "-n", "--listen", str(socket), "draft.txt", "-c", "luafile attach.lua"],
        cwd=tmp_path, env=environment(SERVER=json.dumps(command), **places), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with killed_at_end(process):
        editor = Neovim(socket)
        ready = "luaeval('vim.lsp.get_client_by_id(client) ~= nil and vim.lsp.get_client_by_id(client).initialized')"
        until(lambda: socket.exists() and editor.value(ready), process)
        yield editor
        editor.type("<Esc>:qall!<CR>")
        process.wait(LIMIT)


def menu(editor: Neovim) -> object:
    return editor.value("map(complete_info(['items']).items, 'v:val.word')")


def test_neovim_attaches_types_and_shows_the_menu(neovim: Neovim) -> None:
    neovim.type("i\U0001f600 the mice<CR>they had a ge")
    neovim.type("<C-x><C-o>")
    assert until(lambda: menu(neovim)) == ["general"]
    assert neovim.value("complete_info(['items']).items[0].menu") == "100 %"
    neovim.type("<C-y>")
    assert neovim.value("getline(1, '$')") == ["\U0001f600 the mice", "they had a general"]
    neovim.type(" <C-x><C-o>")
    until(lambda: menu(neovim) and menu(neovim) != ["general"])
    neovim.type("<C-y>")
    assert neovim.value("getline(2)") == "they had a general council"
