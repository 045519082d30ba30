"""What Schemathesis needs to know of gand: which things there are, and that a followed log has no end."""

import json
import random
import time
import urllib.request
import uuid

import schemathesis

_known = {"age": 0, "jobs": [], "sweeps": [], "evaluations": []}


def _get(address):
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def _look(base):
    """Ids of what is there, asked for anew from time to time: requests make and delete jobs."""
    if _known["age"] % 100 == 0:
        jobs = []
        for status in ("succeeded", "cancelled", "queued"):
            jobs += [job["id"] for job in _get(f"{base}/jobs?limit=20&status={status}")["items"]]
        _known["jobs"] = jobs
        _known["sweeps"] = [sweep["id"] for sweep in _get(f"{base}/sweeps")["items"]]
        _known["evaluations"] = []
        for job in jobs[:20]:
            items = _get(f"{base}/jobs/{job}/parzen")["items"]
            _known["evaluations"] += [(job, evaluation["id"]) for evaluation in items]
    _known["age"] += 1


def _made_here(text):
    """Whether it is an id as gand makes them: of version 7, and of these days."""
    try:
        made = uuid.UUID(str(text))
    except ValueError:
        return False
    return made.version == 7 and abs((made.int >> 80) / 1000 - time.time()) < 3600 * 24


@schemathesis.hook
def before_call(context, case, kwargs):
    base = (case.operation.base_url or "").rstrip("/")
    path = case.operation.path
    parameters = case.path_parameters or {}
    # Two of three requests are about something that is there; the rest about whatever was made up.
    if parameters and random.random() < 0.66:
        _look(base)
        # What a request just made is asked for as it was made: only what was made up gives way to what is there.
        if "evaluation" in parameters:
            if not _made_here(parameters["evaluation"]) and _known["evaluations"]:
                parameters["id"], parameters["evaluation"] = random.choice(_known["evaluations"])
        elif not _made_here(parameters.get("id")):
            if path.startswith("/jobs/{id}") and case.method.upper() != "DELETE" and _known["jobs"]:
                parameters["id"] = random.choice(_known["jobs"])
            if path.startswith("/sweeps/{id}") and _known["sweeps"]:
                parameters["id"] = random.choice(_known["sweeps"])
        if "step" in parameters:
            parameters["step"] = random.choice(["10", "20", "latest", "final"])
        if path == "/static/{name}":
            parameters["name"] = random.choice(["main.js", "docs.js", "style.css", "icon.svg"])
        if path.startswith("/datasets/{name}") and case.method.upper() == "GET":
            parameters["name"] = random.choice(["digits", "ring-2d"])
    # A stream goes on as its job does; a page of the same log ends.
    if path == "/jobs/{id}/events" and (case.query or {}).get("format") in (None, "stream"):
        case.headers["Accept"] = "application/json"
        if (case.query or {}).get("format") == "stream":
            case.query["format"] = "json"
