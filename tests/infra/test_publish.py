import hashlib
import io
import os
import zipfile

import pytest
from botocore.exceptions import ClientError

from infra.publish import Upload, publish_spark_jobs, spark_archive


class Bucket:
    """Holds what is put into it; answers like boto3."""

    def __init__(self):
        self.objects = {}

    def head_object(self, Bucket, Key):  # noqa: N803  boto3's names
        if (Bucket, Key) not in self.objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")
        metadata = self.objects[Bucket, Key][1]
        return {"Metadata": {name.title(): value for name, value in metadata.items()}}

    def put_object(self, Bucket, Key, Body, Metadata):  # noqa: N803
        self.objects[Bucket, Key] = (Body, Metadata)


@pytest.fixture
def project(tmp_path):
    package = tmp_path / "spark_jobs"
    (package / "sub").mkdir(parents=True)
    (package / "__pycache__").mkdir()
    (package / "__init__.py").write_text("")
    (package / "preprocess.py").write_text("print('job')\n")
    (package / "sub" / "rules.py").write_text("RULES = 1\n")
    (package / "__pycache__" / "x.pyc").write_bytes(b"\0")
    return tmp_path


def test_the_archive_holds_the_package_and_nothing_else(project):
    with zipfile.ZipFile(io.BytesIO(spark_archive(project / "spark_jobs"))) as archive:
        assert archive.namelist() == [
            "spark_jobs/__init__.py",
            "spark_jobs/preprocess.py",
            "spark_jobs/sub/rules.py",
        ]
        assert archive.read("spark_jobs/sub/rules.py") == b"RULES = 1\n"
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o644}


def test_the_same_files_give_the_same_bytes(project):
    before = spark_archive(project / "spark_jobs")
    for path in (project / "spark_jobs").rglob("*.py"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o600)
    assert spark_archive(project / "spark_jobs") == before
    (project / "spark_jobs" / "sub" / "rules.py").write_text("RULES = 2\n")
    assert spark_archive(project / "spark_jobs") != before


def test_only_what_changed_is_sent(project):
    bucket = Bucket()
    keys = ["spark_jobs/preprocess.py", "spark_jobs/spark_jobs.zip"]
    assert publish_spark_jobs(bucket, "art", project) == [Upload(key, True) for key in keys]
    assert publish_spark_jobs(bucket, "art", project) == [Upload(key, False) for key in keys]
    (project / "spark_jobs" / "sub" / "rules.py").write_text("RULES = 2\n")
    assert publish_spark_jobs(bucket, "art", project) == [
        Upload(keys[0], False),
        Upload(keys[1], True),
    ]
    body, metadata = bucket.objects["art", keys[0]]
    assert body == b"print('job')\n"
    assert metadata == {"sha256": hashlib.sha256(body).hexdigest()}


def test_a_refusal_is_not_taken_for_a_missing_object(project):
    class Refusing(Bucket):
        def head_object(self, **_):
            raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    with pytest.raises(ClientError, match="403"):
        publish_spark_jobs(Refusing(), "art", project)
