"""The states at which a flow or a map stays: how they are found, certified, listed, connected and followed."""
