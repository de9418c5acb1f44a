"""An ArangoDB with a generated LEO CDP in it, as far as the sync asks: the sandbox's stand-in for a CDP."""
