"""Log lines: for people or, with LOG_FORMAT=json, for machines. They hold ids, never what anyone wrote."""

import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="")
client_address: ContextVar[str | None] = ContextVar("client_address", default=None)

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "request_id", "request"}


class RequestIdFilter(logging.Filter):
    """Gives each record the id of the request it belongs to, if any."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


def extra_fields(record: logging.LogRecord) -> dict[str, object]:
    """What was passed as `extra=`: the facts of the line, apart from its words."""
    return {name: value for name, value in vars(record).items() if name not in STANDARD}


class TextFormatter(logging.Formatter):
    """`time level logger words key=value … request=id`"""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (the standard library's name)
        where = getattr(record, "request_id", "")
        facts = [f"{name}={value}" for name, value in extra_fields(record).items()]
        return " ".join([super().formatMessage(record), *facts, *([f"request={where}"] if where else [])])


class JSONFormatter(logging.Formatter):
    """One JSON object a line, with the facts as fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request": getattr(record, "request_id", ""),
            "message": record.getMessage(),
            **extra_fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
