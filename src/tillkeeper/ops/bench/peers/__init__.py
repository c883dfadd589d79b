"""What others would do for the same job, each run as a program of its own by the Python in which it is installed.

`python peers NAME` imports one of these modules and nothing of ours, and calls its functions as it is told to.
"""
