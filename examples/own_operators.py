"""Operators of one's own: a stable and an unstable one. Give them to a cluster with

    accio up --operators examples/own_operators.py

and run the workflow beside this file: accio push own_workflow.json && accio submit own_run.json
"""

from typing import NamedTuple

from accio import OperatorContext, operator


@operator(unstable=True, category="example")
def Survey(ctx: OperatorContext, people: int, share: float = 0.5) -> list[bool]:
    """Ask people a question to which a share of them says yes.

    Args:
        people: how many are asked
        share: how likely a yes is, from 0 to 1
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share: expected a number from 0 to 1, found {share}")
    # All randomness comes from the context: so the run's seed fixes the answers.
    return [ctx.random.random() < share for _ in range(people)]


class Estimate(NamedTuple):
    """What a survey says.

    Attributes:
        share: share of people who said yes
        margin: half the width of the 95 % confidence interval
    """

    share: float
    margin: float


@operator(category="example")
def Count(ctx: OperatorContext, answers: list[bool]) -> Estimate:
    """Count the answers of a survey.

    Args:
        answers: who said yes
    """
    if not answers:
        raise ValueError("answers: expected at least one answer, found none")
    share = sum(answers) / len(answers)
    ctx.metric("answers", len(answers))
    return Estimate(share=share, margin=1.96 * (share * (1 - share) / len(answers)) ** 0.5)
