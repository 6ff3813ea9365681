"""Texts as they may be kept: without the keys and tokens that someone put where they do not belong."""

from __future__ import annotations

import logging
import re

_SECRETS = re.compile(
    r"\b(tw[ntj]_[0-9A-Za-z]{1,16})_[A-Za-z0-9%._~-]+"
    r"|\b(eyJ[A-Za-z0-9_-]{4})[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)?"
    r"|((?:client_secret|client_assertion|access_token|token|key|secret|password)=)[^&\s\"']+"
    r"|((?:Bearer|Basic|DPoP) )[A-Za-z0-9+/=._~-]{16,}",
    re.IGNORECASE,
)


def redacted(text: str) -> str:
    """The text with every key, token and assertion in it cut off after what tells whose it is."""
    return _SECRETS.sub(lambda found: next(group for group in found.groups() if group is not None) + "…", text)


class RedactingFilter(logging.Filter):
    """Takes secrets out of what is logged, wherever in the record they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(redacted(item) if isinstance(item, str) else item for item in record.args)
        if isinstance(record.msg, str):
            record.msg = redacted(record.msg)
        return True


def keep_secrets_out_of_logs() -> None:
    """Put the filter on the loggers that see requests. May be called again."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RedactingFilter) for each in logger.filters):
            logger.addFilter(RedactingFilter())


# A filter on a logger sees what is logged under just that name, and these are the ones that are told of requests.
_LOGGERS = ("uvicorn.access", "uvicorn.error", "httpx", "httpcore.http11", "asyncio", "app.api.problems")
