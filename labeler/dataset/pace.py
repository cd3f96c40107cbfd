"""How a PACS in clinical use is asked: so many requests a minute, at hours when nobody waits for it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from labeler.io.refusals import BadInput

_HOURS = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)", re.ASCII)
STEP = 30.0  # seconds slept at once


class Hours:
    """Hours of the day, such as 19:00-06:00; over midnight when the end comes before the beginning."""

    def __init__(self, text: str) -> None:
        match = _HOURS.fullmatch(text.strip())
        begin, end = ((int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])) if match else (0, 0))
        if begin == end or max(begin, end) > 24 * 60:
            raise BadInput(f"--hours {text}: two different times of day are needed, such as 19:00-06:00")
        self.begin, self.end = begin, end

    def wait(self, now: datetime) -> float:
        """Seconds until the hours begin, 0 within them."""
        minute = now.hour * 60 + now.minute
        within = self.begin <= minute < self.end if self.begin < self.end else not self.end <= minute < self.begin
        if within:
            return 0.0
        start = now.replace(hour=self.begin // 60 % 24, minute=self.begin % 60, second=0, microsecond=0)
        return (start if start > now else start + timedelta(days=1)).timestamp() - now.timestamp()


class Pace:
    """Called before each request: returns when it may be sent.  `rate` is requests a minute, None: as fast as it goes."""

    def __init__(
        self, rate: float | None, hours: Hours | None, tell: Callable[[str], None],
        clock: Callable[[], datetime] = datetime.now, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._gap = timedelta(minutes=1) / rate if rate else timedelta()
        self._hours, self._tell, self._clock, self._sleep = hours, tell, clock, sleep
        self._next = datetime.min

    def __call__(self) -> None:
        if self._hours is not None and (left := self._hours.wait(self._clock())) > 0:
            self._tell(f"waiting for the hours in which the PACS may be asked, {left / 3600:.1f} h from now")
            while (left := self._hours.wait(self._clock())) > 0:
                self._sleep(min(left, STEP))
        while (now := self._clock()) < self._next:
            self._sleep((self._next - now).total_seconds())
        self._next = max(self._next, now) + self._gap if self._gap else now
