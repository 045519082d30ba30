"""What Schemathesis needs to know of gand: which jobs there are, and that a followed log has no end."""

import random
import urllib.request
import json

import schemathesis

_known = {"jobs": [], "age": 0}


def _jobs(base):
    """Ids of finished jobs, asked for anew from time to time: tests delete jobs."""
    if _known["age"] % 100 == 0:
        ids = []
        for status in ("succeeded", "cancelled", "queued"):
            with urllib.request.urlopen(f"{base}/jobs?limit=20&status={status}", timeout=30) as answer:
                ids += [job["id"] for job in json.load(answer)["items"]]
        _known["jobs"] = ids
    _known["age"] += 1
    return _known["jobs"]


@schemathesis.hook
def before_call(context, case, kwargs):
    base = (case.operation.base_url or "").rstrip("/")
    path = case.path_parameters or {}
    # Two of three requests are about something that is there; the rest about whatever was made up.
    if "id" in path and case.operation.path.startswith("/jobs/") and random.random() < 0.66:
        known = _jobs(base)
        if known and case.method.upper() != "DELETE":
            case.path_parameters["id"] = random.choice(known)
    # A stream goes on as its job does; a page of the same log ends.
    if case.operation.path == "/jobs/{id}/events":
        headers = case.headers
        query = case.query or {}
        if query.get("format") in (None, "stream"):
            headers["Accept"] = "application/json"
            if query.get("format") == "stream":
                case.query["format"] = "json"
