import json
import logging
import sys

from chimera_site import log


def record(**extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "conversations.rounds", "levelname": "INFO", "msg": "round %s", "args": (7,), "created": 0.0} | extra
    )
    token = log.request_id.set("abc")
    log.RequestIdFilter().filter(made)
    log.request_id.reset(token)
    return made


def test_a_line_for_people() -> None:
    line = log.TextFormatter().format(record(turns=3))
    assert "INFO    conversations.rounds round 7 turns=3 request=abc" in line


def test_a_line_for_machines() -> None:
    assert json.loads(log.JSONFormatter().format(record(turns=3))) == {
        "at": "1970-01-01T00:00:00.000+00:00",
        "level": "info",
        "logger": "conversations.rounds",
        "request": "abc",
        "message": "round 7",
        "turns": 3,
    }


def test_a_traceback_stays_in_its_line_of_json() -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        line = log.JSONFormatter().format(record(exc_info=sys.exc_info()))
    assert "\n" not in line
    assert "ValueError: broken" in json.loads(line)["exception"]
