"""The part of Chef that runs on build machines: the standard library only, Python 3.8, nothing else of chef.

`chef.reporter.bundle` puts the modules together into the one file that `GET /chef.py` serves.
"""
