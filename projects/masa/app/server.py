"""The web server of the page."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..datasets.skeletons import LAYOUTS, UP_AXES
from ..extraction.sequences import VIDEO_SUFFIXES
from ..pose_files.formats import SUFFIXES as POSE_SUFFIXES
from ..support.files import output_path
from .jobs import COMMANDS, Job

_PAGES = Path(__file__).parent
# By the last part of the path.
_STATIC = {'': 'page.html', 'app.js': 'app.js', 'app.css': 'app.css'}
# Places of files on the page: the last file is a recording or an attempt.
_ROLES = ('references', 'last')
# Files that the commands read.
ACCEPTED = (*VIDEO_SUFFIXES, *POSE_SUFFIXES, '.npy', '.npz', '.pkl', '.json')
# Settings of the page, which are options of the commands.
_SWITCHES = {'find': ('mirrored',), 'compare': ('repetitions',)}
_NUMBERS = ('frame-rate', 'time-step')
_CHOICES = {'layout': tuple(LAYOUTS), 'up-axis': UP_AXES}
# The page and the results use nothing from elsewhere.
_HEADERS = {
    'Content-Security-Policy': "default-src 'self' 'unsafe-inline' data: "
    "blob:; connect-src 'self' data: blob:; form-action 'none'; "
    "frame-ancestors 'self'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
}


class Workspace:
    """Files that were dropped on the page, and the jobs on them.

    Args:
        folder (Path): For the files; whoever made it deletes it.
        max_bytes (int): Of all files that are dropped.
    """

    def __init__(self, folder: Path, max_bytes: int):
        self.inputs = folder / 'inputs'
        self.inputs.mkdir()
        self.results = folder / 'results'
        self.cache = folder / 'cache'
        self.max_bytes = max_bytes
        self.bytes = 0
        # Of the files that have been received, by their names.
        self.roles: dict[str, str] = {}
        self.jobs: list[Job] = []

    def new_path(self, name: str) -> Path:
        """Choose the path of a file that is being uploaded.

        Args:
            name (str): Its name on the user's disk.

        Returns:
            Path: In the folder; unlike all others even without its ending,
            which names the sequence.

        Raises:
            HTTPException: If it is of no kind that is read.
        """
        # Browsers send the name alone; others may send a path.
        name = name.replace('\\', '/').rpartition('/')[2]
        stem, ending = Path(name).stem, Path(name).suffix.lower()
        if ending not in ACCEPTED:
            raise HTTPException(
                415,
                f'{name} is expected to be a video or a pose file, which ends '
                f'in one of {", ".join(dict.fromkeys(ACCEPTED))}',
            )
        taken = {one.stem.lower() for one in self.inputs.iterdir()}
        number, path = 1, output_path(self.inputs, stem, ending)
        while path.stem.lower() in taken:
            number += 1
            path = output_path(self.inputs, f'{stem} ({number})', ending)
        return path

    def discard(self, name: str) -> None:
        """Delete one of the files that were dropped.

        Raises HTTPException if there is none of that name, or a job runs.
        """
        if self.is_busy():
            raise HTTPException(409, 'a job is running: stop it first')
        for path in self.inputs.iterdir():
            if path.name == name:
                self.bytes -= path.stat().st_size
                path.unlink()
                self.roles.pop(name, None)
                return
        raise HTTPException(404, f'there is no file {name}')

    def is_busy(self) -> bool:
        """Tell whether a job is running."""
        return any(job.state == 'running' for job in self.jobs)

    def forget(self) -> None:
        """Stop what runs, and delete all files."""
        for job in self.jobs:
            job.stop()
        self.jobs.clear()
        self.roles.clear()
        self.bytes = 0
        shutil.rmtree(self.inputs)
        self.inputs.mkdir()
        for folder in (self.results, self.cache):
            shutil.rmtree(folder, ignore_errors=True)


def make_app(token: str, folder: Path, max_bytes: int) -> Starlette:
    """Make the server of the page.

    Args:
        token (str): First part of all paths, which other pages and users of
            the machine do not know.
        folder (Path): Empty; for all files.
        max_bytes (int): Of the files that are dropped.

    Returns:
        Starlette: The application.
    """
    work = Workspace(folder, max_bytes)

    async def about(request: Request) -> Response:
        return JSONResponse(
            dict(
                layouts=list(LAYOUTS),
                up_axes=list(UP_AXES),
                accepted=list(dict.fromkeys(ACCEPTED)),
            )
        )

    async def state(request: Request) -> Response:
        last = work.jobs[-1] if work.jobs else None
        return JSONResponse(
            dict(
                files=[
                    dict(name=name, role=role)
                    for name, role in work.roles.items()
                ],
                job=last
                and dict(number=len(work.jobs) - 1, command=last.command),
            )
        )

    async def upload(request: Request) -> Response:
        return JSONResponse(dict(name=await _receive(request, work)))

    async def discard(request: Request) -> Response:
        work.discard(request.path_params['name'])
        return JSONResponse({})

    async def start(request: Request) -> Response:
        if work.is_busy():
            raise HTTPException(409, 'another job is running: stop it first')
        job = _start(await _read_json(request), work)
        work.jobs.append(job)
        return JSONResponse(dict(job=len(work.jobs) - 1))

    def job_of(request: Request) -> Job:
        number = request.path_params['job']
        if number >= len(work.jobs):
            raise HTTPException(404, f'there is no job {number}')
        return work.jobs[number]

    async def status(request: Request) -> Response:
        return JSONResponse(job_of(request).status())

    async def stop(request: Request) -> Response:
        job = job_of(request)
        await asyncio.to_thread(job.stop)
        return JSONResponse(job.status())

    async def result(request: Request) -> Response:
        job, name = job_of(request), request.path_params['name']
        if name not in job.outputs:
            raise HTTPException(404, f'there is no result {name}')
        return FileResponse(job.folder / name)

    async def forget(request: Request) -> Response:
        await asyncio.to_thread(work.forget)
        return JSONResponse({})

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(work.forget)

    top = f'/{token}'
    return Starlette(
        routes=[
            *(
                Route(f'{top}/{name}', _static(file))
                for name, file in _STATIC.items()
            ),
            Route(f'{top}/about', about),
            Route(f'{top}/state', state),
            Route(f'{top}/files/{{name:path}}', upload, methods=['PUT']),
            Route(f'{top}/files/{{name}}', discard, methods=['DELETE']),
            Route(f'{top}/files', forget, methods=['DELETE']),
            Route(f'{top}/jobs', start, methods=['POST']),
            Route(f'{top}/jobs/{{job:int}}', status),
            Route(f'{top}/jobs/{{job:int}}', stop, methods=['DELETE']),
            Route(f'{top}/jobs/{{job:int}}/{{name}}', result),
        ],
        middleware=[
            # A foreign name that resolves to this machine is refused.
            Middleware(
                TrustedHostMiddleware, allowed_hosts=['127.0.0.1', 'localhost']
            ),
            Middleware(_Headers),
        ],
        exception_handlers={HTTPException: _say},
        lifespan=lifespan,
    )


def _static(file: str) -> Callable:
    async def send(request: Request) -> Response:
        return FileResponse(_PAGES / file)

    return send


async def _receive(request: Request, work: Workspace) -> str:
    """Write the body of a request to a file, and return its name."""
    role = request.query_params.get('role', _ROLES[0])
    if role not in _ROLES:
        raise HTTPException(
            400, f'role is expected to be {" or ".join(_ROLES)}, not {role!r}'
        )
    path = work.new_path(request.path_params['name'])
    size = 0
    try:
        with open(path, 'wb') as file:
            async for chunk in request.stream():
                size += len(chunk)
                work.bytes += len(chunk)
                if work.bytes > work.max_bytes:
                    raise HTTPException(
                        413,
                        'the files have more than '
                        f'{work.max_bytes / 1e6:,.0f} MB: start over with '
                        'fewer, or start "masa app" with a larger '
                        '--max-upload',
                    )
                file.write(chunk)
    except BaseException:
        work.bytes -= size
        path.unlink()
        raise
    work.roles[path.name] = role
    return path.name


async def _read_json(request: Request) -> dict:
    try:
        found = await request.json()
    except ValueError as error:
        raise HTTPException(400, f'no JSON: {error}') from error
    if not isinstance(found, dict):
        raise HTTPException(400, 'a JSON object is expected')
    return found


def _start(asked: dict, work: Workspace) -> Job:
    """Start what the page asks for: a command, inputs and options."""
    command, inputs = asked.get('command'), asked.get('inputs')
    if command not in COMMANDS:
        raise HTTPException(400, f'there is no command {command!r}')
    if not isinstance(inputs, list) or not set(map(str, inputs)) <= set(
        work.roles
    ):
        raise HTTPException(400, f'there are not all of the files {inputs}')
    options = _options(command, asked.get('options') or {})
    job = Job(command, work.inputs, work.results / str(len(work.jobs)))
    job.start(inputs, options, work.cache)
    return job


def _options(command: str, asked: dict[str, Any]) -> list[str]:
    """Turn the settings of the page into arguments."""
    words = []
    for name, value in asked.items():
        if value in (None, '', False):
            continue
        is_number = name in _NUMBERS and isinstance(value, (int, float))
        if name in _SWITCHES.get(command, ()) and value is True:
            words.append(f'--{name}')
        elif is_number or value in _CHOICES.get(name, ()):
            words.append(f'--{name}={value}')
        else:
            raise HTTPException(400, f'{name} cannot be {value!r}')
    return words


def _say(request: Request, error: HTTPException) -> Response:
    return JSONResponse(dict(error=error.detail), error.status_code)


class _Headers:
    """Adds the headers that keep a page to itself."""

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async def send_with_headers(message: Message) -> None:
            if message['type'] == 'http.response.start':
                message['headers'] += [
                    (name.lower().encode(), value.encode())
                    for name, value in _HEADERS.items()
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers)
