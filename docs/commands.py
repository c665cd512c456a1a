"""Print the command reference: python docs/commands.py > docs/commands.md"""

import click

from icbench.cli.main import VERBS, icbench

WIDTH = 100
HEAD = r"""# Commands

What `icbench VERB --help` says, all in one place. Made by `python docs/commands.py`.

## Completion

A shell completes verbs and options with a line in its start file:

| shell | file | line |
|---|---|---|
| bash | `~/.bashrc` | `eval "$(_ICBENCH_COMPLETE=bash_source icbench)"` |
| zsh | `~/.zshrc` | `eval "$(_ICBENCH_COMPLETE=zsh_source icbench)"` |
| fish | `~/.config/fish/completions/icbench.fish` | `_ICBENCH_COMPLETE=fish_source icbench \| source` |
"""


def help_of(command: click.Command, name: str, parent: click.Context | None) -> str:
    """The help of a command and of those inside it, each under a heading."""
    context = command.context_class(command, info_name=name, parent=parent, terminal_width=WIDTH)
    parts = [f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group) and parent:
        parts += [help_of(inner, inner_name, context) for inner_name, inner in sorted(command.commands.items())]
    return "\n".join(parts)


def main() -> None:
    root = click.Context(icbench, info_name="icbench", terminal_width=WIDTH)
    print(HEAD)
    for verb in VERBS:
        command = icbench.get_command(root, verb)
        assert command
        print(help_of(command, verb, root))


if __name__ == "__main__":
    main()
