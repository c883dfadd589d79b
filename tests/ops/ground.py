"""What the tests of `till bench` stand on."""

SECRET = "whsec_for_the_bench"
