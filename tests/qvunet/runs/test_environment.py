from __future__ import annotations

import subprocess

from qvunet.runs import environment


def git(folder, *arguments):
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_the_commit_is_that_of_the_checkout(tmp_path, monkeypatch):
    package = tmp_path / "qvunet" / "runs"
    package.mkdir(parents=True)
    monkeypatch.setattr(environment, "__file__", str(package / "environment.py"))
    assert environment.source_commit() is None
    git(tmp_path, "init")
    (package / "environment.py").write_text("x = 1\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    commit = environment.source_commit()
    assert len(commit) == 40
    (package / "environment.py").write_text("x = 2\n")
    assert environment.source_commit() == f"{commit}-dirty"


def test_an_installed_package_does_not_take_the_commit_around_it(tmp_path, monkeypatch):
    git(tmp_path, "init")
    monkeypatch.setattr(
        environment, "__file__", str(tmp_path / "site-packages" / "qvunet" / "runs" / "environment.py")
    )
    (tmp_path / "site-packages").mkdir()
    assert environment.source_commit() is None


def test_a_missing_package_has_no_version(monkeypatch):
    monkeypatch.setattr(environment, "PACKAGES", ("torch", "no-such-package"))
    versions = environment.describe_environment()["versions"]
    assert versions["torch"]
    assert versions["no-such-package"] is None
