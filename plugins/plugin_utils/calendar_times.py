"""Times of a schedule: the part of systemd's OnCalendar that the kit takes, and the same for cron."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# systemd.time(7), "Calendar Events"
SHORT = {
    "minutely": "*-*-* *:*:00",
    "hourly": "*-*-* *:00:00",
    "daily": "*-*-* 00:00:00",
    "weekly": "Mon *-*-* 00:00:00",
    "monthly": "*-*-01 00:00:00",
    "quarterly": "*-01,04,07,10-01 00:00:00",
    "semiannually": "*-01,07-01 00:00:00",
    "yearly": "*-01-01 00:00:00",
    "annually": "*-01-01 00:00:00",
}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONG_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LIMITS = {"year": (1970, 2199), "month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "second": (0, 59)}
PART = re.compile(r"(\d{1,4})(?:\.\.(\d{1,4}))?(?:/(\d{1,4}))?")
FORM = "systemd's OnCalendar, such as daily, *:0/15, 03:30, Mon..Fri 08:00 or *-*-01 04:00"


@dataclass(frozen=True)
class Times:
    """Parsed calendar times; a part is '*' or what stood there, checked.

    Attributes:
        weekdays: 1 (Monday) to 7, empty for every day.
        parts: year, month, day, hour, minute and second.
        utc: whether they are meant in UTC, and not in the host's own time.
    """

    weekdays: tuple[int, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)
    utc: bool = False


def parse_times(text: str) -> Times:
    """Read `[WEEKDAYS] [DATE] [TIME] [UTC]` or a word such as daily.

    Raises:
        ValueError: with what is wrong in it, to stand after the value.
    """
    words = SHORT.get(text.strip().lower(), text).split()
    utc = len(words) > 1 and words[-1].upper() == "UTC"
    words = words[:-1] if utc else words
    weekdays: tuple[int, ...] = ()
    parts = {"year": "*", "month": "*", "day": "*", "hour": "0", "minute": "0", "second": "0"}
    if words and words[0][:1].isalpha():
        weekdays = _weekdays(words.pop(0))
    elif not words:
        raise ValueError(f"it must be {FORM}")
    if words and ":" not in words[0]:
        date = words.pop(0).split("-")
        if len(date) not in (2, 3):
            raise ValueError(f"a date has a month and a day, or a year before them; it must be {FORM}")
        parts.update(zip(("year", "month", "day")[-len(date) :], date, strict=True))
    if words:
        time = words.pop(0).split(":")
        if len(time) not in (2, 3):
            raise ValueError(f"a time has hours and minutes, or seconds behind them; it must be {FORM}")
        parts.update(zip(("hour", "minute", "second"), time, strict=False))
    if words:
        raise ValueError(f"{words[0]} is too much in it; it must be {FORM}")
    for name, value in parts.items():
        _check_part(name, value)
    return Times(weekdays, parts, utc)


def _weekdays(text: str) -> tuple[int, ...]:
    found: set[int] = set()
    for item in text.lower().split(","):
        ends = [_weekday(day) for day in item.split("..")]
        if len(ends) > 2 or ends[0] > ends[-1]:
            raise ValueError(f"{item} is no range of weekdays from Mon to Sun; it must be {FORM}")
        found |= set(range(ends[0], ends[-1] + 1))
    return () if len(found) == len(DAYS) else tuple(sorted(found))


def _weekday(text: str) -> int:
    for names in (DAYS, LONG_DAYS):
        if text in names:
            return names.index(text) + 1
    raise ValueError(f"{text} is no weekday; it must be {FORM}")


def _check_part(name: str, text: str) -> None:
    if text == "*":
        return
    low, high = LIMITS[name]
    for item in text.split(","):
        found = PART.fullmatch(item)
        first, last, step = (int(number) if number else None for number in found.groups()) if found else (None,) * 3
        if first is None or not low <= first <= high:
            raise ValueError(f"the {name} {item} is not from {low} to {high}, as in 5, 1..5 or 0/15; it must be {FORM}")
        if last is not None and not first < last <= high:
            raise ValueError(f"the {name} {item} is no range within {low} and {high}; it must be {FORM}")
        if step is not None and not 1 <= step <= high:
            raise ValueError(f"the {name} {item} has a step that is not from 1 to {high}; it must be {FORM}")


def cron_times(text: str) -> str:
    """Write the times as the five fields of crontab(5).

    Raises:
        ValueError: why cron cannot keep them, to stand after the value.
    """
    times = parse_times(text)
    parts = times.parts
    if times.utc:
        raise ValueError("cron knows the host's own time only, not UTC")
    if parts["year"] != "*":
        raise ValueError("cron knows no year")
    if not re.fullmatch("0+", parts["second"]):
        raise ValueError("cron knows no seconds")
    if times.weekdays and parts["day"] != "*":
        raise ValueError("cron takes a weekday and a day of the month for either of them, not for both")
    fields = [_cron_part(name, parts[name]) for name in ("minute", "hour", "day", "month")]
    return " ".join([*fields, ",".join(map(str, times.weekdays)) or "*"])


def _cron_part(name: str, text: str) -> str:
    if text == "*":
        return text
    written = []
    for item in text.split(","):
        found = PART.fullmatch(item)
        first, last, step = found.groups() if found else (item, None, None)
        end = last or (str(LIMITS[name][1]) if step else None)
        written.append(str(int(first)) + (f"-{int(end)}" if end else "") + (f"/{int(step)}" if step else ""))
    return ",".join(written)
