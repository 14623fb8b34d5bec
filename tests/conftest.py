"""How the tests run: their plugins, how many examples a property tries, and no skips under CI.

Properties try 50 examples (profile `quick`); `make test-long` chooses `thorough`, 1,000. Under CI
the examples are the same in every run (`ci`), so that a red run can be repeated. Any of them can
be asked for with `--hypothesis-profile=NAME`.
"""

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

pytest_plugins = ["pytester", "tests.async_tests", "tests.postgres_fixtures"]

UNDER_CI = os.environ.get("CI", "").lower() not in {"", "0", "false"}

# No deadline for one example: how fast a machine is today is for benchmarks to say.
settings.register_profile("quick", max_examples=50, deadline=None, derandomize=False)
settings.register_profile("thorough", max_examples=1000, deadline=None, derandomize=False)
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("ci" if UNDER_CI else "quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put whole processes and worlds first: they take longest, and none shall end alone."""
    items.sort(key=lambda item: {"region", "simulation"}.isdisjoint(item.path.parts))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI a test that is skipped has failed: something real that it needs is missing."""
    report = yield
    if UNDER_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and under CI nothing may be missing: {report.longrepr}"
    return report
