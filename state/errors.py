"""Every error we raise, as one tree.

RatchetError
├── SetupError            the user can fix this: a setting, a key, a file; exit code 2
├── TransientError        worth another try: timeout, rate limit, 5xx, a worker that died
│   ├── LostConnectionError  the database server went away; it may be restarting
│   └── ExhaustedError    tried as often as the settings allow: trying again at once is no use
├── PermanentError        this call will never succeed: a refused request, no recorded answer
├── WaitingError          a person has been asked and has not answered yet
├── ClaimedError          another process is at work on it; it has a result later
└── StoppedError          the user asked to stop (Ctrl-C, SIGTERM); saved work continues later
    └── BudgetError       the run has spent what it may; it continues when it may spend more

A wrong answer is none of these: it is data, a verdict. An episode that ends in TransientError or
PermanentError is an infrastructure failure: it has no reward and never counts as a wrong answer.
"""


class RatchetError(Exception):
    """Base of what we raise."""


class SetupError(RatchetError):
    """The user can fix this: the message says what is wrong, where, and what to do next."""


class TransientError(RatchetError):
    """Worth another try: a timeout, a rate limit, a server error, a sandbox worker that died.

    reason: a few words to count such errors by. retry_after_s: how long the other side asked to be left alone.
    """

    def __init__(self, message: str, *, reason: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_s = retry_after_s


class LostConnectionError(TransientError):
    """The database server went away in the middle of something; it may be restarting."""


class ExhaustedError(TransientError):
    """Tried as often as the settings allow: the same command tries again later."""


class PermanentError(RatchetError):
    """The call will never succeed as it is, and it is not the program's fault."""


class WaitingError(RatchetError):
    """A person has been asked and has not answered yet; what has finished is saved."""


class ClaimedError(RatchetError):
    """Another process is at work on it; it has a result later, or may be claimed then."""


class StoppedError(RatchetError):
    """The user asked to stop; what has finished is saved."""


class BudgetError(StoppedError):
    """The run has spent the money it may; what has finished is saved."""
