"""Emacs with eglot as the client, in batch mode: it attaches, and completes; skipped where either is missing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.models import chain, saved
from tests.processes import LIMIT, environment

# Prints a JSON list per text: the words in the order of the list, and the text after the second of them is inserted.
SCRIPT = r"""
(require 'eglot)
(setq eglot-sync-connect t eglot-autoshutdown t create-lockfiles nil make-backup-files nil
      completion-category-overrides '((eglot (styles basic))))
(add-to-list 'eglot-server-programs
             `(text-mode . (,@(append (json-parse-string (getenv "SERVER")) nil) :initializationOptions (:words 3))))
(find-file "draft.txt")
(text-mode)
(call-interactively #'eglot)
(dolist (text '("😀 they had a ge" "the mice\nthey had a general "))
  (erase-buffer)
  (insert text)
  (eglot--signal-textDocument/didChange)
  (pcase-let* ((`(,start ,end ,table . ,properties) (eglot-completion-at-point))
               (typed (buffer-substring-no-properties start end))
               (words (all-completions typed table (plist-get properties :predicate)))
               (sort (cdr (assq 'display-sort-function (cdr (completion-metadata typed table nil)))))
               (sorted (if sort (funcall sort words) words))
               (chosen (or (cadr sorted) (car sorted))))
    (delete-region start end)
    (insert (substring-no-properties chosen))
    (funcall (plist-get properties :exit-function) chosen 'finished)
    (princ (json-serialize `[,(vconcat (mapcar #'string-trim (mapcar #'substring-no-properties sorted)))
                             ,(buffer-string)]))
    (terpri)))
(eglot-shutdown (eglot-current-server))
"""


@pytest.mark.slow
def test_emacs_lists_words_in_order_and_inserts_one(tmp_path: Path) -> None:
    if shutil.which("emacs") is None:
        pytest.skip("needs Emacs (apt-get install emacs-nox elpa-eglot)")
    env = environment(HOME=str(tmp_path), XDG_CONFIG_HOME=None)
    has_eglot = ["emacs", "--batch", "-q", "--eval", '(kill-emacs (if (locate-library "eglot") 0 3))']
    if subprocess.run(has_eglot, env=env, capture_output=True, timeout=LIMIT, check=False).returncode:
        pytest.skip("needs eglot, which Emacs 29 has (apt-get install elpa-eglot)")
    server = [sys.executable, "-m", "rnnwords", "lsp", "--cache", "0", "--model", str(saved(chain(), tmp_path))]
    (tmp_path / "test.el").write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        ["emacs", "--batch", "-q", "-l", "test.el"], cwd=tmp_path, env=env | {"SERVER": json.dumps(server)},
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [[words, text], [next_words, longer]] = map(json.loads, done.stdout.splitlines())
    assert (words, text) == (["general"], "\U0001f600 they had a general")
    assert next_words[0] == "council"
    assert len(next_words) == 3
    assert longer == f"the mice\nthey had a general {next_words[1]}"
