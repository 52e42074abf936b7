from pathlib import Path

import yaml

from goldenseed.diagnosis.model import Cause
from tests.trials.changes import FILES, LOADED
from tests.trials.judging import truth
from tests.trials.models import MODELS

CHANGES = yaml.safe_load((Path(__file__).parent / "changes.yaml").read_text(encoding="utf-8"))


def test_every_expected_cause_is_one_that_a_diagnosis_can_give():
    truths = [truth(change) for changes in CHANGES.values() for change in changes.values()]
    assert set().union(*(one.strict | one.also for one in truths)) <= set(Cause)


def test_every_change_can_be_made():
    done = [
        name
        for changes in CHANGES.values()
        for change in changes.values()
        for step in change.get("do", ())
        for name in step
    ]
    assert set(done) == set(FILES) | set(LOADED)
    assert list(CHANGES) == list(MODELS)
