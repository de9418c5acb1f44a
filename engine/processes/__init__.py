"""Processes of our own: started, recognised by a run file, watched and stopped; never anybody else's process."""
