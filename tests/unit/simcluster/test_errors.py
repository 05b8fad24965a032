"""Status documents."""

from __future__ import annotations

from fairlead.simcluster import errors


def test_a_status_leaves_out_what_is_empty() -> None:
    """No reason, no details, no continue when there is none."""
    assert errors.StatusError(500, "", "why").document() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": "why",
        "code": 500,
    }


def test_retry_after_and_continue_have_their_places() -> None:
    """In details and metadata."""
    document = errors.StatusError(429, "TooManyRequests", "slow", retry_after_s=3).document()
    expired = errors.expired("old", "token").document()

    assert document["details"] == {"retryAfterSeconds": 3}
    assert expired["metadata"] == {"continue": "token"}


def test_objects_are_named_with_their_group() -> None:
    """`deployments.apps`, but plain `pods`."""
    grouped, plain = errors.not_found("apps", "deployments", "web"), errors.not_found("", "pods", "web")

    assert grouped.message == 'deployments.apps "web" not found'
    assert grouped.details == {"name": "web", "group": "apps", "kind": "deployments"}
    assert plain.message == 'pods "web" not found'


def test_several_causes_are_listed() -> None:
    """In brackets from the second one on."""
    one, two = errors.cause("R", "a", "bad"), errors.cause("R", "b", "worse")

    assert errors.invalid("", "Pod", "p", [one]).message == 'Pod "p" is invalid: a: bad'
    assert errors.invalid("", "Pod", "p", [one, two]).message == 'Pod "p" is invalid: [a: bad, b: worse]'


def test_each_failure_has_its_code() -> None:
    """The table of codes and reasons."""
    found = {
        (each.code, each.reason)
        for each in (
            errors.resource_not_found(),
            errors.already_exists("", "pods", "p"),
            errors.conflict("", "pods", "p", "why"),
            errors.bad_request("x"),
            errors.unauthorized(),
            errors.forbidden("", "pods", "", "why"),
            errors.method_not_allowed(),
            errors.not_acceptable("x"),
            errors.unsupported_media_type(["a"]),
            errors.rejected_patch(),
            errors.too_large_version(9, 1),
            errors.too_large_request(3),
            errors.internal("x"),
        )
    }

    assert found == {
        (400, "BadRequest"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (405, "MethodNotAllowed"),
        (406, "NotAcceptable"),
        (409, "AlreadyExists"),
        (409, "Conflict"),
        (413, "RequestEntityTooLarge"),
        (415, "UnsupportedMediaType"),
        (422, "Invalid"),
        (500, "InternalError"),
        (504, "Timeout"),
    }
