"""Answers by writers who knew the exercises but not the checks: ten for each, as a blind trial.

Each wrong one says in its writer's words what is wrong about it; what the check calls it stands in
its decorator.
"""
