"""From a model file to a recipe to start from: what it is, what it is probably for, and which of that was guessed."""
