"""The least that a job can be: what is left of it without our rules, books and events.

Each is a program of its own. What it takes on this machine is what ours is compared with, and says how much of a goal
the machine allows.
"""
