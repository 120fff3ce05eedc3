"""One frozen `Settings`: argument over environment over `<root>/noctis.toml` over default."""

from __future__ import annotations

import difflib
import ipaddress
import os
import shlex
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from noctis_lab.errors import SettingsError

__all__ = [
    "CONFIG_FILE",
    "DEMO_ROOT",
    "EVERYWHERE",
    "Settings",
    "command",
    "environment_names",
    "find_sources",
    "is_loopback",
    "is_usual_root",
    "local_address",
    "open_settings",
    "parse_address",
]

#: Addresses that a server listens on for all; the loopback is where this machine reaches it.
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104

#: Where the demo's archive lies unless another folder is named.
DEMO_ROOT = Path("~/noctis-demo")
CONFIG_FILE = "noctis.toml"  #: in the archive's folder
_USUAL_ROOT = Path("~/noctis")

_PREFIX = "NOCTIS_"
#: Names in the environment that are of the tests, not settings.
_OF_TESTS = frozenset({"NOCTIS_CI", "NOCTIS_TEST_DATA"})


class Settings(BaseSettings):
    """Every setting, with its name, default, unit and help; built once, at a door.

    Raises
    ------
    SettingsError
        From `open_settings`: unknown key, malformed value or value out of range.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=_PREFIX, populate_by_name=True
    )

    root: Path = Field(_USUAL_ROOT, description="The archive's folder.")

    host: str = Field("127.0.0.1", description="Address the pages are served on.")
    port: int = Field(5006, ge=0, le=65535, description="TCP port of the pages; 0 takes any.")
    public_origin: str = Field(
        "",
        pattern=r"^(https?://[a-z0-9.\-\[\]:]+)?$",
        description="What browsers call the pages behind a reverse proxy: https://archive.lab.org.",
    )
    print_token: bool = Field(
        True, description="Print an address that signs in at the start; off where output is kept."
    )
    dicom_host: str = Field("127.0.0.1", description="Address the DICOM receiver listens on.")
    dicom_port: int = Field(
        11112,
        ge=0,
        le=65535,
        validation_alias=AliasChoices("DICOM_PORT", "NOCTIS_DICOM_PORT"),
        description="TCP port of the DICOM receiver; 0 takes any.",
    )
    dicom_aet: str = Field(
        "NOCTIS_SCP",
        min_length=1,
        max_length=16,
        validation_alias=AliasChoices("DICOM_AET", "NOCTIS_DICOM_AET"),
        description="AE title of the DICOM receiver.",
    )
    accept_loopback: bool = Field(
        True, description="Accept unknown senders on the loopback, into the facility 'local'."
    )
    private_sop_classes: bool = Field(
        False, description="Receive instances of private SOP classes too, whichever are proposed."
    )
    max_pdu_bytes: int = Field(
        131_072, ge=16_384, le=1_048_576, description="Maximum PDU length announced, in bytes."
    )
    pdu_cap_bytes: int = Field(
        1_048_576, ge=16_384, description="A peer that sends a longer PDU is aborted; bytes."
    )
    max_associations: int = Field(64, ge=1, le=1024, description="Associations at one time.")
    network_timeout_s: float = Field(
        10.0,
        gt=0,
        description="A peer silent in mid-PDU, or in mid-upload, this long is cut off; seconds.",
    )
    idle_timeout_s: float = Field(
        60.0, gt=0, description="An association without a message this long is ended; seconds."
    )
    base_receiver: bool = Field(
        False, description="Go back to pynetdicom's own receiving classes (slower)."
    )
    max_instance_bytes: int = Field(
        8 * 1024**3, ge=1, description="The largest data set, or upload, that is received; bytes."
    )
    min_free_bytes: int = Field(
        1024**3, ge=0, description="Refuse new instances below this much free space; bytes."
    )
    quiet_s: float = Field(
        10.0, ge=0, description="A series is written to Parquet after this long without news."
    )
    parquet_grace_s: float = Field(
        60.0, ge=0, description="A replaced Parquet file is kept this long; seconds."
    )
    cache_bytes: int = Field(
        1024**3, ge=0, description="Bound of the pixel cache of one process; bytes."
    )
    query_memory_bytes: int = Field(
        2 * 1024**3, ge=64 * 1024**2, description="DuckDB's memory limit per process; bytes."
    )
    threads: int = Field(
        2, ge=1, le=64, description="Threads for reading pixels and for queries, per process."
    )
    hanging_folder: Path = Field(
        Path("hanging"),
        description="Folder of the lab's hanging protocols, YAML files; of the root, if relative.",
    )
    session_hours: float = Field(12.0, gt=0, description="A sign-in lasts this long; hours.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Log level.")

    @field_validator("root", mode="after")
    @classmethod
    def _expand_root(cls, root: Path) -> Path:
        return Path(os.path.abspath(root.expanduser()))

    @field_validator("hanging_folder", mode="after")
    @classmethod
    def _expand_hanging_folder(cls, folder: Path) -> Path:
        return folder.expanduser()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: argument, environment, `noctis.toml` of the root."""
        assert isinstance(init_settings, InitSettingsSource)
        assert isinstance(env_settings, EnvSettingsSource)
        root = init_settings.init_kwargs.get("root") or env_settings().get("root")
        file = Path(str(root or cls.model_fields["root"].default)).expanduser() / CONFIG_FILE
        _refuse_what_is_no_file(file)
        try:
            of_file = TomlConfigSettingsSource(settings_cls, file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{file} is not TOML: {error}") from None
        return init_settings, env_settings, of_file


def open_settings(arguments: Mapping[str, Any] | None = None) -> Settings:
    """Build the settings of this process.

    Parameters
    ----------
    arguments
        What the caller set explicitly, by setting name; None values count as not set.

    Raises
    ------
    SettingsError
        Names each key that is unknown, malformed or out of range, or the file that is not TOML.
    """
    _refuse_unknown_names(os.environ)
    given = {key: value for key, value in (arguments or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = [
            _told(".".join(str(part) for part in item["loc"]), item["type"], item["msg"], given)
            for item in error.errors(include_input=False, include_url=False)
        ]
        raise SettingsError("settings not understood: " + "; ".join(lines)) from None


def _told(name: str, kind: str, message: str, given: Mapping[str, Any]) -> str:
    """Say what is wrong with a setting, and where it is stated."""
    known = name in Settings.model_fields
    asked = {name.upper(), *(environment_names(name) if known else ())}
    of_environment = next((each for each in os.environ if each.upper() in asked), None)
    source = "argument" if name in given else (of_environment or CONFIG_FILE)
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        message = "no such setting" + (f"; did you mean {near[0]}?" if near else "")
    return f"{name} ({source}): {message}"


def environment_names(setting: str) -> tuple[str, ...]:
    """Return the names in the environment that give a setting, the one that wins first."""
    alias = Settings.model_fields[setting].validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(str(choice) for choice in alias.choices)
    return (f"{_PREFIX}{setting.upper()}",)


def find_sources(arguments: Mapping[str, Any], root: Path) -> dict[str, str]:
    """Tell where each setting of this process comes from.

    Parameters
    ----------
    arguments
        As `open_settings` was given them.
    root
        The archive's folder, whose `noctis.toml` counts.

    Returns
    -------
    dict
        Every setting's name: ``argument``, ``environment NAME``, ``noctis.toml`` or ``default``.
    """
    environment = {name.upper(): name for name in os.environ}
    file = root / CONFIG_FILE
    try:
        # Reading a pipe would wait for its writer.
        stated = tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    except (OSError, ValueError):
        stated = {}
    found = {}
    for name in Settings.model_fields:
        asked = environment_names(name)
        variable = next((environment[each] for each in asked if each in environment), None)
        if arguments.get(name) is not None:
            found[name] = "argument"
        elif variable is not None:
            found[name] = f"environment {variable}"
        elif name in stated or any(each in stated for each in asked):
            found[name] = CONFIG_FILE
        else:
            found[name] = "default"
    return found


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an IP address without its zone; an IPv4 one that is mapped into IPv6 as itself.

    Raises
    ------
    ValueError
        It is no IP address.
    """
    ip = ipaddress.ip_address(text.strip().partition("%")[0])
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def is_usual_root(settings: Settings) -> bool:
    """Return whether an archive is the one that is meant where none is named."""
    return settings.root == Path(os.path.abspath(_USUAL_ROOT.expanduser()))


def command(words: str, root: Path) -> str:
    """Return a command of ours for this archive, to be copied."""
    return f"noctis {words} --root {shlex.quote(str(root))}"


def is_loopback(host: str) -> bool:
    """Return whether a name or IP address is this machine's own, mapped into IPv6 or not."""
    if host == "localhost":
        return True
    try:
        return parse_address(host).is_loopback
    except ValueError:
        return False


def local_address(host: str) -> str:
    """Return the address by which this machine reaches what listens on `host`."""
    return EVERYWHERE.get(host, host)


def _refuse_what_is_no_file(file: Path) -> None:
    """Refuse a pipe, a folder, a device: it would be waited for, or passed over without a word."""
    if file.exists() and not file.is_file():
        what = "a folder" if file.is_dir() else "a pipe, a socket or a device"
        raise SettingsError(f"{file} has to be a regular file, and is {what}; remove or rename it")


def _refuse_unknown_names(environment: Mapping[str, str]) -> None:
    """Refuse names that begin with NOCTIS_ and are no setting: one is mistyped, most likely."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    unknown = [
        name
        for name in environment
        if name.upper().startswith(_PREFIX) and name.upper() not in known | _OF_TESTS
    ]
    if not unknown:
        return
    words = []
    for name in sorted(unknown):
        near = difflib.get_close_matches(name.upper(), known, n=1)
        words.append(f"{name} (did you mean {near[0]}?)" if near else name)
    raise SettingsError("no such setting in the environment: " + ", ".join(words))
