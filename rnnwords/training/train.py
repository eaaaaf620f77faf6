"""`train`: from a text to a model file."""

import contextlib
import os
from collections.abc import Generator
from dataclasses import replace

from rnnwords.config import HeldOutFigures
from rnnwords.errors import ModelError, ModelNotFoundError
from rnnwords.model_file import HELD_OUT, Model
from rnnwords.text.reading.corpus import StartProgress, no_progress
from rnnwords.training.distributed.cluster import role_of
from rnnwords.training.events import Event, Note, Planned, PostTrained, Warned
from rnnwords.training.plan import Plan, make_plan
from rnnwords.training.runs.checkpoint import RunDirectory
from rnnwords.training.session import run_session, work
from rnnwords.training.settings.request import STOPPED, StopRequest, TrainRequest
from rnnwords.training.suggestion import find_prompt


def train(
    request: TrainRequest, *, stop: StopRequest | None = None, progress: StartProgress = no_progress
) -> Generator[Event, None, None]:
    """Train a model on a text, or resume the run in the directory, and yield what happens; see `training.events`.

    Nothing happens before the first event is requested. TensorFlow is loaded after the event Planned. To stop early,
    set `stop.reason`: the run saves a checkpoint and ends with Finished. Closing the iterator ends the run at once; the
    latest checkpoint remains. `progress` is called with what is read and its bytes, and may return a function that is
    called with the bytes that were read since its last call.

    Raises CorpusError, UsageError, ResumeError, ModelError, TrainingError (for example, the directory is in use),
    SaveError, MissingDependencyError.
    """
    role = role_of(request.distribute, os.environ)
    if role and not role.chief:
        yield from work(role, stop)
        return
    directory = RunDirectory(request.directory)
    with directory.locked():
        warnings: list[str] = []
        plan = make_plan(request, warnings.append, progress)
        yield from (Warned(message) for message in warnings)
        yield _planned(plan)
        yield from (Note(message) for message in plan.notes)
        finished = yield from run_session(plan, restart=request.restart, stop=stop, role=role)
        added = plan.prepared.held_out is not None or request.ngram or request.cache or request.calibrate
        if stop and stop.reason and added:
            finished = replace(finished, reason=stop.reason)  # it came with the last step; post-training is left
        if finished.reason not in STOPPED:
            if finished.reason == "already":
                _check_model(plan)
            yield from _post_train(request, plan)
        yield finished


def _planned(plan: Plan) -> Planned:
    prepared, network = plan.prepared, plan.network
    validation, held_out = (
        0 if half is None else len(half) - network.window for half in (prepared.validation, prepared.held_out)
    )
    return Planned(
        plan.directory.path, prepared.vocabulary, prepared.words, validation, held_out,
        *find_prompt(prepared.train, prepared.vocabulary), network, plan.training,
        plan.position.step if plan.position else None, plan.complete,
    )  # fmt: skip


def _check_model(plan: Plan) -> None:
    """Raise ModelError unless a complete run has its model: somebody may have removed it, or put another one there."""
    path, found = plan.directory.model, "none"
    with contextlib.suppress(ModelNotFoundError):
        model, found = Model.load(path), "another one"
        if model.vocabulary == plan.prepared.vocabulary and model.network.shapes() == plan.network.shapes():
            return
    raise ModelError(f"expected the model of this run at {path}, found {found}; name another `directory`, or `restart`")


def _post_train(request: TrainRequest, plan: Plan) -> Generator[Event, None, None]:
    """Add to the model file what it lacks of the request, or of what can be fitted and checked."""
    from rnnwords.training.post_training.run import PostTrainingConfig, add_post_training
    from rnnwords.training.post_training.texts import PostTrainingTexts

    texts = PostTrainingTexts.of(plan.prepared, plan.network.window, plan.base)
    config = PostTrainingConfig(request.ngram, request.cache, request.calibrate)
    model = yield from add_post_training(plan.directory.model, texts, config)
    figures = model.training.get(HELD_OUT)
    if model.interpolation or figures:
        yield PostTrained(model.interpolation, HeldOutFigures.from_json(figures) if figures else None)
