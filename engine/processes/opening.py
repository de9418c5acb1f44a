"""Whether the API answers: `leo up` shows where everything is once its links lead somewhere."""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

# A process that imports and connects needs some seconds, on a busy machine many.
EXPECTED_S = 60.0
ANSWER_S = 2.0
_PATH = "/readyz"


@dataclass(slots=True)
class Opening:
    """Look at `url` in each round until it answers, then `show`; if that takes long, `say` so once.

    `log` is the file that says more.
    """

    url: str
    log: str
    show: Callable[[], None]
    say: Callable[[str], None]
    expected_s: float = EXPECTED_S
    _began: float = field(default_factory=time.monotonic)
    _is_open: bool = False
    _is_late: bool = False

    def look(self) -> None:
        """Ask once, unless it has answered already; takes two seconds at most."""
        if self._is_open:
            return
        wrong = refusal(self.url)
        if wrong is None:
            self._is_open = True
            self.show()
        elif not self._is_late and time.monotonic() - self._began >= self.expected_s:
            self._is_late = True
            self.say(
                f"The API has not answered at {self.url}{_PATH} for {self.expected_s:g} s ({wrong}). It is still "
                f"waited for; {self.log} and leo doctor say more. Ctrl-C ends everything."
            )


def refusal(url: str) -> str | None:
    """Say why whatever listens at `url` cannot be used now; None if it can."""
    place = urlsplit(url)
    asked = http.client.HTTPConnection(place.hostname or "", place.port, timeout=ANSWER_S)
    try:
        asked.request("GET", _PATH)
        answer = asked.getresponse()
        return None if answer.status == http.HTTPStatus.OK else _reason(answer)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        asked.close()


def _reason(answer: http.client.HTTPResponse) -> str:
    try:
        reasons = json.loads(answer.read(10_000)).get("reasons") or ()
    except (ValueError, AttributeError):
        reasons = ()
    return "; ".join(map(str, reasons)) or f"it answers {answer.status}"
