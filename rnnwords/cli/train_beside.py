"""What `train` does when its training is done: `--calibrate`, `--ngram`, `--cache`."""

from typing import TYPE_CHECKING

from rnnwords.cli.options import note

if TYPE_CHECKING:
    from rnnwords.network.mixture import MixtureConfig
    from rnnwords.training.plan import Plan


def put_beside(plan: "Plan", quiet: bool) -> None:
    """Calibrate, count the n-gram and tune weights, as asked for, unless an earlier session of the run has done it."""
    if not plan.beside:
        return
    from rnnwords.training.post_training.tuning import Wanted, complete

    prepared = plan.prepared
    wanted = Wanted(
        plan.beside.get("ngram"), plan.beside.get("cache"), plan.network.window, prepared.valid_digest,
        "calibrate" in plan.beside,
    )  # fmt: skip
    found = complete(plan.directory.model, prepared.train, prepared.held_out, wanted, lambda line: note(line, quiet))
    for line in _told(found):
        note(line, quiet)


def _told(found: "MixtureConfig") -> list[str]:
    """What was made, in a line for each use."""
    lines = []
    if found.order:
        line = f"beside it: {found.order}-gram of {found.ngrams:,} n-grams; with --blend auto "
        if found.words:
            line += f"{found.blend.network:.0%} is the network's, more or less by how often the n-gram saw the context"
        else:
            line += "half is the network's, since nothing was held out to tune that on"
        lines.append(line)
    if found.cache and not found.words:
        lines.append("nothing was held out to tune a cache on; --cache takes its defaults")
    elif found.cache:
        weight, theta = found.memory.cache or 0, found.memory.theta or 0
        lines.append(f"with --cache {found.cache} {weight:.1%} is the cache's (theta {theta:g})")
    return lines
