"""Settings whose secrets may also come from files: NAME_FILE holds the path, as container platforms hand them out."""

from pathlib import Path
from typing import Any, get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource

from shared.errors import ConfigurationError, Problem


class _SecretFiles(EnvSettingsSource):
    """Reads a field of type SecretStr from the file that its variable with the suffix _FILE names."""

    def __call__(self) -> dict[str, Any]:
        """Return the secrets found, by field. Raises ConfigurationError for a file that cannot be read or is empty."""
        secrets = (name for name, field in self.settings_cls.model_fields.items() if _is_secret(field))
        named = {name: self.env_vars.get(f"{self.env_prefix}{name}_file".lower()) for name in secrets}
        return {name: _read(f"{self.env_prefix}{name}_file".upper(), path) for name, path in named.items() if path}


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


def _read(variable: str, path: str) -> str:
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([Problem(variable, f"cannot be read: {error}")]) from error
    if not value:
        raise ConfigurationError([Problem(variable, f"{path} is empty, expected the secret")])
    return value


class SettingsWithSecrets(BaseSettings):
    """A settings class each of whose secrets NAME may be given as NAME_FILE; NAME itself wins."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the files behind the variables."""
        return init_settings, env_settings, _SecretFiles(settings_cls)
