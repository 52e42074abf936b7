"""What holds each case of a suite, without its model."""
