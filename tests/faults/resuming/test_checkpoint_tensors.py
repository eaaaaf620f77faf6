"""Row 50: a checkpoint with a valid checksum and wrong tensors is never resumed."""

import numpy as np
import pytest

from rnnwords.errors import ModelError
from tests.checkpoints import KINDS, NEWER, run_of, signed_checkpoint
from tests.faults.resuming.wrong_checkpoints import TENSORS, check_refused


@pytest.mark.parametrize("change", TENSORS)
@pytest.mark.parametrize("kind", KINDS)
def test_row_50_wrong_tensors_are_refused_and_the_older_checkpoint_is_taken(kind, change, tmp_path):
    run = run_of(kind)
    state = run.state(NEWER)
    for name in run.tensors(NEWER):
        tensors = run.tensors(NEWER)
        TENSORS[change](tensors, name)
        assert "tensor" in check_refused(kind, signed_checkpoint(tensors, state), tmp_path)


def test_row_50_wrong_numbers_of_an_optimizer_are_refused(tmp_path):
    run = run_of("windows")
    for name, value, message in (
        ("optimizer/000", np.array(NEWER - 1), "expected 60 steps of the optimizer, found 59"),
        ("optimizer/001", np.array(-1, np.float32), "expected no negative numbers, found -1"),
        ("optimizer/003", -run.tensors(NEWER)["optimizer/003"], "expected no negative numbers, found -0.0"),
    ):
        content = signed_checkpoint(run.tensors(NEWER) | {name: value}, run.state(NEWER))
        assert message in check_refused("windows", content, tmp_path)


@pytest.mark.parametrize("change", TENSORS)
def test_row_50_restoring_wrong_tensors_is_a_model_error(change):
    pytest.importorskip("tensorflow")
    from rnnwords.training.optimization.steps import Steps

    plan = run_of("stateful").plan
    steps = Steps(plan.network, plan.training, "float32")
    for name in steps.tensors():
        tensors = {name: np.asarray(value) for name, value in steps.tensors().items()}
        TENSORS[change](tensors, name)
        with pytest.raises(ModelError, match="tensor"):
            steps.restore(tensors)
