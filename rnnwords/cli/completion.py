"""`rnnwords completion`: the script that lets a shell complete commands, options and their values."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    Examples:
      eval "$(rnnwords completion bash)"                    in ~/.bashrc
      eval "$(rnnwords completion zsh)"                     in ~/.zshrc
      rnnwords completion fish > ~/.config/fish/completions/rnnwords.fish
    """
    script = get_completion_class(shell)
    if script is None:
        raise RuntimeError(f"Click has no completion for {shell}")
    program = context.find_root().command
    click.echo(script(program, {}, "rnnwords", "_RNNWORDS_COMPLETE").source(), nl=False)
