"""What a sweep makes held against the suite's policy, so that a pick can become golden there."""

from __future__ import annotations

from itertools import product
from typing import Any

from goldenseed.core.errors import GoldenseedError
from goldenseed.suite.cases import Template
from goldenseed.suite.document import read_document
from goldenseed.suite.policy import policy_of
from goldenseed.suite.policy_rules import deviations
from goldenseed.suite.policy_schema import PolicySection
from goldenseed.tools.sweep.grid import Grid


def check_policy(grid: Grid) -> None:
    """Hold what a sweep makes of a case against the policy of the case's suite.

    How many seeds an entry needs does not concern it.

    Raises:
        GoldenseedError: an image would deviate: what deviates, with the rule.

    """
    case, seeds, axes = grid.case, grid.seeds, grid.axes
    document = read_document(case.suite.path)
    data: Any = document.data
    given = data.get("policy")
    if isinstance(given, dict):
        given = PolicySection.model_validate(given)
    policy = policy_of(document, given)
    if policy is None:
        return
    rules = policy.rules
    if rules.seeds is not None:
        rules = rules.model_copy(
            update={"seeds": rules.seeds.model_copy(update={"at_least": None})}
        )
    ruled = {"width", "height", "num_inference_steps", "guidance_scale", "negative_prompt"}
    ruled |= {*(rules.call or {})}
    values = [each if name in ruled else each[:1] for name, each in axes.items()]
    ends = (seeds[0], seeds[-1]) if isinstance(seeds, range) else (min(seeds), max(seeds))
    for chosen in product(*values):
        made = Template(
            id=case.case_id,
            prompts={None: grid.prompts[0] if grid.prompts else case.prompt},
            seeds=ends,
            call={**case.call, **dict(zip(axes, chosen, strict=True))},
            model={},
            noise=case.noise,
            limits=case.limits,
            content=case.content,
            marks=case.marks,
            line=case.line,
            postprocess=case.postprocess,
        )
        for rule, _, what in deviations(rules, made, case.model):
            raise GoldenseedError(
                f"{what} ({policy.at(rule)})",
                path=case.suite.path,
                fix="keep to the policy, since what is found could not become golden otherwise, "
                "or have it changed",
            )
