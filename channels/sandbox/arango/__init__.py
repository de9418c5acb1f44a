"""An ArangoDB with a generated LEO CDP in it, as far as the sync needs it: the sandbox's stand-in for a CDP."""
