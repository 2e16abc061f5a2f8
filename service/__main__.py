"""The command line: serve a folder of models, or inspect, verify and try one export.

python -m service [--port 8000 …]          serve MODELS_DIR over HTTP; --help lists every setting
python -m service inspect FOLDER           print what an export promises
python -m service verify FOLDER            prove it on this machine by its goldens
python -m service classify FOLDER IMAGE…   classify pictures without a server
python -m service extras                   print which extras the models of MODELS_DIR need
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from pydantic import ValidationError
from pydantic_settings import SettingsError

from service.cli import COMMANDS
from service.errors import InvalidExport, ServiceError
from service.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 for success, 1 for failure, 2 for wrong usage."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] in (["-h"], ["--help"]):
        print(__doc__)
    try:
        if not given or given[0].startswith("-"):
            return _serve(given)
        if given[0] == "serve":
            return _serve(given[1:])
        if given[0] in COMMANDS:
            return COMMANDS[given[0]](given[1:])
    except ServiceError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except (ValidationError, SettingsError) as error:  # only the settings are left unexplained
        for problem in _problems(error):
            print(f"error: {problem}", file=sys.stderr)
        return 2
    known = ", ".join(["serve", *COMMANDS])
    print(f"error: there is no command {given[0]!r}; there are: {known}", file=sys.stderr)
    return 2


def _problems(error: ValidationError | SettingsError) -> list[str]:
    """What is wrong with the settings, a sentence each, by the settings' names."""
    if isinstance(error, ValidationError):
        return [
            f"{'.'.join(map(str, problem['loc'])).upper() or 'settings'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        ]
    # What is no JSON is refused before validation; the text of that names the field somewhere.
    for name, field in Settings.model_fields.items():
        if re.search(rf"\b{name}\b", str(error)):
            got = getattr(error.__cause__, "doc", None)
            was = "" if got is None else f"; got {got!r}"
            return [f"{name.upper()} is no JSON{was}. It is: {field.description}"]
    return [str(error)]


def _serve(arguments: Sequence[str]) -> int:
    # These imports serve the other commands nothing, and the training extra lacks the packages.
    from pydantic_settings import CliApp  # noqa: PLC0415

    from service.observability import logs  # noqa: PLC0415
    from service.repository.plans import models_file  # noqa: PLC0415

    settings = CliApp.run(Settings, cli_args=list(arguments))
    if settings.models_address is None and not settings.models_folder.is_dir():
        raise InvalidExport(f"MODELS_DIR={settings.models_dir} is not a folder")
    if settings.models_address is None:
        models_file.load(settings)  # what is wrong with it is said here, before anything starts
    logs.configure(settings)
    if settings.workers > 1:  # this process runs no model, and need not hold what runs them
        from service.server import supervisor  # noqa: PLC0415

        return supervisor.serve(settings)
    from service.server import http  # noqa: PLC0415

    return http.serve(settings)


if __name__ == "__main__":
    sys.exit(main())
