import pytest

from harness.runs.openmetrics import exported

RENAMED = {
    "no label of these names": ({"a": "1"}, {"a": "1"}),
    "one of them": ({"job": "1", "a": "2"}, {"exported_job": "1", "a": "2"}),
    "both": (
        {"job": "1", "instance": "2"},
        {"exported_job": "1", "exported_instance": "2"},
    ),
    "one that exists with the prefix": (
        {"job": "1", "exported_job": "2"},
        {"exported_exported_job": "1", "exported_job": "2"},
    ),
}


@pytest.mark.parametrize(("labels", "expected"), RENAMED.values(), ids=RENAMED)
def test_labels_that_are_added_are_renamed(
    labels: dict[str, str], expected: dict[str, str]
) -> None:
    assert exported(labels, ("instance", "job")) == expected


def test_renamed_labels_never_take_the_name_of_an_added_one() -> None:
    assert exported({"job": "1"}, ("job", "exported_job")) == {"exported_exported_job": "1"}
