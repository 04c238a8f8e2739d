"""Every `aws` and `python -m infra.aws` command in our pages and advice is one that there is."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import typer
from click import UsageError
from typer.core import TyperGroup
from typer.main import get_command

from infra.aws import advice
from infra.aws.__main__ import app
from infra.aws.change_sets import Stack
from infra.aws.deployment import Deployment
from infra.aws.doctor import Doctor
from tests.infra.aws import aws_cli, pages

GROUP = get_command(app)
GUIDE = (pages.PROJECT / "docs/aws.md").read_text("utf-8")


def test_every_command_of_aws_is_one_that_its_models_know() -> None:
    found = list(pages.commands(pages.AWS))
    services = Counter(words[0] for _, words in found)
    assert services.keys() >= {
        "s3",
        "ec2",
        "ssm",
        "redshift-data",
        "redshift-serverless",
        "pricing",
    }
    for page, words in found:
        try:
            aws_cli.parse(words)
        except aws_cli.Wrong as wrong:
            pytest.fail(f"{page}: aws {' '.join(words)}: {wrong}")


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("redshiftdata list-databases", "Unknown service"),
        ("redshift-data list-database", "has no list-database"),
        ("redshift-data get-statement-result --statement-id x", "has no --statement-id"),
        ("redshift-data get-statement-result", "Missing required parameter"),
        ("ec2 describe-instances --filters Nam=x,Values=y", "unknown names"),
        ("ec2 describe-instances running", "what are"),
        ("s3 cp --recurse a s3://b/", "unknown options"),
    ],
)
def test_a_command_that_aws_would_refuse_is_found(command: str, complaint: str) -> None:
    with pytest.raises(aws_cli.Wrong, match=complaint):
        aws_cli.parse(command.split())


def test_short_forms_are_read_as_the_cli_reads_them() -> None:
    text = "Name=tag:Name,Values=a,b Name=x,Values=c"
    found = aws_cli.parse(["ec2", "describe-instances", "--filters", *text.split()])
    assert found.parameters == {
        "Filters": [{"Name": "tag:Name", "Values": ["a", "b"]}, {"Name": "x", "Values": ["c"]}]
    }
    forward = ["--target", "i-1", "--parameters", "portNumber=8080,localPortNumber=80"]
    assert aws_cli.parse(["ssm", "start-session", *forward]).parameters["Parameters"] == {
        "portNumber": ["8080"],
        "localPortNumber": ["80"],
    }


def our_commands() -> list[tuple[str, list[str]]]:
    """Those written in full, and those that the guide's tables shorten to their names."""
    assert isinstance(GROUP, TyperGroup)
    rows = [row.split("|") for row in GUIDE.splitlines() if row.startswith("| ")]
    short = [
        words for row in rows for code in pages.INLINE.findall(row[2]) if (words := code.split())
    ]
    named = [("aws.md", words) for words in short if words[0] in GROUP.commands]
    return [*pages.commands(pages.OURS), *named]


def test_every_command_of_ours_is_one_that_takes_what_is_written() -> None:
    assert isinstance(GROUP, TyperGroup)
    found = our_commands()
    assert len(found) > 20
    for page, words in found:
        written = f"{page}: {' '.join(words)}"
        try:
            context = typer.Context(GROUP)
            _, rest, _ = GROUP.make_parser(context).parse_args(list(words))
            name, *arguments = rest
            command = GROUP.commands[name]
            command.make_context(name, list(arguments), parent=context)
        except (UsageError, KeyError, ValueError) as error:
            pytest.fail(f"{written}: {error!r}")


def test_the_guide_names_every_command() -> None:
    assert isinstance(GROUP, TyperGroup)
    missing = [name for name in GROUP.commands if not re.search(rf"(infra\.aws |`){name}\b", GUIDE)]
    assert missing == []


def commands_in(text: str) -> list[str]:
    return re.findall(r"aws ([a-z0-9-]+ [a-z-]+(?: --[a-z-]+ [^\s;`']+(?: \S+=\S+)*)*)", text)


def test_advice_names_commands_that_there_are(account: Any, deployment: Deployment) -> None:
    remedies = [
        each.remedy for each in Doctor(account, deployment, pages.PROJECT, Path("x")).examine()
    ]
    texts = [*remedies, advice.LOG_IN, *(text for _, text in advice.BY_KIND)]
    texts.append(Stack(None, "starlift-dev-iam")._remedy("UPDATE_ROLLBACK_FAILED"))
    found = [command for text in texts for command in commands_in(text)]
    assert {command.split()[0] for command in found} >= {"iam", "sso", "cloudformation"}
    for command in found:
        aws_cli.parse(command.split())
    assert "create-tags --resources" in inspect.getsource(Doctor.subnets)
    aws_cli.parse(["ec2", "create-tags", "--resources", "a", "b", "--tags", "Key=k,Value=true"])
