"""The proofs of the rules need neither Home Assistant nor a loop, and real time for their own length only."""

from tests.pysmartair.conftest import *  # noqa: F403 - what other tests are given unasked is taken away here as well
