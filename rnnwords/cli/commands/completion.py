"""`rnnwords completion`: the script with which a shell completes commands, options and their values."""

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from rnnwords.cli.help import command


class WholeFishComplete(FishComplete):
    """Completion for fish. The script of Click cuts a description at its first comma."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": WholeFishComplete}


@command()
@click.argument("shell", metavar="SHELL", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell: bash, zsh or fish.

    \b
    Examples:
      eval "$(rnnwords completion bash)"   in ~/.bashrc
      eval "$(rnnwords completion zsh)"    in ~/.zshrc
      rnnwords completion fish > ~/.config/fish/completions/rnnwords.fish
    """
    program = context.find_root().command
    click.echo(SHELLS[shell](program, {}, "rnnwords", "_RNNWORDS_COMPLETE").source(), nl=False)
