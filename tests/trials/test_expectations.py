from pathlib import Path

import pytest
import yaml

from goldenseed.diagnosis.model import Cause
from tests.trials.changes import FILES, LOADED
from tests.trials.fifth_models import FIFTH
from tests.trials.fifth_patches import FIFTH_FILES, FIFTH_LOADED
from tests.trials.fourth_models import FOURTH
from tests.trials.fourth_patches import FOURTH_FILES, FOURTH_LOADED
from tests.trials.judging import truth
from tests.trials.models import MODELS
from tests.trials.second_models import SECOND
from tests.trials.second_patches import SECOND_LOADED
from tests.trials.third_models import THIRD
from tests.trials.third_patches import THIRD_FILES, THIRD_LOADED

HERE = Path(__file__).parent
CHANGES = yaml.safe_load((HERE / "changes.yaml").read_text(encoding="utf-8"))
OF_THE_SECOND = yaml.safe_load((HERE / "second.yaml").read_text(encoding="utf-8"))
OF_THE_FIFTH = yaml.safe_load((HERE / "fifth.yaml").read_text(encoding="utf-8"))
OF_THE_FOURTH = yaml.safe_load((HERE / "fourth.yaml").read_text(encoding="utf-8"))
OF_THE_THIRD = yaml.safe_load((HERE / "third.yaml").read_text(encoding="utf-8"))


def made_by(changes: dict[str, dict[str, dict[str, list[dict[str, object]]]]]) -> set[str]:
    return {
        name
        for each in changes.values()
        for change in each.values()
        for step in change.get("do", ())
        for name in step
    }


@pytest.mark.parametrize(
    "changes", [CHANGES, OF_THE_SECOND, OF_THE_THIRD, OF_THE_FOURTH, OF_THE_FIFTH]
)
def test_every_expected_cause_is_one_that_a_diagnosis_can_give(changes: dict[str, dict]):
    truths = [truth(change) for each in changes.values() for change in each.values()]
    assert set().union(*(one.strict | one.also for one in truths)) <= set(Cause)


def test_every_change_can_be_made():
    assert made_by(CHANGES) == set(FILES) | set(LOADED)
    assert list(CHANGES) == list(MODELS)
    assert set(SECOND_LOADED) <= made_by(OF_THE_SECOND) <= {*FILES, *LOADED, *SECOND_LOADED}
    assert list(OF_THE_SECOND) == list(SECOND)
    own = {*THIRD_FILES, *THIRD_LOADED}
    assert own <= made_by(OF_THE_THIRD) <= own | {*FILES, *LOADED, *SECOND_LOADED}
    assert list(OF_THE_THIRD) == list(THIRD)
    newest = {*FOURTH_FILES, *FOURTH_LOADED}
    assert newest <= made_by(OF_THE_FOURTH)
    assert made_by(OF_THE_FOURTH) <= newest | own | {*FILES, *LOADED, *SECOND_LOADED}
    assert list(OF_THE_FOURTH) == list(FOURTH)
    latest = {*FIFTH_FILES, *FIFTH_LOADED}
    earlier = newest | own | {*FILES, *LOADED, *SECOND_LOADED}
    assert latest <= made_by(OF_THE_FIFTH) <= latest | earlier
    assert list(OF_THE_FIFTH) == list(FIFTH)
