"""Mutation testing of the decisions: small changes are planted, one at a time, and the tests have to notice.

Begin with `run`; `operators` are the changes, `planting` puts one into a process, `held_by` says which tests hold what.
mutmut (3.8) changes functions alone, so no constant, pattern or model field, and cannot draw a sample; cosmic-ray (8.7)
writes into the checkout; neither removes a statement, an operand or a filter, where most of our gaps were.
"""
