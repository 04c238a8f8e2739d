"""What to do about an error of AWS or of the way to it."""

from __future__ import annotations

from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

OF_AWS = (BotoCoreError, ClientError, ResponseParserError)
"""Errors of AWS, of the way to it, and of credentials and settings on this side."""

LOGINS = (
    exceptions.NoCredentialsError,
    exceptions.PartialCredentialsError,
    exceptions.CredentialRetrievalError,
    exceptions.SSOError,
    exceptions.LoginError,
    exceptions.TokenRetrievalError,
)
LOG_IN = (
    "Log in: `aws sso login` with your profile, or set AWS_PROFILE or --profile to one that can "
    "(`aws configure list-profiles`)."
)
LOOK = "`python -m infra.aws status` and `doctor` show what is there and what is wrong."
AGAIN = "Wait a minute and run the command again: it goes on where it was."
EXPIRED = f"Your credentials have expired. {LOG_IN} Then run the command again."
UNKNOWN = (
    "AWS does not know these credentials, or the account has not enabled the region. " + LOG_IN
)
REFUSED = "Your role may not do this: ask for it, or take a role that may."
ABSENT = "`python -m infra.aws status` shows what is there; deploy makes what is not."
BY_CODE = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"), EXPIRED
    ),
    **dict.fromkeys(
        (
            "AuthFailure",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        UNKNOWN,
    ),
    **dict.fromkeys(
        ("403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), REFUSED
    ),
    **dict.fromkeys(
        ("EntityNotFoundException", "NoSuchBucket", "NoSuchEntity", "ResourceNotFoundException"),
        ABSENT,
    ),
    **dict.fromkeys(
        ("SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"), AGAIN
    ),
}
"""What to do about the codes that AWS's services have in common."""


BY_KIND: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (exceptions.ProfileNotFound,),
        "`aws configure list-profiles` lists yours; name one with AWS_PROFILE or --profile.",
    ),
    (
        (exceptions.InvalidRegionError,),
        "Name a region as in eu-central-1, with AWS_REGION or --region.",
    ),
    (LOGINS, LOG_IN),
    (
        (exceptions.ConnectionError, exceptions.HTTPClientError),
        "Is there a way to AWS from here, and is there such a region? Put that right and run the "
        "command again: it goes on where it was.",
    ),
    (
        (ResponseParserError,),
        f"That is no answer of AWS's: is there a proxy on the way? {AGAIN}",
    ),
)


def said(error: Exception) -> str:
    """The error in one line: an answer may hold a whole page."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def passes(error: Exception) -> bool:
    """Whether the same request may well be answered a little later."""
    if isinstance(error, ClientError):
        return advice(error) == AGAIN
    return isinstance(
        error, exceptions.ConnectionError | exceptions.HTTPClientError | ResponseParserError
    )


def advice(error: Exception) -> str:
    """A sentence or two that say what to do next."""
    if isinstance(error, ClientError):
        failed = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
        code = str(error.response.get("Error", {}).get("Code", ""))
        return AGAIN if failed else BY_CODE.get(code, LOOK)
    return next((text for kinds, text in BY_KIND if isinstance(error, kinds)), LOOK)
