"""Classification of sentences and pairs of sentences by encoders of the BERT family."""

from workbench.tasks.text.task import TextOptions, TextTask
from workbench.tasks.text.tokenizer import Text, TextInput, WordPieces

__all__ = ["Text", "TextInput", "TextOptions", "TextTask", "WordPieces"]
