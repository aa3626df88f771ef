"""How far a tool says that it is, found in its output as it comes. Pure.

Read is what means the whole work of a tool: a percent, or a number of all its steps. What is of one transfer,
one test or one file is not, such as a download's percent, git's `Receiving objects: 45%` or a table of
coverage.
"""
