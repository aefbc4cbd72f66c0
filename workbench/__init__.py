"""What a person does with saved runs: look, replay, fork, compare, answer. For notebooks and for the command line."""
