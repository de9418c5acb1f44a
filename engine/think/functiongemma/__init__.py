"""FunctionGemma: its own format of calls, its choice among a list of them, and the process that runs it."""
