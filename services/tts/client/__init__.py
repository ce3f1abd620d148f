"""The gateway from the outside: `tts`, on the command line."""
