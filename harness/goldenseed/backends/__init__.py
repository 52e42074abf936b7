"""How an image is made: the protocol of back ends, and those that goldenseed brings."""
