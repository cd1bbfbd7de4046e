"""A crowd at the processes' own sockets, on their host, and PostgreSQL's word on how many connections that makes.

python3 - APP PATH VISITORS SECONDS, as root: prints one JSON object with statuses, peak and looks.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path

APP, PATH, VISITORS, SECONDS = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
QUERY = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{APP}' AND backend_type = 'client backend';\n"
REQUEST = f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


async def visit(socket: str, end: float, statuses: Counter[int]) -> None:
    """Ask again and again."""
    while time.monotonic() < end:
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(REQUEST)
        line = await reader.readline()
        await reader.read()
        statuses[int(line.split()[1]) if line else 0] += 1
        writer.close()


async def look(end: float) -> list[int]:
    """Ask PostgreSQL, as fast as it answers."""
    argv = ("runuser", "-u", "postgres", "--", "psql", "-qAtX", "-d", "postgres")
    psql = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd="/"
    )
    assert psql.stdin and psql.stdout
    seen = []
    while time.monotonic() < end:
        psql.stdin.write(QUERY.encode())
        seen.append(int(await psql.stdout.readline()))
        await asyncio.sleep(0.02)  # it must not take the visitors' time
    psql.stdin.close()
    await psql.wait()
    return seen


async def main() -> None:
    """Spread the visitors over all processes, whichever names nginx knows them by."""
    live = Path(f"/srv/{APP}/live")
    sockets = sorted({str(path.resolve()) for kind in ("http", "async") for path in live.glob(f"{kind}/*.sock")})
    end = time.monotonic() + SECONDS
    statuses: Counter[int] = Counter()
    visits = (visit(sockets[number % len(sockets)], end, statuses) for number in range(VISITORS))
    looking = asyncio.create_task(look(end))
    await asyncio.gather(*visits)
    seen = await looking
    print(json.dumps({"sockets": len(sockets), "statuses": statuses, "peak": max(seen), "looks": len(seen)}))


asyncio.run(main())
