"""Reads earshot.yaml into a Configuration, or tells everything that is wrong with it by path and line."""

from pathlib import Path

import yaml
from pydantic import ValidationError

from shared.contracts.configuration import Configuration, contradictions
from shared.errors import ConfigurationError, Problem

Loc = tuple[str | int, ...]


def load_configuration(path: Path | None) -> Configuration:
    """Return the configuration; an absent path is an empty one. Raises ConfigurationError with every problem."""
    if path is None:
        return Configuration()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(str(path), f"cannot be read as UTF-8 text: {error}")]) from error
    return parse_configuration(text, name=str(path))


def parse_configuration(text: str, *, name: str) -> Configuration:
    """Return the configuration in a YAML text called `name`. Raises ConfigurationError with every problem."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        raise ConfigurationError(
            [Problem(f"{name}:{line}", f"is not YAML: {getattr(error, 'problem', error)}")]
        ) from error
    if content is None:
        return Configuration()
    if not isinstance(content, dict):
        raise ConfigurationError(
            [Problem(f"{name}:1", f"expected a mapping at the top, found {type(content).__name__}")]
        )
    try:
        configuration = Configuration.model_validate(content)
    except ValidationError as error:
        problems = [_problem(name, node, each["loc"], each["msg"]) for each in error.errors(include_url=False)]
        raise ConfigurationError(problems) from error
    if wrong := [_problem(name, node, loc, message) for loc, message in contradictions(configuration)]:
        raise ConfigurationError(wrong)
    return configuration


def _problem(name: str, root: yaml.Node | None, loc: Loc, message: str) -> Problem:
    line, known = _locate(root, loc)
    return Problem(f"{name}:{line}", f"{'.'.join(map(str, known)) or 'file'}: {message}")


def _locate(root: yaml.Node | None, loc: Loc) -> tuple[int, Loc]:
    """Return the line of the deepest node on the path, and the path without pydantic's union tags."""
    node, line, known = root, 1, []
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == part), None)
            if entry is None:
                # A missing key is reported at its mapping; a union tag is no key and is left out of the path.
                if part is loc[-1]:
                    known.append(part)
                continue
            line, node = entry[0].start_mark.line + 1, entry[1]
            known.append(part)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
            known.append(part)
    return line, tuple(known)
