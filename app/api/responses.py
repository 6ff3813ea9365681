"""From a service's Answer to an HTTP response, with its audit entry closed at the end."""

from __future__ import annotations

from starlette.responses import Response, StreamingResponse

from app.services.answers import Answer


def respond(answer: Answer) -> Response:
    """The response; a stream's audit entry is closed after its last byte or when it breaks off."""
    headers = dict(answer.headers)
    if answer.stream is not None:
        return StreamingResponse(answer.chunks(), answer.status, headers, media_type=answer.media_type)
    answer.close_now()
    if answer.status == 304:
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = answer.media_type
    return Response(answer.body, answer.status, headers)
