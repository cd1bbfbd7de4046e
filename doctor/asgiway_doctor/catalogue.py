"""All that can be found: one entry per finding, and nothing else knows its words. docs/doctor.md has a table of it."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)

_ASYNC = "https://docs.djangoproject.com/en/stable/topics/async/"
_SAFETY = f"{_ASYNC}#async-safety"
_DATABASES = "https://docs.djangoproject.com/en/stable/ref/databases/#persistent-database-connections"
_CHANNELS = "https://channels.readthedocs.io/en/stable/topics/"
_STREAMING = "https://docs.djangoproject.com/en/stable/ref/request-response/#streaminghttpresponse-objects"
_LOOP = "https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code"


@dataclass(frozen=True)
class Kind:
    """What is true of all findings of one id. error: it fails or loses something; warning: it costs or may fail."""

    severity: str
    title: str
    why: str
    fix: str
    link: str


KINDS: dict[str, Kind] = {
    # the project as a whole
    "setup-fails": Kind(
        ERROR,
        "The project does not start",
        "Django's setup() raises, so nothing can be served and most of this report is missing.",
        "Mend the cause; a variable that the settings want goes into app_env.",
        "https://docs.djangoproject.com/en/stable/topics/settings/",
    ),
    "urls-fail": Kind(
        ERROR,
        "The URL configuration cannot be imported",
        "Every request fails, and the views could not be looked at.",
        "Mend the cause and run the doctor again.",
        "https://docs.djangoproject.com/en/stable/topics/http/urls/",
    ),
    "no-asgi": Kind(
        NOTE,
        "There is no ASGI application",
        "A server of ASGI imports it; without one only WSGI servers can serve the project.",
        "Add asgi.py beside wsgi.py, as `django-admin startproject` writes it.",
        "https://docs.djangoproject.com/en/stable/howto/deployment/asgi/",
    ),
    "asgi-fails": Kind(
        ERROR,
        "The ASGI application cannot be imported",
        "No ASGI server starts. Often a consumer is imported before get_asgi_application() has loaded the apps.",
        "Call get_asgi_application() first, and import routing and consumers below it.",
        f"{_CHANNELS}routing.html",
    ),
    "wsgi-wrapper": Kind(
        WARNING,
        "What wsgi.py lays around the project is missing under ASGI",
        "asgi.py serves the bare project: what the wrapper did (static files, tracing, a prefix) no longer happens.",
        "Move it into a Django middleware, or wrap the ASGI application with its ASGI counterpart.",
        "https://docs.djangoproject.com/en/stable/howto/deployment/asgi/",
    ),
    "known-bad-version": Kind(
        WARNING,
        "An installed version is known to misbehave",
        "See what it does; it is fixed in another version.",
        "Raise the requirement.",
        "https://pypi.org/",
    ),
    # blocking calls
    "blocking-sleep": Kind(
        ERROR,
        "A sleep stops the event loop",
        "One event loop serves every request and WebSocket of the process: while this sleeps, all of them stand still.",
        "await asyncio.sleep(...), or make the function an ordinary def.",
        _LOOP,
    ),
    "blocking-network": Kind(
        ERROR,
        "A blocking network call stops the event loop",
        "Until the other side answers, every request and WebSocket of the process stands still.",
        "Use an async client (httpx.AsyncClient, redis.asyncio), or await asyncio.to_thread(...).",
        _LOOP,
    ),
    "blocking-process": Kind(
        ERROR,
        "Waiting for a program stops the event loop",
        "Until the program ends, every request and WebSocket of the process stands still.",
        "await asyncio.create_subprocess_exec(...), or await asyncio.to_thread(...).",
        "https://docs.python.org/3/library/asyncio-subprocess.html",
    ),
    "blocking-file": Kind(
        WARNING,
        "Reading or writing a file blocks the event loop",
        "Mostly short, but a slow disk or a large file stops every request and WebSocket of the process.",
        "await asyncio.to_thread(...), or make the function an ordinary def.",
        _LOOP,
    ),
    "sync-cache": Kind(
        WARNING,
        "The cache is asked with a blocking call",
        "The cache is a network or a disk away; until it answers, every request of the process stands still.",
        "await cache.aget(...), cache.aset(...) and the like.",
        "https://docs.djangoproject.com/en/stable/topics/cache/#asynchronous-support",
    ),
    "blocking-lock": Kind(
        WARNING,
        "A lock of threads is waited for in async code",
        "While another thread holds it, every request and WebSocket of the process stands still; held across an await,"
        " it may never be given back.",
        "asyncio.Lock() within a process; a lock in Redis or the database between processes.",
        "https://docs.python.org/3/library/asyncio-sync.html",
    ),
    # the database in async code
    "orm-in-async": Kind(
        ERROR,
        "The database is used with blocking calls in async code",
        "Django refuses it with SynchronousOnlyOperation: the request, or the consumer, ends with an error.",
        "The methods with an a (await qs.afirst(), async for), or database_sync_to_async / sync_to_async around a def.",
        _SAFETY,
    ),
    "atomic-in-async": Kind(
        ERROR,
        "A transaction is opened in async code",
        "transaction.atomic() does not work in async code: it raises SynchronousOnlyOperation.",
        "Put the transaction into a def, and call that with sync_to_async.",
        _SAFETY,
    ),
    "lazy-user": Kind(
        ERROR,
        "request.user is loaded in async code",
        "It is loaded from the database at first use, which Django refuses in async code: SynchronousOnlyOperation.",
        "user = await request.auser()",
        "https://docs.djangoproject.com/en/stable/ref/request-response/#django.http.HttpRequest.auser",
    ),
    "lazy-session": Kind(
        ERROR,
        "The session is loaded in async code",
        "It is loaded from the database at first use, which Django refuses in async code: SynchronousOnlyOperation.",
        "await request.session.aget(...); in a consumer, read it in a def with database_sync_to_async.",
        "https://docs.djangoproject.com/en/stable/topics/http/sessions/",
    ),
    "orm-off-thread": Kind(
        WARNING,
        "The database is used in threads that nobody tidies up",
        "thread_sensitive=False runs it in a thread of a pool, with a connection of its own that no request closes.",
        "channels.db.database_sync_to_async closes it; or leave thread_sensitive at True.",
        f"{_ASYNC}#asgiref.sync.sync_to_async",
    ),
    "consumer-connections": Kind(
        WARNING,
        "A consumer uses the database without database_sync_to_async",
        "No request ends there, so nothing closes a connection that has become stale: after a restart of the database"
        " the consumers of this process fail until it is restarted, too.",
        "from channels.db import database_sync_to_async, instead of sync_to_async.",
        f"{_CHANNELS}databases.html",
    ),
    "async-to-sync": Kind(
        ERROR,
        "A coroutine is run from async code as if there were no event loop",
        "async_to_sync() and asyncio.run() raise RuntimeError in a thread that runs an event loop.",
        "await the coroutine.",
        f"{_ASYNC}#async-adapter-functions",
    ),
    "not-awaited": Kind(
        ERROR,
        "A coroutine is never awaited",
        "The call only makes a coroutine object: nothing is sent, and Python warns at most.",
        "await it; in an ordinary def, async_to_sync(...)(...).",
        "https://docs.python.org/3/library/asyncio-dev.html#detect-never-awaited-coroutines",
    ),
    # views
    "sync-stream": Kind(
        ERROR,
        "An event stream comes from a synchronous generator",
        "Under ASGI Django runs the generator to its end before it sends the first byte: a stream without an end sends"
        " nothing, and fills the memory.",
        "Make the generator an async def, and give its path to app_asgi_routes.",
        _STREAMING,
    ),
    "sync-stream-buffered": Kind(
        WARNING,
        "A response is streamed from a synchronous generator",
        "Under ASGI Django collects the whole response in memory before it sends the first byte.",
        "Leave this path to WSGI (hybrid does), or make the generator an async def.",
        _STREAMING,
    ),
    "mixed-view": Kind(
        ERROR,
        "A class-based view has async and sync handlers",
        "Django refuses such a class with ImproperlyConfigured as soon as the URL configuration calls as_view().",
        "Make all of get, post, ... async, or none of them.",
        f"{_ASYNC}#async-views",
    ),
    "auth-mixin": Kind(
        ERROR,
        "An async view stands behind a mixin that loads the user",
        "LoginRequiredMixin and its like read request.user with blocking calls: each request is an error.",
        "Check `await request.auser()` in the handler, or make the handlers ordinary defs.",
        _SAFETY,
    ),
    "sync-decorator": Kind(
        ERROR,
        "An async view is hidden by a synchronous decorator",
        "Django takes the view for a sync one, gets a coroutine instead of a response, and raises.",
        "Let the decorator return an async def for an async view (asgiref.sync.iscoroutinefunction tells).",
        "https://docs.djangoproject.com/en/stable/topics/http/decorators/",
    ),
    # middleware
    "sync-middleware": Kind(
        WARNING,
        "A middleware is sync-only",
        "Under ASGI every request goes into a thread for it and, for an async view, back again: one hop of about a"
        " millisecond and one thread per request, so that async views lose most of what they gain.",
        "Make it sync and async (sync_and_async_middleware), or derive it from MiddlewareMixin.",
        "https://docs.djangoproject.com/en/stable/topics/http/middleware/#asynchronous-support",
    ),
    "middleware-fails": Kind(
        ERROR,
        "A middleware cannot be imported",
        "No request is answered.",
        "Mend the cause.",
        "https://docs.djangoproject.com/en/stable/topics/http/middleware/",
    ),
    # settings
    "conn-max-age": Kind(
        WARNING,
        "CONN_MAX_AGE keeps database connections",
        "Under ASGI the thread that holds a connection is not the one that serves the next request: connections pile up"
        " until the database refuses more.",
        "0 under ASGI, and OPTIONS: {'pool': True} with psycopg 3. A deploy with settings_overlay=true, the default,"
        " sets 0 for the ASGI processes.",
        _DATABASES,
    ),
    "pool-and-age": Kind(
        ERROR,
        "A connection pool and CONN_MAX_AGE exclude each other",
        "Django raises ImproperlyConfigured at the first query.",
        "CONN_MAX_AGE: 0 beside the pool.",
        "https://docs.djangoproject.com/en/stable/ref/databases/#connection-pool",
    ),
    "atomic-requests": Kind(
        ERROR,
        "ATOMIC_REQUESTS and async views exclude each other",
        "Django raises RuntimeError at every request to an async view of a database with ATOMIC_REQUESTS.",
        "@transaction.non_atomic_requests on the async views, or transactions where they are needed.",
        "https://docs.djangoproject.com/en/stable/topics/db/transactions/#tying-transactions-to-http-requests",
    ),
    "memory-layer": Kind(
        ERROR,
        "The channel layer lives in the memory of one process",
        "Messages reach only the WebSockets of the same process, and a site has several: most visitors see nothing.",
        "channels_redis.core.RedisChannelLayer; a deploy gives the project REDIS_URL when it asks for channels-redis.",
        f"{_CHANNELS}channel_layers.html",
    ),
    "no-layer": Kind(
        ERROR,
        "Consumers use a channel layer, and there is none",
        "get_channel_layer() is None: group_add() and group_send() raise AttributeError.",
        "Set CHANNEL_LAYERS.",
        f"{_CHANNELS}channel_layers.html",
    ),
    "layer-timeout": Kind(
        WARNING,
        "The channel layer's connections give up after five seconds",
        "redis-py 8 reads for at most 5 s, as long as channels_redis waits: a consumer that idles longer dies of it.",
        "'hosts': [{'address': ..., 'socket_timeout': None}]. A deploy with settings_overlay=true adds it by itself.",
        "https://github.com/django/channels_redis#readme",
    ),
    "local-session": Kind(
        ERROR,
        "Sessions live in the memory of one process",
        "Each process has sessions of its own, and a site has several: visitors are logged out at random.",
        "SESSION_ENGINE of cached_db or db, or a cache that all processes share.",
        "https://docs.djangoproject.com/en/stable/topics/http/sessions/#using-cached-sessions",
    ),
    "local-cache": Kind(
        NOTE,
        "The cache lives in the memory of one process",
        "Each process counts, locks and forgets for itself; invalidating an entry reaches one of them.",
        "A shared cache, where that matters.",
        "https://docs.djangoproject.com/en/stable/topics/cache/#local-memory-caching",
    ),
    "media-in-source": Kind(
        WARNING,
        "Uploads are stored inside the source",
        "A release is read-only and is replaced by the next one: uploads to its own directory fail.",
        "A deploy with settings_overlay=true, the default, keeps them in /srv/NAME/media instead. Without it, take"
        " MEDIA_ROOT from ASGIWAY_MEDIA_ROOT in the environment, or another storage.",
        "https://docs.djangoproject.com/en/stable/ref/settings/#media-root",
    ),
    # Channels
    "no-origin-check": Kind(
        ERROR,
        "WebSockets accept every origin",
        "A page of any other site may open one with your visitor's cookies, read and write: nothing checks for CSRF.",
        "AllowedHostsOriginValidator(...) around the websocket application, or websocket_origins.",
        "https://channels.readthedocs.io/en/stable/topics/security.html",
    ),
    "any-host": Kind(
        WARNING,
        "The origin check allows every host",
        "ALLOWED_HOSTS holds '*', and AllowedHostsOriginValidator asks nothing else: any site may open a WebSocket.",
        "Name the hosts; a deploy adds those of app_domain by itself.",
        "https://channels.readthedocs.io/en/stable/topics/security.html",
    ),
    "no-http": Kind(
        ERROR,
        "The ASGI application answers no HTTP",
        "ProtocolTypeRouter has no 'http': every page is an error under an ASGI server, and so are app_asgi_routes.",
        "'http': get_asgi_application()",
        f"{_CHANNELS}routing.html",
    ),
    "sync-consumer": Kind(
        WARNING,
        "A consumer is synchronous",
        "All synchronous consumers of a process share one thread: a slow query of one stalls the WebSockets of all.",
        "AsyncWebsocketConsumer with database_sync_to_async; until then more asgi_workers.",
        f"{_CHANNELS}consumers.html",
    ),
    "consumer-thread": Kind(
        WARNING,
        "A consumer holds the one thread of all consumers",
        "What is thread-sensitive, and that is the default, runs in one thread of the process for all consumers: while"
        " this waits, no WebSocket of the process gets to the database.",
        "Await what is slow; or thread_sensitive=False, where the function is safe in a thread of its own.",
        f"{_CHANNELS}databases.html",
    ),
    "process-state": Kind(
        WARNING,
        "A consumer keeps what it knows in a variable",
        "Each process has its own, and a site has several: who is online, or what was said last, is different in each,"
        " and gone after a deploy.",
        "The database, the cache, or Redis.",
        f"{_CHANNELS}channel_layers.html",
    ),
    "no-as-asgi": Kind(
        ERROR,
        "A consumer is routed without as_asgi()",
        "Each WebSocket there ends with a TypeError.",
        "Consumer.as_asgi()",
        f"{_CHANNELS}consumers.html",
    ),
    "route-slash": Kind(
        ERROR,
        "A WebSocket route begins with a slash",
        "URLRouter compares with the path without its first slash: this route never matches.",
        "Take the slash away.",
        f"{_CHANNELS}routing.html",
    ),
    "group-never-left": Kind(
        WARNING,
        "A consumer joins a group and never leaves it",
        "Each closed WebSocket stays in the group for group_expiry, a day, and messages to it fill the layer.",
        "group_discard() in disconnect(), or append the group to self.groups.",
        f"{_CHANNELS}channel_layers.html#groups",
    ),
    "lifespan": Kind(
        NOTE,
        "The ASGI application declares a lifespan",
        "Something of it starts and ends with the process, and not every server runs the lifespan protocol.",
        "Take a server that does: docs/servers.md tells.",
        "https://asgi.readthedocs.io/en/latest/specs/lifespan.html",
    ),
    # what else assumes another kind of server
    "thread-local": Kind(
        WARNING,
        "Data is kept per thread",
        "Async code of all requests runs in one thread: it may read what another visitor's request has stored there.",
        "asgiref.local.Local or contextvars.ContextVar.",
        "https://docs.python.org/3/library/contextvars.html",
    ),
    "monkey-patch": Kind(
        ERROR,
        "The standard library is monkey-patched",
        "gevent's and eventlet's patches replace what asyncio is built on.",
        "Do it in the WSGI server's configuration only.",
        "https://www.gevent.org/api/gevent.monkey.html",
    ),
    "uwsgi-api": Kind(
        ERROR,
        "uWSGI's own API is used",
        "The module exists inside of uWSGI only; under any other server the import fails.",
        "Celery or another worker for spooler and timers; `except ImportError` where it is optional.",
        "https://uwsgi-docs.readthedocs.io/en/latest/PythonModule.html",
    ),
    "file-response": Kind(
        NOTE,
        "Files are sent by Django",
        "Under ASGI Django reads the whole file into memory before it sends it.",
        "Let nginx send it (X-Accel-Redirect), or leave the path to WSGI (hybrid does).",
        "https://docs.djangoproject.com/en/stable/ref/request-response/#fileresponse-objects",
    ),
}
